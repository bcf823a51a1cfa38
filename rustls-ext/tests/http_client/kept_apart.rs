//! CANT-6: which requests may use an authenticated connection.

use http::Request;
use http::StatusCode;
use http::header::HOST;
use http_body_util::Full;
use rustls_ext::http::client::{Limits, Unanswered};

use super::site::{challenge, say};
use super::world::{A, B, BOTH, Http, World, get, identity, read};

/// A request with a `Host` field of its own.
fn with_host(uri: &str, host: &str) -> Request<Full<hyper::body::Bytes>> {
    Request::get(uri).header(HOST, host).body(Full::default()).unwrap()
}

#[tokio::test]
async fn cant_6_never_for_another_host_name_of_the_same_server() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        // One server, with one certificate that covers both.
        world.put(B, &site);
        let client = world.client(http);
        assert_eq!(get(&client, &format!("{A}/agents")).await.identity(), Some("agent"));
        assert_eq!(site.seen().len(), 2);

        let answer = get(&client, &format!("{B}/")).await;
        assert_eq!(answer.identity(), None);
        assert_eq!(site.seen().len(), 3);
        assert!(!site.seen()[2].offered);
        let answer = get(&client, &format!("{B}/agents")).await;
        assert_eq!((answer.identity(), answer.report.sent), (Some("agent"), 2));
        let names: Vec<_> = site.seen().into_iter().map(|seen| seen.server_name.unwrap()).collect();
        let (a, b) = ("a.example.test", "b.example.test");
        assert_eq!(names, [a, a, b, b]);
        let hosts: Vec<_> = site.asked().into_iter().map(|asked| asked.host).collect();
        assert_eq!(hosts, [a, a, b, b, b]);
    }
}

#[tokio::test]
async fn cant_6_never_for_another_port() {
    let mut world = World::new();
    let other = format!("{A}:8443");
    let (site, other_site) = (world.usual_site(A), world.usual_site(&other));
    let client = world.client(Http::Two);
    assert_eq!(get(&client, &format!("{A}/agents")).await.identity(), Some("agent"));
    let answer = get(&client, &format!("{other}/agents")).await;
    assert_eq!((answer.identity(), answer.report.sent), (Some("agent"), 2));
    assert_eq!((site.seen().len(), other_site.seen().len()), (2, 2));
    assert!(other_site.asked().iter().all(|asked| asked.host == "a.example.test:8443"));
}

#[tokio::test]
async fn cant_6_never_for_another_identity_or_realm() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client = world.client(http);
        for _ in 0..2 {
            assert_eq!(get(&client, &format!("{A}/agents")).await.identity(), Some("agent"));
            assert_eq!(get(&client, &format!("{A}/staff")).await.identity(), Some("boss"));
            assert_eq!(get(&client, &format!("{A}/")).await.identity(), None);
        }
        let agent = world.pki.agent.chain.first();
        let boss = world.pki.boss.chain.first();
        let certificates: Vec<_> = site.seen().into_iter().map(|seen| seen.certificate).collect();
        assert_eq!(certificates, [None, agent.cloned(), boss.cloned()]);
        let connections: Vec<_> = site.asked().iter().map(|asked| asked.connection).collect();
        assert_eq!(connections, [0, 1, 0, 2, 0, 1, 2, 0]);
    }
}

#[tokio::test]
async fn cant_6_one_identity_has_a_connection_for_each_realm() {
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site(A, move |asked| match &asked.certificate {
        Some(_) => say(StatusCode::OK, "welcome"),
        None => challenge(&agents.clone().with_realm(asked.path.as_str()).unwrap()),
    });
    let client = world.client(Http::Two);
    for (path, connection) in [("/a", 1), ("/b", 2), ("/a", 1)] {
        let answer = get(&client, &format!("{A}{path}")).await;
        assert_eq!(answer.report.realm.as_deref(), Some(path));
        assert_eq!(site.asked().last().unwrap().connection, connection);
    }
}

#[tokio::test]
async fn cant_6_a_host_field_for_another_host_is_never_authenticated() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client(Http::One);
    let url = format!("{A}/agents");
    assert_eq!(get(&client, &url).await.identity(), Some("agent"));

    for host in [
        "b.example.test",
        "a.example.test:80",
        "a.example.test:44300",
        // user information, before which some parsers stop
        "me@a.example.test",
        "b.example.test@a.example.test",
        // a name of its own, for some parsers
        "a.example.test.",
        "a.example.test:443, b.example.test",
        "https://a.example.test",
        "@",
        "",
    ] {
        let answer = read(client.request(with_host(&url, host)).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{host}");
        assert_eq!(answer.report.unanswered, Some(Unanswered::OtherHost), "{host}");
        assert_eq!(site.asked().last().unwrap().certificate, None, "{host}");
    }
    for host in ["a.example.test", "A.EXAMPLE.test", "a.example.test:443", "a.example.test:"] {
        let answer = read(client.request(with_host(&url, host)).await.unwrap()).await;
        assert_eq!(answer.identity(), Some("agent"), "{host}");
    }
}

#[tokio::test]
async fn later_requests_of_a_protection_space_go_there_at_once() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client = world.client(http);
        for (path, identity, sent) in [
            ("/agents/1", Some("agent"), 2),
            ("/agents/1", Some("agent"), 1),
            ("/agents/1/notes", Some("agent"), 1),
            // not below the challenged path, so it is sent without a certificate first
            ("/agents/2", Some("agent"), 2),
            ("/agents/2", Some("agent"), 1),
            ("/", None, 1),
            ("/agents/1", Some("agent"), 1),
        ] {
            let answer = get(&client, &format!("{A}{path}")).await;
            assert_eq!((answer.identity(), answer.report.sent), (identity, sent), "{path}");
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
        assert_eq!(site.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_realm_inside_another_has_its_own_connection() {
    let mut world = World::new();
    let (any, staff) = (world.agents(), world.staff());
    let boss = world.pki.boss.chain[0].clone();
    let site = world.site(A, move |asked| match &asked.certificate {
        Some(certificate) if asked.path != "/staff" || *certificate == boss => {
            say(StatusCode::OK, "welcome")
        }
        _ if asked.path == "/staff" => challenge(&staff),
        _ => challenge(&any),
    });
    let client = world.client(Http::Two);
    for (path, identity, sent) in [
        ("/", "agent", 2),
        // a path below it uses that connection, and is challenged again, in another realm
        ("/staff", "boss", 2),
        // from then on, the most specific path decides
        ("/staff", "boss", 1),
        ("/", "agent", 1),
    ] {
        let answer = get(&client, &format!("{A}{path}")).await;
        assert_eq!((answer.identity(), answer.report.sent), (Some(identity), sent), "{path}");
    }
    assert_eq!(site.seen().len(), 3);
}

#[tokio::test]
async fn a_path_that_changed_to_another_realm_keeps_it() {
    let mut world = World::new();
    let (agents, staff) = (world.agents(), world.staff());
    let boss = world.pki.boss.chain[0].clone();
    let moved = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let has_moved = moved.clone();
    world.site(A, move |asked| {
        let of_staff = asked.path == "/x" && has_moved.load(std::sync::atomic::Ordering::SeqCst);
        match &asked.certificate {
            Some(certificate) if !of_staff || *certificate == boss => say(StatusCode::OK, ""),
            _ if of_staff => challenge(&staff),
            _ => challenge(&agents),
        }
    });
    let client = world.client(Http::Two);
    let sent = async |path: &str| get(&client, &format!("{A}{path}")).await.report.sent;
    assert_eq!((sent("/x").await, sent("/y").await), (2, 2));
    moved.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!((sent("/x").await, sent("/y").await), (2, 1));
    assert_eq!((sent("/x").await, sent("/y").await, sent("/x").await), (1, 1, 1));
}

#[tokio::test]
async fn a_realm_that_asks_for_another_identity_gets_another_connection() {
    let mut world = World::new();
    let agents = world.agents();
    let staff = world.staff().with_realm("agents").unwrap();
    let boss = world.pki.boss.chain[0].clone();
    let site = world.site(A, move |asked| match &asked.certificate {
        Some(certificate) if asked.path != "/staff" || *certificate == boss => {
            say(StatusCode::OK, "welcome")
        }
        _ if asked.path == "/staff" => challenge(&staff),
        _ => challenge(&agents),
    });
    let client = world.client(Http::Two);
    assert_eq!(get(&client, &format!("{A}/a")).await.identity(), Some("agent"));
    let answer = get(&client, &format!("{A}/staff")).await;
    assert_eq!((answer.identity(), answer.report.sent), (Some("boss"), 2));
    // The realm has it now, and it suits challenges that accept either.
    assert_eq!(get(&client, &format!("{A}/a")).await.identity(), Some("boss"));
    assert_eq!(site.seen().len(), 3);
}

#[tokio::test]
async fn sessions_are_not_taken_from_one_kind_of_connection_to_another() {
    // A ticket of an authenticated connection would authenticate the connection that resumes.
    let mut world = World::new();
    let site = world.usual_site(A);
    let credentials = rustls_ext::http::client::Credentials::new()
        .with(identity("agent", &world.pki.agent).for_any_host())
        .unwrap();
    let mut limits = Limits::default();
    limits.origins = 1;
    let other = world.usual_site(B);
    let client = world.client_with(Http::Two, credentials, limits);
    for _ in 0..3 {
        assert_eq!(get(&client, &format!("{A}/agents")).await.report.sent, 2);
        // which makes the client forget the first
        get(&client, &format!("{B}/")).await;
    }
    let certificates: Vec<_> = site.seen().iter().map(|seen| seen.certificate.is_some()).collect();
    assert_eq!(certificates, [false, true, false, true, false, true]);
    let certificates: Vec<_> = other.seen().iter().map(|seen| seen.certificate.is_some()).collect();
    assert_eq!(certificates, [false, false, false]);
}

#[tokio::test]
async fn cant_6_the_same_holds_beside_an_authority() {
    // Over HTTP/2, `:authority` is the URI's, and servers differ in which of the two they use.
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client(Http::Two);
    let url = format!("{A}/agents");
    let answer = read(client.request(with_host(&url, "b.example.test")).await.unwrap()).await;
    assert_eq!(answer.report.unanswered, Some(Unanswered::OtherHost));
    let mut request = with_host(&url, "a.example.test");
    request.headers_mut().append(HOST, "b.example.test".parse().unwrap());
    let answer = read(client.request(request).await.unwrap()).await;
    assert_eq!(answer.report.unanswered, Some(Unanswered::OtherHost));
    let offers: Vec<_> = site.seen().iter().map(|seen| seen.offered).collect();
    assert_eq!(offers, [false]);
}

#[tokio::test]
async fn cant_6_a_name_with_a_final_dot_is_another_host() {
    let mut world = World::new();
    let site = world.usual_site(A);
    world.put(&format!("{A}."), &site);
    let client = world.client(Http::Two);
    assert_eq!(get(&client, &format!("{A}/agents")).await.identity(), Some("agent"));
    let answer = get(&client, &format!("{A}./agents")).await;
    assert_eq!((answer.status, answer.identity()), (StatusCode::UNAUTHORIZED, None));
    assert!(matches!(answer.report.unanswered, Some(Unanswered::NoIdentity { .. })));
    assert_eq!(site.seen().len(), 3);
}

#[tokio::test]
async fn user_information_in_a_uri_is_never_sent() {
    for http in BOTH {
        let mut world = World::new();
        let site = world.usual_site(A);
        let client = world.client(http);
        let answer = get(&client, "https://b.example.test@a.example.test/agents").await;
        assert_eq!(answer.identity(), Some("agent"));
        let hosts: Vec<_> = site.asked().into_iter().map(|asked| asked.host).collect();
        assert_eq!(hosts, ["a.example.test"; 2]);
        assert_eq!(get(&client, &format!("{A}/agents")).await.report.sent, 1);
    }
}
