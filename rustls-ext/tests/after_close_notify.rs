//! Data that a peer sends after this side has sent close_notify.

mod common;

use std::sync::Arc;

use common::{Pki, handshake, transfer};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error};
use rustls_ext::ClientAuthOffer;

/// A well-formed record that cannot be decrypted.
const GARBAGE: [u8; 37] = {
    let mut record = [0; 37];
    (record[0], record[1], record[2], record[4]) = (23, 3, 3, 32);
    record
};

#[test]
fn an_error_of_the_peer_after_our_close_notify_does_not_panic() {
    let pki = Pki::new();
    for version in [&TLS13, &TLS12] {
        let client = Arc::new(pki.client_config(None, ClientAuthOffer::default(), &[version]));
        let server = Arc::new(pki.server_config(&[version]));

        let (mut c, mut s) = handshake(&client, &server);
        s.send_close_notify();
        s.read_tls(&mut &GARBAGE[..]).unwrap();
        assert_eq!(s.process_new_packets(), Err(Error::DecryptError));
        // close_notify is first, so data after it is ignored.
        transfer!(s, c);
        assert!(c.process_new_packets().unwrap().peer_has_closed());

        let (mut c, mut s) = handshake(&client, &server);
        c.send_close_notify();
        c.read_tls(&mut &GARBAGE[..]).unwrap();
        assert_eq!(c.process_new_packets(), Err(Error::DecryptError));
        transfer!(c, s);
        assert!(s.process_new_packets().unwrap().peer_has_closed());
    }
    // and without close_notify, it gets the alert
    let client = Arc::new(pki.client_config(None, ClientAuthOffer::default(), &[&TLS13]));
    let (mut c, mut s) = handshake(&client, &Arc::new(pki.server_config(&[&TLS13])));
    s.read_tls(&mut &GARBAGE[..]).unwrap();
    assert_eq!(s.process_new_packets(), Err(Error::DecryptError));
    transfer!(s, c);
    let alert = AlertDescription::BadRecordMac;
    assert_eq!(c.process_new_packets(), Err(Error::AlertReceived(alert)));
}
