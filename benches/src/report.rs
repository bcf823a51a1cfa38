//! The report of all measurements.

use std::path::Path;
use std::{fs, io};

mod change;
pub mod claims;
mod criterion;
mod figure;
mod html;
pub mod instructions;
pub mod served;
mod story;
mod summary;
pub mod svg;

pub use change::Change;
pub use claims::Claim;
pub use summary::BenchReport;

impl BenchReport {
    /// Writes `report.json`, `report.html` and `headline.svg` to a folder.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("report.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(folder.join("report.html"), html::page(self))?;
        fs::write(folder.join("headline.svg"), svg::headline(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{self, Row};

    fn report(instructions: f64) -> BenchReport {
        let rows =
            vec![Row { instructions: Some(instructions), ..Row::new("TLS 1.3", "patched <&>") }];
        BenchReport { date: "2026-11-24".into(), machine: "one".into(), claims: vec![], rows }
    }

    #[test]
    fn only_changed_rows_are_shown() {
        let (before, after) = (report(1_000_000.0), report(1_020_000.0));
        let moved = before.moved(&after);
        assert!(moved.contains("TLS 1.3: patched <&>"), "{moved}");
        assert!(moved.ends_with("| 1.020 |\n"), "{moved}");
        assert_eq!(before.moved(&report(1_005_000.0)).lines().count(), 2);
    }

    #[test]
    fn each_group_is_one_table_in_the_page() {
        let mut report = report(1.0);
        for (group, name) in [("TLS 1.2", "b"), ("TLS 1.3", "c")] {
            report.rows.push(Row { instructions: Some(1.0), ..Row::new(group, name) });
        }
        let page = html::page(&report);
        assert_eq!(page.matches("<h2>TLS").count(), 2, "{page}");
    }

    #[test]
    fn a_handshake_shows_its_ratio_to_the_pristine_one() {
        let counted = |name: &str, count: f64| Row {
            instructions: Some(count),
            ..Row::new("TLS 1.3 ring P-256, server", name)
        };
        let mut rows =
            vec![counted("pristine, unused", 1000.0), counted("patched, unused", 1001.0)];
        rows.extend((0..8).map(|number| counted(&format!("other {number}"), 1.0)));
        row::compare(&mut rows);
        let page = html::page(&BenchReport { rows, ..report(1.0) });
        assert!(page.contains("<summary>1.0010 × pristine, unused</summary>"), "{page}");
        assert!(page.contains("<summary>9 others</summary>"), "{page}");
    }

    #[test]
    fn names_are_text_in_the_page() {
        let page = html::page(&report(1.0));
        assert!(page.contains("patched &lt;&amp;&gt;") && !page.contains("<&>"), "{page}");
    }
}
