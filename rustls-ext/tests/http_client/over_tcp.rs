//! The default connector, and alerts that are followed by a reset.

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::AlertDescription;
use rustls::server::ClientAuthDecision;
use rustls_ext::http::client::Credentials;
use rustls_ext::http::hyper::{Client, Error};
use rustls_ext::tokio::HelloInfo;

use super::site::{Site, challenge};
use super::world::{BOTH, Http, World, any, get, identity};

fn client(world: &World, http: Http) -> Client<Full<Bytes>> {
    let agent = identity("agent", &world.pki.agent).for_host("localhost").unwrap();
    Client::builder(world.client_tls(http), Credentials::new().with(agent).unwrap()).build()
}

#[tokio::test]
async fn a_challenge_is_answered() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site("");
        let url = format!("https://localhost:{}/agents", site.listen().await);
        let client = client(&world, http);
        for sent in [2, 1] {
            let answer = get(&client, &url).await;
            assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some("agent")));
            assert_eq!(answer.report.sent, sent);
        }
        let certificates: Vec<_> = site.seen().iter().map(|s| s.certificate.is_some()).collect();
        assert_eq!(certificates, [false, true], "{http:?}");
    }
}

#[tokio::test]
async fn a_refusal_after_the_handshake_is_an_error_with_its_alert() {
    for http in BOTH {
        let world = World::new();
        let demand = world.pki.demand("staff").because_offered();
        let decide = move |hello: &HelloInfo| {
            if hello.offered {
                ClientAuthDecision::Require(demand.clone())
            } else {
                ClientAuthDecision::None
            }
        };
        let site = Site::new(Some(world.tls()), decide, |_| challenge(&any()));
        let url = format!("https://localhost:{}/", site.listen().await);
        let request = Request::get(url).body(Full::default()).unwrap();
        let error = client(&world, http).request(request).await.unwrap_err();
        let Error::Refused { refusal, identity, .. } = error else { panic!("{http:?}: {error:?}") };
        assert_eq!((refusal.alert, refusal.after_handshake), (AlertDescription::UnknownCA, true));
        assert_eq!(identity.as_deref(), Some("agent"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1_a_new_connection_is_not_taken_for_a_busy_one() {
    let mut world = World::new();
    let site = world.usual_site("");
    let url = format!("https://localhost:{}/agents", site.listen().await);
    // This is a race, so it runs several times.
    for connections in 1..=50 {
        get(&client(&world, Http::One), &url).await;
        assert_eq!(site.seen().len(), 2 * connections);
    }
}
