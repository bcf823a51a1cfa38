//! Both extensions in each message, with the result of the receiver's check.

use rustls_ext_wire::{
    Asks, ClientNegotiation, CodePoints, Fault, Message, Offer, Received, ServerNegotiation,
    Version,
};
use serde_json::{Value, json};

use super::{fault, hex};

const OFFER: &[u8] = &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const OTHER: &[u8] = &[1, 2];
const BOTH: &[u8] = &[11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const ACROSS_NAMES: &[u8] = &[2, 0, 1];
const MALFORMED: &[u8] = &[2, 2, 0];

/// The content of a message: a name for it, the bodies of `tls_flags` and of CARE.
type Content = (&'static str, Option<&'static [u8]>, Option<&'static [u8]>);

const CONTENTS: [Content; 9] = [
    ("nothing", None, None),
    ("the flag of the offer", Some(OFFER), None),
    ("an unknown flag", Some(OTHER), None),
    ("the flag of the offer and an unknown one", Some(BOTH), None),
    ("flag 8", Some(ACROSS_NAMES), None),
    ("malformed flags", Some(MALFORMED), None),
    ("CARE", None, Some(&[])),
    ("CARE with a body", None, Some(&[0])),
    ("the flag of the offer and CARE", Some(OFFER), Some(&[])),
];

pub fn all() -> Vec<Value> {
    let mut cases = Vec::new();
    for version in [Version::Tls13, Version::Tls12] {
        for &message in Message::ALL {
            for offer in [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH] {
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
    let (name, tls_flags, care) = content;
    let received = Received { tls_flags, care, origin_hint: None };
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
        origin_hint: None,
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
    for first in [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH] {
        for second in [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH] {
            let mut server = ServerNegotiation::new(CodePoints::default());
            server.on_client_hello(Version::Tls13, hello(first)).unwrap();
            let result = server.on_client_hello(Version::Tls13, hello(second));
            let name = format!("offer {second}");
            let received = hello(second);
            cases.push(value(&name, Version::Tls13, SECOND_HELLO, first, received, result));
        }
    }
    cases
}
