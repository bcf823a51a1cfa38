//! `interop demo`, as its users run it.

mod common;

use std::collections::BTreeSet;

use common::Files;
use serde_json::Value;

const KEYS: [&str; 10] = [
    "client",
    "offered",
    "asked",
    "acknowledged",
    "authenticated",
    "scope",
    "http_status",
    "refused",
    "handshake_bytes",
    "flights",
];

#[test]
fn the_demo_succeeds_and_its_json_has_exactly_its_keys() {
    let output = Files::new().interop(&["demo", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    // One fewer where there is no curl.
    assert!((17..=18).contains(&rows.len()), "{} rows", rows.len());
    for row in &rows {
        let keys: BTreeSet<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(KEYS), "{row}");
        let is_quic = row["client"].as_str().unwrap().starts_with("HTTP/3");
        assert_eq!(row["handshake_bytes"].is_null(), is_quic, "{row}");
        assert_eq!(row["flights"].is_null(), is_quic, "{row}");
        assert!(is_quic || row["handshake_bytes"].as_u64().unwrap() > 800, "{row}");
    }
    let row = |client: &str| rows.iter().find(|row| row["client"] == client).unwrap();
    let agent = row("offer, agent's certificate");
    assert_eq!(agent["authenticated"], "CN=agent-7");
    assert_eq!(agent["scope"], "agents");
    assert_eq!(agent["http_status"], 200);
    assert_eq!(agent["refused"], Value::Null);
    assert_eq!(agent["flights"], 3);
    let stranger = row("offer, certificate of a foreign CA");
    assert_eq!(stranger["authenticated"], Value::Null);
    assert_eq!(stranger["http_status"], Value::Null);
    assert_eq!(stranger["refused"], "unknown_ca from server");
    assert_eq!(stranger["flights"], 4);

    // The same over QUIC, but for what is counted there.
    for client in [
        "no offer",
        "offer, agent's certificate",
        "offer, certificate of a foreign CA",
        "agents' host, offer, no certificate",
    ] {
        let mut tcp = row(client).clone();
        let mut quic = row(&format!("HTTP/3, {client}")).clone();
        for key in ["client", "handshake_bytes", "flights"] {
            (tcp[key], quic[key]) = (Value::Null, Value::Null);
        }
        assert_eq!(quic, tcp, "{client}");
    }
}

#[test]
fn without_json_the_demo_prints_a_table() {
    let output = Files::new().interop(&["demo"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let head = text.lines().next().unwrap();
    for column in ["client", "authenticated as", "HTTP status", "handshake bytes", "flights"] {
        assert!(head.contains(column), "{head}");
    }
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line("admin host, no certificate ").contains("certificate_required from server"));
    assert!(line("HTTP/3, offer, agent's certificate ").ends_with("-                -"));
}
