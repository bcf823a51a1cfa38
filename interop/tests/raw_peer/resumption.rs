//! A raw client that resumes at a rustls server, with and without 0-RTT data.

use std::sync::Arc;

use raw_peer::{Alert, ClientConfig, Edit, HandshakeType, Plan, Shares, Slot};
use rustls::Connection;

use crate::harness::{Pair, first_ticket};
use crate::pki::Pki;

#[test]
fn client_resumes_also_behind_hello_retry_request() {
    let server = Arc::new(Pki::new().rustls_server(false));
    for (shares, retry) in [(Shares::X25519, false), (Shares::Only(Vec::new()), true)] {
        let ticket = Some(first_ticket(&server));
        let config = ClientConfig { ticket, shares, ..ClientConfig::default() };
        let mut pair = Pair::client(config, Arc::clone(&server));
        pair.run();
        pair.assert_complete();
        assert!(pair.raw.is_resumed());
        assert_eq!(pair.raw.received(HandshakeType::HELLO_RETRY_REQUEST).is_some(), retry);
        assert!(pair.raw.received(HandshakeType::CERTIFICATE).is_none());
        pair.exchange_data();
    }
}

#[test]
fn client_sends_early_data_that_is_accepted() {
    let mut server = Pki::new().rustls_server(false);
    server.max_early_data_size = 1000;
    let server = Arc::new(server);
    let ticket = first_ticket(&server);
    assert_eq!(ticket.max_early_data, 1000);
    let early_data = Some(b"early".to_vec());
    let config = ClientConfig { ticket: Some(ticket), early_data, ..ClientConfig::default() };
    let mut pair = Pair::client(config, server);
    pair.run();
    pair.assert_complete();
    assert!(pair.raw.is_resumed());
    assert!(pair.raw.early_data_accepted());
    assert!(pair.raw.sent(HandshakeType::END_OF_EARLY_DATA).is_some());
    let Connection::Server(server) = &mut pair.tls else { panic!("not a server") };
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut server.early_data().unwrap(), &mut read).unwrap();
    assert_eq!(read, b"early");
    pair.exchange_data();
}

#[test]
fn client_goes_on_when_early_data_is_rejected() {
    // Offered although the ticket forbids it; then rejected; with and without a second hello.
    for shares in [Shares::X25519, Shares::Only(Vec::new())] {
        let server = Arc::new(Pki::new().rustls_server(false));
        let ticket = Some(first_ticket(&server));
        let early_data = Some(b"early".to_vec());
        let config = ClientConfig { ticket, early_data, shares, ..ClientConfig::default() };
        let mut pair = Pair::client(config, server);
        pair.run();
        pair.assert_complete();
        assert!(!pair.raw.early_data_accepted());
        pair.exchange_data();
    }
}

#[test]
fn cve_2026_34873_mbed_tls_a_second_hello_does_not_fall_back_to_tls12_with_a_ticket() {
    let server = Arc::new(Pki::new().rustls_server(false));
    let ticket = Some(first_ticket(&server));
    // A ticket of TLS 1.3, a retry, and then a hello that knows TLS 1.2 only.
    let plan = Plan::one(Slot::SecondClientHello, Edit::replace(43, [2, 3, 3]));
    let shares = Shares::Only(Vec::new());
    let config = ClientConfig { ticket, shares, plan, ..ClientConfig::default() };
    let mut pair = Pair::client(config, server);
    pair.run();
    assert!(pair.raw.received(HandshakeType::HELLO_RETRY_REQUEST).is_some());
    assert!(pair.raw.received(HandshakeType::SERVER_HELLO).is_none());
    assert_eq!(pair.alerts(), [Alert { level: 2, description: 70, encrypted: false }]);
}
