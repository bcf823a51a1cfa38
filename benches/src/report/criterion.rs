//! Medians from criterion's files.

use std::path::Path;
use std::{fs, io};

use serde::Deserialize;

use crate::row::Row;

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// The rows of all benches; empty if criterion has not run.
pub(super) fn rows(folder: &Path) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if folder.is_dir() {
        walk(folder, &mut rows)?;
    }
    rows.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    Ok(rows)
}

fn walk(folder: &Path, rows: &mut Vec<Row>) -> io::Result<()> {
    let latest = folder.join("new");
    if latest.join("benchmark.json").is_file() {
        let benchmark: Benchmark = json(&latest.join("benchmark.json"))?;
        let estimates: Estimates = json(&latest.join("estimates.json"))?;
        let each = benchmark.throughput.and_then(|it| it.elements).unwrap_or(1);
        rows.push(Row {
            median: Some(estimates.median.point_estimate / each as f64),
            ..Row::new(benchmark.group_id, benchmark.function_id.unwrap_or_default())
        });
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, rows)?;
        }
    }
    Ok(())
}

fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_per_element() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("a_group/a_bench/new");
        fs::create_dir_all(&new).unwrap();
        let benchmark = r#"{"group_id":"a group","function_id":"a","throughput":{"Elements":4}}"#;
        fs::write(new.join("benchmark.json"), benchmark).unwrap();
        fs::write(new.join("estimates.json"), r#"{"median":{"point_estimate":10.0}}"#).unwrap();
        let row = Row { median: Some(2.5), ..Row::new("a group", "a") };
        assert_eq!(rows(folder.path()).unwrap(), [row]);
        assert_eq!(rows(&folder.path().join("none")).unwrap(), []);
    }
}
