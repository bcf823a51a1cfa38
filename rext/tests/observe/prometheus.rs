//! A strict parser of Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::{Server, TIMEOUT};

pub type Labels = BTreeMap<String, String>;

/// A metric in a text.
#[derive(Debug)]
pub struct Family {
    pub name: String,
    pub kind: String,
    pub help: String,
    /// The name, the labels and the value of each line.
    pub samples: Vec<(String, Labels, f64)>,
}

/// Parses a text; panics at the first mistake.
#[track_caller]
pub fn parse(text: &str) -> Vec<Family> {
    assert!(text.ends_with('\n'), "the last line has no end");
    assert!(!text.contains('\r'));
    let mut families: Vec<Family> = Vec::new();
    let mut help: Option<(String, String)> = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').expect(line);
            assert!(help.replace((name.to_owned(), text.to_owned())).is_none(), "no TYPE: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            let (of, text) = help.take().expect("no HELP");
            assert_eq!(of, name, "{line}");
            assert!(is_name(name), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.iter().all(|family| family.name != name), "twice: {line}");
            let (name, kind) = (name.to_owned(), kind.to_owned());
            families.push(Family { name, kind, help: text, samples: Vec::new() });
        } else {
            assert!(!line.starts_with('#') && help.is_none(), "{line}");
            let family = families.last_mut().expect("a sample without a TYPE");
            let (name, labels, value) = sample(line);
            let suffix = name.strip_prefix(&*family.name).unwrap_or_else(|| panic!("{line}"));
            let is_suffix = match &*family.kind {
                "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                _ => suffix.is_empty(),
            };
            assert!(is_suffix, "{line}");
            let same = |(other, of, _): &(String, Labels, f64)| (other, of) == (&name, &labels);
            assert!(!family.samples.iter().any(same), "twice: {line}");
            family.samples.push((name, labels, value));
        }
    }
    assert!(help.is_none());
    families
}

fn is_name(name: &str) -> bool {
    let mut all = name.chars();
    all.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && all.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect(line);
            assert!(is_name(label) && !label.starts_with("__"), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after.strip_prefix('}').expect(line);
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("{line}")))
}

/// The value up to the quotation mark, and the rest after it.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut all) = (String::new(), text.char_indices());
    while let Some((at, c)) = all.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match all.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                _ => panic!("a bad escape: {text}"),
            },
            c => value.push(c),
        }
    }
    panic!("no end: {text}")
}

/// The metrics of a server.
pub struct Metrics {
    pub addr: String,
}

impl Metrics {
    /// Those of a server that was started with `--metrics 127.0.0.1:0`.
    pub fn of(server: &Server) -> Self {
        let line = server.wait_for_log(&["serving metrics", "addr="]);
        let (_, addr) = line.rsplit_once("addr=").unwrap();
        Self { addr: addr.split_whitespace().next().unwrap().to_owned() }
    }

    /// Sends a request, and returns the head and the body of the response.
    pub fn send(&self, request: &str) -> (String, String) {
        let mut tcp = TcpStream::connect(&self.addr).unwrap();
        tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
        tcp.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        tcp.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub fn families(&self) -> Vec<Family> {
        let (head, body) = self.send("GET /metrics HTTP/1.1\r\nhost: metrics\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        parse(&body)
    }

    /// The lines of this metric as `label=value,… number`, sorted; not the buckets and sums of a
    /// histogram.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let families = self.families();
        let Some(family) = families.iter().find(|family| family.name == name) else {
            return Vec::new();
        };
        let lines = family.samples.iter().filter(|(name, ..)| {
            !(family.kind == "histogram" && (name.ends_with("_bucket") || name.ends_with("_sum")))
        });
        let mut lines: Vec<_> = lines
            .map(|(_, labels, value)| {
                let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("{} {value}", labels.join(",")).trim_start().to_owned()
            })
            .collect();
        lines.sort();
        lines
    }

    /// The sum of all values of this metric.
    pub fn sum(&self, name: &str) -> f64 {
        let families = self.families();
        let family = families.iter().find(|family| family.name == name);
        family.map_or(0.0, |family| family.samples.iter().map(|(.., value)| value).sum())
    }

    /// Waits until `holds` returns true.
    #[track_caller]
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !holds(self) {
            assert!(Instant::now() < deadline, "{what}: {:#?}", self.families());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn the_parser_is_strict() {
    let good = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"\\\"\\\\\\n\",y=\"\"} 1\n";
    let family = &parse(good)[0];
    assert_eq!(family.samples[0].1["x"], "\"\\\n");
    for bad in [
        "a_total 1\n",
        "# TYPE a_total counter\na_total 1\n",
        "# HELP a_total A.\na_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\na 1\n",
        "# HELP a A.\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"1\"} 2\n",
        "# HELP a A.\n# TYPE a counter\nb 1\n",
        "# HELP a A.\n# TYPE a counter\na{x=\"\\e\"} 1\n",
        "# HELP a A.\n# TYPE a counter\na{x=\"1\"\n",
        "# HELP a A.\n# TYPE a counter\na one\n",
        "# HELP a A.\n# TYPE a counter\na 1",
    ] {
        assert!(std::panic::catch_unwind(|| parse(bad)).is_err(), "{bad}");
    }
}
