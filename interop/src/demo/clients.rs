//! The demo's clients: rustls with hyper, reqwest, and curl. HTTP/3 clients are in [`super::http3`].

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ::hyper::body::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls_ext::http::client::{ClientIdentity, Credentials, Report};
use rustls_ext::http::hyper;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::version::TLS12;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use rustls_ext::{ClientAuthOffer, with_causes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use tower::service_fn;

use super::cases::{Case, Certificate, Kind};
use super::client_view::{ClientView, failed};
use super::recorded::REPORTS;
use super::server::Server;
use super::{DemoPki, http3, workloads};
use command_line::Failure;
use rext_cli::client::{self, Target};
use rext_cli::tls;

/// The timeout of reqwest, curl, and clients that are challenged.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the client of `case` with `server`, and returns its view of each connection; `None` if the client
/// is not installed.
///
/// # Errors
/// If the client cannot be made. The outcome of its connections is never an error.
pub async fn send(
    case: &Case,
    pki: &DemoPki,
    server: &Server,
) -> Result<Option<Vec<ClientView>>, Failure> {
    let authority = case.authority.unwrap_or(case.host);
    let addr = match case.kind {
        Kind::Http3 { .. } => server.quic,
        _ => server.addr,
    };
    let url = format!("https://{authority}:{}/", addr.port());
    let flag = ClientAuthOffer::flag();
    let view = match case.kind {
        Kind::Own { offer, certificate } => {
            let config = config(pki, ClientAuthOffer::new(offer), certificate, tls::H2)?;
            own(config, case.host, &url, addr).await?
        }
        Kind::Tls12 { offer, in_clear } => {
            let offer = ClientAuthOffer::new(offer).with_certificate_under_tls12(in_clear);
            let (roots, key) = (pki.servers.roots()?, pki.agent.certified_key()?);
            let config = tls::client_config(roots, Some(key), offer, &[&TLS12], &[tls::H2]);
            own(config.map_err(failed)?, case.host, &url, addr).await?
        }
        Kind::Http3 { offer, certificate } => {
            let config = config(pki, ClientAuthOffer::new(offer), certificate, tls::H3)?;
            http3::get(config, case.host, &url, addr).await?
        }
        Kind::Challenged { certificate } => {
            let reports = format!("https://{authority}:{}{REPORTS}", addr.port());
            return challenged(pki, certificate, &reports, addr).await.map(Some);
        }
        Kind::Workload(workload) => {
            own(workloads::config(pki, workload)?, case.host, &url, addr).await?
        }
        Kind::Reqwest { certificate } => {
            let config = config(pki, flag, Some(certificate), tls::H2)?;
            reqwest(config, case.host, &url, addr).await?
        }
        Kind::Curl => match curl(pki, case.host, &url, addr).await? {
            Some(view) => view,
            None => return Ok(None),
        },
    };
    Ok(Some(vec![view]))
}

pub(super) fn identity(
    pki: &DemoPki,
    certificate: Certificate,
) -> Result<Arc<CertifiedKey>, test_pki::Error> {
    match certificate {
        Certificate::Agent => &pki.agent,
        Certificate::Admin => &pki.admin,
        Certificate::Stranger => &pki.stranger,
    }
    .certified_key()
}

pub(super) fn config(
    pki: &DemoPki,
    offer: ClientAuthOffer,
    certificate: Option<Certificate>,
    protocol: &[u8],
) -> Result<ClientConfig, Failure> {
    let key = certificate.map(|certificate| identity(pki, certificate)).transpose()?;
    tls::client_config(pki.servers.roots()?, key, offer, DEFAULT_VERSIONS, &[protocol])
        .map_err(failed)
}

/// Makes a client that answers challenges with this certificate. `connect` opens its connections.
pub(super) fn answering<IO, F>(
    pki: &DemoPki,
    certificate: Certificate,
    protocol: &[u8],
    connect: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Result<hyper::Client<Empty<Bytes>>, Failure>
where
    F: Future<Output = std::io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = config(pki, ClientAuthOffer::default(), None, protocol)?;
    let own = ClientIdentity::new("own", identity(pki, certificate)?).map_err(failed)?;
    let credentials = Credentials::new().with(own.for_any_host()).map_err(failed)?;
    let connector = service_fn(move |_: Uri| {
        let connecting = connect();
        async move { connecting.await.map(TokioIo::new) }
    });
    Ok(hyper::Client::builder(config, credentials).connector(connector).build())
}

async fn challenged(
    pki: &DemoPki,
    certificate: Certificate,
    url: &str,
    addr: SocketAddr,
) -> Result<Vec<ClientView>, Failure> {
    let client = answering(pki, certificate, tls::H2, move || TcpStream::connect(addr))?;
    let request = Request::get(url).body(Empty::new()).map_err(failed)?;
    let answer = timeout(TIMEOUT, client.request(request)).await;
    let Ok(Ok(answer)) = answer else { return Ok(vec![ClientView::default()]) };
    let view = |status: StatusCode| ClientView {
        facts: None,
        refused: Some(None),
        http_status: Some(status.as_u16()),
    };
    let challenged = Report::of(answer.extensions()).is_some_and(|report| report.challenged);
    let first = challenged.then(|| view(StatusCode::UNAUTHORIZED));
    Ok(first.into_iter().chain([view(answer.status())]).collect())
}

async fn own(
    config: ClientConfig,
    host: &'static str,
    url: &str,
    addr: SocketAddr,
) -> Result<ClientView, Failure> {
    let target = Target {
        addr,
        name: ServerName::try_from(host).map_err(failed)?,
        uri: url.parse::<Uri>().map_err(failed)?,
    };
    let attempt = client::get(&Arc::new(config), &target).await;
    let http_status = attempt.summary.as_ref().and_then(|summary| summary.http_status);
    let refused = match attempt.body {
        Ok(_) => None,
        Err(err) => Some(err.refusal().unwrap_or_else(|| with_causes(&err))),
    };
    Ok(ClientView { facts: attempt.summary, refused: Some(refused), http_status })
}

async fn reqwest(
    config: ClientConfig,
    host: &str,
    url: &str,
    addr: SocketAddr,
) -> Result<ClientView, Failure> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .resolve(host, addr)
        .timeout(TIMEOUT)
        .build()
        .map_err(failed)?;
    let answer = client.get(url).send().await;
    Ok(ClientView {
        http_status: answer.ok().map(|answer| answer.status().as_u16()),
        ..ClientView::default()
    })
}

async fn curl(
    pki: &DemoPki,
    host: &str,
    url: &str,
    addr: SocketAddr,
) -> Result<Option<ClientView>, Failure> {
    let version = Command::new("curl").arg("--version").stdin(Stdio::null()).output().await;
    let speaks_h2 =
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("HTTP2"));
    if !speaks_h2 {
        eprintln!("note: curl with HTTP/2 is not installed, so its row is left out");
        return Ok(None);
    }
    let mut ca = tempfile::NamedTempFile::new().map_err(failed)?;
    ca.write_all(pki.servers.pem().as_bytes()).and_then(|()| ca.flush()).map_err(failed)?;
    let output = Command::new("curl")
        // `-q` must be first: do not read a curlrc file.
        .args(["-q", "--http2", "--silent", "--noproxy", "*", "--cacert"])
        .arg(ca.path())
        .arg("--resolve")
        .arg(format!("{host}:{}:{}", addr.port(), addr.ip()))
        .arg("--max-time")
        .arg(TIMEOUT.as_secs().to_string())
        // The status code, on its own line after the body.
        .args(["--write-out", "\n%{http_code}", url])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(failed)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    // curl writes 000 if there was no response.
    let http_status =
        stdout.lines().last().and_then(|line| line.parse().ok()).filter(|status| *status != 0);
    Ok(Some(ClientView { http_status, ..ClientView::default() }))
}
