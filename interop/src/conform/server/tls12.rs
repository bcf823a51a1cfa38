//! What differs where TLS 1.2 is chosen: flags count for nothing, CARE is echoed in ServerHello.
//! What a server says up to ServerHelloDone is in the clear, and shows all of it.

use super::facts::unknown;
use super::{Body, Case, Lab, Need, asks, received};
use crate::conform::bodies::MALFORMED;
use crate::conform::case::{About, Group, Role};
use crate::conform::grade::Grade;
use crate::raw::{ClientConfig, Edit, HandshakeType, version};

const TLS12: [Need; 1] = [Need::Tls12];

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Tls12, name, rule, expects)
}

fn old(lab: &Lab, edits: impl IntoIterator<Item = Edit>) -> ClientConfig {
    ClientConfig { versions: vec![version::TLS12], ..lab.hello(edits) }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let ignored: [(&str, &str, Body); 2] = [
        ("offer", "an offer", |lab| lab.body([])),
        ("unknown-flags", "unknown flags", |_| unknown()),
    ];
    for (name, what, body) in ignored {
        let expects = format!("ignores {what}, and answers nothing");
        cases.push(Case::new(about(name, "FLAGS-9", &expects), TLS12, move |lab: &mut Lab| {
            let plain = asks(&*lab.visit_well(old(lab, []))?);
            let talk = lab.visit_well(old(lab, [lab.flags(body(lab))]))?;
            let number = lab.points().tls_flags();
            let answers = received(&talk, HandshakeType::SERVER_HELLO, number);
            Ok(match answers.is_empty() {
                true => Grade::from(asks(&talk) == plain, "asks because of a flag"),
                false => Grade::Failed(format!("answers {answers:02x?} in ServerHello")),
            })
        }));
    }
    for malformed in MALFORMED.iter().filter(|m| ["zero-octet", "no-octets"].contains(&m.name)) {
        let expects = format!("ignores {}", malformed.what);
        let about = about(malformed.name, "FLAGS-9", &expects);
        cases.push(Case::new(about, TLS12, move |lab: &mut Lab| {
            lab.visit_well(old(lab, [lab.flags(malformed.body)])).map(|_| Grade::Passed)
        }));
    }
    cases.push(Case::new(
        about("care", "CARE-3", "echoes CARE in ServerHello, empty, or nowhere"),
        TLS12,
        |lab| {
            let talk = lab.visit_well(old(lab, lab.care([])))?;
            let number = lab.points().care().unwrap_or_default();
            let echoes = received(&talk, HandshakeType::SERVER_HELLO, number);
            Ok(match echoes.as_slice() {
                [] if lab.facts.care => {
                    Grade::Tolerated("does not echo it, which CARE-3 allows".into())
                }
                [] => Grade::Passed,
                [body] if body.is_empty() => Grade::Passed,
                other => Grade::Failed(format!("echoes {other:02x?}")),
            })
        },
    ));
    cases.push(Case::new(
        about("care-unoffered", "CARE-3", "does not echo what was not sent"),
        TLS12,
        |lab| {
            let talk = lab.visit_well(old(lab, []))?;
            let number = lab.points().care().unwrap_or_default();
            let echoes = received(&talk, HandshakeType::SERVER_HELLO, number);
            Ok(Grade::from(echoes.is_empty(), "echoes CARE without an offer"))
        },
    ));
    cases.push(Case::new(
        about("care-with-body", "CARE-1", "refuses CARE with a body with illegal_parameter"),
        [Need::Tls12, Need::Care],
        |lab| lab.visit_ill(old(lab, lab.care([0]))),
    ));
    cases
}
