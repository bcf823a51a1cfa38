//! What answers of clients do: SCC-7, SCC-9, SCC-11, EA-9 to EA-14.

use rustls::CertificateError;

use super::*;
use crate::authenticator::{AuthenticatorError, ContextError};
use crate::http::server::ProvedBy;

#[tokio::test(start_paused = true)]
async fn scc_9_a_valid_authenticator_authenticates_the_connection() {
    let fixture = Fixture::announced(users(), 1);
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(fixture.authenticate(&request, &PKI.user)).unwrap();
    let identity = ask.await.unwrap().unwrap();
    assert_eq!(identity.scope(), "users");
    assert_eq!(identity.proved_by(), ProvedBy::Authenticator);
    assert_eq!(Some(identity.authenticated_at()), fixture.clock.current_time());
    assert_eq!(identity.chain(), [PKI.user.der().clone()]);
    // SCC-10: it counts for later requests, which are not asked again.
    assert_eq!(name(fixture.ask("users").await.unwrap()), Ok("user".into()));
    assert_eq!(name(fixture.caller("www.example").require("users")), Ok("user".into()));
    assert_eq!(fixture.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn scc_11_identities_add_up_and_count_in_their_own_scopes() {
    let fixture = Fixture::announced(both(), 1);
    fixture.prove("devices", &PKI.device).await;
    assert!(fixture.info.identity("users").is_none());
    fixture.prove("users", &PKI.user).await;
    let scopes: Vec<_> = fixture.info.identities().iter().map(|it| it.scope().to_owned()).collect();
    assert_eq!(scopes, ["devices", "users"]);
    assert_eq!(name(fixture.caller("www.example").require("devices")), Ok("device".into()));
    assert_eq!(name(fixture.caller("www.example").require("users")), Ok("user".into()));
}

#[tokio::test(start_paused = true)]
async fn ea_10_a_client_that_declines_is_not_authenticated_and_not_asked_again() {
    let fixture = Fixture::announced(users(), 1);
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(fixture.decline(&request)).unwrap();
    assert_unauthenticated(ask.await.unwrap());
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    assert_eq!(fixture.sent(), []);
    assert_eq!(fixture.exchange.outbox().error(), None);
}

#[tokio::test(start_paused = true)]
async fn scc_9_a_chain_that_does_not_verify_ends_nothing_and_the_reason_is_kept() {
    let fixture = Fixture::announced(both(), 1);
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(fixture.force(&request, &PKI.stranger)).unwrap();
    assert_eq!(name(ask.await.unwrap()), Err(Denied::Refused));
    assert_eq!(fixture.info.refusal("users"), Some(CertificateError::UnknownIssuer.into()));
    assert_eq!(fixture.exchange.outbox().error(), None);
    assert_eq!(name(fixture.ask("users").await.unwrap()), Err(Denied::Refused));
    // The connection lives on.
    fixture.prove("devices", &PKI.device).await;
}

#[tokio::test(start_paused = true)]
async fn ea_14_an_expired_certificate_does_not_count() {
    let fixture = Fixture::announced(users(), 1);
    let expired = PKI.users.expired_client("late").unwrap();
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(fixture.authenticate(&request, &expired)).unwrap();
    assert_eq!(name(ask.await.unwrap()), Err(Denied::Refused));
    assert!(matches!(
        fixture.info.refusal("users"),
        Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
    ));
}

/// The error with which the connection ends after this answer to a request for "users"; nobody is
/// authenticated.
async fn broken(change: impl FnOnce(&Fixture, &Request) -> Vec<u8>) -> ConnectionError {
    let fixture = Fixture::announced(users(), 1);
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    fixture.answer(change(&fixture, &request)).unwrap();
    let error = fixture.error().await;
    assert_unauthenticated(ask.await.unwrap());
    assert_eq!(fixture.info.identities().len(), 0);
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    error
}

#[tokio::test(start_paused = true)]
async fn ea_9_a_changed_mac_ends_the_connection() {
    let error = broken(|fixture, request| {
        let mut answer = fixture.authenticate(request, &PKI.user);
        *answer.last_mut().unwrap() ^= 1;
        answer
    });
    assert_eq!(error.await, ConnectionError::Authenticator(AuthenticatorError::Mac));
}

#[tokio::test(start_paused = true)]
async fn ea_13_an_authenticator_of_another_connection_ends_the_connection() {
    let error = broken(|_, request| {
        let other = Fixture::announced(users(), 1);
        other.authenticate(request, &PKI.user)
    });
    assert_eq!(error.await, ConnectionError::Authenticator(AuthenticatorError::Mac));
}

#[tokio::test(start_paused = true)]
async fn ea_2_garbage_ends_the_connection() {
    for answer in [vec![], vec![1, 2, 3], vec![20, 0, 0, 32]] {
        let error = broken(|_, _| answer).await;
        assert!(matches!(error, ConnectionError::Authenticator(_)), "{error:?}");
        assert_eq!((error.rule(), error.http2_code()), ("SCC-9", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn ea_8_a_signature_of_another_key_ends_the_connection() {
    let error = broken(|fixture, request| {
        // The certificate of one client with the key of another.
        let stolen = CertifiedKey::new(vec![PKI.user.der().clone()], key(&PKI.device).key.clone());
        request.authenticate(&fixture.exporters, &stolen).unwrap()
    });
    assert_eq!(error.await, ConnectionError::Signature);
}

#[tokio::test(start_paused = true)]
async fn scc_7_answers_in_another_order_end_the_connection() {
    let fixture = Fixture::announced(both(), 2);
    let asks = (fixture.ask("users"), fixture.ask("devices"));
    let [_, second] = fixture.requests().await.try_into().unwrap();
    fixture.answer(fixture.authenticate(&second, &PKI.device)).unwrap();
    let error = fixture.error().await;
    assert_eq!(error, ConnectionError::Authenticator(AuthenticatorError::Context));
    assert_unauthenticated(asks.0.await.unwrap());
    assert_unauthenticated(asks.1.await.unwrap());
}

/// An empty authenticator has no context: its MAC alone ties it to its request.
#[tokio::test(start_paused = true)]
async fn scc_7_an_empty_answer_to_another_request_ends_the_connection() {
    let fixture = Fixture::announced(both(), 2);
    let _asks = (fixture.ask("users"), fixture.ask("devices"));
    let [_, second] = fixture.requests().await.try_into().unwrap();
    fixture.answer(fixture.decline(&second)).unwrap();
    let error = fixture.error().await;
    assert_eq!(error, ConnectionError::Authenticator(AuthenticatorError::Mac));
}

#[tokio::test(start_paused = true)]
async fn ea_11_a_request_is_answered_once() {
    let fixture = Fixture::announced(both(), 2);
    let _users = fixture.ask("users");
    let first = fixture.request().await;
    let answer = fixture.authenticate(&first, &PKI.user);
    fixture.answer(answer.clone()).unwrap();
    assert_eq!(fixture.answer(answer.clone()), Err(ConnectionError::UnexpectedCertificate));
    // Nor does it answer a later request.
    let _devices = fixture.ask("devices");
    fixture.request().await;
    fixture.answer(answer).unwrap();
    let error = fixture.error().await;
    assert_eq!(error, ConnectionError::Authenticator(AuthenticatorError::Context));
    assert_eq!(ContextError::Answered.rule(), "EA-11");
}

#[tokio::test(start_paused = true)]
async fn one_request_serves_all_that_wait_and_outlives_them() {
    let fixture = Fixture::announced(users(), 4);
    let asks: Vec<_> = (0..5).map(|_| fixture.ask("users")).collect();
    let request = fixture.request().await;
    for ask in &asks[..4] {
        ask.abort();
    }
    assert_eq!(fixture.requests().await, []);
    fixture.answer(fixture.authenticate(&request, &PKI.user)).unwrap();
    let last = asks.into_iter().next_back().unwrap();
    assert_eq!(name(last.await.unwrap()), Ok("user".into()));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_wakes_all_that_wait() {
    let fixture = Fixture::announced(both(), 1);
    let asks = (fixture.ask("users"), fixture.ask("devices"));
    fixture.request().await;
    let before = tokio::time::Instant::now();
    fixture.exchange.closed();
    fixture.exchange.closed();
    assert_unauthenticated(asks.0.await.unwrap());
    assert_unauthenticated(asks.1.await.unwrap());
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    assert_eq!(before.elapsed(), Duration::ZERO);
}
