//! Raw peers as client and server: each change is detected, and no peer panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use raw_peer::{
    CertificateAnswer, ClientConfig, Edit, Error, Peer, Plan, ServerConfig, Shares, Slot,
    fix_length,
};

use crate::harness::{encrypted_alert, raw_pair};
use crate::pki::Pki;

#[test]
fn broken_finished_is_noticed() {
    let flip = Edit::raw(|bytes| *bytes.last_mut().unwrap() ^= 1);
    let pki = Pki::new();
    let server = ServerConfig::new(pki.server.clone());
    let plan = Plan::one(Slot::Finished, flip);

    let bad = ServerConfig { plan: plan.clone(), ..server.clone() };
    let (client, _) = raw_pair(ClientConfig::default(), bad);
    assert_eq!(client.error(), Some(&Error::BadFinished));

    let bad = ClientConfig { plan, ..ClientConfig::default() };
    let (client, server) = raw_pair(bad, server);
    assert_eq!(server.error(), Some(&Error::BadFinished));
    assert_eq!(Vec::from_iter(client.alerts()), [encrypted_alert(51)]);
}

#[test]
fn broken_binder_is_noticed() {
    let pki = Pki::new();
    let mut server = ServerConfig::new(pki.server.clone());
    server.tickets = 1;
    let (client, first) = raw_pair(ClientConfig::default(), server.clone());
    server.known_tickets = first.tickets().to_vec();
    let mut ticket = client.tickets()[0].clone();
    assert_eq!(ticket.psk, first.tickets()[0].psk);

    let good = ClientConfig { ticket: Some(ticket.clone()), ..ClientConfig::default() };
    let (client, _) = raw_pair(good, server.clone());
    assert!(client.is_complete() && client.is_resumed());

    ticket.psk[0] ^= 1;
    let bad = ClientConfig { ticket: Some(ticket), ..ClientConfig::default() };
    let (_, server) = raw_pair(bad, server);
    assert_eq!(server.error(), Some(&Error::BadBinder));
}

#[test]
fn no_byte_of_any_message_makes_a_peer_panic() {
    let pki = Pki::new();
    let client = ClientConfig {
        answer: CertificateAnswer::With(pki.client.clone()),
        compress_certificate: true,
        shares: Shares::Only(Vec::new()),
        ..ClientConfig::default()
    };
    let mut server = ServerConfig::new(pki.server.clone());
    server.ask_certificate = true;
    server.tickets = 1;
    let (good, _) = raw_pair(client.clone(), server.clone());
    assert!(good.is_complete());
    for slot in [
        Slot::ClientHello,
        Slot::SecondClientHello,
        Slot::HelloRetryRequest,
        Slot::ServerHello,
        Slot::EncryptedExtensions,
        Slot::CertificateRequest,
        Slot::Certificate,
        Slot::CompressedCertificate,
        Slot::CertificateVerify,
        Slot::NewSessionTicket,
    ] {
        let len = Arc::new(AtomicUsize::new(0));
        for at in 0..500 {
            let seen = Arc::clone(&len);
            let flip = Edit::raw(move |bytes| {
                seen.store(bytes.len(), Ordering::Relaxed);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = byte.wrapping_add(1);
                }
            });
            let cut = Edit::raw(move |bytes| {
                bytes.truncate(at.max(4));
                fix_length(bytes);
            });
            for edit in [flip, cut] {
                let plan = Plan::one(slot, edit);
                let client = ClientConfig { plan: plan.clone(), ..client.clone() };
                raw_pair(client, ServerConfig { plan, ..server.clone() });
            }
            if at > len.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

#[test]
fn records_of_every_kind_are_refused_or_taken_but_never_panic() {
    let pki = Pki::new();
    for typ in 0..=255 {
        for body in [&[][..], &[0], &[1, 0, 0, 0], &[2; 40], &[255; 300]] {
            let len = u16::try_from(body.len()).unwrap().to_be_bytes();
            let record = [&[typ, 3, 3], &len[..], body].concat();
            let mut server = Peer::server(ServerConfig::new(pki.server.clone()));
            let mut client = Peer::client(ClientConfig::default()).unwrap();
            for peer in [&mut server, &mut client] {
                let first = peer.read(&record);
                if !matches!(typ, 20..=22) {
                    assert_eq!(first, Err(Error::UnexpectedRecord(typ)));
                    assert_eq!(peer.read(&[]), first);
                }
            }
        }
    }
}
