//! The rows that the measuring programs hand to the report.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// The measurements of one operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Rows of the same group can be compared.
    pub group: String,
    pub name: String,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// As callgrind counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flights: Option<u32>,
    /// On the wire, or in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The rates and latencies of a server under load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// The ratio to each other row of the group: of instructions if both have them, else of time,
    /// else of bytes.
    #[serde(default)]
    pub ratio: BTreeMap<String, f64>,
}

/// The rates and latencies of a server under load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    pub handshakes_per_second: f64,
    /// From the client's SYN to the answer to its first request, in microseconds: the median.
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
}

impl Load {
    /// The median of each number.
    pub fn median(loads: &[Self]) -> Self {
        let middle = |of: fn(&Self) -> f64| {
            let mut numbers: Vec<_> = loads.iter().map(of).collect();
            numbers.sort_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied().unwrap_or_default()
        };
        Self {
            handshakes_per_second: middle(|load| load.handshakes_per_second),
            p50: middle(|load| load.p50 as f64) as u64,
            p99: middle(|load| load.p99 as f64) as u64,
            p999: middle(|load| load.p999 as f64) as u64,
        }
    }
}

impl Row {
    pub fn new(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self { group: group.into(), name: name.into(), ..Self::default() }
    }

    /// The ratio to another row.
    pub fn over(&self, other: &Self) -> Option<f64> {
        let bytes = |row: &Self| Some(row.bytes? as f64);
        None.or(self.instructions.zip(other.instructions))
            .or(self.median.zip(other.median))
            .or(bytes(self).zip(bytes(other)))
            .filter(|(_, other)| *other > 0.0)
            .map(|(this, other)| this / other)
    }
}

/// Merges rows of the same group and name.
pub fn merge(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut merged: Vec<Row> = Vec::new();
    for row in rows {
        let same = |other: &&mut Row| other.group == row.group && other.name == row.name;
        match merged.iter_mut().find(same) {
            None => merged.push(row),
            Some(other) => {
                other.median = other.median.or(row.median);
                other.instructions = other.instructions.or(row.instructions);
                other.flights = other.flights.or(row.flights);
                other.bytes = other.bytes.or(row.bytes);
                other.load = other.load.take().or(row.load);
            }
        }
    }
    merged
}

/// Fills in the ratios.
pub fn compare(rows: &mut [Row]) {
    let all = rows.to_vec();
    for row in rows {
        let others = all.iter().filter(|other| other.group == row.group && other.name != row.name);
        row.ratio =
            others.filter_map(|other| Some((other.name.clone(), row.over(other)?))).collect();
    }
}

/// Reads rows from a file.
///
/// # Errors
/// If it cannot be read, or does not contain rows.
pub fn read(path: &Path) -> io::Result<Vec<Row>> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Writes rows to the file that the first argument of the program names, if there is one.
///
/// # Errors
/// If it cannot be written.
pub fn hand_over(rows: &[Row]) -> io::Result<()> {
    match std::env::args_os().nth(1) {
        Some(path) => fs::write(path, serde_json::to_vec_pretty(rows)?),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(name: &str, median: f64) -> Row {
        Row { median: Some(median), ..Row::new("group", name) }
    }

    #[test]
    fn rows_that_are_the_same_become_one() {
        let counted = Row { instructions: Some(7.0), ..Row::new("group", "a") };
        let other = Row { group: "other".into(), ..timed("a", 3.0) };
        let merged = merge([timed("a", 1.0), timed("b", 2.0), counted, other.clone()]);
        let both = Row { instructions: Some(7.0), ..timed("a", 1.0) };
        assert_eq!(merged, [both, timed("b", 2.0), other]);
    }

    #[test]
    fn a_median_is_taken_of_each_number() {
        let load = |rate, p99| Load { handshakes_per_second: rate, p99, ..Load::default() };
        let loads = [load(1.0, 30), load(3.0, 10), load(2.0, 20)];
        assert_eq!(Load::median(&loads), load(2.0, 20));
    }

    #[test]
    fn instructions_decide_where_there_are_any() {
        let mut rows = [timed("a", 10.0), timed("b", 5.0), timed("c", 1.0)];
        rows[0].instructions = Some(30.0);
        rows[1].instructions = Some(10.0);
        compare(&mut rows);
        assert_eq!(rows[0].ratio, [("b".into(), 3.0), ("c".into(), 10.0)].into());
        assert_eq!(rows[2].ratio, [("a".into(), 0.1), ("b".into(), 0.2)].into());
    }
}
