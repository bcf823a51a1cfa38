//! client_authentication_request, under TLS 1.3.

use super::{Case, Lab, Need, asks, received, second, without_share};
use crate::case::{About, Group, Level, Role};
use crate::grade::{DECODE_ERROR, Grade, ILLEGAL_PARAMETER, UNSUPPORTED_EXTENSION};
use crate::talk::Verdict;
use raw_peer::{ClientConfig, Edit, HandshakeType};

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Care, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(about("offer", "CARE-2", "continues with CARE in a ClientHello"), [], |lab| {
            lab.visit_well(lab.caring()).map(|_| Grade::Passed)
        }),
        Case::new(
            about("both", "CARE-2", "continues with flag and CARE, and acknowledges the flag"),
            [Need::Flags, Need::AsksForFlag],
            |lab| {
                let edits = [Some(lab.offer()), lab.care([])];
                let talk = lab.visit_well(lab.hello(edits.into_iter().flatten()))?;
                super::request::acknowledgement(lab, &talk)
            },
        ),
        Case::new(
            about("asks", "CARE-2", "requests a certificate after an offer by CARE"),
            [Need::Care],
            |lab| {
                let talk = lab.visit_well(lab.caring())?;
                Ok(if asks(&talk) {
                    Grade::Passed
                } else {
                    Grade::Tolerated("never requests a certificate, which CARE-2 allows".into())
                })
            },
        )
        .level(Level::May),
        Case::new(
            about("echoes", "CARE-3", "echoes CARE in EncryptedExtensions"),
            [Need::Care],
            |lab| {
                let talk = lab.visit_well(lab.caring())?;
                let echoes = echoes(lab, &talk, HandshakeType::ENCRYPTED_EXTENSIONS);
                Ok(match echoes.as_slice() {
                    [] => Grade::Tolerated("does not echo it, which CARE-3 allows".into()),
                    [body] if body.is_empty() => Grade::Passed,
                    other => Grade::Failed(format!("echoes {other:02x?}")),
                })
            },
        )
        .level(Level::May),
        Case::new(
            about("echoes-behind-retry", "CARE-3", "echoes it after a retry as without one"),
            [Need::Care],
            |lab| {
                let direct = lab.visit_well(lab.caring())?;
                let talk = lab.visit_well(without_share(lab.caring()))?;
                let typ = HandshakeType::ENCRYPTED_EXTENSIONS;
                let same = echoes(lab, &talk, typ) == echoes(lab, &direct, typ);
                let retry = echoes(lab, &talk, HandshakeType::HELLO_RETRY_REQUEST);
                Ok(Grade::from(same && retry.is_empty(), "echoes it otherwise"))
            },
        ),
        Case::new(
            about("not-elsewhere", "CARE-3", "has it in no message but EncryptedExtensions"),
            [],
            |lab| {
                let talk = lab.visit_well(lab.caring())?;
                let elsewhere = talk.peer.messages().map(|message| message.typ).filter(|typ| {
                    ![HandshakeType::CLIENT_HELLO, HandshakeType::ENCRYPTED_EXTENSIONS]
                        .contains(typ)
                        && !echoes(lab, &talk, *typ).is_empty()
                });
                let elsewhere: Vec<_> = elsewhere.map(|typ| typ.to_string()).collect();
                let reason = format!("has it in {}", elsewhere.join(", "));
                Ok(Grade::from(elsewhere.is_empty(), reason))
            },
        ),
        Case::new(
            about("unoffered", "CARE-3", "does not echo CARE that was not sent"),
            [],
            |lab| {
                for config in [lab.honest(), lab.offering()] {
                    let talk = lab.visit_well(config)?;
                    let mut types = talk.peer.messages().map(|message| message.typ);
                    if types.any(|typ| !echoes(lab, &talk, typ).is_empty()) {
                        return Ok(Grade::Failed("echoes CARE without an offer by it".into()));
                    }
                }
                Ok(Grade::Passed)
            },
        ),
        Case::new(
            about("is-no-flag", "RCA-4", "does not acknowledge a flag after an offer by CARE"),
            [Need::Care],
            |lab| {
                let talk = lab.visit_well(lab.caring())?;
                let request = HandshakeType::CERTIFICATE_REQUEST;
                let flags = received(&talk, request, lab.points().tls_flags());
                Ok(Grade::from(flags.is_empty(), format!("has flags {flags:02x?}")))
            },
        ),
    ];
    for (name, length) in [("one-byte", 1), ("many-bytes", 300)] {
        let expects = format!("refuses CARE with a body ({length} bytes) with illegal_parameter");
        let about = about(name, "CARE-1", &expects);
        cases.push(Case::new(about, [Need::Care], move |lab: &mut Lab| {
            lab.visit_ill(lab.hello(lab.care(vec![0; length])))
        }));
    }
    cases.push(Case::new(
        about("twice", "FLAGS-10", "refuses CARE twice with illegal_parameter"),
        [Need::Care],
        |lab| {
            let edits = [lab.care([]), lab.care([])];
            let talk = lab.visit(lab.hello(edits.into_iter().flatten()));
            let tolerated = [DECODE_ERROR, UNSUPPORTED_EXTENSION];
            Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &tolerated))
        },
    ));
    for (name, what, change) in [
        ("gone", "CARE that is gone in the second ClientHello", gone as fn(&Lab) -> ClientConfig),
        ("new", "CARE that is new in the second ClientHello", new),
    ] {
        let expects = format!("refuses {what} with illegal_parameter");
        let case = Case::new(about(name, "FLAGS-12", &expects), [Need::Care], move |lab| {
            let talk = lab.visit(change(lab));
            Ok(match talk.verdict() {
                Verdict::Accepted => Grade::Tolerated("continues".into()),
                _ => lab.refused(&talk, ILLEGAL_PARAMETER, &[]),
            })
        });
        cases.push(case.level(Level::Should));
    }
    cases.push(Case::new(
        about("in-certificate", "CARE-3", "refuses CARE in the client's Certificate"),
        [Need::Care, Need::Asks, Need::Certificate],
        |lab| {
            let mut config = lab.offering();
            config.plan.certificate.extend(lab.care([]));
            let talk = lab.visit(config);
            Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &[UNSUPPORTED_EXTENSION, DECODE_ERROR]))
        },
    ));
    cases
}

fn gone(lab: &Lab) -> ClientConfig {
    let number = lab.points().care().unwrap_or_default();
    second(lab.caring(), Edit::remove(number))
}

fn new(lab: &Lab) -> ClientConfig {
    match lab.care([]) {
        Some(edit) => second(lab.honest(), edit),
        None => lab.honest(),
    }
}

fn echoes(lab: &Lab, talk: &super::Talk, typ: HandshakeType) -> Vec<Vec<u8>> {
    lab.points().care().map(|number| received(talk, typ, number)).unwrap_or_default()
}
