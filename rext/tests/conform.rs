//! `rext serve` and `rext connect` keep every rule that `rext-conform` tests.

mod common;

use std::collections::BTreeSet;

use clap::Parser;
use common::Files;
use conform::args::{ConformArgs, Format, RoleArgs};
use serde_json::Value;

/// Runs `rext-conform` with the files of `files`. Returns its report, and true if it would succeed.
fn test(files: &Files, args: &[&str]) -> (Value, bool) {
    let paths: Vec<_> = args
        .iter()
        .map(|arg| {
            if arg.ends_with(".pem") || arg.ends_with(".key") {
                files.path(arg).to_str().unwrap().to_owned()
            } else {
                (*arg).to_owned()
            }
        })
        .collect();
    let own = ["rext-conform".to_owned()];
    let args = ConformArgs::try_parse_from(own.iter().chain(&paths)).unwrap();
    let report = match &args.role {
        RoleArgs::Server(args) => conform::test_server(args).unwrap(),
        RoleArgs::Client(args) => conform::test_client(args).unwrap(),
        RoleArgs::Faulty(_) => unreachable!(),
    }
    .expect("a report");
    let json = report.print(Format::Json).unwrap();
    let succeeds = report.failures() == 0 && report.undecided() == 0;
    (serde_json::from_str(&json).unwrap(), succeeds)
}

fn test_server(files: &Files, port: u16, more: &[&str]) -> (Value, bool) {
    let target = format!("localhost:{port}");
    let usual = ["server", &target, "--ca", "server-ca.pem", "--cert", "client.pem", "--key"];
    test(files, &[&usual[..], &["client.key", "--timeout", "30"], more].concat())
}

/// The command line of our client, which connects twice.
fn client(offer: &'static str) -> Vec<&'static str> {
    let mut args = vec![env!("CARGO_BIN_EXE_rext"), "connect", "https://localhost:{port}/"];
    args.extend(["--ca", "{ca}", "-n", "2", "--resolve", "localhost:{port}:127.0.0.1"]);
    args.extend(["--cert", "{cert}", "--key", "{key}", "--offer", offer]);
    args
}

fn test_client(files: &Files, args: &[&str], command: &[&str]) -> (Value, bool) {
    test(files, &[&["client", "--timeout", "30"], args, &["--"], command].concat())
}

/// The ids of the cases with this grade, without the role.
fn graded(report: &Value, grade: &str) -> BTreeSet<String> {
    names(report, |case| case["grade"] == grade)
}

fn names(report: &Value, wanted: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let cases = report["cases"].as_array().unwrap().iter().filter(|case| wanted(case));
    cases.map(|case| case["id"].as_str().unwrap().split_once('.').unwrap().1.to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[track_caller]
fn assert_no_failure((report, succeeds): (Value, bool)) -> Value {
    assert_eq!(graded(&report, "failed"), BTreeSet::new());
    assert!(succeeds, "{report}");
    report
}

#[test]
fn our_server_keeps_every_rule_whatever_its_policy() {
    let files = Files::new();
    for policy in ["offered", "require-offered", "always", "never"] {
        let it = files.serve(&["--policy", policy]);
        let report = assert_no_failure(test_server(&files, it.port, &[]));
        assert_eq!(report["features"]["reads tls_flags"], true, "{policy}");
        // To request from every client, or from none, is allowed, and graded "tolerated".
        if policy.ends_with("offered") {
            assert_eq!(graded(&report, "tolerated"), set(&[]), "{policy}");
        }
    }
}

/// A rule for an origin, and none for others.
const ORIGINS: &str = "
    [scopes.example]
    anchors = ['client-ca.pem']
    trust_domain = 'spiffe://example.org'
    [scopes.users]
    anchors = ['client-ca.pem']
    [[rules]]
    origin = 'spiffe://example.org'
    request = 'example'
    [[rules]]
    offered = 'flag'
    request = 'users'
    [otherwise]
    ask = 'nothing'
";

#[test]
fn our_server_keeps_every_rule_of_the_origin_hint() {
    let files = Files::new();
    files.write("origins.toml", ORIGINS);
    let workload = files.clients.workload("client", "spiffe://example.org/client").unwrap();
    files.write("workload.pem", workload.cert_pem());
    files.write("workload.key", workload.key_pem());
    let it = files.serve_without_ca(&["--policy-file", "origins.toml"], |_| {});
    let target = format!("localhost:{}", it.port);
    let args = ["server", &target, "--ca", "server-ca.pem", "--timeout", "30"];
    let more = ["--cert", "workload.pem", "--key", "workload.key", "--case", "server.origin.*"];
    let report = assert_no_failure(test(&files, &[&args[..], &more].concat()));
    assert_eq!(graded(&report, "tolerated"), set(&[]));
    // Our server does not read compressed certificates.
    assert_eq!(graded(&report, "skipped"), set(&["origin.in-compressed-certificate"]));
}

#[test]
fn our_client_keeps_every_rule_of_the_origin_hint() {
    let files = Files::new();
    let origins = ["--origin", "spiffe://example.org", "--origin", "spiffe://example.com"];
    let command = [&client("flag")[..], &origins].concat();
    let cases = ["--case", "client.origin.*", "--case", "client.retry.same-origins"];
    let report = assert_no_failure(test_client(&files, &cases, &command));
    assert_eq!(report["features"]["sends workload_identifier_origin_hint"], true);
    let skipped = graded(&report, "skipped");
    assert!(skipped.iter().all(|id| id.contains("unsent-in") || id.contains("compressed")));
    assert!(graded(&report, "passed").contains("retry.same-origins"));
}

/// A policy for `--site localhost`, with requests on open connections.
const OPEN: &str = "
    [scopes.users]
    anchors = ['client-ca.pem']
    [scopes.staff]
    anchors = ['client-ca.pem']
    [[rules]]
    server_name = 'login.localhost'
    request = 'users'
    [[rules]]
    server_name = 'staff.localhost'
    request = 'staff'
    [[rules]]
    offered = true
    request = 'users'
    [otherwise]
    ask = 'nothing'
    [[post_handshake]]
    scope = 'users'
";

#[test]
fn our_server_keeps_every_rule_of_open_connections() {
    let files = Files::new();
    for when in ["needed", "at-once"] {
        files.write("open.toml", format!("{OPEN} when = '{when}'"));
        let args = ["--policy-file", "open.toml", "--site", "localhost"];
        let it = files.serve_without_ca(&args, |_| {});
        let args = ["--secondary-path", "/account", "--case", "server.secondary.*"];
        let report = assert_no_failure(test_server(&files, it.port, &args));
        assert_eq!(graded(&report, "tolerated"), set(&[]), "{when}");
        // The policy requests once on a connection, so there is no second request to answer.
        assert_eq!(graded(&report, "skipped"), set(&["secondary.replayed"]), "{when}");
    }
}

#[test]
fn our_client_keeps_every_rule_of_open_connections() {
    let files = Files::new();
    let mut command = client("none");
    command.push("--same-connection");
    let report = assert_no_failure(test_client(&files, &["--secondary"], &command));
    assert_eq!(graded(&report, "tolerated"), set(&[]));
    assert_eq!(graded(&report, "skipped"), set(&[]));
}

#[test]
fn our_client_keeps_every_rule_whatever_it_offers() {
    let files = Files::new();
    for offer in ["none", "flag", "care", "both"] {
        let report = assert_no_failure(test_client(&files, &[], &client(offer)));
        let flag = ["flag", "both"].contains(&offer);
        assert_eq!(report["features"]["offers by the flag"], flag, "{offer}");
        assert_eq!(report["features"]["reads tls_flags"], true, "{offer}");
    }
}

#[test]
fn with_implements_nothing_only_rules_for_all_servers_are_tested() {
    let files = Files::new();
    let it = files.serve(&["--policy", "never"]);
    let args = ["--implements", "nothing", "--case", "server.hello.*"];
    let report = assert_no_failure(test_server(&files, it.port, &args));
    assert!(graded(&report, "skipped").contains("hello.trailing-zero"));
    assert!(graded(&report, "passed").contains("hello.unknown-flags"));
}

#[test]
fn cases_after_the_handshake_are_undecided_if_the_clients_command_always_succeeds() {
    let files = Files::new();
    let cases = ["--case", "client.ticket.*", "--case", "client.hello.goes-on-unasked"];
    let run = |script: &str| {
        test_client(&files, &cases, &[&["sh", "-c", script][..], &client("flag")].concat())
    };
    let undecided = |report: &Value| names(report, |case| case["undecided"] == true);
    let report = assert_no_failure(run(r#""$0" "$@" || exit 1"#));
    assert_eq!(undecided(&report), set(&[]));
    let (report, succeeds) = run(r#""$0" "$@"; exit 0"#);
    assert_eq!(report["features"]["exits with success only after a response"], false);
    let expected = set(&["ticket.across-names", "ticket.highest-flag", "ticket.unknown-flags"]);
    assert_eq!(undecided(&report), expected);
    // An alert is proof, and so is the next ClientHello.
    let passed = set(&[
        "hello.goes-on-unasked",
        "ticket.request-client-auth",
        "ticket.twice",
        "ticket.unanswered",
    ]);
    assert_eq!(graded(&report, "passed"), passed);
    assert!(!succeeds);
}
