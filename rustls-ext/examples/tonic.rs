//! A tonic gRPC service for agents only.
//!
//! ```console
//! cargo run -p rustls-ext --features axum,tokio,hyper --example tonic
//! ```

mod pki;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use pki::{Pki, Result};
use rustls_ext::http::client::{ClientIdentity, Credentials};
use rustls_ext::http::hyper::Client;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
use rustls_ext::tokio::Listener;
use tonic::service::Routes;

#[tokio::main]
async fn main() -> Result<()> {
    let pki = Pki::new()?;
    let live = pki.live(&["h2"])?;
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());

    let (_, health) = tonic_health::server::health_reporter();
    let app = Routes::new(health)
        .into_axum_router()
        .layer(RequireScope::new("agents"))
        .layer(CallerLayer::new(live));
    let app = app.into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, app).into_future());

    let agent = ClientIdentity::new("agent-7", pki.agent_key()?)?.for_host("localhost")?;
    for (credentials, expected) in [
        (Credentials::new(), StatusCode::UNAUTHORIZED),
        (Credentials::new().with(agent)?, StatusCode::OK),
    ] {
        let client = Client::builder(pki.client_config()?, credentials).build();
        // An empty message: asks for the health of the server.
        let request = Request::post(format!("{url}/grpc.health.v1.Health/Check"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(Bytes::from_static(&[0; 5])))?;
        let response = client.request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?;
        let grpc = answer.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
        println!("{status}, grpc-status {grpc:?}");
        assert_eq!(status, expected);
        assert_eq!(grpc.is_some_and(|grpc| grpc == "0"), expected == StatusCode::OK);
    }
    Ok(())
}
