//! `rext connect`: sends requests, each on a connection of its own, and reports the outcomes.

use clap::{Args, ValueEnum};
use command_line::CodePointArgs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use hyper::body::Bytes;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::version::TLS12;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use rustls_ext::wire::Offer;
use rustls_ext::{ClientAuthOffer, with_causes};
use serde::Serialize;

use crate::client::{self, Target};
use crate::{files, tls};
use command_line::{Failure, emit};

mod challenged;

/// Options of `rext connect`.
#[derive(Clone, Debug, Args)]
pub struct ConnectArgs {
    /// The https URL to request
    #[arg(value_parser = https)]
    pub url: Uri,
    /// The authorities to trust for server certificates, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// The client's certificate chain, in PEM, its own certificate first
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The key of that certificate, in PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// How to offer to authenticate
    #[arg(long, value_enum, default_value = "none")]
    pub offer: OfferName,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
    /// Use HTTP/1.1 only
    #[arg(long)]
    pub http1: bool,
    /// How many requests to send, one after the other; stops at the first that fails, unless
    /// --keep-going is given
    #[arg(short = 'n', long = "count", value_name = "COUNT", default_value = "1",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Send all requests of --count, even if some fail; exits with 1 if any has failed
    #[arg(long)]
    pub keep_going: bool,
    /// Connect to ADDR for HOST and PORT, without a name lookup; may be given more than once
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = resolve)]
    pub resolve: Vec<Resolve>,
    /// Use TLS 1.2 only, which has no offers by flag
    #[arg(long)]
    pub tls12: bool,

    /// Make no offer until the server challenges for a certificate (401, ClientCertificate); then
    /// repeat the request with the certificate, on a new connection that offers, by flag unless
    /// --offer is given. Requests share connections
    #[arg(long, requires = "cert")]
    pub follow_challenge: bool,

    /// Hint at the trust domain of the certificate, such as spiffe://example.org, in TLS 1.3; may be
    /// given several times. Any observer can read it
    #[arg(long, value_name = "ORIGIN", requires = "cert", conflicts_with = "tls12")]
    pub origin: Vec<String>,

    /// Let the server request the certificate on the open connection, over HTTP/2 and TLS 1.3. A
    /// challenge is answered as by --follow-challenge. Requests share connections
    #[arg(long, requires = "cert", conflicts_with_all = ["http1", "tls12"])]
    pub same_connection: bool,

    /// Also resume sessions in which this client did not authenticate, although the server then
    /// cannot request the certificate that --offer offers (RES-8)
    #[arg(long)]
    pub prefer_resumption: bool,

    /// Also send the certificate under TLS 1.2, where it is not encrypted
    #[arg(long)]
    pub certificate_in_clear: bool,
}

/// How `rext connect` offers to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OfferName {
    /// Make no offer
    None,
    /// By the TLS flag request_client_auth, in TLS 1.3
    Flag,
    /// By the extension client_authentication_request (CARE), in TLS 1.2 and 1.3
    Care,
    /// By both
    Both,
}

impl OfferName {
    /// Returns the extensions that carry the offer.
    pub fn offer(self) -> Offer {
        match self {
            Self::None => Offer::NONE,
            Self::Flag => Offer::FLAG,
            Self::Care => Offer::CARE,
            Self::Both => Offer::BOTH,
        }
    }
}

/// The address to connect to for a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The host in the URL.
    pub host: String,
    /// The port in the URL.
    pub port: u16,
    /// The address.
    pub addr: IpAddr,
}

fn https(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|err| format!("not a URL: {err}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) if !host.is_empty() => Ok(uri),
        _ => Err("not an https URL".into()),
    }
}

fn resolve(text: &str) -> Result<Resolve, String> {
    let wrong = || "not of the form HOST:PORT:ADDR".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, addr) = rest.split_once(':').ok_or_else(wrong)?;
    let addr = addr.strip_prefix('[').and_then(|addr| addr.strip_suffix(']')).unwrap_or(addr);
    Ok(Resolve {
        host: host.into(),
        port: port.parse().map_err(|_| wrong())?,
        addr: addr.parse().map_err(|_| wrong())?,
    })
}

/// Runs `rext connect`.
///
/// # Errors
/// If a file or an option is unusable, or if a connection is refused or fails: the first such
/// failure, or with `--keep-going` a failure after the last connection.
pub async fn run(args: &ConnectArgs) -> Result<(), Failure> {
    // One config for all connections, so that sessions resume.
    let config = Arc::new(config(args)?);
    let target = target(args).await?;
    if args.follow_challenge || args.same_connection {
        return challenged::run(args, &config, &target).await;
    }
    let mut run = Run::new(args);
    for _ in 0..args.count {
        let attempt = client::get(&config, &target).await;
        if let Some(summary) = &attempt.summary {
            print_summary(summary)?;
        }
        run.record(attempt.body.map_err(Failure::from))?;
    }
    run.finish()
}

/// The progress of requests that are sent one after the other.
struct Run {
    count: u32,
    keep_going: bool,
    done: u32,
    failed: u32,
}

impl Run {
    fn new(args: &ConnectArgs) -> Self {
        Self { count: args.count, keep_going: args.keep_going, done: 0, failed: 0 }
    }

    /// Prints the body of a response. Counts a failure, and prints it if the run continues.
    ///
    /// # Errors
    /// The failure, if the run ends with it.
    fn record(&mut self, body: Result<Bytes, Failure>) -> Result<(), Failure> {
        self.done += 1;
        let failure = match body {
            Ok(body) => {
                print_body(&body);
                return Ok(());
            }
            Err(failure) => failure,
        };
        self.failed += 1;
        let (done, count) = (self.done, self.count);
        if count == 1 {
            return Err(failure);
        }
        if self.keep_going {
            eprintln!("error: request {done} of {count}: {failure}");
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "{failure} (request {done} of {count}: stopped at the first failure; --keep-going sends \
             the rest)"
        )))
    }

    fn finish(self) -> Result<(), Failure> {
        let Self { count, failed, .. } = self;
        match failed {
            0 => Ok(()),
            _ => Err(Failure::Failed(format!("{failed} of {count} requests failed"))),
        }
    }
}

/// Writes the outcome of a connection, or of a request, as a line on standard error.
fn print_summary(summary: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(summary)?;
    eprintln!("{line}");
    Ok(())
}

/// Writes a body to standard output.
fn print_body(body: &[u8]) {
    emit(body);
    if !body.is_empty() && !body.ends_with(b"\n") {
        emit("\n");
    }
}

fn config(args: &ConnectArgs) -> Result<ClientConfig, Failure> {
    let roots = files::roots("--ca", &args.ca)?;
    let identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Some(files::identity(cert, key)?),
        _ => None,
    };
    let offer = offer(args, args.offer.offer())?;
    let versions = if args.tls12 { &[&TLS12][..] } else { DEFAULT_VERSIONS };
    let alpn: &[&[u8]] = if args.http1 { &[tls::HTTP1] } else { &[tls::H2, tls::HTTP1] };
    Ok(tls::client_config(roots, identity, offer, versions, alpn)?)
}

/// Makes an offer by these extensions, with the settings of the options.
fn offer(args: &ConnectArgs, by: Offer) -> Result<ClientAuthOffer, Failure> {
    let mut offer = ClientAuthOffer::new(by)
        .with_code_points(args.code_points.get()?)
        .with_certificate_under_tls12(args.certificate_in_clear);
    if !args.origin.is_empty() {
        offer = offer
            .with_origins(&args.origin)
            .map_err(|err| Failure::Usage(format!("--origin: {}", with_causes(&err))))?;
    }
    Ok(if args.prefer_resumption { offer.prefer_resumption() } else { offer })
}

async fn target(args: &ConnectArgs) -> Result<Target, Failure> {
    let url = &args.url;
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or(443);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| {
        Failure::Usage(format!("{url}: {host:?} is neither a DNS name nor an IP address"))
    })?;
    let configured = args
        .resolve
        .iter()
        .find(|known| known.host.eq_ignore_ascii_case(host) && known.port == port)
        .map(|known| SocketAddr::new(known.addr, port));
    let addr = match configured {
        Some(addr) => addr,
        None => tokio::net::lookup_host((bare, port))
            .await
            .map_err(|err| Failure::Failed(format!("cannot find the address of {host}: {err}")))?
            .next()
            .ok_or_else(|| Failure::Failed(format!("{host} has no address")))?,
    };
    Ok(Target { addr, name, uri: url.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_accepts_ipv4_and_ipv6_addresses() {
        let expected = |addr: &str| Resolve {
            host: "a.example".into(),
            port: 443,
            addr: addr.parse().expect("an address"),
        };
        assert_eq!(resolve("a.example:443:127.0.0.1"), Ok(expected("127.0.0.1")));
        assert_eq!(resolve("a.example:443:::1"), Ok(expected("::1")));
        assert_eq!(resolve("a.example:443:[::1]"), Ok(expected("::1")));
        for bad in ["", "a", "a:1", "a:x:127.0.0.1", "a:1:b"] {
            assert!(resolve(bad).is_err(), "{bad}");
        }
    }
}
