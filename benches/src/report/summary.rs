//! The report: all measurements, and the claims that follow from them.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::claims::{self, Claim};
use super::criterion;
use super::figure::figure;
use crate::row::{self, Row};

/// The contents of `target/bench/report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Year, month, day.
    pub date: String,
    pub machine: String,
    /// The limits and their measurements.
    pub claims: Vec<Claim>,
    pub rows: Vec<Row>,
}

impl BenchReport {
    /// Collects the results from cargo's target folder: criterion's files, and those of our programs in
    /// `bench/parts`.
    ///
    /// # Errors
    /// If a file cannot be read.
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

    /// Reads a report.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a report.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// The claims as a table in Markdown.
    pub fn headline(&self) -> String {
        let mut table = String::from("| what | at most | measured | |\n|---|---|---|---|\n");
        for claim in &self.claims {
            table += &format!("{claim}\n");
        }
        format!("{table}\n{}, {}\n", self.date, self.machine)
    }

    /// A table of the rows that changed by more than 1 % between two reports.
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

fn date() -> String {
    let output = Command::new("date").arg("+%Y-%m-%d").output();
    output.map_or("?".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The number of processors and their model.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = text.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = models.clone().next().map_or("unknown processor", |(_, model)| model.trim());
    format!("{} × {model}", models.count().max(1))
}
