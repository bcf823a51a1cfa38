//! The report, in four formats.

use std::fmt::Write;
use std::time::Duration;

use super::args::Format;
use super::case::About;
use super::grade::Grade;
use super::run::Finding;
use command_line::Failure;

mod json;
mod junit;
mod markdown;
mod text;

/// The results of a run.
#[derive(Debug)]
pub struct ConformReport {
    /// The role under test.
    pub role: &'static str,
    /// The name of the peer under test.
    pub target: String,
    /// Its features.
    pub features: Vec<(&'static str, bool)>,
    /// The result of each case, in order.
    pub findings: Vec<Finding>,
    /// The duration of the run.
    pub took: Duration,
}

impl ConformReport {
    /// Prints the report in this format.
    ///
    /// # Errors
    /// If JSON cannot encode it; no such case is known.
    pub fn print(&self, format: Format) -> Result<String, Failure> {
        match format {
            Format::Text => Ok(text::print(self)),
            Format::Json => json::print(self),
            Format::Junit => Ok(junit::print(self)),
            Format::Markdown => Ok(markdown::print(self)),
        }
    }

    /// How many cases failed that are not allowed to.
    pub fn failures(&self) -> usize {
        self.findings.iter().filter(|finding| finding.counts_as_failure()).count()
    }

    /// How many MUSTs could not be decided.
    pub fn undecided(&self) -> usize {
        self.findings.iter().filter(|finding| finding.counts_as_undecided()).count()
    }

    /// The cases with this grade.
    fn graded(&self, name: &'static str) -> impl Iterator<Item = &Finding> + Clone {
        self.findings.iter().filter(move |finding| finding.grade.name() == name)
    }

    /// The counts, as text.
    fn summary(&self) -> String {
        let count = |name| self.graded(name).count();
        let mut text = format!(
            "{} cases: {} failed, {} tolerated, {} passed, {} skipped",
            self.findings.len(),
            count("failed"),
            count("tolerated"),
            count("passed"),
            count("skipped"),
        );
        let allowed = self.graded("failed").filter(|finding| finding.allowed.is_some()).count();
        if allowed > 0 {
            let _ = write!(text, "; {allowed} of the failed cases are allowed to fail");
        }
        let undecided = self.undecided();
        if undecided > 0 {
            let _ =
                write!(text, "; {undecided} of the skipped cases are MUSTs that cannot be decided");
        }
        text
    }
}

/// The list of cases; with a second part, also whether each would run.
pub fn list<'a>(cases: impl IntoIterator<Item = (&'a About, Option<Option<Grade>>)>) -> String {
    let mut text = String::new();
    let (mut count, mut run) = (0, 0);
    for (about, skipped) in cases {
        count += 1;
        let remark = match &skipped {
            Some(Some(grade)) => format!("  [skipped: {}]", grade.reason().unwrap_or_default()),
            Some(None) | None => {
                run += 1;
                String::new()
            }
        };
        let (id, rule, level) = (&about.id, about.rule, about.level.name());
        let _ = writeln!(text, "{id:48} {rule:9} {level:6} {}{remark}", about.expects);
    }
    let _ = writeln!(text, "{count} cases, {run} to run");
    text
}
