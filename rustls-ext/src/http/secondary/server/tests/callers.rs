//! What requests see: hosts, ages, reloads and revocation.

use rustls::CertificateError;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

use super::*;
use crate::{RevocationList, Rule};

const HOUR: u64 = 3600;

#[tokio::test(start_paused = true)]
async fn a_request_sees_what_was_proved_when_it_was_admitted_and_what_it_asked_for() {
    let fixture = Fixture::announced(both(), 1);
    let early = fixture.caller("www.example");
    fixture.prove("users", &PKI.user).await;
    fixture.prove("devices", &PKI.device).await;
    assert!(early.identity("users").is_none());
    assert_eq!(name(early.ask("users").await), Ok("user".into()));
    assert_eq!(name(early.require("users")), Ok("user".into()));
    assert_eq!(early.clone().identity("users").unwrap().scope(), "users");
    assert!(early.identity("devices").is_none());
    let late = fixture.caller("www.example");
    assert!(late.identity("users").is_some() && late.identity("devices").is_some());
    assert_eq!(fixture.sent(), []);
}

/// Coalescing: the proof is for the connection, but the rules of each host decide.
#[tokio::test(start_paused = true)]
async fn scc_10_a_proof_counts_only_for_hosts_that_may_ask_for_its_scope() {
    let policy = || {
        builder()
            .rule(Rule::when().server_name("login.example").offered(true).request("users"))
            .post_handshake(PostHandshake::when_needed("users").host("www.example"))
    };
    let fixture = Fixture::announced(policy(), 1);
    fixture.prove("users", &PKI.user).await;
    assert_eq!(name(fixture.caller("www.example").require("users")), Ok("user".into()));
    // This host may ask in a handshake.
    assert_eq!(name(fixture.caller("login.example").require("users")), Ok("user".into()));
    // This one never asks.
    let other = fixture.caller("other.example");
    assert!(other.identity("users").is_none());
    assert_eq!(name(other.require("users")), Err(Denied::Misdirected));
    assert_eq!(name(other.ask("users").await), Err(Denied::Misdirected));
    assert_eq!(name(other.ask("devices").await), Err(Denied::NeverAsked));
    assert_eq!(fixture.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_requires_the_scope_is_served_on_a_connection_that_has_proved_it() {
    let policy = users().rule(Rule::when().server_name("admin.example").require("users"));
    let fixture = Fixture::announced(policy, 1);
    let admit = || {
        let (parts, ()) = HttpRequest::get("https://admin.example/").body(()).unwrap().into_parts();
        let layer = CallerLayer::new(fixture.live.clone());
        layer.with_connection(fixture.info.clone()).admit(&parts).map(drop)
    };
    assert_eq!(admit(), Err(Denied::Misdirected));
    fixture.prove("users", &PKI.user).await;
    assert_eq!(admit(), Ok(()));
    // Older than the maximum age.
    fixture.clock.advance(365 * 24 * HOUR);
    assert_eq!(admit(), Err(Denied::Misdirected));
}

#[tokio::test(start_paused = true)]
async fn a_proof_counts_for_the_maximum_age_of_its_scope() {
    let age = Duration::from_secs(HOUR);
    let policy = Policy::builder()
        .provider(provider())
        .scope("users", anchors(&PKI.users).with_max_age(age))
        .otherwise(Verdict::None)
        .post_handshake(PostHandshake::when_needed("users"));
    let fixture = Fixture::announced(policy, 1);
    fixture.prove("users", &PKI.user).await;
    fixture.clock.advance(HOUR);
    assert!(fixture.info.identity("users").is_some());
    assert!(fixture.caller("www.example").identity("users").is_some());
    fixture.clock.advance(1);
    assert!(fixture.info.identity("users").is_none());
    assert!(fixture.info.identities().is_empty());
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    assert_eq!(fixture.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn with_the_option_a_client_is_asked_again() {
    let again = PostHandshake::when_needed("users").ask_again_after(Duration::from_secs(HOUR));
    let fixture = Fixture::announced(builder().post_handshake(again), 1);
    // A client that declined.
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(fixture.decline(&request)).unwrap();
    assert_unauthenticated(ask.await.unwrap());
    fixture.clock.advance(HOUR);
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    fixture.clock.advance(1);
    fixture.prove("users", &PKI.user).await;
    // A client that proved it.
    fixture.clock.advance(HOUR);
    assert_eq!(name(fixture.ask("users").await.unwrap()), Ok("user".into()));
    assert_eq!(fixture.sent(), []);
    fixture.clock.advance(1);
    assert!(fixture.caller("www.example").identity("users").is_none());
    fixture.prove("users", &PKI.user).await;
}

#[tokio::test(start_paused = true)]
async fn a_scope_or_host_that_is_removed_does_not_count_any_more() {
    let fixture = Fixture::announced(users(), 1);
    fixture.prove("users", &PKI.user).await;
    let caller = fixture.caller("www.example");
    // The host.
    fixture.reload(builder().post_handshake(PostHandshake::when_needed("users").host("a.example")));
    assert!(caller.identity("users").is_none());
    assert_eq!(name(caller.require("users")), Err(Denied::Misdirected));
    fixture.reload(users());
    assert_eq!(name(caller.require("users")), Ok("user".into()));
    // The scope.
    let without = Policy::builder()
        .provider(provider())
        .scope("devices", anchors(&PKI.devices))
        .otherwise(Verdict::None);
    fixture.reload(without);
    assert!(caller.identity("users").is_none());
    assert!(fixture.info.identity("users").is_none());
    assert_eq!(name(caller.require("users")), Err(Denied::UnknownScope { scope: "users".into() }));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_revoked_does_not_count_any_more() {
    let fixture = Fixture::announced(users(), 1);
    let traitor = PKI.users.client("traitor").unwrap();
    fixture.prove("users", &traitor).await;
    let revoke = |revoked: &[&IssuedCertificate]| {
        let pem = PKI.users.crl(revoked).unwrap();
        let list = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap();
        let lists = [RevocationList::from_der(list).unwrap()];
        Policy::builder()
            .provider(provider())
            .scope("users", anchors(&PKI.users).with_crls(lists))
            .otherwise(Verdict::None)
            .post_handshake(PostHandshake::when_needed("users"))
    };
    fixture.reload(revoke(&[]));
    assert_eq!(name(fixture.caller("www.example").require("users")), Ok("traitor".into()));
    fixture.reload(revoke(&[&traitor]));
    assert!(fixture.info.identity("users").is_none());
    assert_eq!(fixture.info.refusal("users"), Some(CertificateError::Revoked.into()));
    assert_eq!(name(fixture.ask("users").await.unwrap()), Err(Denied::Refused));
    assert_eq!(fixture.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_trusts_another_authority_accepts_an_earlier_proof() {
    let fixture = Fixture::announced(users(), 1);
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(fixture.force(&request, &PKI.device)).unwrap();
    assert_eq!(name(ask.await.unwrap()), Err(Denied::Refused));
    let policy = Policy::builder()
        .provider(provider())
        .scope("users", anchors(&PKI.devices))
        .otherwise(Verdict::None)
        .post_handshake(PostHandshake::when_needed("users"));
    fixture.reload(policy);
    assert_eq!(name(fixture.caller("www.example").require("users")), Ok("device".into()));
}

#[tokio::test(start_paused = true)]
async fn ea_14_a_certificate_that_expires_while_the_connection_is_open_does_not_count_any_more() {
    let fixture = Fixture::announced(users(), 1);
    let now = fixture.clock.current_time().unwrap().as_secs();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "brief");
    params.not_after = (std::time::UNIX_EPOCH + Duration::from_secs(now + 30)).into();
    let brief = PKI.users.sign(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    fixture.prove("users", &brief).await;
    fixture.clock.advance(30);
    assert!(fixture.info.identity("users").is_some());
    fixture.clock.advance(1);
    assert!(fixture.info.identity("users").is_none());
}
