//! Generates the test vectors in `vectors/`, for implementations in other languages, and compares
//! them with the files and with their schema.
//!
//! If the environment variable `WRITE_VECTORS` is set, it writes the files.

#[path = "../common/mod.rs"]
mod common;

mod authenticators;
mod bodies;
mod decisions;
mod hellos;
mod messages;
mod origins;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use rustls_ext_wire::{Alert, FlagSet, Offer};
use serde_json::{Value, json};

/// The body of `tls_flags` with the flag of an offer.
const OFFER: &[u8] = &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// The body of `workload_identifier_origin_hint` with the origin `spiffe://example.org`.
const ORIGINS: &[u8] = b"\0\x16\0\x14spiffe://example.org";
/// The offers of the cases.
const OFFERS: [Offer; 6] = [
    Offer::NONE,
    Offer::FLAG,
    Offer::CARE,
    Offer::BOTH,
    Offer::ORIGINS,
    Offer::FLAG.with_origins(true),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn numbers(flags: &FlagSet) -> Vec<u16> {
    flags.iter().map(|flag| flag.get()).collect()
}

/// The fault that ends the handshake.
fn fault(rule: &str, alert: Alert) -> Value {
    json!({ "rule": rule, "alert": alert.code(), "alert_name": alert.name() })
}

fn all() -> [(&'static str, &'static str, Vec<Value>); 6] {
    [
        ("bodies", "bodies of tls_flags", bodies::all()),
        ("origins", "bodies of workload_identifier_origin_hint", origins::all()),
        ("messages", "the extensions in each message", messages::all()),
        ("hellos", "ClientHello messages", hellos::all()),
        (
            "decisions",
            "a server's answers to offers, and the sessions that it resumes",
            decisions::all(),
        ),
        ("authenticators", "exported authenticators and their requests", authenticators::all()),
    ]
}

#[test]
fn the_files_are_up_to_date_and_valid() {
    let schema: Value = read("schema.json");
    for (name, about, cases) in all() {
        let made = json!({ "kind": name, "about": about, "cases": &cases });
        schema::assert_valid(&made, &schema, &schema, name);
        let names: Vec<_> = made["cases"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
        let mut different = names.clone();
        different.sort_by_key(|name| name.as_str());
        different.dedup();
        assert_eq!(different.len(), names.len(), "two cases of {name} have the same name");
        let file = format!("{name}.json");
        if std::env::var_os("WRITE_VECTORS").is_some() {
            // One case per line, so that a change of a case changes one line.
            let cases: Vec<_> = cases.iter().map(Value::to_string).collect();
            let text = format!(
                "{{\"kind\":\"{name}\",\"about\":\"{about}\",\"cases\":[\n{}\n]}}\n",
                cases.join(",\n"),
            );
            fs::write(path(&file), text).unwrap();
        }
        assert_eq!(read(&file), made, "{file}: run this test with WRITE_VECTORS=1");
    }
}

#[test]
fn there_are_valid_cases_and_a_fault_for_each_rule_of_the_codec() {
    let text: String = all().iter().flat_map(|(.., cases)| cases).map(Value::to_string).collect();
    for rule in [
        "FLAGS-2",
        "FLAGS-3",
        "FLAGS-4",
        "FLAGS-5",
        "RFC 8446 4.2",
        "FLAGS-12",
        "RCA-4",
        "RCA-5",
        "CARE-1",
        "CARE-3",
        "WIO-1",
        "WIO-2",
        "WIO-7",
    ] {
        assert!(text.contains(&format!("\"rule\":\"{rule}\"")), "{rule}");
    }
    for rule in ["EA-2", "EA-4", "EA-5", "EA-6", "EA-7", "EA-9", "EA-10"] {
        assert!(text.contains(&format!("\"broken_rule\":\"{rule}\"")), "{rule}");
    }
    for (name, _, cases) in all() {
        let is_invalid =
            |case: &&Value| case.get("fault").is_some() || case.get("broken_rule").is_some();
        let invalid = cases.iter().filter(is_invalid).count();
        assert!(invalid < cases.len(), "{name}");
        assert!(invalid > 0 || name == "decisions", "{name}");
    }
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(path(name)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
