//! The client's Certificate: good ones, and extensions that have no place there.

use super::features::unknown;
use super::{Body, Case, Lab, Need, asks};
use crate::case::{About, CaseResult, Group, Role};
use crate::grade::{
    DECODE_ERROR, Grade, ILLEGAL_PARAMETER, UNEXPECTED_MESSAGE, UNSUPPORTED_EXTENSION, accepted,
};
use crate::talk::Verdict;
use raw_peer::{CertificateAnswer, ClientConfig, Edit};

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Certificate, name, rule, expects)
}

/// A client that offers, since else it might not be asked.
fn showing(lab: &Lab, compressed: bool) -> ClientConfig {
    let mut config = lab.offering();
    config.compress_certificate = compressed;
    config
}

fn accepted_certificate(lab: &mut Lab, compressed: bool) -> CaseResult {
    let talk = lab.visit_to_the_end(showing(lab, compressed))?;
    let status = talk.status().unwrap_or_default();
    let why = format!("answers {status}, and another status to a client without a certificate");
    Ok(Grade::from(lab.accepts(&talk), why))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            about("accepted", "RCA-6", "accepts a certificate that it trusts"),
            [Need::Asks, Need::Certificate],
            |lab| accepted_certificate(lab, false),
        ),
        Case::new(
            about("accepted-compressed", "RCA-6", "accepts it compressed, if it announced this"),
            [Need::Asks, Need::Certificate, Need::ReadsCompressed],
            |lab| accepted_certificate(lab, true),
        ),
        Case::new(
            about(
                "declined",
                "RCA-6",
                "continues, or refuses with certificate_required, after an empty Certificate",
            ),
            [Need::Asks],
            |lab| {
                let config = ClientConfig { answer: CertificateAnswer::Empty, ..lab.offering() };
                let talk = lab.visit(config);
                Ok(match talk.verdict() {
                    Verdict::Accepted | Verdict::Alert(super::CERTIFICATE_REQUIRED) => {
                        Grade::Passed
                    }
                    verdict if lab.features.may_go_on(&talk, &verdict) => super::undecided(),
                    // What was right before RFC 8446 had a better one.
                    Verdict::Alert(40 | 42) => {
                        Grade::Tolerated("another alert than certificate_required".into())
                    }
                    other => accepted(&other),
                })
            },
        ),
        Case::new(
            about(
                "left-out",
                "RCA-6",
                "refuses a client that sends no Certificate after a request",
            ),
            [Need::Asks],
            |lab| {
                let config =
                    ClientConfig { answer: CertificateAnswer::NoCertificate, ..lab.offering() };
                let talk = lab.visit(config);
                Ok(lab.refused(&talk, UNEXPECTED_MESSAGE, &[]))
            },
        ),
        Case::new(
            about("unasked", "RCA-6", "refuses a Certificate that it did not request"),
            [],
            |lab| {
                if lab.features.asks_anyway {
                    return Ok(Grade::Skipped(
                        "the server requests a certificate of every client".into(),
                    ));
                }
                let config = ClientConfig { answer_unasked: true, ..lab.honest() };
                let talk = lab.visit(config);
                Ok(lab.refused(&talk, UNEXPECTED_MESSAGE, &[]))
            },
        ),
        Case::new(
            about("stolen", "RCA-8", "refuses a certificate without proof of its key"),
            [Need::Asks, Need::Certificate],
            |lab| {
                let mut config = showing(lab, false);
                config.plan.certificate_verify.push(Edit::raw(|bytes| {
                    if let Some(last) = bytes.last_mut() {
                        *last ^= 1;
                    }
                }));
                // decrypt_error, or whatever an implementation has for a bad certificate.
                let talk = lab.visit(config);
                Ok(lab.refused(&talk, 51, &[42, DECODE_ERROR]))
            },
        ),
    ];
    for compressed in [false, true] {
        let name =
            |kind: &str| if compressed { format!("{kind}-compressed") } else { kind.to_owned() };
        let whose = if compressed { "a compressed Certificate" } else { "a Certificate" };
        let bodies: [(&str, &str, &str, Body); 4] = [
            ("request-client-auth", "RCA-5", "the flag of the offer", |lab| lab.body([])),
            ("unknown-flags", "FLAGS-5", "flags that it did not send", |_| unknown()),
            ("trailing-zero", "FLAGS-2", "a zero byte after the last flag", |_| vec![2, 2, 0]),
            ("empty-list", "FLAGS-3", "an empty list of flags", |_| vec![0]),
        ];
        for (kind, rule, what, body) in bodies {
            let mut needs = vec![Need::Flags, Need::Asks, Need::Certificate];
            needs.extend(compressed.then_some(Need::ReadsCompressed));
            let expects = format!("refuses {what} in {whose} with illegal_parameter");
            cases.push(Case::new(about(&name(kind), rule, &expects), needs, move |lab| {
                let mut config = showing(lab, compressed);
                config.plan.certificate.push(lab.flags(body(lab)));
                let talk = lab.visit(config);
                if !asks(&talk) {
                    return Ok(Grade::Skipped(
                        "the server did not request a certificate this time".into(),
                    ));
                }
                let tolerated = [DECODE_ERROR, UNSUPPORTED_EXTENSION];
                Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &tolerated))
            }));
        }
    }
    cases
}
