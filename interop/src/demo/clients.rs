//! The demo's clients: our own, reqwest, and curl. Those of HTTP/3 are in [`super::http3`].

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ::hyper::body::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls_ext::http::client::{Credentials, Identity, Report};
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
use super::noted::REPORTS;
use super::seen::{Seen, failed};
use super::server::Server;
use super::{Cast, http3};
use command_line::Failure;
use rext_cli::client::{self, Target};
use rext_cli::tls;

/// How long a client that is not ours may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Send the client of `case` to `server`: what it says of its connections. `None` if there is no
/// such client here.
///
/// # Errors
/// If the client cannot be made. What comes of its connections is never an error.
pub async fn send(case: &Case, cast: &Cast, server: &Server) -> Result<Option<Vec<Seen>>, Failure> {
    let authority = case.authority.unwrap_or(case.host);
    let addr = match case.kind {
        Kind::Http3 { .. } => server.quic,
        _ => server.addr,
    };
    let url = format!("https://{authority}:{}/", addr.port());
    let flag = ClientAuthOffer::flag();
    let seen = match case.kind {
        Kind::Own { offer, certificate } => {
            let config = config(cast, ClientAuthOffer::new(offer), certificate, tls::H2)?;
            own(config, case.host, &url, addr).await?
        }
        Kind::Tls12 { offer, in_clear } => {
            let offer = ClientAuthOffer::new(offer).with_certificate_under_tls12(in_clear);
            let (roots, key) = (cast.servers.roots()?, cast.agent.certified_key()?);
            let config = tls::client_config(roots, Some(key), offer, &[&TLS12], &[tls::H2]);
            own(config.map_err(failed)?, case.host, &url, addr).await?
        }
        Kind::Http3 { offer, certificate } => {
            let config = config(cast, ClientAuthOffer::new(offer), certificate, tls::H3)?;
            http3::get(config, case.host, &url, addr).await?
        }
        Kind::Challenged { certificate } => {
            let reports = format!("https://{authority}:{}{REPORTS}", addr.port());
            return challenged(cast, certificate, &reports, addr).await.map(Some);
        }
        Kind::Reqwest { certificate } => {
            let config = config(cast, flag, Some(certificate), tls::H2)?;
            reqwest(config, case.host, &url, addr).await?
        }
        Kind::Curl => match curl(cast, case.host, &url, addr).await? {
            Some(seen) => seen,
            None => return Ok(None),
        },
    };
    Ok(Some(vec![seen]))
}

fn identity(cast: &Cast, certificate: Certificate) -> Result<Arc<CertifiedKey>, test_pki::Error> {
    match certificate {
        Certificate::Agent => &cast.agent,
        Certificate::Admin => &cast.admin,
        Certificate::Stranger => &cast.stranger,
    }
    .certified_key()
}

pub(super) fn config(
    cast: &Cast,
    offer: ClientAuthOffer,
    certificate: Option<Certificate>,
    protocol: &[u8],
) -> Result<ClientConfig, Failure> {
    let key = certificate.map(|certificate| identity(cast, certificate)).transpose()?;
    tls::client_config(cast.servers.roots()?, key, offer, DEFAULT_VERSIONS, &[protocol])
        .map_err(failed)
}

/// A client that answers challenges with this certificate, over connections that `connect` makes.
pub(super) fn answering<IO, F>(
    cast: &Cast,
    certificate: Certificate,
    protocol: &[u8],
    connect: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Result<hyper::Client<Empty<Bytes>>, Failure>
where
    F: Future<Output = std::io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = config(cast, ClientAuthOffer::default(), None, protocol)?;
    let own = Identity::new("own", identity(cast, certificate)?).map_err(failed)?;
    let credentials = Credentials::new().with(own.for_any_host()).map_err(failed)?;
    let connector = service_fn(move |_: Uri| {
        let connecting = connect();
        async move { connecting.await.map(TokioIo::new) }
    });
    Ok(hyper::Client::builder(config, credentials).connector(connector).build())
}

async fn challenged(
    cast: &Cast,
    certificate: Certificate,
    url: &str,
    addr: SocketAddr,
) -> Result<Vec<Seen>, Failure> {
    let client = answering(cast, certificate, tls::H2, move || TcpStream::connect(addr))?;
    let request = Request::get(url).body(Empty::new()).map_err(failed)?;
    let answer = timeout(PATIENCE, client.request(request)).await;
    let Ok(Ok(answer)) = answer else { return Ok(vec![Seen::default()]) };
    let seen = |status: StatusCode| Seen {
        facts: None,
        refused: Some(None),
        http_status: Some(status.as_u16()),
    };
    let challenged = Report::of(answer.extensions()).is_some_and(|report| report.challenged);
    let first = challenged.then(|| seen(StatusCode::UNAUTHORIZED));
    Ok(first.into_iter().chain([seen(answer.status())]).collect())
}

async fn own(
    config: ClientConfig,
    host: &'static str,
    url: &str,
    addr: SocketAddr,
) -> Result<Seen, Failure> {
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
    Ok(Seen { facts: attempt.summary, refused: Some(refused), http_status })
}

async fn reqwest(
    config: ClientConfig,
    host: &str,
    url: &str,
    addr: SocketAddr,
) -> Result<Seen, Failure> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .resolve(host, addr)
        .timeout(PATIENCE)
        .build()
        .map_err(failed)?;
    let answer = client.get(url).send().await;
    Ok(Seen { http_status: answer.ok().map(|answer| answer.status().as_u16()), ..Seen::default() })
}

async fn curl(
    cast: &Cast,
    host: &str,
    url: &str,
    addr: SocketAddr,
) -> Result<Option<Seen>, Failure> {
    let version = Command::new("curl").arg("--version").stdin(Stdio::null()).output().await;
    let speaks_h2 =
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("HTTP2"));
    if !speaks_h2 {
        eprintln!("note: no curl with HTTP/2 here; its row is left out");
        return Ok(None);
    }
    let mut ca = tempfile::NamedTempFile::new().map_err(failed)?;
    ca.write_all(cast.servers.pem().as_bytes()).and_then(|()| ca.flush()).map_err(failed)?;
    let output = Command::new("curl")
        // First of all: no curlrc.
        .args(["-q", "--http2", "--silent", "--noproxy", "*", "--cacert"])
        .arg(ca.path())
        .arg("--resolve")
        .arg(format!("{host}:{}:{}", addr.port(), addr.ip()))
        .arg("--max-time")
        .arg(PATIENCE.as_secs().to_string())
        // After the body, a line of its own.
        .args(["--write-out", "\n%{http_code}", url])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(failed)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    // curl writes 000 where there was no answer.
    let http_status =
        stdout.lines().last().and_then(|line| line.parse().ok()).filter(|status| *status != 0);
    Ok(Some(Seen { http_status, ..Seen::default() }))
}
