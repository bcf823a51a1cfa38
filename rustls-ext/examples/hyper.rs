//! A client over hyper that offers on its first connection, since it knows that its server requires
//! a certificate: one connection, one request.
//!
//! ```console
//! cargo run -p rustls-ext --features axum,tokio,hyper --example hyper
//! ```

mod pki;

use std::sync::Arc;

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::{Pki, Result};
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
use rustls_ext::rustls::client::ClientAuthOfferStatus;
use rustls_ext::tokio::{Connector, Listener};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<()> {
    let pki = Pki::new()?;
    let live = pki.live(&["h2"])?;
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await?;
    let addr = listener.local_addr()?;
    let app = Router::new()
        .route("/", get(|| async { "for agents" }).layer(RequireScope::new("agents")))
        .layer(CallerLayer::new(live))
        .into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, app).into_future());

    let mut tls = pki.agent_config()?;
    tls.client_auth_offer = ClientAuthOffer::flag();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(addr).await?;
    let stream = Connector::new(Arc::new(tls)).connect("localhost".try_into()?, tcp).await?;
    println!("the server: {:?}", stream.get_ref().1.client_auth_status());
    assert!(matches!(stream.get_ref().1.client_auth_status(), ClientAuthOfferStatus::Acknowledged));

    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let url = format!("https://localhost:{}/", addr.port());
    let response = sender.send_request(Request::get(url).body(Empty::<Bytes>::new())?).await?;
    println!("{}", response.status());
    assert_eq!(response.status(), StatusCode::OK);
    Ok(())
}
