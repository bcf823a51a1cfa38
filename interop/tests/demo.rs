//! `interop demo`, as its users run it.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

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

/// The binary, which needs no file of its own.
fn interop(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interop"));
    command.args(args).stdin(Stdio::null());
    command
}

#[test]
fn the_demo_succeeds_and_its_json_has_exactly_its_keys() {
    let output = interop(&["demo", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<_> = all.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["connections", "open_connections", "round_trips"]);
    let rows = all["connections"].as_array().unwrap();
    // One fewer if curl is not installed.
    assert!((32..=33).contains(&rows.len()), "{} rows", rows.len());
    for row in rows {
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

    // CARE has no acknowledgement.
    let mut care = row("CARE, agent's certificate").clone();
    assert_eq!(care["acknowledged"], false);
    for key in ["client", "acknowledged", "handshake_bytes"] {
        care[key] = agent[key].clone();
    }
    assert_eq!(care, *agent);
    let authenticated = |client: &str| (&row(client)["authenticated"], &row(client)["http_status"]);
    let (nobody, alice) = (&Value::Null, &json!("CN=alice"));
    assert_eq!(authenticated("TLS 1.2, CARE, agent's certificate not sent"), (nobody, &json!(200)));
    // The challenge, and the login host.
    assert_eq!(authenticated("agent requests /reports"), (nobody, &json!(401)));
    assert_eq!(
        authenticated("the same agent answers the challenge"),
        (&agent["authenticated"], &json!(200))
    );
    assert_eq!(authenticated("staff requests /reports"), (nobody, &json!(401)));
    let login = |client: &str| authenticated(&format!("login host, no offer, {client}"));
    assert_eq!(login("staff's certificate"), (alice, &json!(200)));
    assert_eq!(login("no certificate"), (nobody, &json!(200)));
    assert_eq!(login("agent's certificate"), (nobody, &json!(200)));
    assert_eq!(authenticated("no offer, request for login host"), (nobody, &json!(421)));

    // The same over QUIC, except for bytes and flights.
    for client in [
        "no offer",
        "offer, agent's certificate",
        "CARE, agent's certificate",
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

    let open = |client: &str, http_status: [u16; 2], shown: &[&str], identities: &[&str]| {
        json!({
            "client": client,
            "connections": 1,
            "http_status": http_status,
            "requested": shown.len(),
            "shown": shown,
            "declined": 0,
            "identities": identities,
            "refused": null,
        })
    };
    let (agent, staff) = ("CN=agent-7", "CN=alice");
    let mut expected = [
        open("asked when a page needs it", [200, 200], &[agent], &["CN=agent-7 (agents)"]),
        open("asked at once", [200, 200], &[agent], &["CN=agent-7 (agents)"]),
        open("asked again after an hour", [200, 200], &[agent, agent], &["CN=agent-7 (agents)"]),
        open("declines", [401, 200], &[], &[]),
        open("certificate of a foreign CA", [403, 200], &["CN=stranger"], &[]),
        open(
            "two identities, one after the other",
            [200, 200],
            &[agent, staff],
            &["CN=agent-7 (agents)", "CN=alice (staff)"],
        ),
        open("host without such requests", [200, 401], &[], &[]),
        open("does not take part", [200, 401], &[], &[]),
    ];
    (expected[3]["requested"], expected[3]["declined"]) = (json!(1), json!(1));
    expected[4]["refused"] = json!("invalid peer certificate: UnknownIssuer");
    // The same over HTTP/3.
    let mut expected = expected.to_vec();
    for row in expected.clone() {
        let mut row = row;
        row["client"] = json!(format!("HTTP/3, {}", row["client"].as_str().unwrap()));
        expected.push(row);
    }
    assert_eq!(all["open_connections"], json!(expected));

    let round_trips = |client, connections, round_trips, with_tcp| {
        json!({
            "client": client,
            "http_status": 200,
            "connections": connections,
            "round_trips": round_trips,
            "with_tcp": with_tcp,
        })
    };
    let expected = [
        round_trips("offers at once", 1, 2, 3),
        round_trips("is challenged first", 2, 4, 6),
        round_trips("repeats its request", 0, 1, 1),
        round_trips("is challenged on its open connection", 1, 3, 4),
        round_trips("is asked on its open connection when needed", 0, 2, 2),
        round_trips("repeats its request there", 0, 1, 1),
        round_trips("was asked at once on its open connection", 0, 1, 1),
        round_trips("connects and is asked when needed", 1, 3, 4),
    ];
    assert_eq!(all["round_trips"], json!(expected));
}

#[test]
fn without_json_the_demo_prints_a_table() {
    let output = interop(&["demo"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let head = text.lines().next().unwrap();
    for column in ["client", "authenticated as", "HTTP status", "handshake bytes", "flights"] {
        assert!(head.contains(column), "{head}");
    }
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line("admin host, no certificate ").contains("certificate_required from server"));
    assert!(line("HTTP/3, offer, agent's certificate ").ends_with("-                -"));
    assert!(line("is challenged first ").ends_with("2                4            6"));
}

/// Without numbers of bytes, which differ between runs.
fn without_bytes(result: &Value) -> Value {
    let mut result = result.clone();
    for row in result["connections"].as_array_mut().unwrap() {
        row["handshake_bytes"] = Value::Null;
    }
    result
}

#[test]
fn the_recorded_result_is_the_result_of_the_demo() {
    let record = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pictures/demo.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let output = interop(&["demo", "--json"]).output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = result["connections"].as_array().unwrap();
    if !rows.iter().any(|row| row["client"] == "curl") {
        // curl is not installed
        record["connections"].as_array_mut().unwrap().retain(|row| row["client"] != "curl");
    }
    assert_eq!(
        without_bytes(&record),
        without_bytes(&result),
        "run `cargo xtask pictures --record`"
    );
}
