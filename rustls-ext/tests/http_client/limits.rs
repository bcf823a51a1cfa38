//! Limits on remembered data.

use http::StatusCode;
use rustls_ext::http::client::Limits;

use super::site::{challenge, say};
use super::world::{A, Http, World, get};

#[tokio::test]
async fn origins_that_were_not_used_for_longest_are_forgotten_with_their_connections() {
    let mut world = World::new();
    let origins = [1, 2, 3].map(|n| format!("https://{n}.example.test"));
    let sites = origins.each_ref().map(|origin| world.usual_site(origin));
    let mut limits = Limits::default();
    limits.origins = 2;
    let client = world.client_with(Http::Two, world.credentials(), limits);
    let sent = async |origin: &str| get(&client, &format!("{origin}/agents")).await.report.sent;
    let [one, two, three] = &origins;
    assert_eq!((sent(one).await, sent(two).await), (2, 2));
    assert_eq!((sent(one).await, sent(two).await, sent(one).await), (1, 1, 1));
    assert_eq!(sent(three).await, 2);
    // The second is forgotten, with its connections; the first is not.
    assert_eq!((sent(one).await, sites[0].seen().len()), (1, 2));
    assert_eq!((sent(two).await, sites[1].seen().len()), (2, 4));
}

#[tokio::test]
async fn protection_spaces_and_paths_are_forgotten_too() {
    let mut world = World::new();
    let agents = world.agents();
    // The realm is the first segment of the path.
    let site = world.site(A, move |asked| match &asked.certificate {
        Some(_) => say(StatusCode::OK, ""),
        None => {
            let realm = asked.path.split('/').nth(1).unwrap();
            challenge(&agents.clone().with_realm(realm).unwrap())
        }
    });
    let mut limits = Limits::default();
    (limits.spaces_per_origin, limits.paths_per_space) = (2, 2);
    let client = world.client_with(Http::Two, world.credentials(), limits);
    let sent = async |path: &str| get(&client, &format!("{A}{path}")).await.report.sent;

    // paths: the connection is the same, so a forgotten path costs only a challenge
    assert_eq!((sent("/a/1").await, sent("/a/2").await, sent("/a/3").await), (2, 2, 2));
    assert_eq!((sent("/a/2").await, sent("/a/3").await, sent("/a/1").await), (1, 1, 2));
    assert_eq!(site.seen().len(), 2);

    // protection spaces, with their connections
    assert_eq!((sent("/b").await, sent("/c").await), (2, 2));
    assert_eq!(site.seen().len(), 4);
    assert_eq!((sent("/b").await, sent("/c").await, sent("/a/1").await), (1, 1, 2));
    assert_eq!(site.seen().len(), 5);
}

#[tokio::test]
async fn limits_of_nothing_still_let_requests_through() {
    let mut world = World::new();
    world.usual_site(A);
    let mut limits = Limits::default();
    (limits.origins, limits.spaces_per_origin) = (0, 0);
    (limits.paths_per_space, limits.connections_per_space) = (0, 0);
    for http in super::world::BOTH {
        let client = world.client_with(http, world.credentials(), limits.clone());
        assert_eq!(get(&client, &format!("{A}/agents")).await.status, StatusCode::OK);
    }
}
