//! A client over reqwest that makes no offer until a server challenges it, and then repeats the
//! request with its certificate.
//!
//! ```console
//! cargo run -p rustls-ext --features axum,tokio,reqwest --example reqwest
//! ```

mod pki;

use axum::{Router, routing::get};
use pki::{Pki, Result};
use rustls_ext::http::client::{ClientIdentity, Credentials, Report};
use rustls_ext::http::reqwest::Client;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
use rustls_ext::tokio::Listener;

#[tokio::main]
async fn main() -> Result<()> {
    let pki = Pki::new()?;
    let live = pki.live(&["h2", "http/1.1"])?;
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await?;
    let url = format!("https://localhost:{}/reports", listener.local_addr()?.port());
    let app = Router::new()
        .route("/reports", get(|| async { "a report" }).layer(RequireScope::new("agents")))
        .layer(CallerLayer::new(live))
        .into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, app).into_future());

    // The identity is for this host only.
    let agent = ClientIdentity::new("agent-7", pki.agent_key()?)?.for_host("localhost")?;
    let client = Client::builder(pki.client_config()?, Credentials::new().with(agent)?).build()?;
    for requests in [2, 1] {
        let response = client.execute(client.plain().get(&url).build()?).await?;
        let status = response.status();
        let report = Report::of(response.extensions()).ok_or("no report")?.clone();
        println!("{status} after {} requests, as {:?}", report.sent, report.identity);
        assert!(status.is_success());
        // The second request uses the authenticated connection at once.
        assert_eq!((report.sent, report.identity.as_deref()), (requests, Some("agent-7")));
    }
    Ok(())
}
