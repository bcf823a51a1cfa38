//! workload_identifier_origin_hint, under TLS 1.3.

use std::rc::Rc;

use rustls_ext_wire::{MAX_ORIGIN_BYTES, MAX_ORIGINS};

use super::retry::retried;
use super::{Case, Client, Lab, Need, asks, last_sent, received, second, without_share};
use crate::case::{About, CaseResult, Group, Level, Role};
use crate::grade::{
    DECODE_ERROR, Grade, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, UNSUPPORTED_EXTENSION,
};
use crate::origins::{INVALID, MALFORMED, UNKNOWN, list};
use crate::talk::{Talk, Verdict};
use raw_peer::{ClientConfig, Direction, Edit, HandshakeType};

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Origin, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = malformed();
    cases.extend(ignored());
    cases.extend(offers());
    cases.extend(second_hellos());
    cases.extend(limits());
    cases.extend(misplaced());
    cases
}

/// WIO-2.
fn malformed() -> Vec<Case> {
    let mut cases = Vec::new();
    for malformed in MALFORMED {
        let expects = format!("refuses {} with decode_error", malformed.what);
        let about = about(malformed.name, malformed.rule, &expects);
        cases.push(Case::new(about, [Need::Hints], move |lab: &mut Lab| {
            let talk = lab.visit(lab.hello(lab.hint(malformed.body)));
            Ok(lab.refused(&talk, DECODE_ERROR, &[ILLEGAL_PARAMETER]))
        }));
    }
    cases
}

/// WIO-3.
fn ignored() -> Vec<Case> {
    let mut cases = vec![
        Case::new(about("known", "WIO-3", "continues with the origin of --origin"), [], |lab| {
            continues(lab, lab.hinting([&lab.target.origin])).map(|_| Grade::Passed)
        }),
        Case::new(
            about("unknown", "WIO-3", "continues with an origin that it does not know"),
            [],
            |lab| continues(lab, lab.hinting([UNKNOWN])).map(|_| Grade::Passed),
        ),
        Case::new(
            about("among-invalid", "WIO-3", "reads an origin after strings that are not origins"),
            [Need::Origin, Need::AsksForOrigin],
            |lab| {
                let origin = lab.target.origin.clone();
                let mut strings: Vec<_> =
                    INVALID.iter().map(|invalid| invalid.like(&origin)).collect();
                strings.push(origin.into_bytes());
                let talk = lab.visit_well(lab.hinting(strings))?;
                Ok(Grade::from(asks(&talk), "does not request a certificate, as for it alone"))
            },
        ),
    ];
    for invalid in INVALID {
        let expects = format!("ignores {}", invalid.what);
        let about = about(invalid.name, "WIO-3", &expects);
        cases.push(Case::new(about, [], move |lab: &mut Lab| {
            let string = invalid.like(&lab.target.origin);
            let talk = continues(lab, lab.hinting([string]))?;
            // Only a server that knows its origins shows that it ignored this one.
            let asks_always = lab.features.asks_for_unknown || lab.features.asks_anyway;
            Ok(Grade::from(
                asks_always || !asks(&talk),
                "requests a certificate, although it does not for an unknown origin",
            ))
        }));
    }
    cases
}

/// WIO-5.
fn offers() -> Vec<Case> {
    vec![
        Case::new(
            about("asks", "WIO-5", "requests a certificate after a hint at --origin"),
            [Need::Hints, Need::Origin],
            |lab| {
                let talk = lab.visit_well(lab.hinting([&lab.target.origin]))?;
                Ok(if asks(&talk) {
                    Grade::Passed
                } else {
                    Grade::Tolerated(
                        "requests no certificate for the origin of --origin, which the draft allows"
                            .into(),
                    )
                })
            },
        )
        .level(Level::May),
        Case::new(
            about("not-acknowledged", "WIO-5", "does not acknowledge a flag after a hint alone"),
            [Need::Hints, Need::Origin, Need::AsksForOrigin],
            |lab| {
                let talk = lab.visit_well(lab.hinting([&lab.target.origin]))?;
                let request = HandshakeType::CERTIFICATE_REQUEST;
                let flags = received(&talk, request, lab.points().tls_flags());
                Ok(Grade::from(flags.is_empty(), format!("has flags {flags:02x?}")))
            },
        ),
        Case::new(
            about("with-flag", "WIO-5", "acknowledges the flag that came with a hint"),
            [Need::Flags, Need::Origin, Need::AsksForOrigin],
            |lab| {
                let mut config = lab.hinting([&lab.target.origin]);
                config.plan.client_hello.push(lab.offer());
                let talk = lab.visit_well(config)?;
                super::request::acknowledgement(lab, &talk)
            },
        ),
        Case::new(
            about("behind-retry", "WIO-5", "requests a certificate after a retry as without one"),
            [Need::Origin, Need::AsksForOrigin],
            |lab| {
                let talk = lab.visit_well(without_share(lab.hinting([&lab.target.origin])))?;
                retried(&talk)?;
                Ok(Grade::from(asks(&talk), "does not request a certificate after a retry"))
            },
        ),
    ]
}

/// WIO-7, and WIO-2 in a second ClientHello.
fn second_hellos() -> Vec<Case> {
    let changes: [(&str, &str, Client); 3] = [
        ("gone", "a hint that is gone", |lab| {
            second(lab.hinting([&lab.target.origin]), Edit::remove(number(lab)))
        }),
        ("new", "a hint that is new", |lab| {
            let body = list([&lab.target.origin]);
            second(lab.honest(), Edit::add(number(lab), body))
        }),
        ("others", "another list", |lab| {
            let edit = Edit::replace(number(lab), list([UNKNOWN]));
            second(lab.hinting([&lab.target.origin]), edit)
        }),
    ];
    let mut cases = Vec::new();
    for (name, what, change) in changes {
        let expects = format!("refuses {what} in the second ClientHello with illegal_parameter");
        let about = about(name, "WIO-7", &expects);
        let case = Case::new(about, [Need::Hints, Need::Origin], move |lab: &mut Lab| {
            changed(lab, change(lab))
        });
        // RFC 8446 binds the client; a server may go by the second ClientHello alone.
        cases.push(case.level(Level::Should));
    }
    for malformed in MALFORMED.iter().filter(|m| ["empty-list", "bytes-behind"].contains(&m.name)) {
        let expects = format!("refuses {} in the second ClientHello, too", malformed.what);
        let about = about(&format!("second-{}", malformed.name), malformed.rule, &expects);
        cases.push(Case::new(about, [Need::Hints, Need::Origin], move |lab: &mut Lab| {
            let edit = Edit::replace(number(lab), malformed.body);
            let talk = lab.visit(second(lab.hinting([&lab.target.origin]), edit));
            retried(&talk)?;
            Ok(lab.refused(&talk, DECODE_ERROR, &[ILLEGAL_PARAMETER]))
        }));
    }
    cases
}

/// WIO-8.
fn limits() -> Vec<Case> {
    let cases: [(&str, &str, bool, Client); 4] = [
        ("sixteenth", "reads the sixteenth origin", true, |lab| behind(lab, MAX_ORIGINS - 1)),
        ("seventeenth", "ignores the seventeenth origin", false, |lab| behind(lab, MAX_ORIGINS)),
        ("within-4096-bytes", "reads an origin that ends at byte 4,096", true, |lab| {
            ending_at(lab, MAX_ORIGIN_BYTES)
        }),
        ("beyond-4096-bytes", "ignores an origin that ends at byte 4,097", false, |lab| {
            ending_at(lab, MAX_ORIGIN_BYTES + 1)
        }),
    ];
    let cases = cases.into_iter().map(|(name, expects, reads, client)| {
        let needs = [Need::Origin, Need::AsksByOrigin];
        let case = Case::new(about(name, "WIO-8", expects), needs, move |lab: &mut Lab| {
            let talk = continues(lab, client(lab))?;
            Ok(match (asks(&talk), reads) {
                (true, false) => Grade::Failed("requests a certificate because of it".into()),
                (false, true) => Grade::Tolerated("has a lower limit".into()),
                _ => Grade::Passed,
            })
        });
        case.level(Level::Should)
    });
    cases.collect()
}

/// WIO-1, and the extension twice.
fn misplaced() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            about("not-elsewhere", "WIO-1", "has the extension in none of its messages"),
            [],
            |lab| {
                for config in [lab.hinting([&lab.target.origin]), lab.honest()] {
                    let talk = continues(lab, config)?;
                    let number = number(lab);
                    let theirs =
                        talk.peer.messages().filter(|m| m.direction == Direction::Received);
                    let has = theirs.filter(|m| m.find_extension(number).is_some());
                    let has: Vec<_> = has.map(|message| message.typ.to_string()).collect();
                    if !has.is_empty() {
                        return Ok(Grade::Failed(format!("has it in {}", has.join(", "))));
                    }
                }
                Ok(Grade::Passed)
            },
        ),
        Case::new(
            about("twice", "FLAGS-10", "refuses the extension twice with illegal_parameter"),
            [Need::Hints],
            |lab| {
                let hint = || lab.hint(list([&lab.target.origin]));
                let config = lab.hello([hint(), hint()].into_iter().flatten());
                let talk = lab.visit(config);
                let tolerated = [DECODE_ERROR, UNSUPPORTED_EXTENSION];
                Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &tolerated))
            },
        ),
    ];
    for compressed in [false, true] {
        let (name, whose) = if compressed {
            ("in-compressed-certificate", "a compressed Certificate")
        } else {
            ("in-certificate", "a Certificate")
        };
        let expects = format!("refuses the extension in {whose} with illegal_parameter");
        let mut needs = vec![Need::Hints, Need::Origin, Need::Certificate];
        needs.extend(compressed.then_some(Need::ReadsCompressed));
        cases.push(Case::new(about(name, "WIO-1", &expects), needs, move |lab: &mut Lab| {
            let mut config = lab.hinting([&lab.target.origin]);
            config.plan.client_hello.push(lab.offer());
            config.plan.certificate.extend(lab.hint(list([&lab.target.origin])));
            config.compress_certificate = compressed;
            let talk = lab.visit(config);
            if !asks(&talk) {
                return Ok(Grade::Skipped("the server requested no certificate".into()));
            }
            let tolerated = [DECODE_ERROR, UNSUPPORTED_EXTENSION];
            Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &tolerated))
        }));
    }
    cases
}

/// The number of the extension.
fn number(lab: &Lab) -> u16 {
    lab.points().origin_hint().unwrap_or_default()
}

/// Connects to the server, which must continue, unless it refuses all clients without a known origin.
fn continues(lab: &mut Lab, config: ClientConfig) -> Result<Rc<Talk>, Grade> {
    let talk = lab.visit_well(config);
    let verdict = lab.talks.last().map(|talk| talk.verdict());
    match verdict {
        Some(Verdict::Alert(HANDSHAKE_FAILURE)) if lab.features.hints => Err(Grade::Tolerated(
            "refuses a ClientHello without a known origin, which WIO-3 allows".into(),
        )),
        _ => talk,
    }
}

/// A second ClientHello with another list is refused, or at least nothing is made of the first one.
fn changed(lab: &mut Lab, config: ClientConfig) -> CaseResult {
    let talk = lab.visit(config);
    retried(&talk)?;
    if talk.verdict() != Verdict::Accepted {
        return Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &[]));
    }
    let wanted = match last_sent(&talk, number(lab)) {
        None => lab.features.asks_anyway,
        Some(body) if body == list([&lab.target.origin]) => lab.features.asks_for_origin,
        Some(_) => lab.features.asks_for_unknown,
    };
    Ok(if asks(&talk) == wanted {
        Grade::Tolerated("continues with the second ClientHello".into())
    } else {
        Grade::Failed("uses the first ClientHello although the second differs".into())
    })
}

/// The origin of `--origin` after this many others.
fn behind(lab: &Lab, others: usize) -> ClientConfig {
    lab.hinting(std::iter::repeat_n(UNKNOWN, others).chain([lab.target.origin.as_str()]))
}

/// The origin of `--origin` after a long one, so that the body ends at this byte.
fn ending_at(lab: &Lab, end: usize) -> ClientConfig {
    let last = lab.target.origin.as_str();
    // Three lengths: of the list and of both strings.
    let room = end.saturating_sub(6 + last.len());
    let padding = "a".repeat(room.saturating_sub(UNKNOWN.len()));
    let long = UNKNOWN.replacen("://", &format!("://{padding}"), 1);
    lab.hinting([long.as_str(), last])
}
