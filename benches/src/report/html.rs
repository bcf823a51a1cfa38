//! The report as one HTML file.

use std::fmt::Write;

use super::figure::figure;
use super::story::{self, Chapter};
use super::summary::BenchReport;
use super::svg::{self, escape};
use crate::handshake::Case;
use crate::row::Row;

pub(super) fn page(report: &BenchReport) -> String {
    let mut claims = String::new();
    for claim in &report.claims {
        // | what | limit | measured | holds |
        let text = claim.to_string();
        let class = if claim.holds() { "holds" } else { "missed" };
        let _ = write!(claims, r#"<tr class="{class}">"#);
        for cell in text.split('|').map(str::trim).filter(|cell| !cell.is_empty()) {
            let _ = write!(claims, "<td>{}</td>", escape(cell));
        }
        claims += "</tr>\n";
    }
    let mut groups = String::new();
    let mut names: Vec<&str> = Vec::new();
    for row in &report.rows {
        if !names.contains(&row.group.as_str()) {
            names.push(&row.group);
        }
    }
    for group in names {
        let _ = write!(groups, "<h2>{}</h2>\n<table>", escape(group));
        groups += "<tr><th>name<th>measured<th>flights<th>bytes<th>ratio to others</tr>\n";
        for row in report.rows.iter().filter(|row| row.group == group) {
            groups += &line(row);
        }
        groups += "</table>\n";
    }
    let mut story = String::new();
    for Chapter { title, sentence, plot } in story::chapters(report) {
        let (title, sentence) = (escape(title), escape(&sentence));
        let _ = write!(story, "<h2>{title}</h2>\n<p>{sentence}</p>\n{plot}");
    }
    let (headline, rules, load) = (svg::headline(report), svg::rules(report), svg::load(report));
    format!(
        r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Measurements of rustls-ext</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} svg {{ max-width: 100%; height: auto }}
th, td {{ text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8883; vertical-align: top }}
.missed {{ color: #c62828 }} details {{ color: GrayText }}
</style>
<h1>Measurements of rustls-ext</h1>
<p>{date}, {machine}</p>
{story}
<h2>Limits</h2>
<table><tr><th>measurement<th>at most<th>measured<th></tr>
{claims}</table>
<h2>More plots</h2>
{headline}
{rules}
{load}
{groups}</html>
"#,
        date = escape(&report.date),
        machine = escape(&report.machine),
    )
}

/// The most important ratio: of a handshake to its baseline.
fn main_ratio(row: &Row) -> String {
    let case = Case::all(false).into_iter().find(|case| case.name() == row.name);
    let base = case.map(|case| case.baseline().name());
    match base.and_then(|base| Some((row.ratio.get(&base)?, base))) {
        Some((ratio, base)) => format!("{ratio:.4} × {}", escape(&base)),
        None => format!("{} others", row.ratio.len()),
    }
}

fn line(row: &Row) -> String {
    let number = |number: Option<u64>| number.map_or("–".into(), |number| number.to_string());
    let measured = match &row.load {
        Some(load) => format!(
            "{:.0} handshakes/s, ms: {:.1} (median), {:.1} (99 %), {:.1} (99.9 %)",
            load.handshakes_per_second,
            load.p50 as f64 / 1e3,
            load.p99 as f64 / 1e3,
            load.p999 as f64 / 1e3
        ),
        None => {
            let time = row.median.filter(|_| row.instructions.is_some());
            let time = time.map(|ns| format!(", {:.1} µs", ns / 1e3)).unwrap_or_default();
            figure(row) + &time
        }
    };
    let mut ratios = String::new();
    for (name, ratio) in &row.ratio {
        let _ = write!(ratios, "{ratio:.3} × {}<br>", escape(name));
    }
    let few = row.ratio.len() <= 6;
    let ratios = if few {
        ratios
    } else {
        format!("<details><summary>{}</summary>{ratios}</details>", main_ratio(row))
    };
    format!(
        "<tr><td>{}<td>{}<td>{}<td>{}<td>{ratios}</tr>\n",
        escape(&row.name),
        escape(&measured),
        number(row.flights.map(u64::from)),
        number(row.bytes),
    )
}
