//! What a client says in its hellos.

use rustls_ext_wire::{Flag, FlagSet};

use super::{Case, Lab, Need, in_hellos};
use crate::case::{About, Group, Role};
use crate::grade::Grade;
use raw_peer::HandshakeType;

fn about(group: Group, name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, group, name, rule, expects)
}

/// The flags of its hello, as one extension.
fn flags(lab: &mut Lab) -> Result<Vec<u8>, Grade> {
    let talk = lab.host(lab.honest())?;
    let found = in_hellos(&talk, lab.points.tls_flags()).concat();
    found.into_iter().next().ok_or_else(|| Grade::Skipped("the client sends no tls_flags".into()))
}

pub(super) fn cases() -> Vec<Case> {
    use Group::{Hello, Retry};
    vec![
        Case::new(
            about(
                Hello,
                "goes-on-unasked",
                "RCA-9",
                "continues with a server that does not request a certificate",
            ),
            [],
            |lab| {
                let mut config = lab.honest();
                config.ask_certificate = false;
                lab.host_well(config).map(|_| Grade::Passed)
            },
        ),
        Case::new(
            about(Hello, "well-formed", "FLAGS-1", "sends flags in their shortest form"),
            [],
            |lab| {
                let body = flags(lab)?;
                Ok(match FlagSet::decode(&body) {
                    Ok(_) => Grade::Passed,
                    Err(err) => Grade::Failed(format!("{err}: {body:02x?}")),
                })
            },
        ),
        Case::new(
            about(Hello, "not-empty", "FLAGS-8", "sends no extension without a flag"),
            [],
            |lab| {
                let talk = lab.host(lab.honest())?;
                let bodies = in_hellos(&talk, lab.points.tls_flags()).concat();
                let has_bit = |body: &Vec<u8>| body.iter().skip(1).any(|byte| *byte != 0);
                Ok(Grade::from(bodies.iter().all(has_bit), format!("sends {bodies:02x?}")))
            },
        ),
        Case::new(
            about(Hello, "once", "FLAGS-10", "sends each extension at most once"),
            [],
            |lab| {
                let talk = lab.host(lab.honest())?;
                let points = lab.points;
                let numbers = [Some(points.tls_flags()), points.care(), points.origin_hint()];
                let mut counts = numbers.into_iter().flatten().flat_map(|number| {
                    in_hellos(&talk, number).into_iter().map(|bodies| bodies.len())
                });
                Ok(Grade::from(counts.all(|count| count < 2), "sends one of them more often"))
            },
        ),
        Case::new(
            about(Hello, "no-flag-of-tickets", "FLAGS-4", "does not send flag 8, of tickets"),
            [],
            |lab| {
                let body = flags(lab)?;
                let has = FlagSet::decode(&body)
                    .is_ok_and(|flags| flags.contains(Flag::RESUMPTION_ACROSS_NAMES));
                Ok(Grade::from(!has, format!("sends {body:02x?}")))
            },
        ),
        Case::new(
            about(Retry, "goes-on", "FLAGS-12", "continues after a HelloRetryRequest"),
            [],
            |lab| {
                let mut config = lab.honest();
                config.hello_retry = true;
                lab.host_well(config).map(|_| Grade::Passed)
            },
        ),
        Case::new(
            about(Retry, "same-flags", "FLAGS-12", "sends the same flags in both ClientHellos"),
            [],
            |lab| same(lab, Some(lab.points.tls_flags())),
        ),
        Case::new(
            about(Retry, "same-care", "FLAGS-12", "sends CARE in both ClientHellos, or in none"),
            [],
            |lab| same(lab, lab.points.care()),
        ),
        Case::new(
            about(Retry, "same-origins", "WIO-7", "sends the same origins in both ClientHellos"),
            [Need::OffersOrigins],
            |lab| same(lab, lab.points.origin_hint()),
        ),
    ]
}

/// This extension is the same in both hellos.
fn same(lab: &mut Lab, number: Option<u16>) -> Result<Grade, Grade> {
    let mut config = lab.honest();
    config.hello_retry = true;
    let talk = lab.host(config)?;
    if talk.peer.sent(HandshakeType::HELLO_RETRY_REQUEST).is_none() {
        return Err(Grade::Skipped("there was no second ClientHello".into()));
    }
    Ok(match in_hellos(&talk, number.unwrap_or_default()).as_slice() {
        [first, second] => {
            Grade::from(first == second, format!("{first:02x?}, then {second:02x?}"))
        }
        _ => Grade::Failed("sends no second ClientHello".into()),
    })
}
