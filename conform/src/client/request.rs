//! CertificateRequest with and without acknowledgement, and the Certificate that answers it.

use super::answer::Body;
use super::features::shows_certificate;
use super::{Case, Lab, Need, body};
use crate::case::{About, Group, Level, Role};
use crate::grade::{Grade, ILLEGAL_PARAMETER, UNSUPPORTED_EXTENSION, accepted, refused};
use crate::talk::{Talk, Verdict};
use raw_peer::{HandshakeType, Slot};

fn about(group: Group, name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, group, name, rule, expects)
}

/// The client sent a Certificate, be it an empty one.
fn answered(talk: &Talk) -> bool {
    let types = [HandshakeType::CERTIFICATE, HandshakeType::COMPRESSED_CERTIFICATE];
    types.into_iter().any(|typ| talk.peer.received(typ).is_some())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = positive();
    let bodies: [(&str, &str, Body); 2] = [
        ("unoffered", "an acknowledgement without an offer", |lab| {
            body([lab.points.request_client_auth().get()])
        }),
        ("unoffered-among-unknown", "one among unknown flags", |lab| {
            body([1, lab.points.request_client_auth().get()])
        }),
    ];
    for (name, what, make) in bodies {
        let expects = format!("refuses {what} with illegal_parameter");
        let about = about(Group::Request, name, "RCA-4", &expects);
        let needs = [Need::Flags, Need::OffersNoFlag];
        cases.push(Case::new(about, needs, move |lab: &mut Lab| {
            let config = lab.with(Slot::CertificateRequest, lab.flags(make(lab)));
            lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
        }));
    }
    cases.push(Case::new(
        about(Group::Request, "twice", "FLAGS-10", "refuses the extension twice"),
        [Need::Flags],
        |lab| {
            let mut config = lab.with(Slot::CertificateRequest, lab.flags(body([1])));
            config.plan.certificate_request.push(lab.flags(body([1])));
            lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
        },
    ));
    cases.push(Case::new(
        about(Group::Request, "flag-of-tickets", "FLAGS-4", "refuses flag 8, of tickets"),
        [Need::Flags],
        |lab| {
            let config = lab.with(Slot::CertificateRequest, lab.flags(body([8])));
            Ok(match lab.host(config)?.verdict() {
                Verdict::Accepted => Grade::Tolerated(
                    "treats flag 8 (resumption_across_names) as an unknown flag".into(),
                ),
                other => refused(&other, ILLEGAL_PARAMETER, &[]),
            })
        },
    ));
    cases.extend(certificates());
    cases
}

fn positive() -> Vec<Case> {
    let group = Group::Request;
    vec![
        Case::new(
            about(group, "acknowledged", "RCA-6", "answers an acknowledged request"),
            [Need::OffersFlag],
            |lab| {
                let talk = lab.host_well(lab.honest())?;
                Ok(Grade::from(answered(&talk), "sent no Certificate"))
            },
        ),
        Case::new(
            about(group, "acknowledged-behind-retry", "RCA-6", "also does so after a retry"),
            [Need::OffersFlag],
            |lab| {
                let mut config = lab.honest();
                config.hello_retry = true;
                let talk = lab.host_well(config)?;
                Ok(Grade::from(answered(&talk), "sent no Certificate"))
            },
        ),
        Case::new(
            about(group, "not-acknowledged", "RCA-3", "continues after a request for another reason"),
            [],
            |lab| {
                let mut config = lab.honest();
                config.plan.certificate_request.clear();
                let talk = lab.host_well(config)?;
                Ok(Grade::from(answered(&talk), "sent no Certificate"))
            },
        ),
        Case::new(about(group, "unknown-flags", "FLAGS-6", "ignores unknown flags"), [], |lab| {
            let config = lab.with(Slot::CertificateRequest, lab.flags(body([1, 1023])));
            lab.host_well(config).map(|_| Grade::Passed)
        }),
        Case::new(
            about(group, "highest-flag", "FLAGS-6", "ignores flag 2039, in 255 bytes"),
            [],
            |lab| {
                let config = lab.with(Slot::CertificateRequest, lab.flags(body([2039])));
                lab.host_well(config).map(|_| Grade::Passed)
            },
        ),
        Case::new(
            about(group, "acknowledged-among-unknown", "FLAGS-6", "ignores unknown flags together with its own"),
            [Need::OffersFlag],
            |lab| {
                let flags = body([1, lab.points.request_client_auth().get(), 1023]);
                let config = lab.with(Slot::CertificateRequest, lab.flags(flags));
                let talk = lab.host_well(config)?;
                Ok(Grade::from(answered(&talk), "sent no Certificate"))
            },
        ),
        Case::new(
            about(
                group,
                "nothing-fits",
                "RCA-6",
                "sends an empty Certificate, or closes, if its certificate does not fit the request",
            ),
            [Need::OffersFlag],
            |lab| {
                let mut config = lab.honest();
                // The name CN=nobody.
                let name = b"\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x0c\x06nobody";
                config.authorities = vec![name.to_vec()];
                let talk = lab.host(config)?;
                Ok(match talk.verdict() {
                    Verdict::Accepted if answered(&talk) => Grade::Passed,
                    Verdict::Accepted => Grade::Failed("sent no Certificate".into()),
                    Verdict::Alert(_) | Verdict::Closed => {
                        Grade::Tolerated("closes the connection, which RCA-6 allows here".into())
                    }
                    other => accepted(&other),
                })
            },
        )
        .level(Level::Should),
    ]
}

fn certificates() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            about(Group::Certificate, "shown", "RCA-1", "has a certificate when it offers"),
            [Need::OffersFlag],
            |lab| {
                let talk = lab.host_well(lab.honest())?;
                Ok(if shows_certificate(&talk) {
                    Grade::Passed
                } else {
                    Grade::Tolerated("offers, and then has no certificate that fits".into())
                })
            },
        )
        .level(Level::Should),
    ];
    for compressed in [false, true] {
        let kind = if compressed { "in-compressed" } else { "in-plain" };
        let expects = format!(
            "has neither flags nor CARE {} Certificate",
            if compressed { "in its compressed" } else { "in its" }
        );
        let needs: Vec<_> = [Some(Need::Certificate), compressed.then_some(Need::SendsCompressed)]
            .into_iter()
            .flatten()
            .collect();
        let about = about(Group::Certificate, &format!("nothing-{kind}"), "FLAGS-5", &expects);
        cases.push(Case::new(about, needs, move |lab: &mut Lab| {
            let mut config = lab.honest();
            config.accept_compression = compressed;
            let talk = lab.host_well(config)?;
            let typ = if compressed {
                HandshakeType::COMPRESSED_CERTIFICATE
            } else {
                HandshakeType::CERTIFICATE
            };
            let Some(message) = talk.peer.received(typ) else {
                return Err(Grade::Skipped(format!("the client sent no {typ} this time")));
            };
            let numbers = [Some(lab.points.tls_flags()), lab.points.care()];
            let extensions = message.extensions().unwrap_or_default();
            let found = extensions.iter().any(|e| numbers.contains(&Some(e.typ)));
            Ok(Grade::from(!found, format!("has {extensions:02x?}")))
        }));
    }
    cases
}
