//! The report as JUnit XML, for CI systems. It needs four elements, so no XML library is used.

use std::fmt::Write;

use super::{ConformReport, text};
use crate::run::Finding;

pub(super) fn print(report: &ConformReport) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"rext-conform {}\" tests=\"{}\" failures=\"{}\" errors=\"0\" \
         skipped=\"{}\" time=\"{:.3}\">",
        report.role,
        report.findings.len(),
        report.failures() + report.undecided(),
        report.graded("skipped").count() + report.graded("failed").count()
            - report.failures()
            - report.undecided(),
        report.took.as_secs_f64(),
    );
    for finding in &report.findings {
        case(&mut xml, finding);
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

fn case(xml: &mut String, finding: &Finding) {
    let (about, seconds) = (&finding.about, finding.took.as_secs_f64());
    let _ = write!(
        xml,
        "<testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\">",
        about.rule,
        escaped(&about.id)
    );
    let reason = escaped(finding.grade.reason().unwrap_or_default());
    match (finding.grade.name(), &finding.allowed) {
        ("failed", None) => {
            let lines: Vec<_> = finding.talks.iter().flat_map(|talk| text::lines(talk)).collect();
            let details = escaped(&format!("{}\n{}", about.expects, lines.join("\n")));
            let _ = write!(xml, "<failure message=\"{reason}\">{details}</failure>");
        }
        ("failed", Some(why)) => {
            let why = escaped(why);
            let _ = write!(xml, "<skipped message=\"allowed to fail: {why}: {reason}\"/>");
        }
        ("skipped", _) if finding.counts_as_undecided() => {
            let expects = escaped(&about.expects);
            let _ = write!(xml, "<failure message=\"undecided: {reason}\">{expects}</failure>");
        }
        ("skipped", _) => {
            let _ = write!(xml, "<skipped message=\"{reason}\"/>");
        }
        ("tolerated", _) => {
            let _ = write!(xml, "<system-out>tolerated: {reason}</system-out>");
        }
        _ => {}
    }
    xml.push_str("</testcase>\n");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML does not allow other control characters, not even escaped.
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("<a b=\"c\">&\u{1}\n"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}\n");
    }
}
