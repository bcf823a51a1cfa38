//! Sessions: a resumed handshake asks for nothing, so it must not bypass a demand.

use super::{Case, Client, Lab, Need, asks, received, without_share};
use crate::case::{About, CaseResult, Group, Level, Role};
use crate::grade::Grade;
use crate::talk::Talk;
use raw_peer::{CertificateAnswer, ClientConfig, HandshakeType, Ticket};

const EARLY: &[u8] = b"GET /early HTTP/1.1\r\n\r\n";

/// Makes a ticket one that is no good.
type Breaks = fn(&mut Ticket);

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Resumption, name, rule, expects)
}

fn with(ticket: Ticket, config: ClientConfig) -> ClientConfig {
    ClientConfig { ticket: Some(ticket), ..config }
}

fn declining(lab: &Lab) -> ClientConfig {
    ClientConfig { answer: CertificateAnswer::Empty, ..lab.offering() }
}

/// A full handshake, with a request.
fn full(talk: &Talk, early: bool) -> Grade {
    if talk.peer.is_resumed() {
        return Grade::Failed("resumed the session, and requested no certificate".into());
    }
    if early && talk.peer.early_data_accepted() {
        return Grade::Failed("accepted 0-RTT data although it did not resume".into());
    }
    Grade::from(asks(talk), "requested no certificate, although it does after other offers")
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let offers: [(&str, &str, Need, Client); 4] = [
        ("flag", "the flag", Need::AsksForFlag, |lab| lab.offering()),
        ("flag-behind-retry", "the flag, after a retry", Need::AsksForFlag, |lab| {
            without_share(lab.offering())
        }),
        ("care", "CARE", Need::AsksForCare, |lab| lab.caring()),
        ("care-behind-retry", "CARE, after a retry", Need::AsksForCare, |lab| {
            without_share(lab.caring())
        }),
    ];
    for (name, by, need, config) in offers {
        let expects =
            format!("requests a certificate of a client that offers by {by}, with any session");
        let about = about(&format!("unasked-then-{name}"), "RES-3", &expects);
        cases.push(Case::new(about, [Need::Resumes, need], move |lab: &mut Lab| {
            let ticket = lab.session(lab.honest())?;
            let talk = lab.visit_well(with(ticket, config(lab)))?;
            Ok(full(&talk, false))
        }));
    }
    cases.push(Case::new(
        about(
            "declined-then-offered",
            "RES-3",
            "requests again if the client once declined and now offers",
        ),
        [Need::Resumes, Need::AsksForFlag],
        |lab| {
            let session = lab.session(declining(lab));
            let ticket = session.map_err(|_| no_session("for a client that declines"))?;
            let talk = lab.visit_well(with(ticket, lab.offering()))?;
            Ok(full(&talk, false))
        },
    ));
    cases.push(
        Case::new(
            about(
                "declined-then-silent",
                "RES-4",
                "may resume a client that declined and does not offer",
            ),
            [Need::Resumes, Need::AsksForFlag],
            |lab| {
                let session = lab.session(declining(lab));
                let ticket = session.map_err(|_| no_session("for a client that declines"))?;
                lab.visit_well(with(ticket, lab.honest())).map(|_| Grade::Passed)
            },
        )
        .level(Level::May),
    );
    cases.push(
        Case::new(
            about("unasked", "RES-4", "may resume a client without a request and without an offer"),
            [Need::Resumes],
            |lab| {
                let ticket = lab.session(lab.honest())?;
                let talk = lab.visit_well(with(ticket, lab.honest()))?;
                Ok(if talk.peer.is_resumed() {
                    Grade::Passed
                } else {
                    Grade::Tolerated("did not resume this time".into())
                })
            },
        )
        .level(Level::May),
    );
    cases.push(Case::new(
        about("authenticated", "CARE-4", "resumes an authenticated client, or requests again"),
        [Need::Resumes, Need::Asks, Need::Certificate],
        |lab| {
            let ticket = lab.session(lab.offering())?;
            let talk = lab.visit_well(with(ticket, lab.offering()))?;
            let holds = talk.peer.is_resumed() != asks(&talk);
            Ok(Grade::from(holds, "neither resumed nor requested a certificate"))
        },
    ));
    cases.push(
        Case::new(
            about(
                "authenticated-then-silent",
                "RES-2",
                "does not use the identity in another scope",
            ),
            [Need::Resumes, Need::AsksForFlag, Need::Certificate],
            |lab| {
                let ticket = lab.session(lab.offering())?;
                let talk = lab.visit_well(with(ticket, lab.honest()))?;
                Ok(if talk.peer.is_resumed() {
                    Grade::Tolerated(
                        "resumes an authenticated session of a client that no longer offers: it \
                         must count only where the server would have asked"
                            .into(),
                    )
                } else {
                    Grade::Passed
                })
            },
        )
        .level(Level::Should),
    );
    cases.push(Case::new(
        about("no-answer", "FLAGS-5", "answers no flag in a resumed handshake"),
        [Need::Resumes],
        |lab| {
            let ticket = lab.session(lab.offering())?;
            let talk = lab.visit_well(with(ticket, lab.offering()))?;
            for typ in [HandshakeType::SERVER_HELLO, HandshakeType::ENCRYPTED_EXTENSIONS] {
                if !received(&talk, typ, lab.points().tls_flags()).is_empty() {
                    return Ok(Grade::Failed(format!("has flags in {typ}")));
                }
            }
            Ok(Grade::Passed)
        },
    ));
    cases.push(
        Case::new(
            about("no-echo", "CARE-4", "does not echo CARE when it resumes"),
            [Need::Care, Need::Resumes],
            |lab| {
                let ticket = lab.session(lab.caring())?;
                let talk = lab.visit_well(with(ticket, lab.caring()))?;
                if !talk.peer.is_resumed() {
                    return Ok(Grade::Skipped("the server did not resume this time".into()));
                }
                let number = lab.points().care().unwrap_or_default();
                Ok(if received(&talk, HandshakeType::ENCRYPTED_EXTENSIONS, number).is_empty() {
                    Grade::Passed
                } else {
                    Grade::Tolerated("echoes CARE, which has no effect here".into())
                })
            },
        )
        .level(Level::Should),
    );
    let broken: [(&str, &str, Breaks); 2] = [
        ("garbled", "that is garbled", |ticket| {
            if let Some(byte) = ticket.identity.first_mut() {
                *byte ^= 0xff;
            }
        }),
        ("foreign", "of another server", |ticket| ticket.identity = vec![7; 100]),
    ];
    for (name, what, breaks) in broken {
        let expects = format!("makes a full handshake after a ticket {what}, without an alert");
        let case = about(&format!("{name}-ticket"), "RES-7", &expects);
        cases.push(Case::new(case, [Need::Resumes], move |lab: &mut Lab| {
            let mut ticket = lab.session(lab.honest())?;
            breaks(&mut ticket);
            let talk = lab.visit_well(with(ticket, lab.honest()))?;
            Ok(Grade::from(!talk.peer.is_resumed(), "resumed nevertheless"))
        }));
    }
    cases.push(Case::new(
        about("garbled-ticket-early-data", "RES-6", "skips 0-RTT data after such a ticket"),
        [Need::Resumes],
        |lab| {
            let mut ticket = lab.session(lab.honest())?;
            ticket.identity = vec![7; 100];
            let config = ClientConfig { early_data: Some(EARLY.to_vec()), ..lab.honest() };
            let talk = lab.visit_to_the_end(with(ticket, config))?;
            Ok(Grade::from(!talk.peer.early_data_accepted(), "accepted it"))
        },
    ));
    cases.push(Case::new(
        about("early-data-with-offer", "RES-6", "refuses 0-RTT data if it requests a certificate"),
        [Need::Resumes, Need::AsksForFlag],
        |lab| {
            let ticket = lab.session(lab.honest())?;
            early(lab, ticket)
        },
    ));
    cases.push(Case::new(
        about(
            "early-data-malformed",
            "FLAGS-11",
            "refuses malformed flags together with 0-RTT data",
        ),
        [Need::Flags, Need::Resumes],
        |lab| {
            let ticket = lab.session(lab.honest())?;
            let config = lab.hello([lab.flags([2, 2, 0])]);
            let config = ClientConfig { early_data: Some(EARLY.to_vec()), ..config };
            lab.visit_ill(with(ticket, config))
        },
    ));
    cases.push(
        Case::new(
            about(
                "early-data",
                "FLAGS-11",
                "may accept 0-RTT data of a client that does not offer",
            ),
            [Need::Resumes, Need::EarlyData],
            |lab| {
                let ticket = lab.session(lab.honest())?;
                let config = ClientConfig { early_data: Some(EARLY.to_vec()), ..lab.honest() };
                lab.visit_to_the_end(with(ticket, config)).map(|_| Grade::Passed)
            },
        )
        .level(Level::May),
    );
    cases
}

fn no_session(why: &str) -> Grade {
    Grade::Skipped(format!("there is no session {why}"))
}

fn early(lab: &mut Lab, ticket: Ticket) -> CaseResult {
    let config = ClientConfig { early_data: Some(EARLY.to_vec()), ..lab.offering() };
    let talk = lab.visit_well(with(ticket, config))?;
    Ok(full(&talk, true))
}
