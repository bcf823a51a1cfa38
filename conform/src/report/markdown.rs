//! The report as a Markdown table.

use std::fmt::Write;

use super::ConformReport;

pub(super) fn print(report: &ConformReport) -> String {
    let mut text =
        format!("{} under test: {}. {}.\n\n", report.role, report.target, report.summary());
    text.push_str("| case | rule | level | expected | grade |\n|---|---|---|---|---|\n");
    for name in ["failed", "tolerated", "passed", "skipped"] {
        for finding in report.graded(name) {
            let about = &finding.about;
            let mut grade = name.to_owned();
            if let Some(reason) = finding.grade.reason() {
                let _ = write!(grade, ": {reason}");
            }
            if let Some(why) = &finding.allowed {
                let _ = write!(grade, " (allowed to fail: {why})");
            }
            let (id, rule, level) = (&about.id, about.rule, about.level.name());
            let (expects, grade) = (about.expects.replace('|', "\\|"), grade.replace('|', "\\|"));
            let _ = writeln!(text, "| `{id}` | {rule} | {level} | {expects} | {grade} |");
        }
    }
    text
}
