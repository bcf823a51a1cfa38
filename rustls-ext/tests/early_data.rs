//! Early data that is refused with its session is skipped, in pieces of any size.

mod common;

use std::io::Write;
use std::sync::Arc;

use common::{Pki, Switch, When, connect, handshake, transfer};
use rustls::HandshakeKind;
use rustls::server::ClientAuthDecision;
use rustls::version::TLS13;
use rustls_ext::{ClientAuthOffer, PeerIdentity};

/// A client that was not asked sends so much early data when it would be asked, and the server
/// receives it in pieces of `size` bytes.
fn comes_back(early: usize, size: usize) {
    let pki = Pki::new();
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    let mut server = pki.server_with(&policy, &[&TLS13]);
    server.max_early_data_size = 1024;
    let mut client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[&TLS13]);
    client.enable_early_data = true;
    let (client, server) = (Arc::new(client), Arc::new(server));
    handshake(&client, &server);

    policy.set(When::Always, ClientAuthDecision::Require(pki.demand("agents")));
    let (mut c, mut s) = connect(&client, &server);
    c.early_data().unwrap().write_all(&vec![0; early]).unwrap();
    while c.is_handshaking() || s.is_handshaking() {
        let mut sent = Vec::new();
        while c.wants_write() {
            c.write_tls(&mut sent).unwrap();
        }
        for mut piece in sent.chunks(size) {
            s.read_tls(&mut piece).unwrap();
            let processed = s.process_new_packets();
            assert!(processed.is_ok(), "{early} in pieces of {size}: {processed:?}");
        }
        transfer!(s, c);
        c.process_new_packets().unwrap();
    }
    assert!(!c.is_early_data_accepted() && s.early_data().is_none());
    assert_eq!(s.handshake_kind(), Some(HandshakeKind::Full));
    assert!(PeerIdentity::from_connection(&s, "agents").is_some());
}

#[test]
fn res_6_refused_early_data_does_no_harm_in_pieces_of_any_size() {
    for early in [1, 500, 1000] {
        for size in [1, 2, 100, 1000, 100_000] {
            comes_back(early, size);
        }
    }
}
