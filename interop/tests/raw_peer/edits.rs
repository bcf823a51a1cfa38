//! Edits of a raw client, as a rustls server sees them.

use std::sync::Arc;

use raw_peer::{
    Alert, CertificateAnswer, ClientConfig, Direction, Edit, Error, Event, HandshakeType, Peer,
    Plan, RecordOptions, Slot, fix_length,
};
use rustls::InvalidMessage;

use crate::harness::{BODY, Pair, UNKNOWN, encrypted_alert, first_ticket};
use crate::pki::Pki;

#[test]
fn client_edits_reach_the_server() {
    let pki = Pki::new();
    let answer = CertificateAnswer::With(pki.client.clone());
    let mut config = ClientConfig { answer, ..ClientConfig::default() };
    config.plan.client_hello.push(Edit::add(UNKNOWN, BODY));
    config.plan.certificate.push(Edit::add(UNKNOWN, BODY).in_entry(0));
    let mut pair = Pair::client(config, pki.rustls_server(true));
    pair.run();
    let hello = pair.raw.sent(HandshakeType::CLIENT_HELLO).unwrap();
    assert_eq!(hello.find_extension(UNKNOWN).unwrap(), BODY);
    let certificate = pair.raw.sent(HandshakeType::CERTIFICATE).unwrap();
    assert_eq!(certificate.find_extension(UNKNOWN).unwrap(), BODY);
    // The unknown extension in the ClientHello is ignored, the one in the Certificate is not.
    // (RFC 8446 section 4.2 wants unsupported_extension for it; rustls says decode_error.)
    assert_eq!(pair.theirs, Err(InvalidMessage::UnknownCertificateExtension.into()));
    assert_eq!(pair.alerts(), [encrypted_alert(50)]);
}

#[test]
fn client_edits_of_every_kind_do_what_they_say() {
    let order = |edit: Edit| {
        let mut config = ClientConfig { server_name: None, ..ClientConfig::default() };
        config.plan = Plan::one(Slot::ClientHello, edit);
        let client = Peer::client(config).unwrap();
        let hello = client.sent(HandshakeType::CLIENT_HELLO).unwrap();
        let extensions = hello.extensions().unwrap();
        extensions.into_iter().map(|e| e.typ).collect::<Vec<_>>()
    };
    assert_eq!(order(Edit::add(62, [])), [10, 13, 43, 51, 45, 62]);
    assert_eq!(order(Edit::first(62, [])), [62, 10, 13, 43, 51, 45]);
    assert_eq!(order(Edit::last(62, [])), [10, 13, 43, 51, 45, 62]);
    assert_eq!(order(Edit::replace(13, [])), [10, 13, 43, 51, 45]);
    assert_eq!(order(Edit::remove(13)), [10, 43, 51, 45]);
    assert_eq!(order(Edit::duplicate(13)), [10, 13, 13, 43, 51, 45]);
    let reverse = Edit::message(|m| m.blocks_mut().into_iter().for_each(|b| b.reverse()));
    assert_eq!(order(reverse), [45, 51, 43, 13, 10]);
    let cut = Edit::raw(|bytes| {
        bytes.truncate(bytes.len() - 6);
        fix_length(bytes);
    });
    let plan = Plan::one(Slot::ClientHello, cut);
    let config = ClientConfig { plan, ..ClientConfig::default() };
    let client = Peer::client(config).unwrap();
    let hello = client.sent(HandshakeType::CLIENT_HELLO).unwrap();
    assert_eq!(hello.parse(), Err(Error::Decode("ClientHello")));
    assert_eq!(usize::from(hello.bytes[3]), hello.body().len());
}

#[test]
fn client_can_leave_a_message_out_or_send_it_twice() {
    let pki = Pki::new();
    let twice = Edit::raw(|bytes| bytes.extend(bytes.clone()));
    for (edit, count) in [(Edit::omit(), 0), (twice, 2)] {
        let config = ClientConfig {
            answer: CertificateAnswer::With(pki.client.clone()),
            plan: Plan::one(Slot::Certificate, edit),
            ..ClientConfig::default()
        };
        let mut pair = Pair::client(config, pki.rustls_server(true));
        pair.run();
        let sent = pair.raw.messages().filter(|m| m.typ == HandshakeType::CERTIFICATE);
        assert_eq!(sent.filter(|m| m.direction == Direction::Sent).count(), count);
        assert_eq!(pair.alerts(), [encrypted_alert(10)]);
    }
}

#[test]
fn client_keeps_pre_shared_key_last_unless_told_otherwise() {
    let server = Arc::new(Pki::new().rustls_server(false));
    for (edit, wanted) in [
        (Edit::add(62, BODY), Ok(())),
        (Edit::last(62, BODY), Err(InvalidMessage::PreSharedKeyIsNotFinalExtension.into())),
    ] {
        let ticket = Some(first_ticket(&server));
        let plan = Plan::one(Slot::ClientHello, edit);
        let config = ClientConfig { ticket, plan, ..ClientConfig::default() };
        let mut pair = Pair::client(config, Arc::clone(&server));
        pair.run();
        assert_eq!(pair.theirs, wanted);
        assert_eq!(pair.raw.is_resumed(), wanted.is_ok());
    }
}

#[test]
fn client_with_a_wrong_length_byte_gets_decode_error() {
    // Behind header, version and random stands the length of the session id.
    let plan = Plan::one(Slot::ClientHello, Edit::raw(|bytes| bytes[38] -= 1));
    let config = ClientConfig { plan, ..ClientConfig::default() };
    let mut pair = Pair::client(config, Pki::new().rustls_server(false));
    pair.run();
    assert!(matches!(pair.theirs, Err(rustls::Error::InvalidMessage(_))));
    assert_eq!(pair.alerts(), [Alert { level: 2, description: 50, encrypted: false }]);
}

#[test]
fn client_fragments_and_pads_records() {
    let records = RecordOptions { max_fragment: 7, padding: 100, change_cipher_spec: false };
    let config = ClientConfig { records, ..ClientConfig::default() };
    let mut pair = Pair::client(config, Pki::new().rustls_server(false));
    pair.run();
    pair.assert_complete();
    assert!(!pair.raw.events().contains(&Event::ChangeCipherSpec(Direction::Sent)));
    pair.exchange_data();
}

#[test]
fn client_updates_its_key_and_sends_alerts() {
    let mut pair = Pair::client(ClientConfig::default(), Pki::new().rustls_server(false));
    pair.run();
    // rustls answers in front of the next data that it sends.
    for ask_for_one in [true, false] {
        pair.raw.send_key_update(ask_for_one).unwrap();
        pair.exchange_data();
    }
    assert!(pair.raw.received(HandshakeType::KEY_UPDATE).is_some());
    pair.raw.send_alert(2, 80).unwrap();
    pair.run();
    let alert = rustls::AlertDescription::InternalError;
    assert_eq!(pair.theirs, Err(rustls::Error::AlertReceived(alert)));
}
