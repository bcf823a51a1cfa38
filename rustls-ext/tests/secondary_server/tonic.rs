//! A gRPC service that needs a scope.

use http::Request;
use hyper::body::Incoming;
use rustls_ext::http::server::RequireScope;
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{Layer, ServiceExt, service_fn};

use crate::client::{Answers, with};
use crate::site::{Site, client_config, staff};

/// The service's response to a client that answers in this way, and how often it was asked.
async fn check(site: &Site, answers: Answers) -> (Result<i32, Code>, usize) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("reports", ServingStatus::Serving).await;
    let service = RequireScope::new("staff").layer(health);
    let service =
        service.map_request(|request: Request<Incoming>| request.map(tonic::body::Body::new));
    let connection = site.serve(client_config(&site.pki, None), 1, answers, service).await;
    let sender = connection.sender.clone();
    let channel = service_fn(move |request: Request<tonic::body::Body>| {
        let mut sender = sender.clone();
        async move {
            sender.ready().await?;
            sender.send_request(request.map(axum::body::Body::new)).await
        }
    });
    let mut client = HealthClient::with_origin(channel, "https://www.example".parse().unwrap());
    let mut outcome = Err(Code::Ok);
    for _ in 0..2 {
        let request = HealthCheckRequest { service: "reports".into() };
        outcome = match client.check(request).await {
            Ok(response) => Ok(response.into_inner().status),
            Err(status) => Err(status.code()),
        };
    }
    (outcome, connection.client.requests())
}

#[tokio::test]
async fn a_grpc_call_waits_for_the_certificate() {
    let site = Site::new(staff);
    let serving = ServingStatus::Serving as i32;
    assert_eq!(check(&site, with(&[&site.pki.boss])).await, (Ok(serving), 1));
    assert_eq!(check(&site, with(&[])).await, (Err(Code::Unauthenticated), 1));
}
