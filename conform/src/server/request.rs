//! CertificateRequest, and whether it acknowledges the offer.

use rustls_ext_wire::{FlagSet, Message, Offer};

use super::answer::check_flags;
use super::{Case, Lab, Need, asks, received};
use crate::case::{About, CaseResult, Group, Level, Role};
use crate::grade::Grade;
use crate::talk::Talk;
use raw_peer::HandshakeType;

const REQUEST: HandshakeType = HandshakeType::CERTIFICATE_REQUEST;

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Request, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            about("asks", "RCA-2", "requests a certificate after an offer"),
            [Need::Flags],
            |lab| {
                let talk = lab.visit_well(lab.offering())?;
                Ok(if asks(&talk) {
                    Grade::Passed
                } else {
                    Grade::Tolerated("never requests a certificate, which RCA-9 allows".into())
                })
            },
        )
        .level(Level::May),
        Case::new(
            about("acknowledges", "RCA-2", "has the flag in a request because of the offer"),
            [Need::Flags, Need::AsksForFlag],
            |lab| {
                let talk = lab.visit_well(lab.offering())?;
                acknowledgement(lab, &talk)
            },
        ),
        Case::new(
            about(
                "acknowledges-among-unknown",
                "FLAGS-7",
                "answers the offer, and no unknown flag",
            ),
            [Need::Flags, Need::AsksForFlag],
            |lab| {
                let talk = lab.visit_well(lab.hello([lab.flags(lab.body([1, 1023]))]))?;
                acknowledgement(lab, &talk)
            },
        ),
        Case::new(
            about("well-formed", "FLAGS-1", "sends flags in their shortest form, if any"),
            [Need::Asks],
            |lab| {
                let talk = lab.visit_well(lab.offering())?;
                Ok(check_flags(lab, &talk, REQUEST, Message::CertificateRequest, Offer::FLAG))
            },
        ),
        Case::new(
            about("once", "FLAGS-10", "sends the extension at most once"),
            [Need::Asks],
            |lab| {
                let talk = lab.visit_well(lab.offering())?;
                let count = received(&talk, REQUEST, lab.points().tls_flags()).len();
                Ok(Grade::from(count < 2, format!("has it {count} times")))
            },
        ),
        Case::new(
            about("unoffered", "RCA-4", "never acknowledges without an offer"),
            [Need::AsksAnyway],
            |lab| {
                let talk = lab.visit_well(lab.honest())?;
                Ok(check_flags(lab, &talk, REQUEST, Message::CertificateRequest, Offer::NONE))
            },
        ),
        Case::new(
            about("unoffered-but-unknown", "RCA-4", "does not treat unknown flags as an offer"),
            [Need::AsksAnyway],
            |lab| {
                let talk = lab.visit_well(lab.hello([lab.flags(super::features::unknown())]))?;
                Ok(check_flags(lab, &talk, REQUEST, Message::CertificateRequest, Offer::NONE))
            },
        ),
        Case::new(
            about(
                "another-reason",
                "RCA-3",
                "does not acknowledge if it requests a certificate of every client",
            ),
            [Need::Flags, Need::AsksAnyway],
            |lab| {
                let talk = lab.visit_well(lab.offering())?;
                Ok(if received(&talk, REQUEST, lab.points().tls_flags()).is_empty() {
                    Grade::Passed
                } else {
                    Grade::Tolerated(
                        "acknowledges the offer, although it requests a certificate from every \
                         client: allowed only if it requests another one because of the offer"
                            .into(),
                    )
                })
            },
        ),
    ]
}

/// Exactly the offer is acknowledged.
pub(super) fn acknowledgement(lab: &Lab, talk: &Talk) -> CaseResult {
    if !asks(talk) {
        return Ok(Grade::Failed(
            "does not request a certificate, although it does after other offers".into(),
        ));
    }
    let wanted = FlagSet::single(lab.points().request_client_auth());
    Ok(match received(talk, REQUEST, lab.points().tls_flags()).as_slice() {
        [] => Grade::Tolerated(
            "requests without acknowledgement, as in revisions -00 to -02 of the draft".into(),
        ),
        [body] => match FlagSet::decode(body) {
            Ok(flags) if flags == wanted => Grade::Passed,
            Ok(flags) if wanted.is_subset(&flags) => {
                Grade::Tolerated(format!("has other flags, too: {body:02x?}"))
            }
            Ok(_) => Grade::Failed(format!("has flags, but not the one offered: {body:02x?}")),
            Err(err) => Grade::Failed(format!("{err}: {body:02x?}")),
        },
        more => Grade::Failed(format!("has the extension {} times", more.len())),
    })
}
