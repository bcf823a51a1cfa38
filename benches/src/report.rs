//! What all programs here measured, in one place.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::row::{self, Row};

pub mod claims;
mod criterion;
mod html;
pub mod instructions;
pub mod svg;

pub use claims::Claim;

/// `target/bench/report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Year, month, day.
    pub date: String,
    pub machine: String,
    /// What was promised, with what came of it.
    pub claims: Vec<Claim>,
    pub rows: Vec<Row>,
}

impl Report {
    /// From the target folder of cargo, where criterion leaves what it measured, and `bench/parts` in
    /// it, where our programs do.
    ///
    /// # Errors
    /// If what is there cannot be read.
    pub fn collect(target: &Path) -> io::Result<Self> {
        let mut rows = Vec::new();
        let mut parts: Vec<_> = (fs::read_dir(target.join("bench/parts"))?)
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        parts.sort();
        for part in parts {
            rows.extend(row::read(&part)?);
        }
        rows.extend(criterion::rows(&target.join("criterion"))?);
        let mut rows = row::merge(rows);
        row::compare(&mut rows);
        let claims = claims::claims(&rows);
        Ok(Self { date: date(), machine: machine(), claims, rows })
    }

    /// # Errors
    /// If the file is none, or is not a report.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Writes `report.json`, `report.html` and `headline.svg` to a folder.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("report.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(folder.join("report.html"), html::page(self))?;
        fs::write(folder.join("headline.svg"), svg::headline(self))
    }

    /// The claims as a table in Markdown.
    pub fn headline(&self) -> String {
        let mut table = String::from("| what | at most | measured | |\n|---|---|---|---|\n");
        for claim in &self.claims {
            table += &format!("{claim}\n");
        }
        format!("{table}\n{}, {}\n", self.date, self.machine)
    }

    /// What moved by more than a part in a hundred from one report to another, as a table.
    pub fn moved(&self, to: &Self) -> String {
        let mut table = String::from("| | before | after | times |\n|---|---|---|---|\n");
        for after in &to.rows {
            let same = |row: &&Row| row.group == after.group && row.name == after.name;
            let Some(before) = self.rows.iter().find(same) else {
                table += &format!("| {}: {} | – | new | |\n", after.group, after.name);
                continue;
            };
            if let Some(times) = after.over(before).filter(|times| (times - 1.0).abs() > 0.01) {
                let (before, now) = (figure(before), figure(after));
                let Row { group, name, .. } = after;
                table += &format!("| {group}: {name} | {before} | {now} | {times:.3} |\n");
            }
        }
        table
    }
}

/// What decides of a row, with its unit.
fn figure(row: &Row) -> String {
    match (row.instructions, row.median, row.octets) {
        (Some(count), ..) => format!("{} instructions", thousands(count)),
        (_, Some(ns), _) if ns >= 10_000.0 => format!("{} µs", thousands(ns / 1e3)),
        (_, Some(ns), _) => format!("{ns:.1} ns"),
        (.., Some(octets)) => format!("{octets} octets"),
        _ => "–".into(),
    }
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn date() -> String {
    let said = Command::new("date").arg("+%Y-%m-%d").output();
    said.map_or("?".into(), |said| String::from_utf8_lossy(&said.stdout).trim().into())
}

/// The model of the processor, and how many of it.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = text.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = models.clone().next().map_or("unknown processor", |(_, model)| model.trim());
    format!("{} × {model}", models.count().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(instructions: f64) -> Report {
        let rows =
            vec![Row { instructions: Some(instructions), ..Row::new("TLS 1.3", "patched <&>") }];
        Report { date: "2026-11-24".into(), machine: "one".into(), claims: vec![], rows }
    }

    #[test]
    fn what_moved_is_shown_and_what_did_not_is_not() {
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
    fn a_handshake_shows_what_it_is_over_its_pristine_counterpart() {
        let counted = |name: &str, count: f64| Row {
            instructions: Some(count),
            ..Row::new("TLS 1.3 ring P-256, server", name)
        };
        let mut rows =
            vec![counted("pristine, unused", 1000.0), counted("patched, unused", 1001.0)];
        rows.extend((0..8).map(|number| counted(&format!("other {number}"), 1.0)));
        row::compare(&mut rows);
        let page = html::page(&Report { rows, ..report(1.0) });
        assert!(page.contains("<summary>1.0010 × pristine, unused</summary>"), "{page}");
        assert!(page.contains("<summary>9 others</summary>"), "{page}");
    }

    #[test]
    fn names_are_text_in_the_page() {
        let page = html::page(&report(1.0));
        assert!(page.contains("patched &lt;&amp;&gt;") && !page.contains("<&>"), "{page}");
    }
}
