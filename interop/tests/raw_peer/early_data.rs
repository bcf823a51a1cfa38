//! 0-RTT data, sent whether or not the ticket allows it: if the server requests a certificate, no byte of
//! it reaches the application (RES-6), and the handshake is a full one.

use std::io::Read;
use std::sync::Arc;

use raw_peer::{ClientConfig, Edit, HandshakeType, Suite, Ticket};
use rustls::server::{ClientAuthDecision, ClientAuthStatus};
use rustls::{Connection, Error, HandshakeKind, PeerMisbehaved};

use crate::demand::{
    BOTH, DECLINES, EARLY, FLAGS, ILLEGAL_PARAMETER, OFFERS, PLAIN, RETRIES, Site, Visit,
    assert_alert, requesting, requiring, server_status,
};
use crate::harness::{Pair, encrypted_alert};

const CERTIFICATE_REQUIRED: u8 = 116;
const DECRYPT_ERROR: u8 = 51;

fn asked(pair: &Pair) -> bool {
    pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
}

/// No early byte is there for the application, at either place where it could look.
#[track_caller]
fn assert_nothing_early(pair: &mut Pair) {
    assert!(!pair.raw.early_data_accepted());
    let Connection::Server(server) = &mut pair.tls else { panic!("not a server") };
    let mut early = Vec::new();
    if let Some(mut data) = server.early_data() {
        data.read_to_end(&mut early).unwrap();
    }
    assert_eq!(early, b"");
    if pair.theirs.is_ok() {
        pair.exchange_data(); // of which nothing else is read
    }
}

#[track_caller]
fn assert_asked(pair: &mut Pair, visit: Visit) {
    pair.assert_complete();
    assert!(asked(pair) && !pair.raw.is_resumed());
    let request = pair.raw.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
    assert_eq!(request.find_extension(FLAGS).is_some(), visit.offers);
    let kind =
        if visit.retry { HandshakeKind::FullWithHelloRetryRequest } else { HandshakeKind::Full };
    assert_eq!(pair.tls.handshake_kind(), Some(kind));
    let status = server_status(pair);
    if visit.declines {
        assert_eq!(status, ClientAuthStatus::Declined)
    } else {
        assert!(matches!(status, ClientAuthStatus::Authenticated { resumed: false, .. }))
    }
    assert_eq!(pair.tls.peer_certificates().is_some(), !visit.declines);
    assert_nothing_early(pair);
}

#[test]
fn res_6_early_data_is_taken_where_the_session_is() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let require = requiring(&site.pki, "clients");
        let request = requesting(&site.pki);
        for (decision, made, visit) in [
            (ClientAuthDecision::None, PLAIN, PLAIN),
            (ClientAuthDecision::None, PLAIN, OFFERS),
            (require.clone(), PLAIN, PLAIN),
            (require, PLAIN, OFFERS),
            (request, DECLINES, DECLINES),
        ] {
            let ticket = site.ticket(decision.clone(), made);
            let pair = site.early(ticket, decision.clone(), visit);
            pair.assert_complete();
            assert!(pair.raw.is_resumed() && !asked(&pair));
            match (&decision, made.declines) {
                (ClientAuthDecision::None, _) => {
                    assert_eq!(server_status(&pair), ClientAuthStatus::NotAsked);
                }
                (_, true) => assert_eq!(server_status(&pair), ClientAuthStatus::Declined),
                (_, false) => assert!(matches!(
                    server_status(&pair),
                    ClientAuthStatus::Authenticated { resumed: true, .. }
                )),
            }
            // rustls accepts early data for stored sessions only.
            assert_eq!(pair.raw.early_data_accepted(), !stateless);
            let Connection::Server(mut server) = pair.tls else { panic!("not a server") };
            let mut early = Vec::new();
            if let Some(mut data) = server.early_data() {
                data.read_to_end(&mut early).unwrap();
            }
            assert_eq!(early, if stateless { &b""[..] } else { EARLY });
        }
    }
}

#[test]
fn res_6_early_data_is_refused_where_the_client_is_to_be_asked() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let none = ClientAuthDecision::None;
        let require = requiring(&site.pki, "clients");
        let staff = requiring(&site.pki, "staff");
        let request = requesting(&site.pki);
        let retries_and_offers = Visit { retry: true, ..OFFERS };
        for (made_under, made, decision, visit) in [
            // no request in the session (also RES-3: the offer alone is the reason)
            (&none, PLAIN, &require, PLAIN),
            (&none, PLAIN, &request, PLAIN),
            (&none, PLAIN, &request, OFFERS),
            (&none, OFFERS, &require, OFFERS),
            // asked, and declined
            (&request, DECLINES, &require, PLAIN),
            (&request, DECLINES, &request, OFFERS),
            (&request, DECLINES, &request, Visit { declines: true, ..OFFERS }),
            // authenticated for something else
            (&staff, PLAIN, &require, PLAIN),
            (&staff, PLAIN, &request, OFFERS),
            (&require, PLAIN, &staff, PLAIN),
            // and behind a second hello
            (&none, PLAIN, &require, RETRIES),
            (&none, PLAIN, &request, retries_and_offers),
            (&staff, PLAIN, &require, RETRIES),
        ] {
            let ticket = site.ticket(made_under.clone(), made);
            let mut pair = site.early(ticket, decision.clone(), visit);
            assert_asked(&mut pair, visit);
        }
    }
}

#[test]
fn res_6_early_data_does_not_help_a_client_without_a_certificate() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let require = requiring(&site.pki, "clients");
        for (made_under, made, visit) in [
            (ClientAuthDecision::None, PLAIN, DECLINES),
            (requesting(&site.pki), DECLINES, DECLINES),
            (requiring(&site.pki, "staff"), PLAIN, DECLINES),
            (ClientAuthDecision::None, PLAIN, Visit { retry: true, ..DECLINES }),
        ] {
            let ticket = site.ticket(made_under, made);
            let mut pair = site.early(ticket, require.clone(), visit);
            assert_eq!(pair.theirs, Err(Error::NoCertificatesPresented));
            assert_eq!(pair.alerts(), [encrypted_alert(CERTIFICATE_REQUIRED)]);
            assert!(asked(&pair));
            assert_eq!(server_status(&pair), ClientAuthStatus::Asked);
            assert_nothing_early(&mut pair);
        }
    }
}

#[test]
fn res_6_an_identity_is_not_told_where_none_is_wanted() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let ticket = site.ticket(requiring(&site.pki, "clients"), PLAIN);
        let mut pair = site.early(ticket, ClientAuthDecision::None, PLAIN);
        pair.assert_complete();
        assert!(!asked(&pair) && !pair.raw.is_resumed());
        assert_eq!(server_status(&pair), ClientAuthStatus::NotAsked);
        assert!(pair.tls.peer_certificates().is_none());
        assert_nothing_early(&mut pair);
    }
}

#[test]
fn res_6_early_data_is_refused_behind_hello_retry_request_even_where_the_session_is_not() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let require = requiring(&site.pki, "clients");
        let ticket = site.ticket(require.clone(), PLAIN);
        let mut pair = site.early(ticket, require, RETRIES);
        pair.assert_complete();
        assert!(pair.raw.is_resumed() && !asked(&pair));
        let status = server_status(&pair);
        assert!(matches!(status, ClientAuthStatus::Authenticated { resumed: true, .. }));
        assert_nothing_early(&mut pair);
    }
}

#[test]
fn res_7_a_ticket_that_is_no_good_is_no_error_and_its_early_data_is_refused() {
    for stateless in [false, true] {
        let site = Site::new(stateless);
        let other = Site::new(stateless);
        let require = requiring(&site.pki, "clients");
        let ticket = site.ticket(require.clone(), PLAIN);
        let with = |identity: &[u8]| Ticket { identity: identity.to_vec(), ..ticket.clone() };
        let identity = ticket.identity.clone();
        let mut bad: Vec<_> = (0..identity.len())
            .map(|at| {
                let mut altered = identity.clone();
                altered[at] ^= 1;
                with(&altered)
            })
            .collect();
        bad.push(with(&identity[1..]));
        bad.push(with(&identity[..identity.len() - 1]));
        bad.push(with(&identity[..1]));
        bad.push(with(&[&identity[..], &[0]].concat()));
        bad.push(with(&[0; 300]));
        bad.push(other.ticket(requiring(&other.pki, "clients"), PLAIN));
        // of the other hash
        let mut hash = ticket.clone();
        hash.suite = Suite::Aes256GcmSha384;
        hash.psk = vec![7; 48];
        hash.identity[0] ^= 1;
        bad.push(hash);
        for ticket in bad {
            let mut pair = site.early(ticket, require.clone(), PLAIN);
            assert_asked(&mut pair, PLAIN);
        }
        // It was there all along.
        let pair = site.early(ticket, require, PLAIN);
        pair.assert_complete();
        assert!(pair.raw.is_resumed());
    }
}

#[test]
fn res_6_early_data_is_not_taken_twice() {
    let site = Site::new(false);
    let require = requiring(&site.pki, "clients");
    let ticket = site.ticket(require.clone(), PLAIN);
    let pair = site.early(ticket.clone(), require.clone(), PLAIN);
    assert!(pair.raw.early_data_accepted());
    let mut pair = site.early(ticket, require, PLAIN);
    assert_asked(&mut pair, PLAIN);
}

#[test]
fn res_6_a_client_with_the_ticket_but_not_its_secret_gets_decrypt_error() {
    let site = Site::new(false);
    let require = requiring(&site.pki, "clients");
    let mut ticket = site.ticket(require.clone(), PLAIN);
    ticket.psk[0] ^= 1;
    let mut pair = site.early(ticket, require, PLAIN);
    assert_alert(&pair, DECRYPT_ERROR);
    assert_eq!(pair.theirs, Err(PeerMisbehaved::IncorrectBinder.into()));
    assert_nothing_early(&mut pair);
}

#[test]
fn flags_11_early_data_does_not_excuse_other_flags_in_a_second_hello() {
    let site = Site::new(false);
    let require = requiring(&site.pki, "clients");
    let differed = PeerMisbehaved::ClientHelloDifferedOnRetry("tls_flags");
    let again = PeerMisbehaved::EarlyDataAttemptedInSecondClientHello;
    for (edit, error) in [
        (Edit::remove(FLAGS), differed.clone()),
        (Edit::replace(FLAGS, BOTH), differed),
        (Edit::add(42, []), again),
    ] {
        let ticket = Some(site.ticket(require.clone(), PLAIN));
        let mut config = site.config(Visit { retry: true, ..OFFERS });
        config.plan.second_client_hello.push(edit);
        let config = ClientConfig { ticket, early_data: Some(EARLY.to_vec()), ..config };
        let mut pair = Pair::client(config, Arc::clone(&site.server));
        pair.run();
        assert_alert(&pair, ILLEGAL_PARAMETER);
        assert_eq!(pair.theirs, Err(error.into()));
        assert_nothing_early(&mut pair);
    }
}
