//! 421 (RFC 9110 section 15.5.20): one new connection of the same kind, and the old ones are not
//! used again.

use http::{Request, StatusCode};
use http_body_util::{Channel, Full};
use hyper::body::Bytes;
use rustls_ext::http::client::Unanswered;
use rustls_ext::http::hyper::{Client, Once};

use super::site::{ReceivedRequest, challenge, say};
use super::world::{A, B, BOTH, Http, World, get, post, read};

/// Sends 421 on the first connection, or on all connections without a certificate.
fn not_on(
    connections: impl Fn(&ReceivedRequest) -> bool + Send + Sync + 'static,
) -> Box<super::site::Handle> {
    Box::new(move |asked| {
        if connections(asked) {
            say(StatusCode::MISDIRECTED_REQUEST, "not here")
        } else {
            say(StatusCode::OK, "here")
        }
    })
}

#[tokio::test]
async fn a_misdirected_request_is_sent_on_one_new_connection() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.site(A, not_on(|asked| asked.connection == 0));
        let other = world.site(B, |_| say(StatusCode::OK, "other"));
        let client = world.client(http);
        get(&client, B).await;
        let answer = post(&client, A, "body").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "here"));
        assert_eq!((answer.report.sent, answer.report.misdirected), (2, true));
        assert_eq!((answer.report.challenged, answer.report.unanswered), (false, None));
        assert_eq!(site.asked()[1].body, "body");

        // The first one is not used again, for any request.
        for _ in 0..3 {
            assert_eq!(get(&client, A).await.report.sent, 1);
        }
        let connections: Vec<_> = site.asked().iter().map(|asked| asked.connection).collect();
        assert_eq!(connections, [0, 1, 1, 1, 1]);
        // Connections to other origins are.
        get(&client, B).await;
        assert_eq!(other.seen().len(), 1);
    }
}

#[tokio::test]
async fn requests_that_are_misdirected_together_share_the_new_connection() {
    let mut world = World::new();
    let site = world.site(A, not_on(|asked| asked.connection == 0));
    let client = world.client(Http::Two);
    let requests = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { get(&client, A).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(site.seen().len(), 2);
}

#[tokio::test]
async fn a_request_that_is_misdirected_everywhere_is_sent_twice() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.site(A, not_on(|_| true));
        let answer = get(&world.client(http), A).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::MISDIRECTED_REQUEST, "not here"));
        assert_eq!(answer.report.unanswered, Some(Unanswered::StillMisdirected));
        assert_eq!((answer.report.sent, answer.report.misdirected), (2, true));
        assert_eq!((site.seen().len(), site.asked().len()), (2, 2));
    }
}

#[tokio::test]
async fn a_new_connection_may_be_challenged() {
    for http in BOTH {
        let mut world = World::new();
        let agents = world.agents();
        let site = world.site(A, move |asked| match &asked.certificate {
            None if asked.connection == 0 => say(StatusCode::MISDIRECTED_REQUEST, ""),
            None => challenge(&agents),
            Some(_) => say(StatusCode::OK, "here"),
        });
        let answer = get(&world.client(http), A).await;
        assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some("agent")));
        let report = answer.report;
        assert_eq!((report.sent, report.misdirected, report.challenged), (3, true, true));
        assert_eq!(site.seen().len(), 3);
    }
}

#[tokio::test]
async fn an_authenticated_connection_may_be_the_wrong_one() {
    for http in BOTH {
        let mut world = World::new();
        let agents = world.agents();
        let site = world.site(A, move |asked| match &asked.certificate {
            None => challenge(&agents),
            Some(_) if asked.connection == 1 => say(StatusCode::MISDIRECTED_REQUEST, ""),
            Some(_) => say(StatusCode::OK, "here"),
        });
        let client = world.client(http);
        let answer = get(&client, A).await;
        assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some("agent")));
        assert_eq!(answer.report.sent, 3);
        // and this protection space uses the new one
        assert_eq!(get(&client, A).await.report.sent, 1);
        let certificates = site.seen().into_iter().map(|seen| seen.certificate.is_some());
        assert_eq!(certificates.collect::<Vec<_>>(), [false, true, true]);
    }
}

#[tokio::test]
async fn a_body_that_is_not_at_hand_is_not_sent_again() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.site(A, not_on(|asked| asked.connection == 0));
        let client: Client<Once<Channel<Bytes>>> = world.client(http);
        let stream = || {
            let (mut send, body) = Channel::new(1);
            tokio::spawn(async move { send.send_data(Bytes::from("a stream")).await });
            Request::post(A).body(Once(body)).unwrap()
        };
        let answer = read(client.request(stream()).await.unwrap()).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::MISDIRECTED_REQUEST, "not here"));
        assert_eq!(answer.report.unanswered, Some(Unanswered::NotReplayable));
        // The caller's next request uses another connection.
        let answer = read(client.request(stream()).await.unwrap()).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "here"));
        assert_eq!(site.seen().len(), 2);
    }
}

#[tokio::test]
async fn over_http_it_is_no_different() {
    let mut world = World::new();
    let decide = world.request_from_clients_that_offer();
    let site = super::site::Site::new(None, decide, not_on(|asked| asked.connection == 0));
    world.put("http://a.example.test", &site);
    let client: Client<Full<Bytes>> = world.client(Http::One);
    assert_eq!(get(&client, "http://a.example.test/").await.report.sent, 2);
    assert_eq!(site.seen().len(), 2);
}
