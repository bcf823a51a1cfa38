use super::*;
use crate::soak::gateway::request::Behind;

fn circumstances(host: Host, certificate: Certificate) -> Circumstances {
    Circumstances {
        host,
        certificate,
        offers: certificate != Certificate::None,
        address: [127, 0, 0, 9].into(),
        handshake_policies: vec![false],
        request_policies: vec![false],
        upstream_died: false,
    }
}

fn request(action: Action, answer: Answer) -> Request {
    let (demand, misdirected, forged) = (None, false, false);
    let behind = Behind::Http1;
    Request { number: 7, action, behind, answer, demand, misdirected, forged, up: 3, down: 9 }
}

fn seen() -> Seen {
    Seen {
        method: "POST".into(),
        scope: Some(Scope::Agents),
        address: Some([127, 0, 0, 9].into()),
        bytes: 3,
        is_right: true,
        is_complete: true,
        has_trailers: false,
    }
}

fn received() -> Received {
    Received {
        status: 200,
        number: Some(7),
        bytes: 9,
        is_right: true,
        end: BodyEnd::Whole,
        has_trailers: false,
    }
}

fn by_gateway(status: u16) -> Outcome {
    Outcome::Response(Received { status, number: None, bytes: 0, ..received() })
}

#[test]
fn a_request_that_is_passed_on_must_arrive_once_and_right() {
    let agent = circumstances(Host::App, Certificate::Agent);
    let post = request(Action::Post, Answer::Length);
    let whole = Outcome::Response(received());
    agent.check(&post, &whole, &[seen()]).unwrap();
    for wrong in [
        vec![],
        vec![seen(), seen()],
        vec![Seen { method: "GET".into(), ..seen() }],
        vec![Seen { scope: None, ..seen() }],
        vec![Seen { scope: Some(Scope::Staff), ..seen() }],
        vec![Seen { address: Some([127, 0, 0, 8].into()), ..seen() }],
        vec![Seen { bytes: 2, ..seen() }],
        vec![Seen { is_right: false, ..seen() }],
        vec![Seen { is_complete: false, ..seen() }],
        vec![Seen { has_trailers: true, ..seen() }],
    ] {
        assert!(agent.check(&post, &whole, &wrong).is_err(), "{wrong:?}");
    }
    for wrong in [
        Received { status: 201, ..received() },
        Received { number: None, ..received() },
        Received { bytes: 8, ..received() },
        Received { is_right: false, ..received() },
        Received { end: BodyEnd::Broken, ..received() },
        Received { has_trailers: true, ..received() },
    ] {
        assert!(agent.check(&post, &Outcome::Response(wrong), &[seen()]).is_err());
    }
    let text = String::new;
    for wrong in
        [Outcome::Refused, Outcome::Hung, Outcome::NoResponse(text()), Outcome::Rejected(text())]
    {
        assert!(agent.check(&post, &wrong, &[seen()]).is_err());
    }
}

#[test]
fn a_fault_of_the_server_behind_explains_only_its_own_outcome() {
    let agent = circumstances(Host::App, Certificate::Agent);
    let whole = Outcome::Response(received());
    let broken = Outcome::Response(Received { end: BodyEnd::Broken, ..received() });
    for (answer, expected) in [
        (Answer::Short, &broken),
        (Answer::TruncatedChunks, &broken),
        (Answer::BadChunk, &broken),
        (Answer::StallInBody, &broken),
        (Answer::Long, &whole),
        (Answer::TwoResponses, &whole),
        (Answer::Close, &by_gateway(502)),
        (Answer::Reset, &by_gateway(502)),
        (Answer::Garbage, &by_gateway(502)),
        (Answer::Unsolicited101, &by_gateway(502)),
        (Answer::HugeHead, &by_gateway(502)),
        (Answer::DifferentLengths, &by_gateway(502)),
        (Answer::Stall, &by_gateway(504)),
    ] {
        for outcome in [&whole, &broken, &by_gateway(502), &by_gateway(504)] {
            let checked = agent.check(&request(Action::Post, answer), outcome, &[seen()]);
            assert_eq!(checked.is_ok(), outcome == expected, "{answer:?}: {outcome:?}");
        }
    }
}

#[test]
fn each_refusal_has_its_status_and_passes_nothing_on() {
    let demanding = |scope| Request { demand: Some(scope), ..request(Action::Get, Answer::Length) };
    let misdirected = Request { misdirected: true, ..request(Action::Get, Answer::Length) };
    use Certificate::{Agent, None, Staff, Stranger};
    use Scope::Agents;
    for (host, certificate, request, expected) in [
        (Host::App, None, demanding(Agents), by_gateway(401)),
        (Host::App, None, demanding(Scope::Staff), by_gateway(403)),
        (Host::App, Agent, demanding(Scope::Staff), by_gateway(403)),
        (Host::App, Agent, misdirected.clone(), by_gateway(421)),
        (Host::App, Stranger, misdirected, Outcome::Refused),
        (Host::Login, None, demanding(Scope::Staff), by_gateway(401)),
        (Host::Login, Stranger, demanding(Scope::Staff), by_gateway(401)),
        (Host::Admin, Agent, demanding(Agents), Outcome::Refused),
        (Host::Admin, Staff, demanding(Agents), by_gateway(403)),
        (Host::Switch, Agent, demanding(Agents), by_gateway(403)),
    ] {
        let circumstances = circumstances(host, certificate);
        circumstances.check(&request, &expected, &[]).unwrap();
        assert!(circumstances.check(&request, &expected, &[seen()]).is_err());
        assert!(circumstances.check(&request, &by_gateway(502), &[]).is_err());
        assert!(circumstances.check(&request, &Outcome::Response(received()), &[seen()]).is_err());
    }
}

#[test]
fn the_changed_policy_has_its_own_outcome_and_during_the_change_both_are_right() {
    let post = request(Action::Post, Answer::Length);
    let whole = Outcome::Response(received());
    let unknown = Seen { scope: None, ..seen() };
    for (policies, before, after) in
        [(vec![false], true, false), (vec![true], false, true), (vec![false, true], true, true)]
    {
        let agent = Circumstances {
            handshake_policies: policies,
            ..circumstances(Host::Switch, Certificate::Agent)
        };
        assert_eq!(agent.check(&post, &whole, std::slice::from_ref(&unknown)).is_ok(), before);
        assert_eq!(agent.check(&post, &whole, &[seen()]).is_ok(), after);
    }
}

#[test]
fn an_upload_that_its_client_broke_off_never_looks_complete() {
    let agent = circumstances(Host::App, Certificate::Agent);
    let abort = request(Action::AbortUpload, Answer::Length);
    let none = Outcome::NoResponse(String::new());
    agent.check(&abort, &none, &[]).unwrap();
    agent.check(&abort, &none, &[Seen { is_complete: false, bytes: 1, ..seen() }]).unwrap();
    assert!(agent.check(&abort, &none, &[Seen { bytes: 1, ..seen() }]).is_err());
    assert!(agent.check(&abort, &Outcome::Response(received()), &[]).is_err());
}
