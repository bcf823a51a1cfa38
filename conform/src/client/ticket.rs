//! Flags in NewSessionTicket.

use super::resumption::offers_session;
use super::{Case, Lab, Need, body, in_hellos};
use crate::case::{About, Group, Role};
use crate::grade::{Grade, UNSUPPORTED_EXTENSION};
use raw_peer::Slot;

const TICKET: Slot = Slot::NewSessionTicket;

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, Group::Ticket, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, what, flags) in [
        ("unknown-flags", "unknown flags", &[1u16, 1023][..]),
        ("highest-flag", "flag 2039, in 255 bytes", &[2039]),
        ("across-names", "flag 8, which belongs there", &[8]),
    ] {
        let about = about(name, "FLAGS-6", &format!("continues with {what}"));
        cases.push(Case::new(about, [], move |lab: &mut Lab| {
            let config = lab.with(TICKET, lab.flags(body(flags.iter().copied())));
            lab.host_well(config).map(|_| Grade::Passed)
        }));
    }
    cases.push(Case::new(
        about("request-client-auth", "RCA-5", "refuses the flag of the offer"),
        [Need::Flags],
        |lab| {
            let config = lab.with(TICKET, lab.acknowledgement());
            lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
        },
    ));
    cases.push(Case::new(
        about("twice", "FLAGS-10", "refuses the extension twice"),
        [Need::Flags],
        |lab| {
            let mut config = lab.with(TICKET, lab.flags(body([1])));
            config.plan.new_session_ticket.push(lab.flags(body([1])));
            lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
        },
    ));
    cases.push(Case::new(
        about("unanswered", "FLAGS-7", "does not answer flags of a ticket when it resumes"),
        [Need::Twice],
        |lab| {
            let config = lab.with(TICKET, lab.flags(body([1, 1023])));
            let talks = lab.host_all(config, None);
            let [first, second, ..] = talks.as_slice() else {
                return Err(Grade::Failed("does not connect again".into()));
            };
            if !offers_session(second) {
                return Err(Grade::Skipped("the client offered no session".into()));
            }
            let number = lab.points.tls_flags();
            let (first, second) = (in_hellos(first, number), in_hellos(second, number));
            Ok(Grade::from(first == second, format!("{first:02x?}, then {second:02x?}")))
        },
    ));
    cases
}
