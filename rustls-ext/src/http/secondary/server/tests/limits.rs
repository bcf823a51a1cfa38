//! SCC-12: limits, and their defaults.

use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn scc_12_a_client_that_never_answers_is_waited_for_once() {
    let fixture = Fixture::announced(users(), 1);
    let before = Instant::now();
    let ask = fixture.ask("users");
    fixture.request().await;
    assert_unauthenticated(ask.await.unwrap());
    assert_eq!(before.elapsed(), ServerOptions::DEFAULT_ANSWER_TIMEOUT);
    // The request is still outstanding, and those that come later do not wait for it.
    let before = Instant::now();
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(fixture.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn scc_12_a_late_answer_counts_for_requests_to_come() {
    let fixture = Fixture::announced(users(), 1);
    let ask = fixture.ask("users");
    let request = fixture.request().await;
    assert_unauthenticated(ask.await.unwrap());
    fixture.answer(fixture.authenticate(&request, &PKI.user)).unwrap();
    while fixture.info.identity("users").is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(name(fixture.caller("www.example").require("users")), Ok("user".into()));
}

/// The time counts from when the request is sent, and not from when it is put into the queue.
#[tokio::test(start_paused = true)]
async fn scc_12_a_request_in_the_queue_gets_all_of_its_time() {
    let fixture = Fixture::announced(both(), 1);
    let users = fixture.ask("users");
    let first = fixture.request().await;
    tokio::time::advance(Duration::from_secs(9)).await;
    let devices = fixture.ask("devices");
    assert_eq!(fixture.requests().await, []);
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_unauthenticated(users.await.unwrap());
    fixture.answer(fixture.decline(&first)).unwrap();
    let second = fixture.request().await;
    tokio::time::advance(Duration::from_secs(9)).await;
    fixture.answer(fixture.authenticate(&second, &PKI.device)).unwrap();
    assert_eq!(name(devices.await.unwrap()), Ok("device".into()));
}

#[tokio::test(start_paused = true)]
async fn scc_12_a_connection_has_so_many_requests_and_no_more() {
    let options = ServerOptions::new().with_max_requests(1);
    let fixture = Fixture::with(both(), options);
    fixture.exchange.setting(Some(4)).unwrap();
    fixture.prove("users", &PKI.user).await;
    assert_unauthenticated(fixture.ask("devices").await.unwrap());
    assert_eq!(fixture.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn scc_12_so_many_http_requests_wait_and_no_more() {
    let options = ServerOptions::new().with_max_waiting(2);
    let fixture = Fixture::with(users(), options);
    fixture.exchange.setting(Some(1)).unwrap();
    let (first, second) = (fixture.ask("users"), fixture.ask("users"));
    let request = fixture.request().await;
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    // One that stops waiting makes room for another.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = fixture.ask("users");
    assert_eq!(fixture.requests().await, []);
    fixture.answer(fixture.authenticate(&request, &PKI.user)).unwrap();
    assert_eq!(name(second.await.unwrap()), Ok("user".into()));
    assert_eq!(name(third.await.unwrap()), Ok("user".into()));
}

#[tokio::test(start_paused = true)]
async fn scc_12_a_longer_authenticator_is_refused_from_its_head() {
    let options = ServerOptions::new().with_max_authenticator(1000);
    let fixture = Fixture::with(users(), options);
    fixture.exchange.setting(Some(1)).unwrap();
    let _ask = fixture.ask("users");
    fixture.request().await;
    let frame = Frame::Certificate;
    assert_eq!(fixture.exchange.head(frame, true, 1000), Ok(()));
    let error = ConnectionError::TooLong { frame, length: 1001 };
    assert_eq!(fixture.exchange.head(frame, true, 1001), Err(error.clone()));
    assert_eq!(error.http2_code(), 6);
}

#[tokio::test(start_paused = true)]
async fn scc_12_a_request_that_is_too_large_names_no_authorities() {
    const CERTIFICATE_AUTHORITIES: u16 = 47;
    let fixture = Fixture::new(both());
    fixture.exchange.setting(Some(2)).unwrap();
    let _users = fixture.ask("users");
    let with = fixture.request().await;
    assert!(with.extension(CERTIFICATE_AUTHORITIES).is_some());
    let limit = u32::try_from(with.bytes().len() - 1).unwrap();
    fixture.exchange.outbox().set_max_frame(limit);
    let devices = fixture.ask("devices");
    let without = fixture.request().await;
    assert_eq!(without.extension(CERTIFICATE_AUTHORITIES), None);
    fixture.answer(fixture.decline(&with)).unwrap();
    fixture.answer(fixture.authenticate(&without, &PKI.device)).unwrap();
    assert_eq!(name(devices.await.unwrap()), Ok("device".into()));
}

#[tokio::test(start_paused = true)]
async fn scc_12_a_request_that_cannot_be_sent_at_all_is_not_waited_for() {
    let fixture = Fixture::announced(users(), 1);
    fixture.exchange.outbox().set_max_frame(20);
    let before = Instant::now();
    assert_unauthenticated(fixture.ask("users").await.unwrap());
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// A limit of one: the answers of two connections are validated one after the other.
#[tokio::test(start_paused = true)]
async fn scc_12_so_many_answers_are_validated_at_a_time() {
    let options = ServerOptions::new().with_max_validations(1);
    let (one, two) =
        (Fixture::with(users(), options.clone()), Fixture::with(users(), options.clone()));
    let permit = options.0.validations.clone().acquire_owned().await.unwrap();
    let mut asks = Vec::new();
    for fixture in [&one, &two] {
        fixture.exchange.setting(Some(1)).unwrap();
        asks.push(fixture.ask("users"));
        let request = fixture.request().await;
        fixture.answer(fixture.authenticate(&request, &PKI.user)).unwrap();
        fixture.requests().await;
        assert!(fixture.info.identity("users").is_none());
    }
    drop(permit);
    for ask in asks {
        assert_eq!(name(ask.await.unwrap()), Ok("user".into()));
    }
}
