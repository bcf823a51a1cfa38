//! The server of docs/guide/rustls.md, which shows all but this line.

use std::{error::Error, sync::Arc};

use adapter_rustls::tokio::{ConnectionInfo, Listener};
use adapter_rustls::{ByOffer, CodePoints, Decision, Scope};
use axum::{Router, extract::ConnectInfo, http::StatusCode, routing::get};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{RootCertStore, ServerConfig, crypto::ring, server::WebPkiClientVerifier};

fn by_offer() -> Result<ByOffer, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file("agents-ca.pem")?)?;
    let agents = Scope::new("agents", WebPkiClientVerifier::builder(roots.into()).build()?)?;
    let agents = Arc::new(agents);

    let chain = CertificateDer::pem_file_iter("server.pem")?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file("server.key")?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(ByOffer::new(config, CodePoints::default(), move |hello| {
        if hello.offer().is_none() { Decision::None } else { Decision::Request(agents.clone()) }
    })?)
}

async fn reports(ConnectInfo(client): ConnectInfo<ConnectionInfo>) -> Result<String, StatusCode> {
    let chain = client.identity("agents").ok_or(StatusCode::FORBIDDEN)?;
    Ok(format!("for an agent, by a chain of {}", chain.len()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = ring::default_provider().install_default();
    let app = Router::new().route("/reports", get(reports));
    let listener = Listener::bind("[::]:8443", by_offer()?).await?;
    let listener = listener.on_refusal(|it| eprintln!("{}: {}", it.peer, it.error));
    let app = app.into_make_service_with_connect_info::<ConnectionInfo>();
    Ok(axum::serve(listener, app).await?)
}
