//! The output of libFuzzer.

use std::path::PathBuf;

/// The numbers and findings of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FuzzOutput {
    /// How many inputs were tried.
    pub executions: u64,
    /// Inputs per second.
    pub per_second: u64,
    /// Branches taken (`cov`).
    pub branches: u64,
    /// Branches, distinguished by how often they were taken and by compared values (`ft`).
    pub features: u64,
    /// Inputs that fail, or take too long or too much memory.
    pub findings: Vec<PathBuf>,
    /// The last lines of output, which explain a finding.
    pub reason: String,
}

impl FuzzOutput {
    /// The titles of the columns.
    pub const HEADING: &'static str =
        "target               executions  per second  branches  features  found";

    /// Reads what libFuzzer writes to its standard error stream.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut output = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace().peekable();
            let first = words.peek().copied().unwrap_or_default();
            if let Some(name) = first.strip_prefix("stat::") {
                let number = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
                match name {
                    "number_of_executed_units:" => output.executions = number,
                    "average_exec_per_sec:" => output.per_second = number,
                    _ => {}
                }
            } else if first.starts_with('#') {
                let mut number = |name| {
                    words.find(|word| *word == name)?;
                    words.next()?.parse().ok()
                };
                output.branches = number("cov:").unwrap_or(output.branches);
                output.features = number("ft:").unwrap_or(output.features);
            } else if let Some((_, path)) = line.split_once("Test unit written to ") {
                output.findings.push(path.into());
            }
        }
        let lines = text.lines().collect::<Vec<_>>();
        let panic = lines.iter().position(|line| line.contains("panicked at"));
        let from = panic.unwrap_or(lines.len().saturating_sub(5));
        output.reason = lines.get(from..).unwrap_or_default().iter().take(5).fold(
            String::new(),
            |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            },
        );
        output
    }

    /// A row of a table.
    #[must_use]
    pub fn row(&self, name: &str) -> String {
        let Self { executions, per_second, branches, features, findings, .. } = self;
        let found = match findings.len() {
            0 => "nothing".to_owned(),
            1 => "1 input".to_owned(),
            count => format!("{count} inputs"),
        };
        format!("{name:<18} {executions:>12} {per_second:>11} {branches:>9} {features:>9}  {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_round() {
        let output = FuzzOutput::of(
            "INFO: Seed: 1\n\
             #2\tINITED cov: 7 ft: 8 corp: 1/1b exec/s: 0 rss: 27Mb\n\
             #90\tNEW    cov: 57 ft: 148 corp: 5/28b lim: 4 exec/s: 0 rss: 27Mb L: 2/2 MS: 1 Copy-\n\
             #9840034\tDONE   cov: 59 ft: 151 corp: 57/2888b lim: 264 exec/s: 1405719 rss: 27Mb\n\
             ###### Recommended dictionary. ######\n\
             Done 9840034 runs in 7 second(s)\n\
             stat::number_of_executed_units: 9840034\n\
             stat::average_exec_per_sec:     1405719\n\
             stat::new_units_added:          88\n",
        );
        assert_eq!((output.executions, output.per_second), (9_840_034, 1_405_719));
        assert_eq!((output.branches, output.features), (59, 151));
        assert!(output.findings.is_empty());
        assert_eq!(
            output.row("flags").len(),
            FuzzOutput::HEADING.len() + "nothing".len() - "found".len()
        );
    }

    #[test]
    fn a_finding() {
        let output = FuzzOutput::of(
            "#1652\tNEW    cov: 76 ft: 143 corp: 30/332b lim: 212 exec/s: 0 rss: 27Mb\n\
             thread '<unnamed>' (26810) panicked at src/scan.rs:100:13:\n\
             assertion failed: it\n\
             ==26810== ERROR: libFuzzer: deadly signal\n\
             artifact_prefix='artifacts/scan/'; Test unit written to artifacts/scan/crash-6b\n\
             stat::number_of_executed_units: 1652\n",
        );
        assert_eq!(output.findings, [PathBuf::from("artifacts/scan/crash-6b")]);
        assert!(output.reason.contains("assertion failed: it\n"), "{}", output.reason);
        assert!(output.row("scan").ends_with(" 1 input"));
    }
}
