//! Which requests travel on a connection on which an identity was proved.

use http::Request;
use http::header::HOST;
use http_body_util::Empty;
use rustls_ext::authenticator::Misfit;
use rustls_ext::http::client::{NotChosen, Unanswered, WhyNotShown};

use super::world::{A, World, get, read};

/// The numbers of the connections of all requests so far.
fn connections(site: &super::site::Site) -> Vec<usize> {
    site.log.pages().into_iter().map(|(connection, _)| connection).collect()
}

#[tokio::test]
async fn a_public_request_does_not_travel_on_an_identity_s_connection() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    for (path, identity) in [
        ("/", None),
        ("/agents", Some("agent")),
        ("/", None),
        ("/agents", Some("agent")),
        ("/", None),
    ] {
        let page = get(&client, &format!("{A}{path}")).await;
        assert_eq!(page.summary(), (200, identity, 1), "{path}");
    }
    assert_eq!(connections(&site), [0, 0, 1, 0, 1]);
    assert!(site.log.connection(1).answers.is_empty());
    // It announces, too.
    assert_eq!(site.log.connection(1).setting, Some(2));
}

#[tokio::test]
async fn two_identities_have_two_connections() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    for (path, identity) in
        [("/agents", "agent"), ("/staff", "boss"), ("/agents", "agent"), ("/staff", "boss")]
    {
        let page = get(&client, &format!("{A}{path}")).await;
        assert_eq!(page.summary(), (200, Some(identity), 1), "{path}");
        assert_eq!(page.shown(), [identity]);
    }
    assert_eq!(connections(&site), [0, 1, 0, 1]);
}

#[tokio::test]
async fn a_page_beside_a_known_one_is_requested_without_the_identity_first() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    for path in ["/agents/1", "/agents/2", "/agents/1", "/agents/2"] {
        let page = get(&client, &format!("{A}{path}")).await;
        assert_eq!(page.summary(), (200, Some("agent"), 1), "{path}");
    }
    // The newer connection replaces the older one.
    assert_eq!(connections(&site), [0, 1, 1, 1]);
}

#[tokio::test]
async fn a_connection_of_one_identity_shows_no_other() {
    let mut world = World::new();
    let (agents, staff) = (world.agents(), world.staff());
    let site = world.site(A, |site| {
        site.needs = Box::new(move |path| match path {
            "/agents/boss" => Some(staff.clone()),
            _ => Some(agents.clone()),
        });
    });
    let client = world.client();
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    // Declined there, so that the server sends a challenge, which another connection answers.
    let page = get(&client, &format!("{A}/agents/boss")).await;
    assert_eq!(page.summary(), (200, Some("boss"), 2));
    assert_eq!(page.report.realm.as_deref(), Some("staff"));
    assert_eq!(connections(&site), [0, 0, 1]);
    let agent = Some(world.pki.agent.chain[0].clone());
    assert_eq!(site.log.connection(0).answers, [agent, None]);
    let connection = site.log.connection(1);
    assert_eq!(connection.handshake, world.pki.boss.chain.first().cloned());
    assert!(connection.answers.is_empty());

    let page = get(&client, &format!("{A}/agents")).await;
    let [declined] = &page.report.declined[..] else { panic!("{:?}", page.report) };
    let WhyNotShown::NoIdentity(considered) = &declined.why else { panic!("{declined}") };
    let considered: Vec<_> = considered.iter().map(|it| (&*it.identity, it.why)).collect();
    let misfit = NotChosen::Misfit(Misfit::Authority);
    assert_eq!(considered, [("agent", misfit), ("boss", NotChosen::OtherIdentity)]);
}

#[tokio::test]
async fn a_challenge_for_an_identity_that_was_just_proved_is_answered_on_the_same_connection() {
    let mut world = World::new();
    let site = world.site(A, |site| site.challenged_once = Some("/agents"));
    let client = world.client();
    let page = get(&client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (200, Some("agent"), 2));
    assert!(page.report.challenged);
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    assert_eq!(connections(&site), [0, 0, 0]);
    assert_eq!(site.log.count(), 1);
}

#[tokio::test]
async fn a_challenge_on_an_identity_s_connection_is_answered_by_a_reconnect() {
    let mut world = World::new();
    let site = world.site(A, |site| site.challenged_once = Some("/agents/again"));
    let client = world.client();
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    let page = get(&client, &format!("{A}/agents/again")).await;
    assert_eq!(page.summary(), (200, Some("agent"), 2));
    assert_eq!(page.report.realm.as_deref(), Some("agents"));
    assert_eq!(connections(&site), [0, 0, 1]);
    assert_eq!(site.log.connection(1).handshake, world.pki.agent.chain.first().cloned());
}

#[tokio::test]
async fn cant_6_a_host_field_for_another_host_is_never_authenticated() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.client();
    for known in [false, true] {
        let request = Request::get(format!("{A}/agents")).header(HOST, "b.example.test");
        let request = request.body(Empty::new()).unwrap();
        let page = read(client.request(request).await.unwrap()).await;
        assert_eq!(page.summary(), (401, None, 1));
        assert_eq!(page.report.unanswered, Some(Unanswered::OtherHost));
        if !known {
            get(&client, &format!("{A}/agents")).await;
        }
    }
    assert_eq!(connections(&site), [0, 1, 0]);
    // The server cannot request a certificate there.
    assert_eq!(site.log.connection(0).setting, None);
}
