//! Where certificates cannot be requested on open connections, challenges are answered as always.

use rustls_ext::http::client::{Credentials, Unanswered};
use rustls_ext::http::hyper::Client;

use super::site::Site;
use super::world::{A, World, get};

/// The usual reconnect: what the site needs is asked for by a challenge.
async fn reconnects(world: &World, site: &Site, client: &super::world::Own) {
    let page = get(client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (200, Some("agent"), 2));
    assert_eq!(page.report.realm.as_deref(), Some("agents"));
    assert!(page.report.challenged && !page.report.is_shown_after_handshake());
    assert!(page.shown().is_empty() && page.report.declined.is_empty());
    assert_eq!(site.log.count(), 2);
    let certificates: Vec<_> = (0..2).map(|n| site.log.connection(n).handshake).collect();
    assert_eq!(certificates, [None, world.pki.agent.chain.first().cloned()]);
}

#[tokio::test]
async fn a_server_without_the_setting_sends_a_challenge() {
    let mut world = World::new();
    let site = world.site(A, |site| site.announces = 0);
    reconnects(&world, &site, &world.client()).await;
}

#[tokio::test]
async fn scc_1_a_client_that_is_told_not_to_announces_nothing() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client: Client<_> = world.builder(world.credentials()).secondary(None).build();
    reconnects(&world, &site, &client).await;
    assert_eq!(site.log.connection(0).setting, None);
}

#[tokio::test]
async fn nothing_is_announced_over_http_1() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let mut tls = world.client_tls();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = world.builder_over(tls, world.credentials()).build();
    reconnects(&world, &site, &client).await;
}

#[tokio::test]
async fn ea_12_nothing_is_announced_under_tls_1_2() {
    let mut world = World::new();
    let mut tls = world.pki.client_config(
        None,
        rustls_ext::ClientAuthOffer::default(),
        &[&rustls::version::TLS12],
    );
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let site = world.usual_site(A);
    let credentials = world.credentials().certificate_under_tls12(true);
    let client = world.builder_over(tls, credentials).build();
    let page = get(&client, A).await;
    assert_eq!(page.summary(), (200, None, 1));
    assert_eq!(site.log.connection(0).setting, None);
}

#[tokio::test]
async fn scc_15_nothing_is_announced_over_http() {
    let origin = "http://a.example.test";
    let mut world = World::new();
    world.without_tls(origin);
    let client = world.client();
    let page = get(&client, &format!("{origin}/agents")).await;
    assert_eq!(page.summary(), (401, None, 1));
    assert_eq!(page.report.unanswered, Some(Unanswered::Insecure));
    assert!(page.shown().is_empty() && page.report.declined.is_empty());
}

#[tokio::test]
async fn a_client_without_identities_announces_nothing() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let client = world.builder(Credentials::new()).build();
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (401, None, 1));
    assert_eq!(site.log.connection(0).setting, None);
}
