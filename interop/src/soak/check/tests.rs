//! The check accepts right outcomes, and refuses wrong ones.

use rustls_ext::wire::Offer;

use super::*;
use crate::soak::honest_client::{Certificate, HonestClient, Host, Position};
use crate::soak::outcome::{AGENTS, STAFF, Served, Status};

const SIZE: usize = 100;

/// An agent that offers, at a host that then requires a certificate.
const AGENT: HonestClient = HonestClient {
    host: Host::Agents,
    certificate: Certificate::Agent,
    offer: Offer::FLAG,
    tls12: false,
    in_clear: false,
};
/// The same without a certificate: it is refused.
const REFUSED: HonestClient = HonestClient { certificate: Certificate::None, ..AGENT };

fn circumstances(who: &HonestClient, fault: Option<(FaultKind, Direction)>) -> Circumstances {
    Circumstances {
        expectation: Expectation::Exactly(who.expected(Position::default())),
        message: SIZE,
        short_timeout: fault.is_some(),
        fault: fault.map(|(kind, direction)| Fault { kind, direction, at: 0 }),
    }
}

/// The expected outcome without a fault.
fn right(who: &HonestClient) -> Observed {
    let Expected { server, client } = who.expected(Position::default());
    let served = matches!(client, ClientOutcome::Served(_));
    let application = served.then_some(Application::Echoed(SIZE));
    Observed { server, application, client, fired: false }
}

fn broken(server: ServerOutcome) -> Observed {
    let accepted = matches!(server, ServerOutcome::Accepted(_));
    let application = accepted.then_some(Application::Broken);
    Observed { server, application, client: ClientOutcome::Broken, fired: true }
}

/// The agent's connection, with the server's view changed by `change`.
fn known(change: impl FnOnce(&mut crate::soak::outcome::Accepted)) -> Observed {
    let mut observed = right(&AGENT);
    if let ServerOutcome::Accepted(accepted) = &mut observed.server {
        change(accepted);
    }
    observed
}

#[test]
fn the_expected_outcome_is_accepted() {
    for who in [AGENT, REFUSED] {
        assert_eq!(circumstances(&who, None).check(&right(&who)), Ok(()));
        // also if a fault did not happen, or did no harm
        for kind in [FaultKind::Cut, FaultKind::Stall, FaultKind::Flip(1)] {
            let circumstances = circumstances(&who, Some((kind, Direction::Up)));
            assert_eq!(circumstances.check(&right(&who)), Ok(()));
            assert_eq!(circumstances.check(&Observed { fired: true, ..right(&who) }), Ok(()));
        }
    }
}

#[test]
fn any_other_outcome_without_a_fault_is_wrong() {
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
        (AGENT, Observed { application: Some(Application::Echoed(SIZE - 1)), ..right(&AGENT) }),
        (AGENT, Observed { application: Some(Application::Idle), ..right(&AGENT) }),
        (AGENT, Observed { application: None, ..right(&AGENT) }),
        (AGENT, Observed { client: ClientOutcome::Broken, ..right(&AGENT) }),
        (AGENT, Observed { client: ClientOutcome::LikelyRefused, ..right(&AGENT) }),
        (AGENT, refused.clone()),
        (AGENT, broken(ServerOutcome::HungUp)),
        (AGENT, broken(ServerOutcome::Timeout)),
        (
            AGENT,
            Observed { client: ClientOutcome::Unexpected("unexpected".into()), ..right(&AGENT) },
        ),
        (AGENT, broken(ServerOutcome::Unexpected("unexpected".into()))),
        // A refused client is never accepted, and receives the alert.
        (REFUSED, right(&AGENT)),
        (REFUSED, Observed { server: ServerOutcome::Sent(Alert::UnknownCA), ..refused.clone() }),
        (REFUSED, Observed { server: ServerOutcome::Refused, ..refused.clone() }),
        (REFUSED, Observed { client: ClientOutcome::LikelyRefused, ..refused.clone() }),
        (REFUSED, Observed { client: ClientOutcome::Broken, ..refused.clone() }),
        (
            REFUSED,
            Observed {
                client: ClientOutcome::Refused { alert: Alert::CertificateRequired, late: false },
                ..refused.clone()
            },
        ),
    ];
    for (who, observed) in all {
        assert!(circumstances(&who, None).check(&observed).is_err(), "{observed:?}");
    }
    let all = [(true, true, false), (true, false, true), (false, true, true)];
    for (asked, acknowledged, resumed) in all {
        let client = ClientOutcome::Served(Served { asked, acknowledged, resumed, early: false });
        let observed = Observed { client, ..right(&AGENT) };
        let is_right = (asked, acknowledged, resumed) == (true, true, false);
        assert_eq!(circumstances(&AGENT, None).check(&observed).is_ok(), is_right, "{observed:?}");
    }
}

#[test]
fn a_fault_explains_only_its_possible_outcomes() {
    let cut = || (FaultKind::Cut, Direction::Up);
    let stall = || (FaultKind::Stall, Direction::Up);
    let flip = |direction| (FaultKind::Flip(1), direction);
    let heard = |alert, server| Observed {
        server,
        application: None,
        client: ClientOutcome::Refused { alert, late: false },
        fired: true,
    };
    let said = |alert, server| Observed {
        server,
        application: None,
        client: ClientOutcome::GaveUp(Some(alert)),
        fired: true,
    };
    let (bad_mac, decode) = (Alert::BadRecordMac, Alert::DecodeError);
    let fired = |observed: Observed| Observed { fired: true, ..observed };
    let all = [
        // accepted in another scope or status, or accepted instead of refused
        (AGENT, cut(), broken(known(|known| known.scopes = vec![STAFF]).server)),
        (AGENT, flip(Direction::Up), fired(known(|known| known.status = Status::Declined))),
        (REFUSED, flip(Direction::Up), broken(right(&AGENT).server)),
        (REFUSED, cut(), fired(right(&AGENT))),
        // served although the server did not accept, or with other data
        (AGENT, cut(), Observed { server: ServerOutcome::HungUp, ..fired(right(&AGENT)) }),
        (AGENT, cut(), Observed { application: None, ..fired(right(&AGENT)) }),
        // alerts that an honest client's bytes never cause
        (AGENT, cut(), broken(ServerOutcome::Sent(decode))),
        (AGENT, stall(), broken(ServerOutcome::Sent(Alert::UnknownCA))),
        (AGENT, stall(), broken(ServerOutcome::HungUp)),
        (AGENT, cut(), broken(ServerOutcome::Timeout)),
        (AGENT, cut(), broken(ServerOutcome::Refused)),
        (AGENT, cut(), broken(ServerOutcome::Received(decode))),
        // defects of the server
        (AGENT, flip(Direction::Up), broken(ServerOutcome::Sent(Alert::InternalError))),
        (AGENT, flip(Direction::Up), broken(ServerOutcome::Unexpected("unexpected".into()))),
        // an alert that one side sent, and the other did not receive, or received as another one
        (AGENT, flip(Direction::Up), heard(bad_mac, ServerOutcome::Sent(decode))),
        (AGENT, flip(Direction::Up), heard(decode, ServerOutcome::Refused)),
        (AGENT, flip(Direction::Up), heard(decode, ServerOutcome::HungUp)),
        (AGENT, cut(), heard(decode, ServerOutcome::HungUp)),
        (AGENT, flip(Direction::Down), said(decode, ServerOutcome::Received(bad_mac))),
        (AGENT, cut(), said(decode, ServerOutcome::HungUp)),
        (AGENT, flip(Direction::Down), broken(ServerOutcome::Received(decode))),
    ];
    for (who, fault, observed) in all {
        assert!(circumstances(&who, Some(fault)).check(&observed).is_err(), "{observed:?}");
    }
    let all = [
        (cut(), broken(ServerOutcome::HungUp)),
        (cut(), broken(right(&AGENT).server)),
        (stall(), Observed { client: ClientOutcome::Stalled, ..broken(ServerOutcome::Timeout) }),
        (flip(Direction::Up), heard(decode, ServerOutcome::Sent(decode))),
        (flip(Direction::Up), heard(bad_mac, ServerOutcome::Refused)),
        (flip(Direction::Down), said(decode, ServerOutcome::Received(decode))),
        (flip(Direction::Down), said(decode, ServerOutcome::HungUp)),
        (flip(Direction::Down), broken(ServerOutcome::Timeout)),
    ];
    for (fault, observed) in all {
        assert_eq!(circumstances(&AGENT, Some(fault)).check(&observed), Ok(()), "{observed:?}");
    }
}

#[test]
fn only_a_server_with_a_short_timeout_may_time_out() {
    let timeout = Observed { fired: false, ..broken(ServerOutcome::Timeout) };
    let idle = Observed {
        application: Some(Application::Idle),
        client: ClientOutcome::Broken,
        ..right(&AGENT)
    };
    for observed in [timeout, idle] {
        let patient = circumstances(&AGENT, None);
        assert!(patient.check(&observed).is_err());
        assert_eq!(Circumstances { short_timeout: true, ..patient }.check(&observed), Ok(()));
    }
}

#[test]
fn noise_gets_an_alert_or_nothing() {
    let noise = Circumstances {
        expectation: Expectation::NoHandshake,
        message: SIZE,
        fault: None,
        short_timeout: false,
    };
    let observed = |server, client| Observed { server, application: None, client, fired: false };
    let told = |alert| ClientOutcome::Refused { alert, late: false };
    let decode = Alert::DecodeError;
    for observed in [
        observed(ServerOutcome::Sent(decode), told(decode)),
        observed(ServerOutcome::Refused, ClientOutcome::Broken),
        observed(ServerOutcome::HungUp, ClientOutcome::Broken),
    ] {
        assert_eq!(noise.check(&observed), Ok(()));
    }
    for observed in [
        observed(ServerOutcome::Sent(decode), ClientOutcome::Broken),
        observed(ServerOutcome::Sent(decode), told(Alert::IllegalParameter)),
        observed(ServerOutcome::Sent(Alert::InternalError), told(Alert::InternalError)),
        observed(ServerOutcome::HungUp, told(decode)),
        observed(ServerOutcome::Timeout, ClientOutcome::Broken),
        right(&AGENT),
    ] {
        assert!(noise.check(&observed).is_err(), "{observed:?}");
    }
}
