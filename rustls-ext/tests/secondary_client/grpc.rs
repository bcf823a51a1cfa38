//! tonic through the client: its bodies cannot be sent again, so that a challenge is of no use.

use http::Request;
use rustls_ext::http::hyper::{Client, Once};
use tonic::body::Body;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::world::{A, World};

#[tokio::test]
async fn a_grpc_client_authenticates_on_its_open_connection() {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("reports", ServingStatus::Serving).await;
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site(A, |site| {
        site.grpc = Some(BoxCloneSyncService::new(health));
        site.needs = Box::new(move |_| Some(agents.clone()));
    });
    let client: Client<Once<Body>> = world.client();
    let channel = client.map_request(|request: Request<Body>| request.map(Once));
    let mut health = HealthClient::with_origin(channel, A.parse().unwrap());
    for _ in 0..2 {
        let request = HealthCheckRequest { service: "reports".into() };
        let response = health.check(request).await.unwrap().into_inner();
        assert_eq!(response.status, ServingStatus::Serving as i32);
    }
    assert_eq!(site.log.count(), 1);
    assert_eq!(site.log.connection(0).answers, [Some(world.pki.agent.chain[0].clone())]);
}
