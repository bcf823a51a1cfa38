//! client_authentication_request, under TLS 1.3.

use super::answer::{IN, bent};
use super::{Case, Lab, Need, in_hellos};
use crate::case::{About, Group, Role};
use crate::grade::{DECODE_ERROR, Grade, ILLEGAL_PARAMETER, UNSUPPORTED_EXTENSION};
use raw_peer::Slot;

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, Group::Care, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(about("empty", "CARE-1", "sends CARE without a body, if at all"), [], |lab| {
            let talk = lab.host(lab.honest())?;
            let bodies = in_hellos(&talk, lab.points.care().unwrap_or_default()).concat();
            let empty = bodies.iter().all(Vec::is_empty);
            Ok(Grade::from(empty, format!("sends {bodies:02x?}")))
        }),
        Case::new(
            about("echo", "CARE-3", "continues when it is echoed in EncryptedExtensions"),
            [Need::OffersCare],
            |lab| {
                let config = lab.with(Slot::EncryptedExtensions, lab.care([]));
                lab.host_well(config).map(|_| Grade::Passed)
            },
        ),
        Case::new(
            about("echo-with-body", "CARE-1", "refuses an echo with a body"),
            [Need::OffersCare],
            |lab| {
                let config = lab.with(Slot::EncryptedExtensions, lab.care([0]));
                lab.host_ill(config, &[])
            },
        ),
    ];
    for (name, slot, compressed) in IN {
        let compression = compressed.then_some(Need::ReadsCompressed);
        let answers = !matches!(slot, Slot::CertificateRequest | Slot::NewSessionTicket);
        if slot != Slot::EncryptedExtensions {
            let expects = format!("refuses CARE in {slot:?} with illegal_parameter");
            let needs = [Some(Need::OffersCare), compression].into_iter().flatten();
            let about = about(&format!("in-{name}"), "CARE-3", &expects);
            cases.push(Case::new(about, needs, move |lab: &mut Lab| {
                let config = bent(lab, slot, compressed, lab.care([]));
                lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
            }));
        }
        let id = format!("unoffered-in-{name}");
        let needs = [Some(Need::OffersNoCare), compression].into_iter().flatten();
        if answers {
            let expects = format!("refuses CARE in {slot:?} with unsupported_extension");
            let about = about(&id, "CARE-3", &expects);
            // An end that reads neither may be lax in RFC 8446 section 4.2, which is not ours.
            let needs = needs.chain([Need::Flags]);
            cases.push(Case::new(about, needs, move |lab: &mut Lab| {
                let config = bent(lab, slot, compressed, lab.care([]));
                let tolerated = [ILLEGAL_PARAMETER, DECODE_ERROR];
                lab.host_refusing(config, UNSUPPORTED_EXTENSION, &tolerated)
            }));
        } else {
            let expects = format!("ignores CARE in {slot:?}, as any unknown extension there");
            let about = about(&id, "CARE-2", &expects);
            cases.push(Case::new(about, needs, move |lab: &mut Lab| {
                lab.host_well(bent(lab, slot, compressed, lab.care([]))).map(|_| Grade::Passed)
            }));
        }
    }
    cases
}
