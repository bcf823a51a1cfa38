//! The report as text, with the failed cases first.

use std::fmt::Write;

use super::ConformReport;
use crate::alerts::alert;
use crate::run::Finding;
use crate::talk::Talk;
use raw_peer::{Direction, Event};

pub(super) fn print(report: &ConformReport) -> String {
    let mut text = String::new();
    for finding in report.graded("failed") {
        failed(&mut text, finding);
    }
    for (name, with_reason) in [("tolerated", true), ("passed", false)] {
        for finding in report.graded(name) {
            let (id, rule) = (&finding.about.id, finding.about.rule);
            let _ = write!(text, "{name:9} {id} ({rule})");
            let reason = finding.grade.reason().filter(|_| with_reason);
            let _ = reason.map(|reason| write!(text, ": {reason}"));
            text.push('\n');
        }
    }
    let mut reasons: Vec<&str> =
        report.graded("skipped").filter_map(|f| f.grade.reason()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let ids: Vec<_> = report
            .graded("skipped")
            .filter(|finding| finding.grade.reason() == Some(reason))
            .map(|finding| finding.about.id.as_str())
            .collect();
        let _ = writeln!(text, "skipped   {}: {reason}", ids.join(" "));
    }
    for (feature, holds) in &report.features {
        let _ =
            writeln!(text, "The {} {}: {feature}", report.role, if *holds { "yes" } else { "no" });
    }
    let _ = writeln!(text, "{} in {:.1} s", report.summary(), report.took.as_secs_f64());
    text
}

fn failed(text: &mut String, finding: &Finding) {
    let about = &finding.about;
    let reason = finding.grade.reason().unwrap_or_default();
    let _ = writeln!(text, "failed    {}: {reason}", about.id);
    let (rule, level, source) = (about.rule, about.level.name(), about.source);
    let _ = writeln!(text, "          {rule}, {level} ({source}): {}", about.expects);
    if let Some(why) = &finding.allowed {
        let _ = writeln!(text, "          allowed to fail: {why}");
    }
    for (number, talk) in (1..).zip(&finding.talks) {
        let (client, server) = talk.ends;
        let _ = writeln!(text, "          connection {number}, {client} to {server}:");
        for line in lines(talk) {
            let _ = writeln!(text, "            {line}");
        }
    }
}

/// The messages of a connection, decrypted, one line each.
pub(super) fn lines(talk: &Talk) -> Vec<String> {
    let arrow = |direction: &Direction| match direction {
        Direction::Sent => "->",
        Direction::Received => "<-",
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let mut lines = Vec::new();
    for event in talk.peer.events() {
        lines.push(match event {
            Event::Handshake(m) => format!("{} {} {}", arrow(&m.direction), m.typ, hex(&m.bytes)),
            Event::Alert(direction, a) => {
                format!("{} alert {}, level {}", arrow(direction), alert(a.description), a.level)
            }
            Event::ChangeCipherSpec(direction) => {
                format!("{} change_cipher_spec", arrow(direction))
            }
            Event::Data { direction, early, data } => {
                let kind = if *early { "0-RTT data" } else { "data" };
                format!("{} {kind} {}", arrow(direction), hex(data))
            }
            Event::Complete => "   the handshake is complete".into(),
            Event::InnerHello(m) => format!("   inner ClientHello {}", hex(&m.bytes)),
        });
    }
    lines.push(format!("   {}", talk.verdict()));
    lines
}
