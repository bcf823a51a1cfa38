//! Servers that send a forbidden request, or that do not prove their identity.

use raw_peer::{
    CertificateRequest, ChainAndKey, Edit, Extension, Handshake, Peer, ServerConfig, Slot, Ticket,
    ext,
};
use rustls::client::ClientAuthOfferStatus;
use rustls::{CertificateError, Error, HandshakeType as T, InvalidMessage, PeerIncompatible};

use crate::bad_servers::{Case, case, server};
use crate::demand::{FLAGS, OFFER};
use crate::harness::{and, unexpected};
use crate::pki::Pki;

fn request(extensions: Vec<Extension>) -> Handshake {
    Handshake::CertificateRequest(CertificateRequest { context: Vec::new(), extensions })
}

fn schemes(list: &[u8]) -> Extension {
    Extension::new(ext::SIGNATURE_ALGORITHMS, [&[0, list.len() as u8], list].concat())
}

pub fn all(pki: &Pki, before: ClientAuthOfferStatus, known: &Ticket) -> Vec<Case> {
    let asked = ClientAuthOfferStatus::AskedWithoutAcknowledgement;
    let good = || vec![schemes(&[4, 3])];
    let case = |name, slot, edit, ends, status| case(pki, name, slot, edit, ends, status);
    let twice = Edit::raw(|bytes| bytes.extend(bytes.clone()));
    let flip = Edit::raw(|bytes| *bytes.last_mut().unwrap() ^= 1);
    let bad_signature = || (51, CertificateError::BadSignature.into());
    let context = Edit::message(|message| {
        if let Handshake::CertificateRequest(request) = message {
            request.context = vec![1];
        }
    });
    let later = |name, then: fn(&mut Peer)| Case {
        then: Some(then),
        ..case(
            name,
            Slot::ServerHello,
            Edit::message(|_| {}),
            (10, unexpected(&[T::NewSessionTicket, T::KeyUpdate], T::CertificateRequest)),
            asked,
        )
    };
    let mut resumed = server(pki, Slot::EncryptedExtensions, and(request(good())));
    resumed.known_tickets = vec![known.clone()];
    let identity = |identity| {
        let mut config = ServerConfig::new(identity);
        config.ask_certificate = true;
        config
    };
    let other_key = ChainAndKey { key: pki.client.key.clone(), ..pki.server.clone() };
    let nothing = || Edit::message(|_| {});
    vec![
        case(
            "RFC 8446: two requests",
            Slot::CertificateRequest,
            twice.clone(),
            (10, unexpected(&[T::Certificate, T::CompressedCertificate], T::CertificateRequest)),
            asked,
        ),
        case(
            "RFC 8446: a request behind the certificate",
            Slot::Certificate,
            and(request(good())),
            (10, unexpected(&[T::CertificateVerify], T::CertificateRequest)),
            asked,
        ),
        Case {
            at: "other.example",
            config: resumed,
            ..case(
                "RFC 8446: a request where a session is resumed",
                Slot::ServerHello,
                nothing(),
                (10, unexpected(&[T::Finished], T::CertificateRequest)),
                before,
            )
        },
        later("RFC 8446: a request behind the handshake", |raw| {
            raw.send_handshake(&request(vec![schemes(&[4, 3])])).unwrap();
        }),
        later("RCA-4: an acknowledgement behind the handshake", |raw| {
            let flags = Extension::new(FLAGS, OFFER);
            raw.send_handshake(&request(vec![schemes(&[4, 3]), flags])).unwrap();
        }),
        case(
            "RFC 8446: a request with a context",
            Slot::CertificateRequest,
            context,
            (50, InvalidMessage::InvalidCertRequest.into()),
            before,
        ),
        case(
            "RCA-6: a request without schemes",
            Slot::CertificateRequest,
            Edit::remove(ext::SIGNATURE_ALGORITHMS),
            (40, PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon.into()),
            asked,
        ),
        case(
            "RCA-6: schemes that nobody has",
            Slot::CertificateRequest,
            Edit::replace(ext::SIGNATURE_ALGORITHMS, [0, 2, 2, 1]),
            (40, PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon.into()),
            asked,
        ),
        case(
            "RFC 8446: a wrong signature",
            Slot::CertificateVerify,
            flip.clone(),
            bad_signature(),
            asked,
        ),
        Case {
            config: identity(other_key),
            ..case(
                "RFC 8446: another's certificate",
                Slot::ServerHello,
                nothing(),
                bad_signature(),
                asked,
            )
        },
        Case {
            config: identity(Pki::named("another").server),
            ..case(
                "RFC 8446: under another authority",
                Slot::ServerHello,
                nothing(),
                (48, CertificateError::UnknownIssuer.into()),
                asked,
            )
        },
        case(
            "RFC 8446: no CertificateVerify",
            Slot::CertificateVerify,
            Edit::omit(),
            (10, unexpected(&[T::CertificateVerify], T::Finished)),
            asked,
        ),
        case("RFC 8446: a wrong Finished", Slot::Finished, flip, (51, Error::DecryptError), asked),
    ]
}
