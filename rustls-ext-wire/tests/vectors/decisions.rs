//! A server's answers to offers, and the sessions that it resumes.

use rustls_ext_wire::resumption::{Demand, Resumption, Session, check};
use rustls_ext_wire::{Asks, CodePoints, Message, Received, ServerNegotiation, Version};
use serde_json::{Value, json};

use super::{OFFER, OFFERS, ORIGINS, hex};

pub fn all() -> Vec<Value> {
    let mut cases = answers();
    cases.extend(resumptions());
    cases
}

fn answers() -> Vec<Value> {
    let mut cases = Vec::new();
    for (tls, version) in [("1.3", Version::Tls13), ("1.2", Version::Tls12)] {
        for offer in OFFERS {
            for (why, asks) in [
                ("no", Asks::No),
                ("because offered", Asks::BecauseOffered),
                ("for another reason", Asks::ForAnotherReason),
            ] {
                let mut server = ServerNegotiation::new(CodePoints::default());
                let received = Received {
                    tls_flags: offer.has_flag().then_some(OFFER),
                    care: offer.has_care().then_some(&[]),
                    origin_hint: offer.has_origins().then_some(ORIGINS),
                };
                server.on_client_hello(version, received).unwrap();
                server.asks(asks);
                let echo = Message::ALL.iter().copied().find(|m| server.echoes_care_in(*m));
                cases.push(json!({
                    "name": format!("TLS {tls}, offer {offer}, asks: {why}"),
                    "kind": "answer",
                    "version": tls,
                    "offer": offer.to_string(),
                    "asks": why,
                    "counts_as_offer": server.offer().to_string(),
                    "acknowledgement": server.acknowledgement().body().map(hex),
                    "care_in": echo.map(Message::name),
                }));
            }
        }
    }
    cases
}

fn resumptions() -> Vec<Value> {
    let mut cases = Vec::new();
    let demands = [
        ("none", Demand::None),
        ("request in clients", Demand::Request(b"clients")),
        ("require in clients", Demand::Require(b"clients")),
    ];
    let sessions = [
        ("not asked", None, false),
        ("declined in clients", Some("clients"), false),
        ("declined in staff", Some("staff"), false),
        ("authenticated in clients", Some("clients"), true),
        ("authenticated in staff", Some("staff"), true),
    ];
    for (wanted, demand) in demands {
        for (was, scope, authenticated) in sessions {
            for offered in [false, true] {
                let session = Session { scope: scope.map(str::as_bytes), authenticated };
                let outcome = match check(demand, offered, session) {
                    Resumption::Allowed => "allowed",
                    Resumption::IfVerified => "if verified",
                    Resumption::Refused => "refused",
                };
                let offers = if offered { "offers" } else { "does not offer" };
                cases.push(json!({
                    "name": format!("demand {wanted}, session {was}, client {offers}"),
                    "kind": "resumption",
                    "demand": wanted.split(' ').next(),
                    "offered": offered,
                    "session": { "scope": scope, "authenticated": authenticated },
                    "resumption": outcome,
                }));
            }
        }
    }
    cases
}
