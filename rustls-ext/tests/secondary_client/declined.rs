//! Requests that are answered with an empty authenticator, or not at all.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;
use rustls_ext::authenticator::{Endpoint, Misfit, Request};
use rustls_ext::http::client::{ClientIdentity, Credentials, NotChosen, Unanswered, WhyNotShown};

use super::common::provider;
use super::site::Need;
use super::world::{A, B, Read, World, get, identity};

/// Why no identity was shown, for the only request.
fn considered(page: &Read) -> Vec<(&str, NotChosen)> {
    assert!(page.shown().is_empty());
    match &page.report.declined[..] {
        [declined] => match &declined.why {
            WhyNotShown::NoIdentity(considered) => {
                considered.iter().map(|it| (&*it.identity, it.why)).collect()
            }
            why => panic!("{why}"),
        },
        declined => panic!("{declined:?}"),
    }
}

/// The page `/agents` of a site that needs this certificate, for the agent.
async fn page_that_needs(world: &mut World, request: Request) -> Read {
    let need = Need { request: Some(request), challenge: None, ..world.agents() };
    let site = world.site(A, |site| site.needs = Box::new(move |_| Some(need.clone())));
    let agent = identity("agent", &world.pki.agent).for_any_host();
    let client = world.builder(Credentials::new().with(agent).unwrap()).build();
    let page = get(&client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (401, None, 1));
    assert_eq!(site.log.count(), 1);
    assert_eq!(site.log.connection(0).answers, [None]);
    page
}

#[tokio::test]
async fn ea_6_an_identity_of_another_authority_is_not_shown() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let boss = identity("boss", &world.pki.boss).for_any_host();
    let client = world.builder(Credentials::new().with(boss).unwrap()).build();
    let page = get(&client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (401, None, 1));
    assert_eq!(considered(&page), [("boss", NotChosen::Misfit(Misfit::Authority))]);
    assert!(matches!(page.report.unanswered, Some(Unanswered::NoIdentity { .. })));
    // Declined, and on the connection that stays open.
    assert_eq!(site.log.connection(0).answers, [None]);
    assert_eq!(get(&client, A).await.summary(), (200, None, 1));
    assert_eq!(site.log.count(), 1);
}

#[tokio::test]
async fn ea_6_an_identity_without_the_requested_usage_is_not_shown() {
    // Extended key usage with clientAuth, which the certificate does not have.
    let usage = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
    let filter = [&[5, 6, 3, 0x55, 0x1d, 37, 0, 12][..], &usage].concat();
    let body = [&[0, u8::try_from(filter.len()).unwrap()][..], &filter].concat();
    let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
    let request = Request::new(Endpoint::Server, &schemes, &[(48, &body)], &provider()).unwrap();
    let page = page_that_needs(&mut World::new(), request).await;
    assert_eq!(considered(&page), [("agent", NotChosen::Misfit(Misfit::OidFilter))]);
}

#[tokio::test]
async fn ea_7_an_identity_whose_key_has_no_requested_scheme_is_not_shown() {
    let schemes = [SignatureScheme::ED25519];
    let request = Request::new(Endpoint::Server, &schemes, &[], &provider()).unwrap();
    let page = page_that_needs(&mut World::new(), request).await;
    assert_eq!(considered(&page), [("agent", NotChosen::Misfit(Misfit::Scheme))]);
}

#[tokio::test]
async fn scc_15_an_identity_is_never_shown_to_a_host_that_it_is_not_for() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let agent = identity("agent", &world.pki.agent).for_host("b.example.test").unwrap();
    let boss = identity("boss", &world.pki.boss).for_host("a.example.test").unwrap();
    let credentials = Credentials::new().with(agent).unwrap().with(boss).unwrap();
    let client = world.builder(credentials).build();
    let page = get(&client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (401, None, 1));
    let misfit = NotChosen::Misfit(Misfit::Authority);
    assert_eq!(considered(&page), [("agent", NotChosen::NotForHost), ("boss", misfit)]);
    assert_eq!(site.log.connection(0).answers, [None]);
}

#[tokio::test]
async fn scc_15_nothing_is_announced_to_a_host_that_may_see_no_identity() {
    let mut world = World::new();
    // One server with one certificate that covers both.
    let site = world.usual_site(A);
    world.put(B, &site);
    let agent = identity("agent", &world.pki.agent).for_host("a.example.test").unwrap();
    let client = world.builder(Credentials::new().with(agent).unwrap()).build();
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (200, Some("agent"), 1));
    let page = get(&client, &format!("{B}/agents")).await;
    assert_eq!(page.summary(), (401, None, 1));
    assert!(page.report.declined.is_empty());
    let connections = site.log.connections.lock().unwrap().clone();
    let settings: Vec<_> = connections.iter().map(|connection| connection.setting).collect();
    assert_eq!(settings, [Some(2), None]);
}

#[tokio::test]
async fn scc_15_nothing_is_shown_or_announced_to_an_unverified_server() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let mut tls = world.client_tls();
    let roots = Arc::new(world.pki.agents.roots());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
    tls.dangerous().set_certificate_verifier(verifier.unwrap());
    let client = world.builder_over(tls, world.credentials()).build();
    let refused = super::world::try_get(&client, &format!("{A}/agents")).await;
    assert!(matches!(refused, Err(rustls_ext::http::hyper::Error::Connect(_))));
    let connections = site.log.connections.lock().unwrap().clone();
    assert!(connections.iter().all(|connection| connection.error.is_some()));
}

#[tokio::test]
async fn an_expired_identity_is_neither_announced_nor_shown() {
    let mut world = World::new();
    let site = world.usual_site(A);
    let mut params = rcgen::CertificateParams::new(vec!["agent".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let expired = identity("old", &world.pki.agents.sign(params)).for_any_host();
    let client = world.builder(Credentials::new().with(expired.clone()).unwrap()).build();
    assert_eq!(get(&client, &format!("{A}/agents")).await.summary(), (401, None, 1));
    assert_eq!(site.log.connection(0).setting, None);

    let boss = identity("boss", &world.pki.boss).for_any_host();
    let credentials = Credentials::new().with(expired).unwrap().with(boss).unwrap();
    let page = get(&world.builder(credentials).build(), &format!("{A}/agents")).await;
    let misfit = NotChosen::Misfit(Misfit::Authority);
    assert_eq!(considered(&page), [("old", NotChosen::Expired), ("boss", misfit)]);
}

#[tokio::test]
async fn scc_12_an_authenticator_longer_than_the_server_s_frames_is_not_sent() {
    let mut world = World::new();
    let site = world.site(A, |site| {
        let needs = std::mem::replace(&mut site.needs, Box::new(|_| None));
        site.needs = Box::new(move |path| Some(Need { challenge: None, ..needs(path)? }));
    });
    let leaf = &world.pki.agent;
    let chain = [&leaf.chain[..], &vec![world.pki.agents.der.clone(); 50]].concat();
    let key = CertifiedKey::from_der(chain, leaf.key(), &provider()).unwrap();
    let agent = ClientIdentity::new("agent", Arc::new(key)).unwrap().for_any_host();
    let client = world.builder(Credentials::new().with(agent).unwrap()).build();
    let page = get(&client, &format!("{A}/agents")).await;
    assert_eq!(page.summary(), (401, None, 1));
    assert_eq!(site.log.connection(0).answers, [None]);
    match &page.report.declined[..] {
        [declined] => match declined.why {
            WhyNotShown::TooLong { length, most: 16_384 } => assert!(length > 16_384),
            ref why => panic!("{why:?}"),
        },
        declined => panic!("{declined:?}"),
    }
}
