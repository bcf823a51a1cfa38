//! The documentation, the dashboard and the alerts agree with the tables of metrics and log fields.

use std::fmt::Write;
use std::path::PathBuf;

use rext_cli::{access_log, observe};
use rustls_ext::metrics::{Kind, METRICS, Metric, Unit, Values};
use serde_json::Value;

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn all() -> Vec<&'static Metric> {
    [METRICS, observe::METRICS, observe::PROCESS_METRICS].concat()
}

/// The table of these metrics in Markdown.
fn table(metrics: &[&Metric]) -> String {
    let mut text = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in metrics {
        let kind = match metric.kind() {
            Kind::Counter => "counter",
            Kind::Histogram(_) => "histogram",
            _ => "gauge",
        };
        let unit = match metric.unit() {
            Unit::Seconds => ", seconds",
            Unit::Bytes => ", bytes",
            _ => "",
        };
        let label = |label: &rustls_ext::metrics::Label| match label.values() {
            Values::OneOf(values) if values.len() > 16 => format!("`{}`: see below", label.name()),
            Values::OneOf(values) => format!("`{}`: {}", label.name(), values.join(", ")),
            Values::Configured(what) => format!("`{}`: {what}", label.name()),
            _ => unreachable!(),
        };
        let labels: Vec<_> = metric.labels().iter().map(label).collect();
        let (name, help) = (metric.name(), metric.help());
        writeln!(text, "| `{name}` | {kind}{unit} | {} | {help} |", labels.join("; ")).unwrap();
    }
    text
}

fn fields() -> String {
    let mut text = "| field | meaning |\n|---|---|\n".to_owned();
    for (name, meaning) in access_log::FIELDS {
        writeln!(text, "| `{name}` | {meaning} |").unwrap();
    }
    text
}

#[test]
fn the_page_has_the_tables_of_the_code() {
    let page = file("docs/METRICS.md");
    let mut missing = String::new();
    for (name, expected) in [
        ("library", table(METRICS)),
        ("commands", table(observe::METRICS)),
        ("process", table(observe::PROCESS_METRICS)),
        ("access log", fields()),
    ] {
        let (_, after) = page.split_once(&format!("<!-- table: {name} -->\n")).unwrap();
        let (own, _) = after.split_once("<!-- end -->").unwrap();
        if own.trim() != expected.trim() {
            writeln!(missing, "<!-- table: {name} -->\n{expected}<!-- end -->").unwrap();
        }
    }
    assert!(missing.is_empty(), "write these tables into docs/METRICS.md:\n{missing}");
    let reasons = METRICS[0].labels()[2];
    let Values::OneOf(reasons) = reasons.values() else { panic!("no closed set") };
    for reason in reasons.iter().filter(|reason| **reason != "none") {
        assert!(page.contains(&format!("`{reason}`")), "the page does not explain {reason}");
    }
}

/// Checks that the metrics and labels of a query exist.
#[track_caller]
fn check_query(query: &str) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut known: Vec<&str> = vec!["le", "instance"];
    let mut found = 0;
    for word in query.split(|c| !is_word(c)) {
        if !["rext_", "rustls_ext_", "process_"].iter().any(|prefix| word.starts_with(prefix)) {
            continue;
        }
        let is = |metric: &&Metric| match metric.kind() {
            Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|suffix| word.strip_suffix(suffix) == Some(metric.name())),
            _ => metric.name() == word,
        };
        let metric = all().into_iter().find(is).unwrap_or_else(|| panic!("{word}: {query}"));
        known.extend(metric.labels().iter().map(|label| label.name()));
        found += 1;
    }
    assert!(found > 0, "no metric: {query}");
    // Labels are before `=`, `!=` and `=~` in braces, and in the lists after `by` and `ignoring`.
    for part in query.split('{').skip(1) {
        let (selector, _) = part.split_once('}').unwrap();
        for (at, _) in selector
            .match_indices(['=', '!'])
            .filter(|(at, _)| selector[..*at].chars().last().is_some_and(is_word))
        {
            let label = selector[..at].rsplit(|c| !is_word(c)).next().unwrap();
            assert!(known.contains(&label), "label {label}: {query}");
        }
    }
    for clause in ["by (", "ignoring ("] {
        for (at, _) in query.match_indices(clause) {
            let (list, _) = query[at + clause.len()..].split_once(')').unwrap();
            for label in list.split(',').map(str::trim) {
                assert!(known.contains(&label), "label {label}: {query}");
            }
        }
    }
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        assert_eq!(query.matches(open).count(), query.matches(close).count(), "{query}");
    }
}

/// All values of `expr` in a document of JSON.
fn expressions<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| expressions(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" => found.push(text),
                    value => expressions(value, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn each_query_of_the_dashboard_is_about_metrics_and_labels_that_exist_and_none_is_missing() {
    let dashboard: Value =
        serde_json::from_str(&file("rext/packaging/grafana-dashboard.json")).unwrap();
    let mut queries = Vec::new();
    expressions(&dashboard, &mut queries);
    assert!(queries.len() > 20);
    queries.iter().for_each(|query| check_query(query));
    for metric in all() {
        assert!(queries.iter().any(|query| query.contains(metric.name())), "{}", metric.name());
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids: Vec<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn each_alert_is_about_metrics_and_labels_that_exist() {
    let text = file("rext/packaging/prometheus-alerts.yml");
    let (mut lines, mut number) = (text.lines().peekable(), 0);
    while let Some(line) = lines.next() {
        let Some(first) = line.trim_start().strip_prefix("expr: ") else { continue };
        let mut query = if first == ">-" { String::new() } else { first.to_owned() };
        let indent = line.len() - line.trim_start().len();
        // The lines of a folded text are further in than its key.
        let is_folded =
            |next: &&str| first == ">-" && next.len() - next.trim_start().len() > indent;
        while let Some(next) = lines.next_if(is_folded) {
            query.push_str(next.trim());
            query.push(' ');
        }
        check_query(&query);
        number += 1;
    }
    assert_eq!(number, text.matches("- alert: ").count());
    assert!(number >= 10);
}

#[test]
fn a_query_about_an_unknown_metric_or_label_is_found() {
    for bad in [
        "rate(rext_request_total[5m])",
        "rext_request_seconds",
        "sum by (host) (rext_requests_total)",
        "rext_requests_total{path=\"/\"}",
        "sum(rext_requests_total",
        "up",
    ] {
        assert!(std::panic::catch_unwind(|| check_query(bad)).is_err(), "{bad}");
    }
}
