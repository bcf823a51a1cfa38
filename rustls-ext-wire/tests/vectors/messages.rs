//! The extensions in each message, with the result of the receiver's check.

use rustls_ext_wire::{
    Asks, ClientNegotiation, CodePoints, Fault, Message, Offer, Received, ServerNegotiation,
    Version,
};
use serde_json::{Value, json};

use super::{OFFER, OFFERS, ORIGINS, fault, hex};

const OTHER: &[u8] = &[1, 2];
const BOTH: &[u8] = &[11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const ACROSS_NAMES: &[u8] = &[2, 0, 1];
const MALFORMED: &[u8] = &[2, 2, 0];
const OTHER_ORIGINS: &[u8] = b"\0\x16\0\x14spiffe://example.com";
const MALFORMED_ORIGINS: &[u8] = b"\0\x02\0\0";

/// The content of a message: a name for it, the bodies of `tls_flags`, of CARE and of the origin hint.
type Content = (&'static str, Option<&'static [u8]>, Option<&'static [u8]>, Option<&'static [u8]>);

const CONTENTS: [Content; 12] = [
    ("nothing", None, None, None),
    ("the flag of the offer", Some(OFFER), None, None),
    ("an unknown flag", Some(OTHER), None, None),
    ("the flag of the offer and an unknown one", Some(BOTH), None, None),
    ("flag 8", Some(ACROSS_NAMES), None, None),
    ("malformed flags", Some(MALFORMED), None, None),
    ("CARE", None, Some(&[]), None),
    ("CARE with a body", None, Some(&[0]), None),
    ("the flag of the offer and CARE", Some(OFFER), Some(&[]), None),
    ("origins", None, None, Some(ORIGINS)),
    ("malformed origins", None, None, Some(MALFORMED_ORIGINS)),
    ("the flag of the offer and origins", Some(OFFER), None, Some(ORIGINS)),
];

pub fn all() -> Vec<Value> {
    let mut cases = Vec::new();
    for version in [Version::Tls13, Version::Tls12] {
        for &message in Message::ALL {
            for offer in OFFERS {
                for content in CONTENTS {
                    cases.extend(case(version, message, offer, content));
                }
            }
        }
    }
    cases.extend(second_hellos());
    cases
}

fn case(version: Version, message: Message, offer: Offer, content: Content) -> Option<Value> {
    let (name, tls_flags, care, origin_hint) = content;
    let received = Received { tls_flags, care, origin_hint };
    let points = CodePoints::default();
    // The other messages of TLS 1.2 have no extensions.
    let has_extensions = matches!(message, Message::ClientHello | Message::ServerHello);
    if version == Version::Tls12 && !has_extensions {
        return None;
    }
    let result = match message {
        // There is no earlier offer.
        Message::ClientHello if !offer.is_none() => return None,
        Message::ClientHello => ServerNegotiation::new(points).on_client_hello(version, received),
        Message::ClientCertificate => {
            let mut server = ServerNegotiation::new(points);
            server.on_client_hello(version, hello(offer)).unwrap();
            server.asks(Asks::BecauseOffered);
            server.on_client_certificate(received)
        }
        _ => {
            let mut client = ClientNegotiation::new(offer, points);
            client.hello(Version::Tls13);
            client.on(message, version, received)
        }
    };
    Some(value(name, version, message.name(), offer, received, result))
}

fn hello(offer: Offer) -> Received<'static> {
    Received {
        tls_flags: offer.has_flag().then_some(OFFER),
        care: offer.has_care().then_some(&[]),
        origin_hint: offer.has_origins().then_some(ORIGINS),
    }
}

fn value(
    name: &str,
    version: Version,
    message: &str,
    offer: Offer,
    received: Received<'_>,
    result: Result<(), Fault>,
) -> Value {
    let tls = if version == Version::Tls13 { "1.3" } else { "1.2" };
    let mut case = json!({
        "name": format!("TLS {tls}, offer {offer}, {message}: {name}"),
        "version": tls,
        "message": message,
        "offer": offer.to_string(),
        "tls_flags": received.tls_flags.map(hex),
        "care": received.care.map(hex),
        "origin_hint": received.origin_hint.map(hex),
    });
    if let Err(err) = result {
        case["fault"] = fault(err.rule(), err.alert());
    }
    case
}

/// The name of a second ClientHello, whose result depends on the first.
const SECOND_HELLO: &str = "second ClientHello";

/// A second ClientHello, where `offer` is that of the first.
fn second_hellos() -> Vec<Value> {
    let mut cases = Vec::new();
    let other = Received { origin_hint: Some(OTHER_ORIGINS), ..Received::default() };
    for first in OFFERS {
        let offers = OFFERS.iter().map(|offer| (format!("offer {offer}"), hello(*offer)));
        for (name, second) in offers.chain([("other origins".to_owned(), other)]) {
            let mut server = ServerNegotiation::new(CodePoints::default());
            server.on_client_hello(Version::Tls13, hello(first)).unwrap();
            let result = server.on_client_hello(Version::Tls13, second);
            cases.push(value(&name, Version::Tls13, SECOND_HELLO, first, second, result));
        }
    }
    cases
}
