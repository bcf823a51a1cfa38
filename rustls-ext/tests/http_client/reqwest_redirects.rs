//! Redirects, which reqwest follows itself.

use http::StatusCode;
use http::header::{AUTHORIZATION, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, Request};
use rustls_ext::http::client::Unanswered;
use rustls_ext::http::reqwest::Client;

use super::over_reqwest::{client, get, report, url};
use super::site::{Answer, ReceivedRequest, Site, challenge, say};
use super::world::{Http, World};

/// A redirect to this URL.
fn go(to: impl std::fmt::Display) -> Answer {
    say(StatusCode::FOUND, "").with(LOCATION, to.to_string())
}

/// A site that challenges, and then redirects agents to `to`.
fn sends_agents_to(world: &mut World, to: String) -> std::sync::Arc<Site> {
    let agents = world.agents();
    world.site("", move |asked: &ReceivedRequest| match (&*asked.path, &asked.certificate) {
        ("/agents", None) => challenge(&agents),
        ("/agents", Some(_)) => go(&to),
        _ => say(StatusCode::OK, "arrived"),
    })
}

#[tokio::test]
async fn cant_1_a_redirect_to_http_is_not_followed_from_an_authenticated_connection() {
    let mut world = World::new();
    let agents = world.agents();
    let clear =
        Site::new(None, world.request_from_clients_that_offer(), move |_| challenge(&agents));
    let clear_url = format!("http://a.example.test:{}/", clear.listen().await);
    let site = sends_agents_to(&mut world, clear_url.clone());
    let client = client(&world, Http::Two);
    let url = url("a.example.test", site.listen().await, "/agents");
    let response = client.execute(get(&url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], *clear_url);
    assert_eq!(report(&response).identity.as_deref(), Some("agent"));
    assert_eq!(clear.seen().len(), 0);

    // If the caller requests it, that is without a certificate, and a challenge is not answered.
    let response = client.execute(get(&clear_url.parse().unwrap())).await.unwrap();
    assert_eq!(report(&response).unanswered, Some(Unanswered::Insecure));
    assert_eq!((clear.seen().len(), clear.asked().len()), (1, 1));
}

#[tokio::test]
async fn cant_1_a_redirect_to_http_leads_to_no_answer() {
    let mut world = World::new();
    let agents = world.agents();
    let clear =
        Site::new(None, world.request_from_clients_that_offer(), move |_| challenge(&agents));
    let clear_url = format!("http://a.example.test:{}/", clear.listen().await);
    let site = world.site("", move |_| go(&clear_url));
    let url = url("a.example.test", site.listen().await, "/");
    let response = client(&world, Http::Two).execute(get(&url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(report(&response).unanswered, Some(Unanswered::Insecure));
    assert_eq!((clear.seen().len(), clear.asked().len()), (1, 1));
}

#[tokio::test]
async fn cant_6_a_redirect_to_another_origin_is_not_followed_from_an_authenticated_connection() {
    for host in ["b.example.test", "a.example.test"] {
        let mut world = World::new();
        let elsewhere = world.usual_site("elsewhere");
        let there = url(host, elsewhere.listen().await, "/");
        let site = sends_agents_to(&mut world, there.to_string());
        let url = url("a.example.test", site.listen().await, "/agents");
        let response = client(&world, Http::Two).execute(get(&url)).await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(report(&response).unanswered, None);
        assert_eq!(elsewhere.seen().len(), 0);
    }
}

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed_as_configured() {
    for (policy, status, path) in [
        (Policy::default(), StatusCode::OK, "/home"),
        (Policy::none(), StatusCode::FOUND, "/agents"),
    ] {
        let mut world = World::new();
        let site = sends_agents_to(&mut world, "/home".into());
        let url = url("a.example.test", site.listen().await, "/agents");
        let client = Client::builder(world.client_tls(Http::Two), world.credentials())
            .configure(|b| b.resolve("a.example.test", ([127, 0, 0, 1], 0).into()))
            .redirect(policy)
            .build()
            .unwrap();
        let response = client.execute(get(&url)).await.unwrap();
        assert_eq!((response.status(), response.url().path()), (status, path));
        assert_eq!(report(&response).identity.as_deref(), Some("agent"));
        assert_eq!(site.asked().last().unwrap().path, path);
        assert!(site.asked().last().unwrap().certificate.is_some());
    }
}

#[tokio::test]
async fn a_redirect_to_a_challenge_is_answered_there() {
    let mut world = World::new();
    let there = world.usual_site("there");
    let to = url("b.example.test", there.listen().await, "/agents");
    let location = to.clone();
    let here = world.site("here", move |_| go(&location));
    let url = url("a.example.test", here.listen().await, "/");
    let client = client(&world, Http::Two);
    let mut request = get(&url);
    request.headers_mut().insert(AUTHORIZATION, "Bearer of-here".parse().unwrap());
    let response = client.execute(request).await.unwrap();
    assert_eq!((response.status(), response.url()), (StatusCode::OK, &to));
    assert_eq!((report(&response).sent, report(&response).challenged), (2, true));
    assert_eq!(report(&response).identity.as_deref(), Some("agent"));
    assert_eq!((here.asked().len(), there.asked().len()), (1, 2));
    assert_eq!(here.seen().len(), 1);
    assert!(here.asked()[0].authorization.is_some());
    assert!(there.asked().iter().all(|asked| asked.authorization.is_none()));
}

#[tokio::test]
async fn a_post_that_was_redirected_to_a_challenge_is_not_sent_again() {
    let mut world = World::new();
    let agents = world.agents();
    let site = world.site("", move |asked| match (&*asked.path, &asked.certificate) {
        // The request is answered, regardless of the next response.
        ("/orders", _) => say(StatusCode::SEE_OTHER, "").with(LOCATION, "/agents"),
        (_, None) => challenge(&agents),
        (_, Some(_)) => say(StatusCode::OK, "your order"),
    });
    let client = client(&world, Http::Two);
    let url = url("a.example.test", site.listen().await, "/orders");
    let mut request = Request::new(Method::POST, url.clone());
    *request.body_mut() = Some("one of each".into());
    let response = client.execute(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(report(&response).unanswered, Some(Unanswered::Redirected));
    let orders = site.asked().into_iter().filter(|asked| asked.path == "/orders");
    assert_eq!(orders.count(), 1);
    // The caller knows the URL of the next request, and is authenticated there.
    let response = client.execute(get(response.url())).await.unwrap();
    assert_eq!((response.status(), report(&response).sent), (StatusCode::OK, 1));
}

#[tokio::test]
async fn cant_6_a_foreign_host_field_gets_no_certificate_behind_a_redirect_either() {
    // The first redirect is to the same origin, the second to the origin that the field names.
    for to_other in [false, true] {
        let mut world = World::new();
        let there = world.usual_site("there");
        let port = there.listen().await;
        let to = url(if to_other { "b.example.test" } else { "a.example.test" }, port, "/agents");
        let location = to.clone();
        let start = world.site("start", move |_| go(&location));
        let start_port = if to_other { start.listen().await } else { port };
        let (url, host) = if to_other {
            // The field is right for the first URL, so reqwest sends it to the next one, too.
            (url("a.example.test", start_port, "/"), format!("a.example.test:{start_port}"))
        } else {
            (url("b.example.test", start.listen().await, "/"), "b.example.test".to_owned())
        };
        let client = client(&world, Http::One);
        let mut request = get(&url);
        request.headers_mut().insert(http::header::HOST, host.parse().unwrap());
        let response = client.execute(request).await.unwrap();
        assert_eq!(*response.url(), to);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(report(&response).unanswered, Some(Unanswered::OtherHost));
        let certificates: Vec<_> =
            there.seen().iter().map(|seen| seen.certificate.is_some()).collect();
        assert_eq!(certificates, [false]);
    }
}

#[tokio::test]
async fn cant_6_a_foreign_host_field_gets_no_certificate_behind_a_redirect_within_an_origin() {
    let mut world = World::new();
    let agents = world.agents();
    let site =
        world.site("", move |asked: &ReceivedRequest| match (&*asked.path, &asked.certificate) {
            ("/start", _) => go("/agents"),
            (_, None) => challenge(&agents),
            (_, Some(_)) => say(StatusCode::OK, "in"),
        });
    let port = site.listen().await;
    let client = client(&world, Http::One);
    for path in ["/start", "/agents"] {
        for host in ["b.example.test", "a.example.test", "me@a.example.test", "a.example.test."] {
            let host =
                if host == "a.example.test" { host.into() } else { format!("{host}:{port}") };
            let mut request = get(&url("a.example.test", port, path));
            request.headers_mut().insert(http::header::HOST, host.parse().unwrap());
            let response = client.execute(request).await.unwrap();
            assert_eq!(report(&response).unanswered, Some(Unanswered::OtherHost), "{path} {host}");
            assert_eq!(report(&response).identity, None);
        }
        let own = format!("A.Example.test:{port}");
        let mut request = get(&url("a.example.test", port, path));
        request.headers_mut().insert(http::header::HOST, own.parse().unwrap());
        let response = client.execute(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}
