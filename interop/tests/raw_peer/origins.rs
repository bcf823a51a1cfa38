//! The origin hint in messages that may not have it.

use raw_peer::{CertificateAnswer, ClientConfig, Edit, Plan, Slot};
use rustls::InvalidMessage;
use rustls::client::ClientAuthOffer;

use crate::care::server;
use crate::demand::{HINT, ILLEGAL_PARAMETER, ORIGINS, assert_alert, deciding, requesting};
use crate::harness::Pair;
use crate::pki::Pki;

const UNSUPPORTED_EXTENSION: u8 = 110;

/// A raw server that has it in this message.
fn hinting(pki: &Pki, offer: ClientAuthOffer, slot: Slot, body: &[u8], compressed: bool) -> Pair {
    server(pki, offer, slot, Edit::add(HINT, body), compressed)
}

#[test]
fn wio_1_in_any_message_of_a_server_it_is_illegal_parameter() {
    let pki = Pki::new();
    let hint = ClientAuthOffer::default().with_origins(["spiffe://example.org"]).unwrap();
    for (slot, compressed) in [
        (Slot::ServerHello, false),
        (Slot::HelloRetryRequest, false),
        (Slot::EncryptedExtensions, false),
        (Slot::CertificateRequest, false),
        (Slot::Certificate, false),
        (Slot::Certificate, true),
        (Slot::NewSessionTicket, false),
    ] {
        for body in [ORIGINS, &[]] {
            let pair = hinting(&pki, hint.clone(), slot, body, compressed);
            assert_alert(&pair, ILLEGAL_PARAMETER);
            assert_eq!(pair.theirs, Err(InvalidMessage::UnexpectedOriginHint.into()), "{slot:?}");
        }
    }
}

#[test]
fn a_client_that_does_not_hint_does_not_know_the_extension() {
    let pki = Pki::new();
    let pair = hinting(&pki, ClientAuthOffer::flag(), Slot::EncryptedExtensions, ORIGINS, false);
    assert_alert(&pair, UNSUPPORTED_EXTENSION);
    for slot in [Slot::CertificateRequest, Slot::NewSessionTicket] {
        hinting(&pki, ClientAuthOffer::flag(), slot, ORIGINS, false).assert_complete();
    }
}

#[test]
fn wio_1_in_a_clients_certificate_it_is_illegal_parameter() {
    let pki = Pki::new();
    for compress_certificate in [false, true] {
        let config = ClientConfig {
            answer: CertificateAnswer::With(pki.client.clone()),
            compress_certificate,
            plan: Plan::one(Slot::Certificate, Edit::add(HINT, ORIGINS)),
            ..ClientConfig::default()
        };
        let mut pair = Pair::client(config, deciding(&pki, requesting(&pki)));
        pair.run();
        assert_alert(&pair, ILLEGAL_PARAMETER);
        assert_eq!(pair.theirs, Err(InvalidMessage::UnexpectedOriginHint.into()));
    }
}
