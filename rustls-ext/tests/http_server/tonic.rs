//! A gRPC service that needs a scope: tonic's client gets a gRPC status.

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::http::server::RequireScope;
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{Layer, ServiceExt, service_fn};

use crate::site::{Client, Log, Site, policy, tls};

async fn site(scope: &'static str) -> Site {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("reports", ServingStatus::Serving).await;
    let service = RequireScope::new(scope).layer(health);
    Site::with(policy, move |_: Log| {
        service.map_request(|request: Request<Incoming>| request.map(tonic::body::Body::new))
    })
    .await
}

/// The service's response to this client.
async fn check(site: &Site, client: Client<'_>, host: &str) -> Result<i32, Code> {
    let io = TokioIo::new(tls(client.config(), "www.example", site.addr).await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let channel = service_fn(move |request: Request<tonic::body::Body>| {
        let mut sender = sender.clone();
        async move {
            sender.ready().await?;
            sender.send_request(request).await
        }
    });
    let origin = format!("https://{host}").parse().unwrap();
    let request = HealthCheckRequest { service: "reports".into() };
    match HealthClient::with_origin(channel, origin).check(request).await {
        Ok(response) => Ok(response.into_inner().status),
        Err(status) => Err(status.code()),
    }
}

#[tokio::test]
async fn grpc_clients_get_a_grpc_status() {
    let serving = ServingStatus::Serving as i32;
    let agents = site("agents").await;
    assert_eq!(check(&agents, agents.agent(), "www.example").await, Ok(serving));
    assert_eq!(check(&agents, agents.agent(), "login.example").await, Ok(serving));
    // 401 and 403, for which gRPC has codes; it has none for 421.
    assert_eq!(check(&agents, agents.client(), "www.example").await, Err(Code::Unauthenticated));
    assert_eq!(check(&agents, agents.client(), "login.example").await, Err(Code::Unknown));
    let staff = site("staff").await;
    assert_eq!(check(&staff, staff.agent(), "www.example").await, Err(Code::PermissionDenied));
}
