//! The demo's clients: our own, reqwest, and curl. Those of HTTP/3 are in [`super::http3`].

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use tokio::process::Command;

use super::cases::{Case, Certificate, Kind};
use super::server::Server;
use super::{Cast, http3};
use crate::client::{self, Facts, Target};
use crate::{Failure, tls};

/// How long a client that is not ours may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client says of its connection.
#[derive(Debug, Default)]
pub struct Seen {
    /// What it knows of the connection, if it can tell.
    pub facts: Option<Facts>,
    /// The alert that ended the connection, if any, and if it can tell.
    pub refused: Option<Option<String>>,
    /// The status code of the answer.
    pub http_status: Option<u16>,
}

/// Send the client of `case` to `server`. `None` if there is no such client here.
///
/// # Errors
/// If the client cannot be made. What comes of its connection is never an error.
pub async fn send(case: &Case, cast: &Cast, server: &Server) -> Result<Option<Seen>, Failure> {
    let authority = case.authority.unwrap_or(case.host);
    let addr = match case.kind {
        Kind::Http3 { .. } => server.quic,
        _ => server.addr,
    };
    let url = format!("https://{authority}:{}/", addr.port());
    match case.kind {
        Kind::Own { offers, certificate } => {
            let config = config(cast, offers, certificate, tls::H2)?;
            own(config, case.host, &url, addr).await.map(Some)
        }
        Kind::Http3 { offers, certificate } => {
            let config = config(cast, offers, certificate, tls::H3)?;
            http3::get(config, case.host, &url, addr).await.map(Some)
        }
        Kind::Reqwest { certificate } => {
            let config = config(cast, true, Some(certificate), tls::H2)?;
            reqwest(config, case.host, &url, addr).await.map(Some)
        }
        Kind::Curl => curl(cast, case.host, &url, addr).await,
    }
}

fn config(
    cast: &Cast,
    offers: bool,
    certificate: Option<Certificate>,
    protocol: &[u8],
) -> Result<ClientConfig, Failure> {
    let identity = certificate.map(|certificate| match certificate {
        Certificate::Agent => &cast.agent,
        Certificate::Admin => &cast.admin,
        Certificate::Stranger => &cast.stranger,
    });
    let key = identity.map(|identity| identity.certified_key()).transpose()?;
    let offer = match offers {
        true => ClientAuthOffer::flag(),
        false => ClientAuthOffer::default(),
    };
    tls::client_config(cast.servers.roots()?, key, offer, DEFAULT_VERSIONS, &[protocol])
        .map_err(failed)
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
    let http_status = attempt.facts.as_ref().and_then(|facts| facts.http_status);
    let refused = match attempt.body {
        Ok(_) => None,
        Err(err) => Some(err.refusal().unwrap_or_else(|| err.to_string())),
    };
    Ok(Seen { facts: attempt.facts, refused: Some(refused), http_status })
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

pub(super) fn failed(err: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("cannot make a client: {err}"))
}
