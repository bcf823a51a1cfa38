//! The cost of a change: the instructions of each row with a limit, before and after it.

use std::fmt;

use super::claims;
use super::figure::thousands;
use crate::row::Row;

/// The maximum ratio of a row's instructions to those before the change. Counts of the same program vary by up to
/// half a thousandth.
pub const MOST: f64 = 1.005;

/// The rows with a limit that both commits have, and those that only the later one has.
#[derive(Debug)]
pub struct Change<'a> {
    counted: Vec<Counted<'a>>,
    new: Vec<&'a Row>,
}

#[derive(Clone, Copy, Debug)]
struct Counted<'a> {
    row: &'a Row,
    before: f64,
    after: f64,
}

impl<'a> Change<'a> {
    /// Compares the rows of two commits.
    pub fn new(before: &[Row], after: &'a [Row]) -> Self {
        let (mut counted, mut new) = (Vec::new(), Vec::new());
        for row in claims::limited(after) {
            let same = |other: &&Row| other.group == row.group && other.name == row.name;
            let before = before.iter().find(same).and_then(|row| row.instructions);
            match before.zip(row.instructions) {
                Some((before, after)) => counted.push(Counted { row, before, after }),
                None => new.push(row),
            }
        }
        Self { counted, new }
    }

    /// Fails if a row takes more than [`MOST`] times the instructions of before, or if there is nothing to compare.
    ///
    /// # Errors
    /// Names these rows.
    pub fn check(&self) -> Result<(), String> {
        if self.counted.is_empty() {
            return Err("no row with a limit was counted at both commits".into());
        }
        // A ratio that is no number is no success.
        let is_more = |ratio: f64| ratio.is_nan() || ratio > MOST;
        let more = self.counted.iter().filter(|counted| is_more(counted.ratio()));
        let more: Vec<_> = more.map(Counted::to_string).collect();
        if more.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the change takes more than {MOST} times the instructions:\n{}",
            more.join("\n")
        ))
    }
}

impl Counted<'_> {
    fn ratio(&self) -> f64 {
        self.after / self.before
    }
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { group, name, .. } = self.row;
        let [before, after] = [self.before, self.after].map(thousands);
        write!(f, "| {group}: {name} | {before} | {after} | {:.4} |", self.ratio())
    }
}

/// A table in Markdown.
impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| instructions | before | after | times |\n|---|---|---|---|\n")?;
        for counted in &self.counted {
            writeln!(f, "{counted}")?;
        }
        for Row { group, name, instructions, .. } in &self.new {
            let after = instructions.map(thousands).unwrap_or_default();
            writeln!(f, "| {group}: {name} | – | {after} | new |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: &str, count: f64) -> Row {
        Row { instructions: Some(count), ..Row::new("TLS 1.3 ring P-256, server", name) }
    }

    fn rows(unused: f64) -> [Row; 3] {
        [
            counted("pristine, unused", 1e6),
            counted("patched, unused", unused),
            counted("patched, offered and ignored", unused), // without a limit
        ]
    }

    #[test]
    fn half_a_percent_more_is_the_most() {
        let (before, after) = (rows(1_000_000.0), rows(1_005_000.0));
        let change = Change::new(&before, &after);
        assert_eq!(change.check(), Ok(()));
        assert_eq!(change.to_string().lines().count(), 3, "{change}");

        let after = rows(1_005_001.0);
        let error = Change::new(&before, &after).check().unwrap_err();
        let [_, row] = error.lines().collect::<Vec<_>>()[..] else { panic!("{error}") };
        assert_eq!(
            row,
            "| TLS 1.3 ring P-256, server: patched, unused | 1\u{202f}000\u{202f}000 | \
             1\u{202f}005\u{202f}001 | 1.0050 |"
        );
    }

    #[test]
    fn fewer_instructions_and_new_rows_are_no_failure() {
        let (before, mut after) = (rows(1_000_000.0), rows(500_000.0).to_vec());
        after.extend([
            counted("pristine, always mutual", 2e6),
            counted("patched, offered and accepted", 3e6),
        ]);
        let change = Change::new(&before, &after);
        assert_eq!(change.check(), Ok(()));
        assert!(change.to_string().ends_with("accepted | – | 3\u{202f}000\u{202f}000 | new |\n"));
    }

    #[test]
    fn nothing_to_compare_is_a_failure() {
        let after = rows(1.0);
        let error = "no row with a limit was counted at both commits";
        assert_eq!(Change::new(&[], &after).check(), Err(error.into()));
        assert_eq!(Change::new(&after, &[]).check(), Err(error.into()));
    }

    #[test]
    fn a_count_of_zero_before_is_a_failure() {
        let (before, after) = (rows(0.0), rows(0.0));
        assert!(Change::new(&before, &after).check().is_err());
    }
}
