//! The report as a JSON object.

use serde_json::{Value, json};

use super::{ConformReport, text};
use crate::run::Finding;
use command_line::Failure;
use raw_peer::Direction;

pub(super) fn print(report: &ConformReport) -> Result<String, Failure> {
    let features: serde_json::Map<String, Value> = report
        .features
        .iter()
        .map(|(feature, holds)| ((*feature).to_owned(), json!(holds)))
        .collect();
    let object = json!({
        "role": report.role,
        "target": report.target,
        "features": features,
        "seconds": report.took.as_secs_f64(),
        "failures": report.failures(),
        "undecided": report.undecided(),
        "cases": report.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}

fn finding(finding: &Finding) -> Value {
    let about = &finding.about;
    let mut object = json!({
        "id": about.id,
        "group": about.group,
        "rule": about.rule,
        "source": about.source,
        "level": about.level,
        "expects": about.expects,
        "grade": finding.grade.name(),
        "reason": finding.grade.reason(),
        "allowed": finding.allowed,
        "undecided": finding.counts_as_undecided(),
        "seconds": finding.took.as_secs_f64(),
    });
    if finding.grade.name() == "failed" {
        let talks = finding.talks.iter().map(|talk| {
            let bytes = |wanted| {
                let chunks = talk.wire.iter().filter(|chunk| chunk.direction == wanted);
                let bytes = chunks.flat_map(|chunk| &chunk.bytes);
                bytes.map(|byte| format!("{byte:02x}")).collect::<String>()
            };
            json!({
                "messages": text::lines(talk),
                "sent": bytes(Direction::Sent),
                "received": bytes(Direction::Received),
                "secrets": talk.peer.key_log(),
            })
        });
        if let Value::Object(object) = &mut object {
            object.insert("connections".into(), talks.collect());
        }
    }
    object
}
