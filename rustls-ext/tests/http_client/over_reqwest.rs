//! The client over reqwest.

use std::sync::Arc;

use http::StatusCode;
use http_body_util::Channel;
use hyper::body::Bytes;
use reqwest::{Method, Request, Response, Url};
use rustls::client::ClientAuthOfferStatus;
use rustls::server::ClientAuthDecision;
use rustls_ext::http::client::{Limits, Report, Unanswered};
use rustls_ext::http::reqwest::{Client, Error};

use super::site::{Site, challenge, say};
use super::world::{BOTH, Http, World, any};

/// The host names of all sites and proxies here.
pub const HOSTS: [&str; 4] = ["a.example.test", "b.example.test", "other.test", "localhost"];

pub fn client(world: &World, http: Http) -> Client {
    Client::builder(world.client_tls(http), world.credentials()).configure(resolve).build().unwrap()
}

/// Finds all hosts on the loopback interface.
pub fn resolve(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    HOSTS.iter().fold(builder, |builder, host| builder.resolve(host, ([127, 0, 0, 1], 0).into()))
}

pub fn url(host: &str, port: u16, path: &str) -> Url {
    format!("https://{host}:{port}{path}").parse().unwrap()
}

pub fn get(url: &Url) -> Request {
    Request::new(Method::GET, url.clone())
}

pub fn report(response: &Response) -> Report {
    Report::of(response.extensions()).unwrap().clone()
}

#[tokio::test]
async fn cant_5_a_challenge_is_answered_on_a_new_connection_that_offers() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site("");
        let url = url("a.example.test", site.listen().await, "/agents");
        let client = client(&world, http);
        let mut request = get(&url);
        *request.method_mut() = Method::POST;
        *request.body_mut() = Some("a report".into());
        let response = client.execute(request).await.unwrap();
        let seen_by = report(&response);
        assert_eq!(*response.url(), url);
        assert_eq!(response.text().await.unwrap(), "welcome");
        assert_eq!(seen_by.identity.as_deref(), Some("agent"));
        assert_eq!(seen_by.realm.as_deref(), Some("agents"));
        assert_eq!(seen_by.status, ClientAuthOfferStatus::Acknowledged);
        assert_eq!((seen_by.sent, seen_by.challenged, seen_by.unanswered), (2, true, None));

        // later ones use it at once
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!(report(&response).sent, 1);
        assert_eq!(response.text().await.unwrap(), "welcome");
        let offered: Vec<_> = site.seen().into_iter().map(|seen| seen.offered).collect();
        assert_eq!(offered[..2], [false, true]);
        assert!(site.seen()[0].certificate.is_none() && !site.seen()[0].asked);
        assert_eq!(site.seen()[1].certificate.as_ref(), world.pki.agent.chain.first());
        assert_eq!(site.asked().len(), 3);
        assert!(site.asked()[..2].iter().all(|asked| asked.body == "a report"));

        let response = client.execute(get(&url.join("/").unwrap())).await.unwrap();
        assert_eq!((report(&response).identity, report(&response).sent), (None, 1));
        assert_eq!(report(&response).status, ClientAuthOfferStatus::NotOffered);
        assert_eq!(site.asked().last().unwrap().certificate, None);
    }
}

#[tokio::test]
async fn cant_6_never_for_another_host_name_of_the_same_server() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site("");
        let port = site.listen().await;
        let client = client(&world, http);
        let response = client.execute(get(&url("a.example.test", port, "/agents"))).await.unwrap();
        assert_eq!(report(&response).identity.as_deref(), Some("agent"));
        let response = client.execute(get(&url("b.example.test", port, "/"))).await.unwrap();
        assert_eq!(report(&response).identity, None);
        assert_eq!(site.asked().last().unwrap().certificate, None);
        let response = client.execute(get(&url("b.example.test", port, "/agents"))).await.unwrap();
        assert_eq!(report(&response).sent, 2);
        let seen = site.seen();
        for asked in site.asked() {
            let name = seen[asked.connection].server_name.as_deref().unwrap();
            assert_eq!(asked.host, format!("{name}:{port}"));
        }
    }
}

#[tokio::test]
async fn cant_7_a_server_that_challenges_for_ever_gets_one_retry() {
    for http in BOTH {
        let mut world = World::new();
        let agents = world.agents();
        let site = world.site("", move |_| challenge(&agents));
        let url = url("a.example.test", site.listen().await, "/");
        let client = client(&world, http);
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!(report(&response).unanswered, Some(Unanswered::StillChallenged));
        assert_eq!((report(&response).sent, site.asked().len()), (2, 2));
        assert_eq!(response.text().await.unwrap(), "who are you?");
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!(report(&response).unanswered, Some(Unanswered::RefusedEarlier));
        assert_eq!(site.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_certificate_that_matches_no_challenge_is_not_tried_and_the_caller_is_told() {
    let mut world = World::new();
    let stranger = any().accept_issuer([0x30, 0]);
    let site = world.site("", move |_| challenge(&stranger));
    let url = url("a.example.test", site.listen().await, "/");
    let response = client(&world, Http::Two).execute(get(&url)).await.unwrap();
    let Some(Unanswered::NoIdentity { considered, .. }) = report(&response).unanswered else {
        panic!("{:?}", report(&response))
    };
    assert_eq!(considered.len(), 2);
    assert_eq!((site.asked().len(), site.seen().len()), (1, 1));
}

#[tokio::test]
async fn cant_8_no_certificate_goes_over_tls_1_2_unless_configured() {
    for allowed in [false, true] {
        let mut world = World::new();
        let site = world.old_site("");
        let url = url("a.example.test", site.listen().await, "/");
        let credentials = world.credentials().certificate_under_tls12(allowed);
        let client = Client::builder(world.client_tls(Http::One), credentials)
            .configure(resolve)
            .build()
            .unwrap();
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!(response.status() == StatusCode::OK, allowed);
        let expected = (!allowed).then_some(Unanswered::StillChallenged);
        assert_eq!(report(&response).unanswered, expected);
        let shown = site.seen().iter().filter(|seen| seen.certificate.is_some()).count();
        assert_eq!(shown, usize::from(allowed));
    }
}

#[tokio::test]
async fn requests_that_are_challenged_together_share_one_authenticated_connection() {
    let mut world = World::new();
    let site = world.usual_site("");
    let url = url("a.example.test", site.listen().await, "/agents");
    let client = client(&world, Http::Two);
    let requests = (0..20).map(|_| {
        let (client, request) = (client.clone(), get(&url));
        tokio::spawn(async move { client.execute(request).await.unwrap() })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(site.seen().iter().filter(|seen| seen.certificate.is_some()).count(), 1);
}

#[tokio::test]
async fn a_body_that_is_not_at_hand_is_not_sent_again() {
    let mut world = World::new();
    let site = world.usual_site("");
    let url = url("a.example.test", site.listen().await, "/agents");
    let client = client(&world, Http::Two);
    let stream = || {
        let (mut send, body) = Channel::<Bytes>::new(1);
        tokio::spawn(async move { send.send_data(Bytes::from("a stream")).await });
        let mut request = Request::new(Method::POST, url.clone());
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        request
    };
    let response = client.execute(stream()).await.unwrap();
    assert_eq!(report(&response).unanswered, Some(Unanswered::NotReplayable));
    assert_eq!(response.text().await.unwrap(), "who are you?");
    let response = client.execute(stream()).await.unwrap();
    assert_eq!((response.status(), report(&response).sent), (StatusCode::OK, 1));
    assert_eq!(site.asked()[1].body, "a stream");
}

#[tokio::test]
async fn a_misdirected_request_is_sent_on_one_new_connection() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.site("", |asked| match asked.connection {
            0 => say(StatusCode::MISDIRECTED_REQUEST, "not here"),
            _ => say(StatusCode::OK, "here"),
        });
        let url = url("a.example.test", site.listen().await, "/");
        let client = client(&world, http);
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!((report(&response).sent, report(&response).misdirected), (2, true));
        assert_eq!(response.text().await.unwrap(), "here");
        // The first connection is not used again.
        for _ in 0..3 {
            client.execute(get(&url)).await.unwrap().text().await.unwrap();
        }
        assert_eq!(site.asked().iter().filter(|asked| asked.connection == 0).count(), 1);
    }
}

#[tokio::test]
async fn a_refusal_after_the_handshake_is_an_error() {
    for http in BOTH {
        let mut world = World::new();
        let demand = world.pki.demand("staff").because_offered();
        let decide = move |hello: &rustls_ext::tokio::HelloInfo| {
            if hello.offered {
                ClientAuthDecision::Require(demand.clone())
            } else {
                ClientAuthDecision::None
            }
        };
        let site = Site::new(Some(world.tls()), decide, |_| challenge(&any()));
        world.put("", &site);
        let url = url("a.example.test", site.listen().await, "/");
        let client = client(&world, http);
        let error = client.execute(get(&url)).await.unwrap_err();
        // With reqwest, the alert may or may not be found.
        let identity = match &error {
            Error::Refused { alert, identity, .. } => {
                assert_eq!(*alert, rustls::AlertDescription::UnknownCA);
                identity
            }
            Error::LikelyRefused { identity, .. } => identity,
            other => panic!("{other:?}"),
        };
        assert_eq!(identity.as_deref(), Some("agent"));
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!(report(&response).unanswered, Some(Unanswered::RefusedEarlier));
    }
}

#[tokio::test]
async fn the_configuration_of_reqwest_applies_to_all_connections() {
    let mut world = World::new();
    let site = world.usual_site("");
    let url = url("a.example.test", site.listen().await, "/agents");
    let jar = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let built = jar.clone();
    let client = Client::builder(world.client_tls(Http::Two), world.credentials())
        .configure(move |builder| {
            built.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            resolve(builder).user_agent("test/1")
        })
        .limits(Limits::default())
        .build()
        .unwrap();
    assert_eq!(client.execute(get(&url)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(jar.load(std::sync::atomic::Ordering::SeqCst), 2);
}
