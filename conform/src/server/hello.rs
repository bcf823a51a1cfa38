//! The extension in a client's hello: malformed, in every form that is right, and its place.

use super::features::unknown;
use super::{Body, Case, Lab, Need, asks, body, received};
use crate::bodies::MALFORMED;
use crate::case::{About, Group, Level, Role};
use crate::grade::{DECODE_ERROR, ILLEGAL_PARAMETER};
use crate::grade::{Grade, UNSUPPORTED_EXTENSION, accepted};
use crate::talk::Verdict;
use raw_peer::{Edit, HandshakeType};

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Hello, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for malformed in MALFORMED {
        let expects = format!("refuses {} with illegal_parameter", malformed.what);
        let about = about(malformed.name, malformed.rule, &expects);
        cases.push(Case::new(about, [Need::Flags], move |lab: &mut Lab| {
            lab.visit_ill(lab.hello([lab.flags(malformed.body)]))
        }));
    }
    cases.push(Case::new(
        about(
            "offer-with-trailing-zero",
            "FLAGS-2",
            "refuses an offer in one byte too many with illegal_parameter",
        ),
        [Need::Flags],
        |lab| {
            let mut body = lab.body([]);
            body.push(0);
            if let Some(length) = body.first_mut() {
                *length += 1;
            }
            lab.visit_ill(lab.hello([lab.flags(body)]))
        },
    ));
    cases.push(Case::new(
        about(
            "offer-without-length",
            "FLAGS-3",
            "refuses an offer without its length byte with illegal_parameter",
        ),
        [Need::Flags],
        |lab| {
            let body = lab.body([]).split_off(1);
            lab.visit_ill(lab.hello([lab.flags(body)]))
        },
    ));
    cases.extend(well_formed());
    cases.extend(placed());
    cases
}

fn well_formed() -> Vec<Case> {
    let forms: [(&str, &str, Body); 6] = [
        ("unknown-flags", "unknown flags", |_| unknown()),
        ("lowest-flag", "flag 0 alone", |_| body([0])),
        ("highest-flag", "flag 2039, in 255 bytes", |_| body([2039])),
        ("every-unknown-flag", "nearly all flags at once", |lab| {
            let known = [8, lab.points().request_client_auth().get()];
            body((0..=2039).filter(move |flag| !known.contains(flag)))
        }),
        ("offer", "an offer", |lab| lab.body([])),
        ("offer-and-unknown-flags", "an offer among unknown flags", |lab| lab.body([1, 1023])),
    ];
    let mut cases = Vec::new();
    for (name, what, make) in forms {
        let expects = format!("continues with {what}");
        cases.push(Case::new(about(name, "FLAGS-6", &expects), [], move |lab: &mut Lab| {
            let body = make(lab);
            lab.visit_well(lab.hello([lab.flags(body)])).map(|_| Grade::Passed)
        }));
    }
    cases.push(Case::new(
        about("no-extension", "RCA-9", "continues with a client without the extension"),
        [],
        |lab| lab.visit_well(lab.honest()).map(|_| Grade::Passed),
    ));
    cases.push(Case::new(
        about(
            "flag-of-tickets",
            "FLAGS-4",
            "refuses flag 8, which belongs in NewSessionTicket, with illegal_parameter",
        ),
        [Need::Flags],
        |lab| {
            let talk = lab.visit(lab.hello([lab.flags(body([8]))]));
            Ok(match talk.verdict() {
                Verdict::Accepted => Grade::Tolerated(
                    "treats flag 8 (resumption_across_names) as an unknown flag".into(),
                ),
                _ => lab.refused(&talk, ILLEGAL_PARAMETER, &[]),
            })
        },
    ));
    cases.push(Case::new(
        about("other-number", "FLAGS-4", "ignores an offer under another number"),
        [Need::AsksForFlag],
        |lab| {
            // Of the numbers for private use, none that the tester uses otherwise.
            let talk = lab.visit_well(lab.hello([Edit::add(0xff7e, lab.body([]))]))?;
            Ok(Grade::from(
                !asks(&talk),
                "requests a certificate after an offer under extension 0xff7e",
            ))
        },
    ));
    cases
}

fn placed() -> Vec<Case> {
    let mut cases = vec![
        Case::new(about("first", "FLAGS-4", "reads the extension before all others"), [], |lab| {
            let (number, body) = (lab.points().tls_flags(), lab.body([]));
            let talk = lab.visit_well(lab.hello([Edit::first(number, body)]))?;
            Ok(same_as_ever(lab, asks(&talk)))
        }),
        Case::new(
            about("among-unknown", "FLAGS-4", "reads the extension among unknown ones"),
            [],
            |lab| {
                let grease = |number| Edit::add(number, [0]);
                let edits = [grease(0x3a3a), lab.offer(), grease(0x7a7a)];
                let talk = lab.visit_well(lab.hello(edits))?;
                Ok(same_as_ever(lab, asks(&talk)))
            },
        ),
        Case::new(
            about("fragmented", "FLAGS-4", "reads a ClientHello in many records"),
            [],
            |lab| {
                let mut config = lab.offering();
                config.records.max_fragment = 7;
                let talk = lab.visit_well(config)?;
                Ok(same_as_ever(lab, asks(&talk)))
            },
        ),
        Case::new(
            about("behind-pre-shared-key", "FLAGS-4", "refuses an extension after pre_shared_key"),
            [Need::Flags, Need::Resumes],
            |lab| {
                let ticket = lab.session(lab.honest())?;
                let (number, body) = (lab.points().tls_flags(), lab.body([]));
                let mut config = lab.hello([Edit::last(number, body)]);
                config.ticket = Some(ticket);
                lab.visit_ill(config)
            },
        ),
    ];
    for (name, what, differs) in [
        ("twice", "refuses the extension twice with illegal_parameter", false),
        ("twice-differing", "refuses it twice with different flags, too", true),
    ] {
        let about = about(name, "FLAGS-10", what);
        cases.push(Case::new(about, [Need::Flags], move |lab: &mut Lab| {
            let again = if differs { lab.flags(unknown()) } else { lab.offer() };
            let talk = lab.visit(lab.hello([lab.offer(), again]));
            let tolerated = [DECODE_ERROR, UNSUPPORTED_EXTENSION];
            Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &tolerated))
        }));
    }
    cases.push(
        Case::new(
            about("left-alone", "RCA-9", "does not request a certificate without an offer"),
            [Need::Flags],
            |lab| {
                let talk = lab.visit(lab.honest());
                Ok(match (talk.peer.is_complete(), asks(&talk)) {
                    (false, _) => accepted(&talk.verdict()),
                    (true, false) => Grade::Passed,
                    (true, true) => {
                        Grade::Tolerated("requests a certificate of every client".into())
                    }
                })
            },
        )
        .level(Level::May),
    );
    cases.push(Case::new(
        about("unknown-flags-are-no-offer", "FLAGS-6", "does not treat unknown flags as an offer"),
        [Need::AsksForFlag],
        |lab| {
            let talk = lab.visit_well(lab.hello([lab.flags(unknown())]))?;
            let number = lab.points().tls_flags();
            let request = HandshakeType::CERTIFICATE_REQUEST;
            let answered = !received(&talk, request, number).is_empty();
            Ok(Grade::from(!asks(&talk) && !answered, "treats unknown flags as an offer"))
        },
    ));
    cases
}

/// The server asks as it does for any offer.
fn same_as_ever(lab: &Lab, asks: bool) -> Grade {
    Grade::from(
        asks == lab.features.asks_for_flag,
        if asks {
            "requests a certificate, although it does not after other offers"
        } else {
            "does not request a certificate, although it does after other offers"
        },
    )
}
