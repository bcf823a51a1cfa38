//! Plots as SVG, for light and dark pages.

use std::fmt::Write;

use super::figure::thousands;
use super::summary::BenchReport;
use crate::contenders::PARSE;
use crate::handshake::WAYS;
use crate::row::Row;

const WIDTH: f64 = 760.0;
const LABEL: f64 = 300.0;
const BAR: f64 = 320.0;
const LINE: f64 = 26.0;

/// A bar.
pub struct Bar {
    pub label: String,
    pub length: f64,
    /// The text after the bar.
    pub figure: String,
    pub ours: bool,
}

/// Escapes text for XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Draws bar charts with titles; the longest bar of each chart has the full length.
pub fn bars(charts: &[(String, Vec<Bar>)]) -> String {
    let mut body = String::new();
    let mut y = 10.0;
    for (title, bars) in charts.iter().filter(|(_, bars)| !bars.is_empty()) {
        y += 22.0;
        let _ = writeln!(body, r#"<text class="title" x="8" y="{y}">{}</text>"#, escape(title));
        y += 10.0;
        let longest = bars.iter().map(|bar| bar.length).fold(f64::MIN_POSITIVE, f64::max);
        for Bar { label, length, figure, ours } in bars {
            let (class, long) = (if *ours { "ours" } else { "other" }, length / longest * BAR);
            let (middle, end) = (y + 17.0, LABEL + long.max(1.0) + 6.0);
            let _ = writeln!(
                body,
                r#"<text class="label" x="{}" y="{middle}">{}</text><rect class="{class}" x="{LABEL}" y="{}" width="{:.1}" height="18" rx="2"/><text x="{end:.1}" y="{middle}">{}</text>"#,
                LABEL - 8.0,
                escape(label),
                y + 4.0,
                long.max(1.0),
                escape(figure),
            );
            y += LINE;
        }
        y += 8.0;
    }
    let titles = charts.iter().filter(|(_, bars)| !bars.is_empty()).map(|(title, _)| &**title);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{label}">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #1f2328 }} .label {{ text-anchor: end }}
.title {{ font-weight: 600; font-size: 14px }} .ours {{ fill: #0b6e4f }} .other {{ fill: #8c959f }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .ours {{ fill: #3fb68b }} }}
</style>
{body}</svg>
"#,
        height = y + 8.0,
        label = escape(&titles.collect::<Vec<_>>().join(". ")),
    )
}

fn ours(name: &str) -> bool {
    name.starts_with("offered") || name == "scan" || name.starts_with("patched")
}

fn bar(row: &Row, length: f64, figure: String) -> Bar {
    Bar { label: row.name.clone(), length, figure, ours: ours(&row.name) }
}

/// Bars of the time of these rows.
pub(super) fn times(rows: &[&Row]) -> Vec<Bar> {
    let time = |row: &Row| {
        let (median, micro) = (row.median?, row.median? / 1e3);
        let text = if micro < 10.0 { format!("{median:.0} ns") } else { format!("{micro:.0} µs") };
        let flights = row.flights.map(|n| format!(", {n} flights")).unwrap_or_default();
        Some(bar(row, median, text + &flights))
    };
    rows.iter().copied().filter_map(time).collect()
}

/// The plot in the README.
pub fn headline(report: &BenchReport) -> String {
    let of = |group| {
        let rows: Vec<_> = report.rows.iter().filter(|row| row.group == group).collect();
        times(&rows)
    };
    bars(&[
        (
            "Handshake with a verified client certificate: time of client and server".into(),
            of(WAYS),
        ),
        ("Parsing a ClientHello: time".into(), of(PARSE)),
    ])
}

/// Instructions of a server's handshake, by the number of rules.
pub fn rules(report: &BenchReport) -> String {
    let cost = |row: &Row| {
        let rules = row.name.strip_prefix("patched, offered and accepted")?;
        if rules.contains("resumed") {
            return None;
        }
        let label = rules.strip_prefix(", ").unwrap_or("1 rule");
        let count = row.instructions?;
        Some(Bar { label: label.into(), ..bar(row, count, thousands(count)) })
    };
    let rows = report.rows.iter().filter(|row| row.group == "TLS 1.3 ring P-256, server");
    bars(&[("Handshake at the server, by number of rules: instructions".into(), {
        rows.filter_map(cost).collect()
    })])
}

/// Handshakes under load.
pub fn load(report: &BenchReport) -> String {
    let charts = [("Handshakes per second", 0), ("Time of 99 % of the responses", 1)];
    let charts = charts.map(|(title, which)| {
        let bar = |row: &Row| {
            let load = row.load.as_ref()?;
            let ms = load.p99 as f64 / 1e3;
            Some(match which {
                0 => {
                    let rate = load.handshakes_per_second;
                    Bar { ours: true, ..bar(row, rate, thousands(rate)) }
                }
                _ => Bar { ours: true, ..bar(row, ms, format!("{ms:.1} ms")) },
            })
        };
        (title.to_owned(), report.rows.iter().filter_map(bar).collect())
    });
    bars(&charts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room_and_labels_are_text() {
        let bar = |label: &str, length| Bar {
            label: label.into(),
            length,
            figure: "1 ns".into(),
            ours: false,
        };
        let svg = bars(&[("a & b".into(), vec![bar("<one>", 1.0), bar("two", 4.0)])]);
        assert!(svg.contains(r#"width="320.0""#) && svg.contains(r#"width="80.0""#), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;one&gt;"), "{svg}");
    }
}
