//! The judge, before outcomes that are right and outcomes that are not.

use rustls_ext::wire::Offer;

use super::*;
use crate::soak::ends::{AGENTS, STAFF, Served, Status};
use crate::soak::who::{Certificate, Host, Moment, Who};

const SIZE: usize = 100;

/// An agent that offers, at a host that insists then.
const AGENT: Who = Who {
    host: Host::Agents,
    certificate: Certificate::Agent,
    offer: Offer::FLAG,
    tls12: false,
    in_clear: false,
};
/// The same without a certificate, which is refused.
const REFUSED: Who = Who { certificate: Certificate::None, ..AGENT };

fn circumstances(who: &Who, fault: Option<(FaultKind, Direction)>) -> Circumstances {
    Circumstances {
        right: Right::Exactly(who.expected(Moment::default())),
        message: SIZE,
        impatient: fault.is_some(),
        fault: fault.map(|(kind, direction)| Fault { kind, direction, at: 0 }),
    }
}

/// What is right without a fault.
fn right(who: &Who) -> Seen {
    let Expected { server, client } = who.expected(Moment::default());
    let served = matches!(client, ClientEnd::Served(_));
    let application = served.then_some(Application::Echoed(SIZE));
    Seen { server, application, client, fired: false }
}

fn broken(server: ServerEnd) -> Seen {
    let accepted = matches!(server, ServerEnd::Accepted(_));
    let application = accepted.then_some(Application::Broken);
    Seen { server, application, client: ClientEnd::Broken, fired: true }
}

/// The agent's connection, with what the server knows of it changed by `change`.
fn known(change: impl FnOnce(&mut crate::soak::ends::Accepted)) -> Seen {
    let mut seen = right(&AGENT);
    if let ServerEnd::Accepted(accepted) = &mut seen.server {
        change(accepted);
    }
    seen
}

#[test]
fn what_is_expected_is_right() {
    for who in [AGENT, REFUSED] {
        assert_eq!(circumstances(&who, None).judge(&right(&who)), Ok(()));
        // and it is right as well where a fault has not happened, or has done no harm
        for kind in [FaultKind::Cut, FaultKind::Stall, FaultKind::Flip(1)] {
            let circumstances = circumstances(&who, Some((kind, Direction::Up)));
            assert_eq!(circumstances.judge(&right(&who)), Ok(()));
            assert_eq!(circumstances.judge(&Seen { fired: true, ..right(&who) }), Ok(()));
        }
    }
}

#[test]
fn whatever_differs_from_what_is_expected_is_wrong() {
    let refused = right(&REFUSED);
    let all = [
        (AGENT, known(|known| known.status = Status::Declined)),
        (AGENT, known(|known| known.scopes = vec![STAFF])),
        (AGENT, known(|known| known.scopes = vec![AGENTS, STAFF])),
        (AGENT, known(|known| known.scopes.clear())),
        (AGENT, known(|known| known.acknowledged = false)),
        (AGENT, known(|known| known.offered = false)),
        (AGENT, known(|known| known.resumed = true)),
        (AGENT, known(|known| known.retried = true)),
        (AGENT, known(|known| known.early = 1)),
        (AGENT, known(|known| known.tls12 = true)),
        (AGENT, Seen { application: Some(Application::Echoed(SIZE - 1)), ..right(&AGENT) }),
        (AGENT, Seen { application: Some(Application::Idle), ..right(&AGENT) }),
        (AGENT, Seen { application: None, ..right(&AGENT) }),
        (AGENT, Seen { client: ClientEnd::Broken, ..right(&AGENT) }),
        (AGENT, Seen { client: ClientEnd::LikelyRefused, ..right(&AGENT) }),
        (AGENT, refused.clone()),
        (AGENT, broken(ServerEnd::HungUp)),
        (AGENT, broken(ServerEnd::Timeout)),
        (AGENT, Seen { client: ClientEnd::Odd("odd".into()), ..right(&AGENT) }),
        (AGENT, broken(ServerEnd::Odd("odd".into()))),
        // Whoever is refused is nobody, and knows why.
        (REFUSED, right(&AGENT)),
        (REFUSED, Seen { server: ServerEnd::Sent(Alert::UnknownCA), ..refused.clone() }),
        (REFUSED, Seen { server: ServerEnd::Refused, ..refused.clone() }),
        (REFUSED, Seen { client: ClientEnd::LikelyRefused, ..refused.clone() }),
        (REFUSED, Seen { client: ClientEnd::Broken, ..refused.clone() }),
        (
            REFUSED,
            Seen {
                client: ClientEnd::Refused { alert: Alert::CertificateRequired, late: false },
                ..refused.clone()
            },
        ),
    ];
    for (who, seen) in all {
        assert!(circumstances(&who, None).judge(&seen).is_err(), "{seen:?}");
    }
    let all = [(true, true, false), (true, false, true), (false, true, true)];
    for (asked, acknowledged, resumed) in all {
        let client = ClientEnd::Served(Served { asked, acknowledged, resumed, early: false });
        let seen = Seen { client, ..right(&AGENT) };
        let is_right = (asked, acknowledged, resumed) == (true, true, false);
        assert_eq!(circumstances(&AGENT, None).judge(&seen).is_ok(), is_right, "{seen:?}");
    }
}

#[test]
fn a_fault_is_no_excuse_for_what_it_cannot_bring_about() {
    let cut = || (FaultKind::Cut, Direction::Up);
    let stall = || (FaultKind::Stall, Direction::Up);
    let flip = |direction| (FaultKind::Flip(1), direction);
    let heard = |alert, server| Seen {
        server,
        application: None,
        client: ClientEnd::Refused { alert, late: false },
        fired: true,
    };
    let said = |alert, server| Seen {
        server,
        application: None,
        client: ClientEnd::GaveUp(Some(alert)),
        fired: true,
    };
    let (bad_mac, decode) = (Alert::BadRecordMac, Alert::DecodeError);
    let fired = |seen: Seen| Seen { fired: true, ..seen };
    let all = [
        // accepted as somebody else, or instead of refused
        (AGENT, cut(), broken(known(|known| known.scopes = vec![STAFF]).server)),
        (AGENT, flip(Direction::Up), fired(known(|known| known.status = Status::Declined))),
        (REFUSED, flip(Direction::Up), broken(right(&AGENT).server)),
        (REFUSED, cut(), fired(right(&AGENT))),
        // served without a server, or with other data
        (AGENT, cut(), Seen { server: ServerEnd::HungUp, ..fired(right(&AGENT)) }),
        (AGENT, cut(), Seen { application: None, ..fired(right(&AGENT)) }),
        // alerts that octets from the honest client do not bring about
        (AGENT, cut(), broken(ServerEnd::Sent(decode))),
        (AGENT, stall(), broken(ServerEnd::Sent(Alert::UnknownCA))),
        (AGENT, stall(), broken(ServerEnd::HungUp)),
        (AGENT, cut(), broken(ServerEnd::Timeout)),
        (AGENT, cut(), broken(ServerEnd::Refused)),
        (AGENT, cut(), broken(ServerEnd::Received(decode))),
        // the server's own fault
        (AGENT, flip(Direction::Up), broken(ServerEnd::Sent(Alert::InternalError))),
        (AGENT, flip(Direction::Up), broken(ServerEnd::Odd("odd".into()))),
        // what one end has said and the other has not heard, or heard otherwise
        (AGENT, flip(Direction::Up), heard(bad_mac, ServerEnd::Sent(decode))),
        (AGENT, flip(Direction::Up), heard(decode, ServerEnd::Refused)),
        (AGENT, flip(Direction::Up), heard(decode, ServerEnd::HungUp)),
        (AGENT, cut(), heard(decode, ServerEnd::HungUp)),
        (AGENT, flip(Direction::Down), said(decode, ServerEnd::Received(bad_mac))),
        (AGENT, cut(), said(decode, ServerEnd::HungUp)),
        (AGENT, flip(Direction::Down), broken(ServerEnd::Received(decode))),
    ];
    for (who, fault, seen) in all {
        assert!(circumstances(&who, Some(fault)).judge(&seen).is_err(), "{seen:?}");
    }
    let all = [
        (cut(), broken(ServerEnd::HungUp)),
        (cut(), broken(right(&AGENT).server)),
        (stall(), Seen { client: ClientEnd::Stalled, ..broken(ServerEnd::Timeout) }),
        (flip(Direction::Up), heard(decode, ServerEnd::Sent(decode))),
        (flip(Direction::Up), heard(bad_mac, ServerEnd::Refused)),
        (flip(Direction::Down), said(decode, ServerEnd::Received(decode))),
        (flip(Direction::Down), said(decode, ServerEnd::HungUp)),
        (flip(Direction::Down), broken(ServerEnd::Timeout)),
    ];
    for (fault, seen) in all {
        assert_eq!(circumstances(&AGENT, Some(fault)).judge(&seen), Ok(()), "{seen:?}");
    }
}

#[test]
fn only_an_impatient_server_may_lose_its_patience() {
    let timeout = Seen { fired: false, ..broken(ServerEnd::Timeout) };
    let idle =
        Seen { application: Some(Application::Idle), client: ClientEnd::Broken, ..right(&AGENT) };
    for seen in [timeout, idle] {
        let patient = circumstances(&AGENT, None);
        assert!(patient.judge(&seen).is_err());
        assert_eq!(Circumstances { impatient: true, ..patient }.judge(&seen), Ok(()));
    }
}

#[test]
fn noise_gets_an_alert_or_nothing() {
    let noise =
        Circumstances { right: Right::NoHandshake, message: SIZE, fault: None, impatient: false };
    let seen = |server, client| Seen { server, application: None, client, fired: false };
    let told = |alert| ClientEnd::Refused { alert, late: false };
    let decode = Alert::DecodeError;
    for seen in [
        seen(ServerEnd::Sent(decode), told(decode)),
        seen(ServerEnd::Refused, ClientEnd::Broken),
        seen(ServerEnd::HungUp, ClientEnd::Broken),
    ] {
        assert_eq!(noise.judge(&seen), Ok(()));
    }
    for seen in [
        seen(ServerEnd::Sent(decode), ClientEnd::Broken),
        seen(ServerEnd::Sent(decode), told(Alert::IllegalParameter)),
        seen(ServerEnd::Sent(Alert::InternalError), told(Alert::InternalError)),
        seen(ServerEnd::HungUp, told(decode)),
        seen(ServerEnd::Timeout, ClientEnd::Broken),
        right(&AGENT),
    ] {
        assert!(noise.judge(&seen).is_err(), "{seen:?}");
    }
}
