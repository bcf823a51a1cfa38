//! Secondary certificates: the cases find each fault.

use std::collections::BTreeSet;
use std::process::Output;
use std::sync::Mutex;
use std::thread;

use conform::case::{About, Group};
use conform::faulty::{PAGE, SecondaryClientFault, SecondaryServerFault};
use conform::{client, server};

use crate::faults::Found;
use crate::files::Files;
use crate::{Running, assert_no_failure, graded, json, names, run_server, set, table, test_server};

/// How many faulty ends are tested at a time. They wait most of the time.
const AT_A_TIME: usize = 6;

/// Of a server: the cases that fail, without `server.secondary.` in their names.
const SERVER: &[Found] = &[
    ("announces-two", &["announces-one"]),
    ("asks-anyway", &["not-announced", "announced-later"]),
    ("first-settings-only", &["announced-later", "setting-back"]),
    ("lax-before-setting", &["certificate-before-setting"]),
    ("refuses-change", &["setting-changes"]),
    ("accepts-back", &["setting-back", "setting-back-in-one-frame"]),
    ("requests-of-clients", &["request-type"]),
    ("no-schemes", &["request-well-formed"]),
    ("only-pkcs1", &["schemes"]),
    ("short-contexts", &["context-length"]),
    ("same-context", &["context-unique", "replayed"]),
    ("too-many-requests", &["outstanding"]),
    ("refuses-valid", &["authenticates"]),
    ("takes-empty", &["empty", "next-connection", "resumed"]),
    ("takes-foreign", &["foreign-chain"]),
    ("ends-on-foreign", &["foreign-chain-lives"]),
    ("one-stream", &["whole-connection"]),
    ("remembers", &["empty", "next-connection", "resumed"]),
    ("remembers-in-session", &["resumed"]),
    ("ignores-requests", &["requests-by-client"]),
    ("ignores-unsolicited", &["unsolicited", "duplicate"]),
    ("any-stream", &["on-stream"]),
    ("reads-oversized", &["oversized"]),
    ("refuses-flags", &["flags"]),
    ("takes-inside-headers", &["inside-headers"]),
    ("interrupts-headers", &["between-frames"]),
    ("lax-structure", &["trailing-byte", "truncated", "no-bytes", "finished-first", "several"]),
    ("lax-contexts", &["another-context", "replayed"]),
    ("lax-extensions", &["extension", "forbidden-extension"]),
    ("lax-schemes", &["unrequested-scheme", "pkcs1-scheme"]),
    ("lax-signatures", &["stolen-certificate", "changed-signature"]),
    (
        "lax-macs",
        &["changed-mac", "changed-empty", "other-direction", "other-request", "other-connection"],
    ),
    ("takes-empty-certificates", &["empty-certificate"]),
    ("takes-replays", &["replayed"]),
    (
        "joins-frames",
        &[
            "trailing-byte",
            "truncated",
            "no-bytes",
            "finished-first",
            "empty-certificate",
            "several",
            "split",
        ],
    ),
];

/// Of a client.
const CLIENT: &[Found] = &[
    ("announces-late", &["announces"]),
    ("volunteers", &["nothing-unasked", "mac", "once"]),
    ("answers-before-setting", &["before-setting"]),
    ("accepts-two", &["setting-two"]),
    ("accepts-back", &["setting-back", "setting-back-in-one-frame"]),
    ("trailing-byte", &["structure"]),
    ("other-context", &["content"]),
    ("adds-extension", &["content"]),
    ("other-scheme", &["scheme"]),
    ("wrong-signature", &["signature"]),
    ("wrong-mac", &["mac"]),
    ("ignores-authorities", &["unknown-authority"]),
    ("declines-authorities", &["known-authority"]),
    ("ignores-schemes", &["unfit-scheme", "only-pkcs1"]),
    ("refuses-short-contexts", &["context-lengths"]),
    ("repeats-contexts", &["same-context"]),
    ("refuses-unknown", &["unknown-extension"]),
    (
        "lax-lists",
        &[
            "empty-list",
            "length-too-long",
            "length-cut",
            "no-request",
            "request-of-clients",
            "bytes-behind",
            "request-cut",
            "without-header",
            "no-schemes",
            "empty-schemes",
            "odd-schemes",
            "extension-twice",
            "server-name",
            "good-and-malformed",
        ],
    ),
    ("takes-requests-of-clients", &["request-of-clients"]),
    ("shortest-only", &["long-integers"]),
    ("out-of-order", &["in-order"]),
    ("joins-answers", &["in-order"]),
    ("no-limit", &["too-many"]),
    ("counts-for-life", &["context-lengths", "long-integers", "in-order", "one-by-one", "endless"]),
    ("answers-twice", &["once", "in-order"]),
    ("any-stream", &["on-stream"]),
    ("ignores-certificate", &["certificate-by-server"]),
    ("refuses-flags", &["flags"]),
    ("reads-oversized", &["oversized"]),
    ("endless", &["endless"]),
    ("takes-inside-headers", &["inside-headers"]),
    ("interrupts-headers", &["between-frames"]),
];

/// Runs `test` for each row of a table.
fn for_each(faults: &[Found], test: impl Fn(&Found) + Sync) {
    let rows = Mutex::new(faults.iter());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(row) = { rows.lock().unwrap().next() } {
                    test(row);
                }
            });
        }
    });
}

fn faulty_server(files: &Files, fault: Option<&str>) -> Running {
    let mut args = vec!["faulty", "secondary-server", "--cert", "server.pem", "--key"];
    args.extend(["server.key", "--client-ca", "client-ca.pem"]);
    args.extend(fault.iter().flat_map(|fault| ["--fault", fault]));
    run_server(files, &args)
}

fn test(files: &Files, target: &str) -> Output {
    let mut args = vec!["server", target, "--ca", "server-ca.pem", "--cert", "client.pem", "--key"];
    args.extend(["client.key", "--secondary-path", PAGE, "--case", "server.secondary.*"]);
    args.extend(["--timeout", "10", "--format", "json"]);
    files.conform(&args).output().unwrap()
}

fn test_client(files: &Files, fault: Option<&str>) -> Output {
    let mut args = vec!["client", "--secondary", "--timeout", "10", "--format", "json", "--"];
    args.extend([env!("CARGO_BIN_EXE_rext-conform"), "faulty", "secondary-client"]);
    args.extend(["127.0.0.1:{port}", "--cert", "{cert}", "--key", "{key}", "--ca", "{ca}"]);
    args.extend(fault.iter().flat_map(|fault| ["--fault", fault]));
    files.conform(&args).output().unwrap()
}

/// The failed cases, without role and group in their names.
#[track_caller]
fn assert_found(output: &Output, (fault, expected): &Found) {
    let failed = graded(&json(output), "failed");
    let failed: BTreeSet<_> =
        failed.iter().map(|id| id.strip_prefix("secondary.").unwrap().to_owned()).collect();
    assert_eq!(failed, set(expected), "{fault}");
    assert_eq!(output.status.code(), Some(1), "{fault}");
}

#[test]
fn every_fault_of_a_server_with_secondary_certificates_is_found() {
    let files = Files::new();
    let honest = faulty_server(&files, None);
    let report = assert_no_failure(&test(&files, &honest.1));
    assert_eq!(graded(&report, "passed").len(), ids(&server_cases()).len());
    for_each(SERVER, |row| {
        let it = faulty_server(&files, Some(row.0));
        assert_found(&test(&files, &it.1), row);
    });
}

#[test]
fn every_fault_of_a_client_with_secondary_certificates_is_found() {
    let files = Files::new();
    let report = assert_no_failure(&test_client(&files, None));
    assert_eq!(graded(&report, "passed").len(), ids(&client_cases()).len());
    for_each(CLIENT, |row| assert_found(&test_client(&files, Some(row.0)), row));
}

fn server_cases() -> Vec<About> {
    server::cases().into_iter().map(|case| case.about).collect()
}

fn client_cases() -> Vec<About> {
    client::cases().into_iter().map(|case| case.about).collect()
}

/// The names of the cases about secondary certificates, without role and group.
fn ids(cases: &[About]) -> BTreeSet<String> {
    let cases = cases.iter().filter(|about| about.group == Group::Secondary);
    cases.map(|about| about.id.rsplit('.').next().unwrap().to_owned()).collect()
}

#[test]
fn every_case_about_secondary_certificates_finds_a_fault() {
    assert_eq!(table(SERVER), names::<SecondaryServerFault>());
    assert_eq!(table(CLIENT), names::<SecondaryClientFault>());
    for (faults, cases) in [(SERVER, server_cases()), (CLIENT, client_cases())] {
        let found: Vec<_> = faults.iter().flat_map(|(_, ids)| *ids).copied().collect();
        assert_eq!(set(&found), ids(&cases));
    }
}

#[test]
fn a_peer_without_the_setting_is_not_tested_and_does_not_fail() {
    let files = Files::new();
    // It speaks neither HTTP/2 nor this.
    let it = crate::faulty_server(&files, None);
    let report = assert_no_failure(&test(&files, &it.1));
    assert_eq!(graded(&report, "skipped").len(), ids(&server_cases()).len());
    let reason = report["cases"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("not supported: "), "{reason}");
    assert_eq!(report["features"]["announces SETTINGS_HTTP_CLIENT_CERT_AUTH"], false);

    // Without the option, there is nothing about it in the report.
    let args = ["--case", "server.hello.offer", "--format", "json"];
    let report = assert_no_failure(&test_server(&files, &it.1, &args));
    assert_eq!(report["features"].get("announces SETTINGS_HTTP_CLIENT_CERT_AUTH"), None);
}
