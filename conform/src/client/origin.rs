//! workload_identifier_origin_hint, under TLS 1.3.

use rustls_ext_wire::{MAX_ORIGIN_BYTES, MAX_ORIGINS, Origin, Origins};

use super::answer::{IN, bent};
use super::{Case, Lab, Need, in_hellos};
use crate::case::{About, CaseResult, Group, Level, Role};
use crate::grade::{DECODE_ERROR, Grade, ILLEGAL_PARAMETER, UNSUPPORTED_EXTENSION};
use crate::origins::{ORIGIN, list};
use crate::talk::Verdict;
use raw_peer::{HandshakeType, Slot};

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, Group::Origin, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = sent();
    for (name, slot, compressed) in IN {
        let compression = compressed.then_some(Need::ReadsCompressed);
        let expects = format!("refuses a hint in {slot:?} with illegal_parameter");
        let needs = [Some(Need::OffersOrigins), compression].into_iter().flatten();
        let case = about(&format!("in-{name}"), "WIO-1", &expects);
        cases.push(Case::new(case, needs, move |lab: &mut Lab| {
            let config = bent(lab, slot, compressed, lab.hint(list([ORIGIN])));
            lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
        }));

        // For a client that did not send it, it is an unknown extension.
        let id = format!("unsent-in-{name}");
        let needs = [Some(Need::OffersNoOrigins), compression].into_iter().flatten();
        if matches!(slot, Slot::CertificateRequest | Slot::NewSessionTicket) {
            let expects = format!("ignores a hint in {slot:?}, as any unknown extension there");
            cases.push(Case::new(about(&id, "WIO-1", &expects), needs, move |lab: &mut Lab| {
                ignores(lab, slot)
            }));
        } else {
            let expects = format!("refuses a hint in {slot:?} with unsupported_extension");
            // A client that reads no flags either may be lax in RFC 8446 section 4.2, which is not ours.
            let needs = needs.chain([Need::Flags]);
            cases.push(Case::new(about(&id, "WIO-1", &expects), needs, move |lab: &mut Lab| {
                let config = bent(lab, slot, compressed, lab.hint(list([ORIGIN])));
                let tolerated = [ILLEGAL_PARAMETER, DECODE_ERROR];
                lab.host_refusing(config, UNSUPPORTED_EXTENSION, &tolerated)
            }));
        }
    }
    cases
}

/// What the client sends.
fn sent() -> Vec<Case> {
    let hints = [Need::OffersOrigins];
    vec![
        Case::new(about("well-formed", "WIO-2", "sends a well-formed list"), hints, |lab| {
            let body = hint(lab)?;
            Ok(match Origins::decode(&body) {
                Ok(_) => Grade::Passed,
                Err(err) => Grade::Failed(format!("{err}: {body:02x?}")),
            })
        }),
        Case::new(about("valid", "WIO-3", "sends origins only"), hints, |lab| {
            let body = hint(lab)?;
            // Beyond the limits nothing is read: that is another case.
            let Ok(origins) = Origins::decode(&body) else {
                return Ok(Grade::Skipped("the list is malformed".into()));
            };
            let invalid: Vec<_> = origins
                .strings()
                .map(String::from_utf8_lossy)
                .filter(|string| Origin::parse(string).is_err())
                .collect();
            Ok(Grade::from(invalid.is_empty(), format!("hints at {}", invalid.join(", "))))
        }),
        Case::new(about("at-most-16", "WIO-8", "sends at most 16 origins"), hints, |lab| {
            let body = hint(lab)?;
            let count = Origins::decode(&body).map_or(0, |origins| origins.strings().count());
            Ok(Grade::from(count <= MAX_ORIGINS, format!("sends {count}")))
        })
        .level(Level::Should),
        Case::new(
            about("at-most-4096-bytes", "WIO-8", "sends at most 4,096 bytes"),
            hints,
            |lab| {
                let length = hint(lab)?.len();
                Ok(Grade::from(length <= MAX_ORIGIN_BYTES, format!("sends {length}")))
            },
        )
        .level(Level::Should),
        Case::new(
            about("not-in-certificate", "WIO-1", "has no hint in its Certificate"),
            [Need::OffersOrigins, Need::Certificate],
            |lab| {
                let talk = lab.host_well(lab.honest())?;
                let types = [HandshakeType::CERTIFICATE, HandshakeType::COMPRESSED_CERTIFICATE];
                let number = lab.points.origin_hint().unwrap_or_default();
                let mut messages = types.into_iter().filter_map(|typ| talk.peer.received(typ));
                let has = messages.any(|message| message.find_extension(number).is_some());
                Ok(Grade::from(!has, "has it in its Certificate"))
            },
        ),
    ]
}

/// The body of the extension in the first ClientHello.
fn hint(lab: &mut Lab) -> Result<Vec<u8>, Grade> {
    let talk = lab.host(lab.honest())?;
    let found = in_hellos(&talk, lab.points.origin_hint().unwrap_or_default()).concat();
    found.into_iter().next().ok_or_else(|| Grade::Skipped("the client sends no hint".into()))
}

/// A message in which unknown extensions are ignored. A client that knows the extension may refuse it.
fn ignores(lab: &mut Lab, slot: Slot) -> CaseResult {
    let config = bent(lab, slot, false, lab.hint(list([ORIGIN])));
    let result = lab.host_well(config);
    match lab.talks.first().map(|talk| talk.verdict()) {
        Some(Verdict::Alert(ILLEGAL_PARAMETER)) => Ok(Grade::Tolerated(
            "refuses an extension that it knows, but did not send, as RFC 8446 section 4.2 allows"
                .into(),
        )),
        _ => result.map(|_| Grade::Passed),
    }
}
