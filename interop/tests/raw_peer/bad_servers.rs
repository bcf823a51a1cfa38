//! Servers that break a rule on purpose, and the expected alert of each.

use raw_peer::{
    Edit, Extension, Handshake, Peer, ServerConfig, ServerHello, Slot, Ticket, encode, fix_length,
};
use rustls::client::ClientAuthOfferStatus;
use rustls::ext_wire::{CareError, CodePoints, Flag, FlagSet, FlagsError, Message, check};
use rustls::{CertificateError, Error, InvalidMessage, PeerMisbehaved};

use crate::bad_requests;
use crate::demand::{ACROSS_NAMES, BOTH, CARE, FLAGS, HINT, OFFER, ORIGINS, OTHER};
use crate::pki::Pki;

/// A server that breaks a rule.
pub struct Case {
    /// The rule or the RFC, and how it is broken.
    pub name: &'static str,
    /// Its server name.
    pub at: &'static str,
    pub config: ServerConfig,
    /// The action after its handshake is complete.
    pub then: Option<fn(&mut Peer)>,
    /// The alert and the error of the client.
    pub ends: (u8, Error),
    /// The client's status by then.
    pub status: ClientAuthOfferStatus,
}

/// A server that requests a certificate, with this edit of one message.
pub fn server(pki: &Pki, slot: Slot, edit: Edit) -> ServerConfig {
    let mut config = ServerConfig::new(pki.server.clone());
    config.ask_certificate = true;
    config.hello_retry = slot == Slot::HelloRetryRequest;
    config.tickets = usize::from(slot == Slot::NewSessionTicket);
    config.plan.edits_mut(slot).push(edit);
    config
}

/// A case with an edit of one message.
pub fn case(
    pki: &Pki,
    name: &'static str,
    slot: Slot,
    edit: Edit,
    ends: (u8, Error),
    status: ClientAuthOfferStatus,
) -> Case {
    let config = server(pki, slot, edit);
    Case { name, at: "localhost", config, then: None, ends, status }
}

/// Every one of them, against a client that offers by flag and CARE and hints at an origin, or does not. `known` is a session of a raw
/// server's that the client has.
pub fn all(pki: &Pki, offers: bool, known: &Ticket) -> Vec<Case> {
    let before =
        if offers { ClientAuthOfferStatus::Offered } else { ClientAuthOfferStatus::NotOffered };
    let mut cases = with_flags(pki, offers, before);
    cases.extend(with_care(pki, offers, before));
    cases.extend(bad_requests::all(pki, before, known));
    cases.extend(in_tls12(pki, before));
    cases
}

fn with_flags(pki: &Pki, offers: bool, before: ClientAuthOfferStatus) -> Vec<Case> {
    let asked = ClientAuthOfferStatus::AskedWithoutAcknowledgement;
    let case = |name, slot, edit, ends, status| case(pki, name, slot, edit, ends, status);
    let malformed = |error: FlagsError| (47, InvalidMessage::IllegalTlsFlags(error).into());
    let out_of_place = || (47, InvalidMessage::UnexpectedTlsFlags.into());
    let points = CodePoints::DEFAULT;
    let illegal = |message, number| {
        let flags = FlagSet::single(Flag::new(number).unwrap());
        let violation = check(message, &flags, &FlagSet::EMPTY, &points).unwrap_err();
        (47, PeerMisbehaved::IllegalTlsFlag(violation).into())
    };
    let add = |body: &[u8]| Edit::add(FLAGS, body);
    let twice = || (47, InvalidMessage::DuplicateExtension(FLAGS).into());
    use Slot as S;
    let mut cases = vec![
        case(
            "FLAGS-2: only zeros",
            S::CertificateRequest,
            add(&[1, 0]),
            malformed(FlagsError::NoFlagSet),
            before,
        ),
        case(
            "FLAGS-3: nothing",
            S::CertificateRequest,
            add(&[]),
            malformed(FlagsError::NoLength),
            before,
        ),
        case(
            "FLAGS-2: in a ticket",
            S::NewSessionTicket,
            add(&[2, 2, 0]),
            malformed(FlagsError::TrailingZero),
            asked,
        ),
        case(
            "FLAGS-3: in a ticket",
            S::NewSessionTicket,
            add(&[0]),
            malformed(FlagsError::EmptyList),
            asked,
        ),
        case(
            "FLAGS-4: a flag of tickets in a request",
            S::CertificateRequest,
            add(&ACROSS_NAMES),
            illegal(Message::CertificateRequest, 8),
            before,
        ),
        case("FLAGS-5: in ServerHello", S::ServerHello, add(&OTHER), out_of_place(), before),
        case(
            "FLAGS-5: in EncryptedExtensions",
            S::EncryptedExtensions,
            add(&OTHER),
            out_of_place(),
            before,
        ),
        case("RCA-5: in ServerHello", S::ServerHello, add(&OFFER), out_of_place(), before),
        case(
            "RCA-5: in HelloRetryRequest",
            S::HelloRetryRequest,
            add(&OFFER),
            out_of_place(),
            before,
        ),
        case(
            "RCA-5: in EncryptedExtensions",
            S::EncryptedExtensions,
            add(&OFFER),
            out_of_place(),
            before,
        ),
        case("RCA-5: in Certificate", S::Certificate, add(&OFFER), out_of_place(), asked),
        case(
            "RCA-5: in a ticket",
            S::NewSessionTicket,
            add(&OFFER),
            illegal(Message::NewSessionTicket, 80),
            asked,
        ),
    ];
    for slot in [S::CertificateRequest, S::NewSessionTicket] {
        let status = if slot == S::CertificateRequest { before } else { asked };
        let mut config = server(pki, slot, add(&OTHER));
        config.plan.edits_mut(slot).push(Edit::duplicate(FLAGS));
        cases.push(Case { config, ..case("FLAGS-10: twice", slot, add(&OTHER), twice(), status) });
    }
    if !offers {
        for body in [OFFER, BOTH] {
            let ends = illegal(Message::CertificateRequest, 80);
            cases.push(case("RCA-4: no offer", S::CertificateRequest, add(&body), ends, before));
        }
    }
    cases
}

fn with_care(pki: &Pki, offers: bool, before: ClientAuthOfferStatus) -> Vec<Case> {
    use Slot as S;
    let case = |name, slot, body: &[u8], ends: (u8, Error)| {
        case(pki, name, slot, Edit::add(CARE, body), ends, before)
    };
    let illegal = |error| (47, PeerMisbehaved::IllegalClientAuthenticationRequest(error).into());
    let out_of_place = || (47, InvalidMessage::UnexpectedCare.into());
    let hint = |name, slot| {
        let edit = Edit::add(HINT, ORIGINS);
        self::case(pki, name, slot, edit, (47, InvalidMessage::UnexpectedOriginHint.into()), before)
    };
    if offers {
        vec![
            case(
                "CARE-1: a body",
                S::EncryptedExtensions,
                &[0],
                illegal(CareError::NotEmpty { length: 1 }),
            ),
            case(
                "CARE-3: in ServerHello",
                S::ServerHello,
                &[],
                illegal(CareError::Misplaced { message: Message::ServerHello }),
            ),
            case("CARE-3: in a request", S::CertificateRequest, &[], out_of_place()),
            hint("WIO-1: in EncryptedExtensions", S::EncryptedExtensions),
            hint("WIO-1: in a request", S::CertificateRequest),
        ]
    } else {
        vec![
            case(
                "CARE-3: no offer, in ServerHello",
                S::ServerHello,
                &[],
                (110, PeerMisbehaved::UnsolicitedServerHelloExtension.into()),
            ),
            case(
                "CARE-3: no offer",
                S::EncryptedExtensions,
                &[],
                (110, PeerMisbehaved::UnsolicitedEncryptedExtension.into()),
            ),
        ]
    }
}

/// ServerHello and more of TLS 1.2, in place of a ServerHello of TLS 1.3.
pub fn tls12_hello(extensions: Vec<Extension>, more: Vec<u8>) -> Edit {
    Edit::raw(move |bytes| {
        let Ok(Handshake::ServerHello(hello)) = raw_peer::decode(bytes) else { return };
        let (session_id, extensions) = (Vec::new(), extensions.clone());
        let hello = ServerHello { cipher_suite: 0xc02b, session_id, extensions, ..hello };
        *bytes = encode(&Handshake::ServerHello(hello)).unwrap();
        bytes.extend_from_slice(&more);
    })
}

fn in_tls12(pki: &Pki, status: ClientAuthOfferStatus) -> Vec<Case> {
    let message = |typ: u8, body: &[u8]| {
        let mut message = [&[typ, 0, 0, 0], body].concat();
        fix_length(&mut message);
        message
    };
    let der = &pki.server.chain[0];
    let length = |len: usize| len.to_be_bytes()[5..].to_vec();
    let certificate =
        message(11, &[length(der.len() + 3), length(der.len()), der.clone()].concat());
    // x25519, and no signature that would ever be good
    let exchange = message(12, &[&[3, 0, 29, 32][..], &[9; 32], &[4, 3, 0, 1, 0]].concat());
    let flags = [&[0, 16, 0, 62, 0, 12][..], &OFFER].concat();
    let flight = |flags: &[u8]| {
        let request = message(13, &[&[1, 64, 0, 2, 4, 3, 0, 0], flags].concat());
        [certificate.clone(), exchange.clone(), request, message(14, &[])].concat()
    };
    let case = |name, edit, ends| {
        let mut config = ServerConfig::new(pki.server.clone());
        config.plan.server_hello.push(edit);
        Case { name, at: "localhost", config, then: None, ends, status }
    };
    vec![
        case(
            "FLAGS-9: in a ServerHello of TLS 1.2",
            tls12_hello(vec![Extension::new(FLAGS, OFFER)], vec![]),
            (47, InvalidMessage::UnexpectedTlsFlags.into()),
        ),
        case(
            "FLAGS-9: in a CertificateRequest of TLS 1.2",
            tls12_hello(vec![], flight(&flags)),
            (50, InvalidMessage::TrailingData("HandshakeMessagePayload").into()),
        ),
        // which shows that nothing but the flags was wrong with the message
        Case {
            status: ClientAuthOfferStatus::AskedWithoutAcknowledgement,
            ..case(
                "RFC 5246: a wrong signature",
                tls12_hello(vec![], flight(&[])),
                (51, CertificateError::BadSignature.into()),
            )
        },
    ]
}
