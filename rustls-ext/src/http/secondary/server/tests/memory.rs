//! What a connection costs on which no certificate is requested.

use super::*;

#[tokio::test]
async fn an_unused_exchange_takes_little_memory() {
    // With the two counters of `Arc`.
    assert_eq!(size_of::<ServerExchange>() + 2 * size_of::<usize>(), 96);
    // And nothing on the heap, whatever the client announces, until a certificate is requested.
    let fixture = Fixture::new(both());
    for number in [None, Some(2), Some(1)] {
        fixture.exchange.setting(number).unwrap();
        assert!(fixture.exchange.lock().asking.is_none());
    }
    let ask = fixture.ask("users");
    assert_eq!(fixture.requests().await.len(), 1);
    assert!(fixture.exchange.lock().asking.is_some());
    ask.abort();
}

/// The runtime is only needed to validate an answer.
#[test]
fn no_certificate_is_requested_outside_of_a_runtime() {
    let at_once = builder().post_handshake(PostHandshake::at_once("users"));
    let fixture = Fixture::announced(at_once, 1);
    assert!(fixture.exchange.outbox().take().is_empty());
}
