//! `interop connect`: requests, each on its own connection, and what came of each.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Bytes;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::version::TLS12;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use rustls_ext::wire::Offer;
use serde::Serialize;

use crate::cli::ConnectArgs;
use crate::client::{self, Target};
use crate::{Failure, emit, files, tls};

mod challenged;

/// Do what `interop connect` says.
///
/// # Errors
/// If a file or an option is unusable, or if a connection is refused or fails: with the first of
/// these, or with `--keep-going` after the last connection.
pub async fn run(args: &ConnectArgs) -> Result<(), Failure> {
    // One config for all connections, so that sessions resume.
    let config = Arc::new(config(args)?);
    let target = target(args).await?;
    if args.follow_challenge {
        return challenged::run(args, &config, &target).await;
    }
    let mut run = Run::new(args);
    for _ in 0..args.count {
        let attempt = client::get(&config, &target).await;
        if let Some(facts) = &attempt.facts {
            tell(facts)?;
        }
        run.done(attempt.body.map_err(|err| Failure::Failed(err.to_string())))?;
    }
    run.outcome()
}

/// Requests, one after the other.
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

    /// Show the body that came, or say what failed if there are more requests to send.
    ///
    /// # Errors
    /// The failure, if it is the end.
    fn done(&mut self, body: Result<Bytes, Failure>) -> Result<(), Failure> {
        self.done += 1;
        let failure = match body {
            Ok(body) => {
                show(&body);
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

    fn outcome(self) -> Result<(), Failure> {
        let Self { count, failed, .. } = self;
        match failed {
            0 => Ok(()),
            _ => Err(Failure::Failed(format!("{failed} of {count} requests failed"))),
        }
    }
}

/// What came of a connection, or of a request, as a line on standard error.
fn tell(facts: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(facts).map_err(|err| Failure::Failed(err.to_string()))?;
    eprintln!("{line}");
    Ok(())
}

/// A body, on standard output.
fn show(body: &[u8]) {
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
    let versions = match args.tls12 {
        true => &[&TLS12][..],
        false => DEFAULT_VERSIONS,
    };
    let alpn: &[&[u8]] = match args.http1 {
        true => &[tls::HTTP1],
        false => &[tls::H2, tls::HTTP1],
    };
    tls::client_config(roots, identity, offer, versions, alpn)
        .map_err(|err| Failure::Failed(err.to_string()))
}

/// An offer by these ways, as the options say.
fn offer(args: &ConnectArgs, by: Offer) -> Result<ClientAuthOffer, Failure> {
    let offer = ClientAuthOffer::by(by)
        .with_code_points(args.code_points.get()?)
        .with_certificate_under_tls12(args.certificate_in_clear);
    Ok(if args.prefer_resumption { offer.prefer_resumption() } else { offer })
}

async fn target(args: &ConnectArgs) -> Result<Target, Failure> {
    let url = &args.url;
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or(443);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_| Failure::Usage(format!("{url}: {host} is no name of a server")))?;
    let here = args
        .resolve
        .iter()
        .find(|known| known.host.eq_ignore_ascii_case(host) && known.port == port)
        .map(|known| SocketAddr::new(known.addr, port));
    let addr = match here {
        Some(addr) => addr,
        None => tokio::net::lookup_host((bare, port))
            .await
            .map_err(|err| Failure::Failed(format!("cannot find {host}: {err}")))?
            .next()
            .ok_or_else(|| Failure::Failed(format!("cannot find {host}: no address")))?,
    };
    Ok(Target { addr, name, uri: url.clone() })
}
