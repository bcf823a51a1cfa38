//! Flags in what a server sends: none that was not offered, and request_client_auth nowhere but in
//! CertificateRequest.

use rustls_ext_wire::{ClientNegotiation, FlagSet, Message, Offer, Received, Version};

use super::{Case, Lab, Need, body, received};
use crate::case::{About, CaseResult, Group, Role};
use crate::grade::Grade;
use crate::talk::Talk;
use raw_peer::{ClientConfig, HandshakeType};

const IN: [(&str, HandshakeType, Message); 5] = [
    ("server-hello", HandshakeType::SERVER_HELLO, Message::ServerHello),
    ("encrypted-extensions", HandshakeType::ENCRYPTED_EXTENSIONS, Message::EncryptedExtensions),
    ("certificate", HandshakeType::CERTIFICATE, Message::ServerCertificate),
    ("compressed-certificate", HandshakeType::COMPRESSED_CERTIFICATE, Message::ServerCertificate),
    ("ticket", HandshakeType::NEW_SESSION_TICKET, Message::NewSessionTicket),
];

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Answer, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, typ, message) in IN {
        let needs = match typ {
            HandshakeType::COMPRESSED_CERTIFICATE => vec![Need::SendsCompressed],
            HandshakeType::NEW_SESSION_TICKET => vec![Need::Resumes],
            _ => vec![],
        };
        let to = |kind: &str| format!("{name}-to-{kind}");
        let expects = format!("does not answer an offer in {message}");
        let case = about(&to("offer"), "RCA-5", &expects);
        cases.push(Case::new(case, needs.clone(), move |lab: &mut Lab| {
            let mut config = lab.offering();
            config.accept_compression = typ == HandshakeType::COMPRESSED_CERTIFICATE;
            answers(lab, config, typ, message)
        }));
        let expects = format!("has no flag in {message} for a client that sent none");
        let case = about(&to("nothing"), "FLAGS-5", &expects);
        cases.push(Case::new(case, needs, move |lab: &mut Lab| {
            let mut config = lab.honest();
            config.accept_compression = typ == HandshakeType::COMPRESSED_CERTIFICATE;
            answers(lab, config, typ, message)
        }));
    }
    cases.push(Case::new(
        about("unknown-flags", "FLAGS-7", "answers no unknown flag in any message"),
        [],
        |lab| {
            let config = lab.hello([lab.flags(body([1, 5, 1023]))]);
            let talk = lab.visit_well(config)?;
            let number = lab.points().tls_flags();
            let mut grades = vec![Grade::Passed];
            for (name, typ, _) in IN {
                let found = received(&talk, typ, number);
                if typ != HandshakeType::NEW_SESSION_TICKET && !found.is_empty() {
                    grades.push(Grade::Tolerated(format!("answers {found:02x?} in {name}")));
                }
            }
            Ok(Grade::worst(grades))
        },
    ));
    cases
}

/// What the server says of flags in one message, as the negotiation of the codec judges it.
fn answers(
    lab: &mut Lab,
    config: ClientConfig,
    typ: HandshakeType,
    message: Message,
) -> CaseResult {
    let talk = lab.visit_well(config)?;
    if talk.peer.received(typ).is_none() {
        return Err(Grade::Skipped(format!("the server sent no {typ} this time")));
    }
    let offers = talk.peer.sent(HandshakeType::CLIENT_HELLO);
    let offered = offers.and_then(|hello| hello.find_extension(lab.points().tls_flags()));
    let offer = if offered.is_some() { Offer::FLAG } else { Offer::NONE };
    Ok(check_flags(lab, &talk, typ, message, offer))
}

/// Whether what is in these messages may be there, for a client of this offer.
pub(super) fn check_flags(
    lab: &Lab,
    talk: &Talk,
    typ: HandshakeType,
    message: Message,
    offer: Offer,
) -> Grade {
    let mut client = ClientNegotiation::new(offer, lab.points());
    client.hello(Version::Tls13);
    let bodies = received(talk, typ, lab.points().tls_flags());
    for body in &bodies {
        let tls_flags = Received { tls_flags: Some(body), ..Received::default() };
        if let Err(fault) = client.on(message, Version::Tls13, tls_flags) {
            return Grade::Failed(format!("{fault}: {body:02x?}"));
        }
        if FlagSet::decode(body).is_ok_and(|flags| flags.is_empty()) {
            return Grade::Failed(format!("has flags without any set: {body:02x?}"));
        }
    }
    Grade::Passed
}
