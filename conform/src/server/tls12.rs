//! What differs where TLS 1.2 is chosen: flags and origins count for nothing, CARE is echoed in ServerHello.
//! What a server says up to ServerHelloDone is in the clear, and shows all of it.

use super::features::{either, unknown};
use super::{Case, Lab, Need, asks, received};
use crate::bodies::MALFORMED;
use crate::case::{About, Group, Role};
use crate::grade::Grade;
use crate::origins::list;
use raw_peer::{ClientConfig, Edit, HandshakeType, version};

const TLS12: [Need; 1] = [Need::Tls12];

/// An extension of a ClientHello.
type Sent = fn(&Lab) -> Option<Edit>;

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Tls12, name, rule, expects)
}

fn old(lab: &Lab, edits: impl IntoIterator<Item = Edit>) -> ClientConfig {
    ClientConfig { versions: vec![version::TLS12], ..lab.hello(edits) }
}

/// A client that offers TLS 1.3, too, and may set flags.
fn new(lab: &Lab, edits: impl IntoIterator<Item = Edit>) -> ClientConfig {
    either(lab.hello(edits))
}

/// What a hello of flags that count for nothing is made of: versions offered, as part of the case's
/// name, as words, as what a server must be for the case, and as a client.
struct Versions {
    suffix: &'static str,
    words: &'static str,
    need: Need,
    client: fn(&Lab, Option<Edit>) -> ClientConfig,
}

const VERSIONS: [Versions; 2] = [
    Versions {
        suffix: "",
        words: "in a ClientHello for TLS 1.2",
        need: Need::Tls12,
        client: |lab, edits| old(lab, edits),
    },
    // A server that chooses TLS 1.2 all the same.
    Versions {
        suffix: "-beside-tls13",
        words: "in a ClientHello that also offers TLS 1.3",
        need: Need::Tls12Alone,
        client: |lab, edits| new(lab, edits),
    },
];

/// Flags and origins, which count for nothing where TLS 1.2 is chosen.
fn ignored() -> Vec<Case> {
    let sent: [(&str, &'static str, &str, Sent); 3] = [
        ("offer", "FLAGS-9", "an offer", |lab| Some(lab.offer())),
        ("unknown-flags", "FLAGS-9", "unknown flags", |lab| Some(lab.flags(unknown()))),
        ("origin-hint", "WIO-7", "a hint at an origin", |lab| lab.hint(list([&lab.target.origin]))),
    ];
    let mut cases = Vec::new();
    for Versions { suffix, words, need, client } in VERSIONS {
        for (name, rule, what, extension) in sent {
            let expects = format!("ignores {what} {words}, and does not answer");
            let about = about(&format!("{name}{suffix}"), rule, &expects);
            cases.push(Case::new(about, [need], move |lab: &mut Lab| {
                let plain = asks(&*lab.visit_well(client(lab, None))?);
                let talk = lab.visit_well(client(lab, extension(lab)))?;
                let numbers = [Some(lab.points().tls_flags()), lab.points().origin_hint()];
                let answers = numbers.into_iter().flatten();
                let answers = answers.flat_map(|n| received(&talk, HandshakeType::SERVER_HELLO, n));
                let answers: Vec<_> = answers.collect();
                if !answers.is_empty() {
                    return Ok(Grade::Failed(format!("answers {answers:02x?} in ServerHello")));
                }
                Ok(Grade::from(asks(&talk) == plain, "requests a certificate because of it"))
            }));
        }
        let expects = format!("ignores a malformed hint at an origin {words}");
        let about_hint = about(&format!("malformed-origin-hint{suffix}"), "WIO-7", &expects);
        cases.push(Case::new(about_hint, [need], move |lab: &mut Lab| {
            lab.visit_well(client(lab, lab.hint([]))).map(|_| Grade::Passed)
        }));
        for malformed in MALFORMED.iter().filter(|m| ["zero-byte", "no-bytes"].contains(&m.name)) {
            let expects = format!("ignores {} {words}", malformed.what);
            let about = about(&format!("{}{suffix}", malformed.name), "FLAGS-9", &expects);
            cases.push(Case::new(about, [need], move |lab: &mut Lab| {
                let flags = lab.flags(malformed.body);
                lab.visit_well(client(lab, Some(flags))).map(|_| Grade::Passed)
            }));
        }
    }
    cases
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = ignored();
    cases.push(Case::new(
        about("care", "CARE-3", "echoes CARE in ServerHello, empty, or nowhere"),
        TLS12,
        |lab| {
            let talk = lab.visit_well(old(lab, lab.care([])))?;
            let number = lab.points().care().unwrap_or_default();
            let echoes = received(&talk, HandshakeType::SERVER_HELLO, number);
            Ok(match echoes.as_slice() {
                [] if lab.features.care => {
                    Grade::Tolerated("does not echo it, which CARE-3 allows".into())
                }
                [] => Grade::Passed,
                [body] if body.is_empty() => Grade::Passed,
                other => Grade::Failed(format!("echoes {other:02x?}")),
            })
        },
    ));
    cases.push(Case::new(
        about("care-unoffered", "CARE-3", "does not echo CARE that was not sent"),
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
