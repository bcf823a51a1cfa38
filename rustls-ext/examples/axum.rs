//! An axum server that requests certificates only from agents, with one client of each kind.
//!
//! ```console
//! cargo run -p rustls-ext --features axum,tokio,hyper --example axum
//! ```

mod pki;

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use pki::{Pki, Result};
use rustls_ext::Live;
use rustls_ext::http::client::{ClientIdentity, Credentials};
use rustls_ext::http::hyper::Client;
use rustls_ext::http::server::{Caller, CallerLayer, ConnectionInfo, Denied};
use rustls_ext::tokio::Listener;

/// Other callers get 401 with a challenge. Clients like the one below answer it with a certificate.
async fn reports(caller: Caller) -> std::result::Result<String, Denied> {
    let agent = caller.require("agents")?;
    Ok(format!("a report for {}\n", agent.certificate().common_name().unwrap_or("you")))
}

async fn serve(listener: Listener, live: Live) -> std::io::Result<()> {
    let app = Router::new()
        .route("/", get(|| async { "for everybody\n" }))
        .route("/reports", get(reports))
        .layer(CallerLayer::new(live));
    axum::serve(listener, app.into_make_service_with_connect_info::<ConnectionInfo>()).await
}

#[tokio::main]
async fn main() -> Result<()> {
    let pki = Pki::new()?;
    let live = pki.live(&["h2", "http/1.1"])?;
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(serve(listener, live));

    let agent = ClientIdentity::new("agent-7", pki.agent_key()?)?.for_host("localhost")?;
    for (who, credentials) in
        [("anybody", Credentials::new()), ("the agent", Credentials::new().with(agent)?)]
    {
        let client = Client::builder(pki.client_config()?, credentials).build();
        for (path, expected) in [
            ("/", StatusCode::OK),
            ("/reports", if who == "anybody" { StatusCode::UNAUTHORIZED } else { StatusCode::OK }),
        ] {
            let request = Request::get(format!("{url}{path}")).body(Empty::<Bytes>::new())?;
            let status = client.request(request).await?.status();
            println!("{who} gets {status} for {path}");
            assert_eq!(status, expected);
        }
    }
    Ok(())
}
