//! `interop connect`: requests, each on its own connection, and what came of each.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::version::TLS12;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use serde::Serialize;

use crate::cli::ConnectArgs;
use crate::client::{self, Target};
use crate::{Failure, emit, files, tls};

mod challenged;

/// Do what `interop connect` says.
///
/// # Errors
/// If a file or an option is unusable, or with the first connection that is refused or fails.
pub async fn run(args: &ConnectArgs) -> Result<(), Failure> {
    // One config for all connections, so that sessions resume.
    let config = Arc::new(config(args)?);
    let target = target(args).await?;
    if args.follow_challenge {
        return challenged::run(args, &config, &target).await;
    }
    for _ in 0..args.count {
        let attempt = client::get(&config, &target).await;
        if let Some(facts) = &attempt.facts {
            tell(facts)?;
        }
        let body = attempt.body.map_err(|err| Failure::Failed(err.to_string()))?;
        show(&body);
    }
    Ok(())
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
    let offer = ClientAuthOffer::by(args.offer.offer())
        .with_code_points(args.code_points.get()?)
        .with_certificate_under_tls12(args.certificate_in_clear);
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
