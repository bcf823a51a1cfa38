//! Clients that break a rule on purpose after their ClientHello.

use std::sync::Arc;

use raw_peer::{
    Certificate, CertificateAnswer, CertificateRequest, ChainAndKey, ClientConfig, Edit, Extension,
    Handshake, NewSessionTicket, Peer, Slot, ext,
};
use rustls::crypto::ring;
use rustls::server::ClientAuthDecision;
use rustls::{CertificateError, Error, InvalidMessage, PeerMisbehaved};
use rustls_ext::{Anchors, Policy, Verdict};

use crate::bad_clients::{Case, Known, in_slots};
use crate::demand::{
    CARE, DECLINES, FLAGS, HINT, OFFER, OFFERS, ORIGINS, OTHER, PLAIN, Site, Visit, requiring,
};
use crate::harness::{and, unexpected};
use crate::pki::Pki;

fn flagged_request() -> Handshake {
    let extensions =
        vec![Extension::new(ext::SIGNATURE_ALGORITHMS, [0, 2, 4, 3]), Extension::new(FLAGS, OFFER)];
    Handshake::CertificateRequest(CertificateRequest { context: Vec::new(), extensions })
}

fn flagged_extensions() -> Handshake {
    Handshake::EncryptedExtensions(vec![Extension::new(FLAGS, OFFER)])
}

fn flagged_ticket() -> Handshake {
    let extensions = vec![Extension::new(FLAGS, OFFER)];
    let (nonce, ticket) = (vec![0], vec![7; 32]);
    let ticket = NewSessionTicket { lifetime: 7200, age_add: 0, nonce, ticket, extensions };
    Handshake::NewSessionTicket(ticket)
}

/// Requires a certificate of the trust domain `spiffe://example.org`.
fn bound(pki: &Pki) -> ClientAuthDecision {
    let anchors =
        Anchors::from_roots((*pki.roots).clone()).with_trust_domain("spiffe://example.org");
    let policy = Policy::builder()
        .provider(Arc::new(ring::default_provider()))
        .scope("clients", anchors.unwrap())
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    ClientAuthDecision::Require(policy.demand("clients").unwrap().clone())
}

pub fn in_certificates(site: &Site) -> Vec<Case> {
    let require = requiring(&site.pki, "clients");
    let with = |identity: ChainAndKey| {
        let answer = CertificateAnswer::With(identity);
        ClientConfig { answer, ..site.config(OFFERS) }
    };
    let certificate = |edit: Edit| in_slots(Slot::Certificate, [edit], site.config(OFFERS));
    let compressed = |config| ClientConfig { compress_certificate: true, ..config };
    let case = |name, config, alert, error| Case {
        name,
        decision: require.clone(),
        config,
        then: None,
        ends: Some((alert, error)),
        known: Some(Known::Asked),
    };
    let flags = || Error::from(InvalidMessage::UnexpectedTlsFlags);
    let bad_signature = || Error::from(CertificateError::BadSignature);
    let declines = Visit { declines: true, ..OFFERS };
    let unauthenticated = site.ticket(ClientAuthDecision::None, PLAIN);
    let other_key = ChainAndKey { key: site.pki.server.key.clone(), ..site.pki.client.clone() };
    let flip = Edit::raw(|bytes| *bytes.last_mut().unwrap() ^= 1);
    let other_scheme = Edit::message(|message| {
        if let Handshake::CertificateVerify(verify) = message {
            verify.scheme = 0x0201; // rsa_pkcs1_sha1
        }
    });
    vec![
        case(
            "CARE-3: in a Certificate",
            certificate(Edit::add(CARE, [])),
            47,
            InvalidMessage::UnexpectedCare.into(),
        ),
        case(
            "WIO-1: in a Certificate",
            certificate(Edit::add(HINT, ORIGINS)),
            47,
            InvalidMessage::UnexpectedOriginHint.into(),
        ),
        Case {
            decision: bound(&site.pki),
            ..case(
                "WIO-6: a certificate outside of the trust domain",
                site.config(OFFERS),
                49,
                CertificateError::OutsideTrustDomain {
                    expected: "spiffe://example.org".into(),
                    presented: vec![],
                }
                .into(),
            )
        },
        case("FLAGS-5: a flag", certificate(Edit::add(FLAGS, OTHER)), 47, flags()),
        case("RCA-5: the flag", certificate(Edit::add(FLAGS, OFFER)), 47, flags()),
        case("RCA-5: compressed", compressed(certificate(Edit::add(FLAGS, OFFER))), 47, flags()),
        case(
            "RCA-6: no certificate where one is required",
            site.config(declines),
            116,
            Error::NoCertificatesPresented,
        ),
        case(
            "RCA-8: under another authority",
            with(Pki::named("another").client),
            48,
            CertificateError::UnknownIssuer.into(),
        ),
        case("RCA-8: under one of the same name", with(Pki::new().client), 51, bad_signature()),
        case("RFC 8446: another's, without its key", with(other_key), 51, bad_signature()),
        case(
            "RFC 8446: a wrong signature",
            in_slots(Slot::CertificateVerify, [flip.clone()], site.config(OFFERS)),
            51,
            bad_signature(),
        ),
        case(
            "RFC 8446: a scheme that was not asked for",
            in_slots(Slot::CertificateVerify, [other_scheme], site.config(OFFERS)),
            47,
            PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into(),
        ),
        Case {
            known: Some(Known::Proven),
            ..case(
                "RFC 8446: a wrong Finished behind a good signature",
                in_slots(Slot::Finished, [flip], site.config(OFFERS)),
                51,
                Error::DecryptError,
            )
        },
        Case {
            decision: require.clone(),
            ..case(
                "RES-2: a session without a certificate, where one is required",
                ClientConfig { ticket: Some(unauthenticated), ..site.config(declines) },
                116,
                Error::NoCertificatesPresented,
            )
        },
    ]
}

pub fn out_of_order(site: &Site) -> Vec<Case> {
    use T::{
        Certificate as Cert, CertificateRequest as Request, CertificateVerify as Verify, Finished,
        KeyUpdate, NewSessionTicket as Ticket,
    };
    use rustls::HandshakeType as T;
    let require = requiring(&site.pki, "clients");
    let none = ClientAuthDecision::None;
    let asked = Some(Known::Asked);
    let case = |name, config, decision: &ClientAuthDecision, known, expected: &[T], got| Case {
        name,
        decision: decision.clone(),
        config,
        then: None,
        ends: Some((10, unexpected(expected, got))),
        known,
    };
    let unasked = |visit, compress_certificate| ClientConfig {
        answer_unasked: true,
        compress_certificate,
        ..site.config(visit)
    };
    let slot = |slot, edit| in_slots(slot, [edit], site.config(OFFERS));
    let twice = Edit::raw(|bytes| bytes.extend(bytes.clone()));
    let omitting = ClientConfig { answer: CertificateAnswer::NoCertificate, ..site.config(OFFERS) };
    let silent = ClientConfig { answer: CertificateAnswer::Silence, ..site.config(OFFERS) };
    let not_asked = Some(Known::NotAsked);
    let after = |name, then: fn(&mut Peer), got| Case {
        then: Some(then),
        ..case(name, site.config(PLAIN), &none, not_asked, &[KeyUpdate], got)
    };
    vec![
        case(
            "RCA-6: no Certificate at all",
            omitting,
            &require,
            asked,
            &[Cert, T::CompressedCertificate],
            Finished,
        ),
        case("RFC 8446: two", slot(Slot::Certificate, twice), &require, asked, &[Verify], Cert),
        case(
            "RFC 8446: no CertificateVerify",
            slot(Slot::CertificateVerify, Edit::omit()),
            &require,
            asked,
            &[Verify],
            Finished,
        ),
        case("RFC 8446: not asked", unasked(PLAIN, false), &none, not_asked, &[Finished], Cert),
        case(
            "RCA-9: not asked, though it offered",
            unasked(OFFERS, false),
            &none,
            not_asked,
            &[Finished],
            Cert,
        ),
        case(
            "RFC 8446: nor compressed",
            unasked(PLAIN, true),
            &none,
            not_asked,
            &[Finished],
            T::CompressedCertificate,
        ),
        case(
            "RFC 8446: nor for none",
            unasked(DECLINES, false),
            &none,
            not_asked,
            &[Finished],
            Cert,
        ),
        case(
            "RCA-5: a flagged request of its own",
            slot(Slot::Certificate, and(flagged_request())),
            &require,
            asked,
            &[Verify],
            Request,
        ),
        Case {
            ends: Some((47, InvalidMessage::UnexpectedTlsFlags.into())),
            ..case(
                "RCA-5: flagged EncryptedExtensions of its own",
                slot(Slot::Certificate, and(flagged_extensions())),
                &require,
                asked,
                &[],
                Cert,
            )
        },
        after(
            "RCA-5: a flagged ticket",
            |raw| raw.send_handshake(&flagged_ticket()).unwrap(),
            Ticket,
        ),
        after(
            "RCA-5: a flagged request, later",
            |raw| raw.send_handshake(&flagged_request()).unwrap(),
            Request,
        ),
        after(
            "RFC 8446: a Certificate, later",
            |raw| {
                let empty = Certificate { context: Vec::new(), entries: Vec::new() };
                raw.send_handshake(&Handshake::Certificate(empty)).unwrap();
            },
            Cert,
        ),
        Case { ends: None, ..case("RCA-6: silence", silent, &require, asked, &[], Cert) },
    ]
}
