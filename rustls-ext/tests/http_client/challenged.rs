//! CANT-5: a challenge is answered on a new connection that offers.

use http::header::{AUTHORIZATION, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{Request, StatusCode, Version};
use http_body_util::{Channel, Full};
use hyper::body::Bytes;
use rustls::ProtocolVersion;
use rustls::client::ClientAuthOfferStatus;
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::client::{Limits, Report, Unanswered};
use rustls_ext::http::hyper::{Client, Once};

use super::site::{ReceivedRequest, Site, challenge, say};
use super::world::{A, BOTH, Http, World, get, post, read};

#[tokio::test]
async fn cant_5_a_challenge_is_answered_on_a_new_connection_that_offers() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client = world.client(http);

        let answer = get(&client, &format!("{A}/agents/1")).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "welcome"));
        let report = answer.report;
        assert_eq!(report.identity.as_deref(), Some("agent"));
        assert_eq!(report.realm.as_deref(), Some("agents"));
        assert_eq!(report.status, ClientAuthOfferStatus::Acknowledged);
        assert_eq!(report.tls_version, Some(ProtocolVersion::TLSv1_3));
        assert_eq!((report.sent, report.challenged, report.misdirected), (2, true, false));
        assert_eq!(report.unanswered, None);

        let seen = site.seen();
        assert_eq!(seen.len(), 2);
        assert!(!seen[0].offered && !seen[0].asked && seen[0].certificate.is_none());
        assert!(seen[1].offered && seen[1].asked);
        assert_eq!(seen[1].certificate.as_ref(), world.pki.agent.chain.first());

        let asked = site.asked();
        let expected = if http == Http::Two { Version::HTTP_2 } else { Version::HTTP_11 };
        assert!(asked.iter().all(|asked| asked.version == expected));
        assert!(asked.iter().all(|asked| asked.host == "a.example.test"));
        let numbers: Vec<_> = asked.iter().map(|asked| asked.connection).collect();
        assert_eq!(numbers, [0, 1]);
    }
}

#[tokio::test]
async fn cant_5_the_offer_is_made_as_configured() {
    for (offer, asked, status) in [
        (ClientAuthOffer::flag(), true, ClientAuthOfferStatus::Acknowledged),
        (ClientAuthOffer::flag_and_care(), true, ClientAuthOfferStatus::Acknowledged),
        // CARE has no acknowledgement.
        (ClientAuthOffer::care(), true, ClientAuthOfferStatus::AskedWithoutAcknowledgement),
        (ClientAuthOffer::default(), false, ClientAuthOfferStatus::NotOffered),
    ] {
        let mut world = World::new();
        let site = world.usual_site(A);
        let credentials = world.credentials().offer(offer.clone());
        let client = world.client_with(Http::Two, credentials, Limits::default());
        let answer = get(&client, &format!("{A}/agents")).await;
        assert_eq!((answer.report.status, answer.report.sent), (status, 2), "{offer:?}");
        let [first, second] = &site.seen()[..] else { panic!("not two connections") };
        assert!(!first.offered && !first.asked);
        assert_eq!((second.offered, second.asked), (asked, asked), "{offer:?}");
        assert_eq!(second.certificate.is_some(), asked, "{offer:?}");
    }
}

#[tokio::test]
async fn cant_5_without_a_challenge_nothing_is_offered() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let answer = get(&world.client(http), &format!("{A}/")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.report.status, ClientAuthOfferStatus::NotOffered);
        assert_eq!((answer.report.identity, answer.report.sent), (None, 1));
        let [connection] = &site.seen()[..] else { panic!("more than one connection") };
        assert!(!connection.offered);
    }
}

#[tokio::test]
async fn cant_5_certificates_and_offers_of_the_tls_config_are_not_heeded() {
    // They would be sent to any server that asks, on connections that all requests share.
    let world = World::new();
    let demand = world.pki.demand("agents");
    let decide = move |_: &_| rustls::server::ClientAuthDecision::Request(demand.clone());
    let site = Site::new(Some(world.tls()), decide, |_| say(StatusCode::OK, "hello"));
    let server = site.clone();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (near, far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(server.clone().serve(far));
        std::future::ready(Ok::<_, std::convert::Infallible>(hyper_util::rt::TokioIo::new(near)))
    });
    let agent = Some(&world.pki.agent);
    let versions = [&rustls::version::TLS13];
    let tls = world.pki.client_config(agent, ClientAuthOffer::flag(), &versions);
    let client = Client::builder(tls, world.credentials()).connector(connector).build();
    assert_eq!(get(&client, A).await.status, StatusCode::OK);
    let [connection] = &site.seen()[..] else { panic!("not one connection") };
    assert!(connection.asked && !connection.offered && connection.certificate.is_none());
}

#[tokio::test]
async fn a_body_that_is_at_hand_is_sent_again() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let answer = post(&world.client(http), &format!("{A}/agents"), "a report").await;
        assert_eq!(answer.status, StatusCode::OK);
        let bodies: Vec<_> = site.asked().into_iter().map(|asked| asked.body).collect();
        assert_eq!(bodies, ["a report", "a report"]);
    }
}

#[tokio::test]
async fn a_body_that_is_not_is_not_sent_again_and_the_response_is_the_callers() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client: Client<Once<Channel<Bytes>>> = world.client(http);
        let stream = || {
            let (mut send, body) = Channel::new(1);
            tokio::spawn(async move { send.send_data(Bytes::from("a stream")).await });
            Request::post(format!("{A}/agents")).body(Once(body)).unwrap()
        };
        let response = client.request(stream()).await.unwrap();
        let value = response.headers().get(WWW_AUTHENTICATE).unwrap();
        assert_eq!(*value, world.agents().to_value().unwrap());
        let answer = read(response).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::UNAUTHORIZED, "who are you?"));
        assert_eq!(answer.report.unanswered, Some(Unanswered::NotReplayable));
        assert_eq!((answer.report.sent, answer.report.challenged), (1, false));
        assert_eq!(site.seen().len(), 1);

        // The caller can send it again, and then it uses the right connection at once.
        let answer = read(client.request(stream()).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!((answer.report.identity.as_deref(), answer.report.sent), (Some("agent"), 1));
        assert_eq!(site.paths(), [(0, "/agents".into()), (1, "/agents".into())]);
        assert_eq!(site.asked()[1].body, "a stream");
    }
}

#[tokio::test]
async fn other_fields_are_sent_again_and_other_schemes_are_ignored() {
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site(A, move |asked| match &asked.certificate {
        Some(_) => say(StatusCode::OK, "welcome"),
        None => {
            let mixed = format!("Negotiate YII=, {agents}, Basic realm=\"b\"");
            say(StatusCode::UNAUTHORIZED, "").with(WWW_AUTHENTICATE, mixed)
        }
    });
    let client: Client<Full<Bytes>> = world.client(Http::Two);
    let request = Request::put(format!("{A}/x?y=z")).header(AUTHORIZATION, "Bearer t");
    let answer = read(client.request(request.body(Full::from("b")).unwrap()).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let [first, second] = &site.asked()[..] else { panic!("not two requests") };
    for asked in [first, second] {
        assert_eq!((asked.method.as_str(), &*asked.path, &*asked.body), ("PUT", "/x", &b"b"[..]));
        assert_eq!(asked.authorization.as_ref().unwrap(), "Bearer t");
    }
}

#[tokio::test]
async fn user_information_in_a_url_is_not_sent() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let uri = "https://user:secret@A.example.test:443/agents?q";
        assert_eq!(get(&world.client(http), uri).await.status, StatusCode::OK);
        let hosts: Vec<_> = site.asked().into_iter().map(|asked| asked.host).collect();
        assert_eq!(hosts, ["a.example.test"; 2], "{http:?}");
    }
}

#[tokio::test]
async fn a_407_is_the_callers() {
    let mut world = World::new();
    let value = world.agents().to_value().unwrap();
    let site = world.site(A, move |_| {
        say(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "").with(PROXY_AUTHENTICATE, value.clone())
    });
    let answer = get(&world.client(Http::Two), A).await;
    assert_eq!(answer.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!((answer.report.sent, answer.report.unanswered), (1, None));
    assert_eq!(site.seen().len(), 1);
}

#[tokio::test]
async fn it_is_a_service_and_reports_are_among_the_extensions() {
    use tower::ServiceExt;

    let mut world = World::new();
    world.usual_site(A);
    let client: Client<Full<Bytes>> = world.client(Http::Two);
    let request = Request::get(format!("{A}/staff")).body(Full::default()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    let report = response.extensions().get::<Report>().unwrap();
    assert_eq!(report.identity.as_deref(), Some("boss"));
}

#[tokio::test]
async fn a_server_without_a_policy_that_requests_from_all_clients_gets_its_certificate_late() {
    // Its first connection continues unauthenticated.
    let mut world = World::new();
    let demand = world.pki.demand("agents");
    let agents = world.agents();
    let handle = move |asked: &ReceivedRequest| match &asked.certificate {
        Some(_) => say(StatusCode::OK, "welcome"),
        None => challenge(&agents),
    };
    let decide = move |_: &_| rustls::server::ClientAuthDecision::Request(demand.clone());
    let site = Site::new(Some(world.tls()), decide, handle);
    world.put(A, &site);
    let answer = get(&world.client(Http::Two), A).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.report.status, ClientAuthOfferStatus::AskedWithoutAcknowledgement);
    assert_eq!(answer.report.identity.as_deref(), Some("agent"));
    assert_eq!(site.seen()[0].certificate, None);
}
