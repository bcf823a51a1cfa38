//! Who announces what, and when frames may be sent: SCC-1, SCC-2, SCC-5, SCC-6, SCC-8.

use super::*;

#[tokio::test(start_paused = true)]
async fn scc_1_nothing_is_sent_before_the_client_has_announced_its_number() {
    let fixture = Fixture::new(users());
    assert_eq!(fixture.exchange.announces(), 1);
    let ask = fixture.ask("users");
    assert_eq!(fixture.requests().await, []);
    fixture.exchange.setting(Some(1)).unwrap();
    let request = fixture.request().await;
    fixture.answer(fixture.authenticate(&request, &PKI.user)).unwrap();
    assert_eq!(name(ask.await.unwrap()), Ok("user".into()));
}

#[tokio::test(start_paused = true)]
async fn scc_1_a_client_without_the_setting_is_not_asked_and_not_waited_for() {
    for value in [None, Some(0)] {
        let fixture = Fixture::new(users());
        let early = fixture.ask("users");
        assert_eq!(fixture.requests().await, []);
        fixture.exchange.setting(value).unwrap();
        assert_unauthenticated(early.await.unwrap());
        assert_unauthenticated(fixture.ask("users").await.unwrap());
        assert_eq!(fixture.requests().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn scc_1_the_number_may_come_in_later_settings_and_may_change() {
    let fixture = Fixture::new(both());
    for value in [None, Some(1), Some(5), Some(1), Some(u64::MAX)] {
        fixture.exchange.setting(value).unwrap();
    }
    let (_users, _devices) = (fixture.ask("users"), fixture.ask("devices"));
    assert_eq!(fixture.requests().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn scc_2_a_setting_that_returns_to_0_ends_the_connection() {
    let fixture = Fixture::announced(users(), 1);
    assert_eq!(fixture.exchange.setting(Some(0)), Err(ConnectionError::SettingWithdrawn));
}

#[tokio::test(start_paused = true)]
async fn scc_5_requests_of_a_client_end_the_connection() {
    let fixture = Fixture::announced(users(), 1);
    let head = fixture.exchange.head(Frame::AuthenticatorRequests, true, 10);
    assert_eq!(head, Err(ConnectionError::RequestsOfClient));
}

#[tokio::test(start_paused = true)]
async fn scc_6_no_more_requests_are_outstanding_than_the_client_announced() {
    let fixture = Fixture::announced(both(), 1);
    let (users, devices) = (fixture.ask("users"), fixture.ask("devices"));
    let first = fixture.request().await;
    // The answer makes room, before it is validated.
    fixture.answer(fixture.authenticate(&first, &PKI.user)).unwrap();
    let [second] = fixture.sent().try_into().unwrap();
    fixture.answer(fixture.authenticate(&second, &PKI.device)).unwrap();
    assert_eq!(name(users.await.unwrap()), Ok("user".into()));
    assert_eq!(name(devices.await.unwrap()), Ok("device".into()));
}

#[tokio::test(start_paused = true)]
async fn scc_6_a_higher_number_sends_what_waits() {
    let fixture = Fixture::announced(both(), 1);
    let _asks = (fixture.ask("users"), fixture.ask("devices"));
    assert_eq!(fixture.requests().await.len(), 1);
    fixture.exchange.setting(Some(2)).unwrap();
    assert_eq!(fixture.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ea_3_each_request_has_a_context_of_its_own() {
    let fixture = Fixture::announced(both(), 2);
    let _asks = (fixture.ask("users"), fixture.ask("devices"));
    let [first, second] = fixture.requests().await.try_into().unwrap();
    assert_eq!(first.context().len(), 16);
    assert_ne!(first.context(), second.context());
}

#[tokio::test(start_paused = true)]
async fn scc_8_a_certificate_that_answers_nothing_ends_the_connection() {
    let fixture = Fixture::announced(users(), 1);
    let head = |on_control| fixture.exchange.head(Frame::Certificate, on_control, 100);
    assert_eq!(head(true), Err(ConnectionError::UnexpectedCertificate));
    let _ask = fixture.ask("users");
    fixture.request().await;
    assert_eq!(head(true), Ok(()));
    assert_eq!(head(false), Err(ConnectionError::OnStream(Frame::Certificate)));
}

#[tokio::test(start_paused = true)]
async fn scc_1_a_certificate_before_the_setting_ends_the_connection() {
    for value in [None, Some(0)] {
        let fixture = Fixture::new(users());
        let head = || fixture.exchange.head(Frame::Certificate, true, 100);
        let error = Err(ConnectionError::NotAnnounced(Frame::Certificate));
        assert_eq!(head(), error);
        fixture.exchange.setting(value).unwrap();
        assert_eq!(head(), error);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_requested_at_once_is_requested_without_any_http_request() {
    let policy = users()
        .post_handshake(PostHandshake::at_once("devices").host("*.example"))
        .build()
        .unwrap();
    assert!(policy.has_post_handshake());
    let policy = users().post_handshake(PostHandshake::at_once("devices").host("*.example"));
    let fixture = Fixture::announced(policy, 1);
    let request = fixture.request().await;
    // A second setting is no second beginning.
    fixture.exchange.setting(Some(1)).unwrap();
    assert_eq!(fixture.sent(), []);
    fixture.answer(fixture.authenticate(&request, &PKI.device)).unwrap();
    let late = fixture.caller("www.example");
    assert_eq!(name(late.ask("devices").await), Ok("device".into()));
    assert_eq!(fixture.sent(), []);
}
