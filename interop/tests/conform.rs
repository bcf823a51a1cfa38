//! `interop conform`: ours keeps every rule, each fault is found by the cases that are about it, and
//! what is printed can be read by those it is for.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};

use clap::ValueEnum;
use common::Files;
use interop::conform::case::{About, Group};
use interop::conform::faulty::{ClientFault, ServerFault};
use interop::conform::{client, server};
use serde_json::Value;

#[path = "conform/faults.rs"]
mod faults;

use faults::{CLIENT, SERVER};

/// A server that is killed when it is dropped.
struct Running(Child, String);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn faulty_server(files: &Files, fault: Option<&str>) -> Running {
    let mut args = vec!["conform", "faulty", "server", "--cert", "server.pem", "--key"];
    args.push("server.key");
    args.extend(fault.iter().flat_map(|fault| ["--fault", fault]));
    let mut child = files.interop(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim_end().strip_prefix("listening on 127.0.0.1:").expect("an address");
    Running(child, format!("localhost:{addr}"))
}

/// `interop conform server` with the files that go with it.
fn test_server(files: &Files, target: &str, args: &[&str]) -> Output {
    let usual = ["conform", "server", target, "--ca", "server-ca.pem", "--cert", "client.pem"];
    files
        .interop(&[&usual[..], &["--key", "client.key", "--timeout", "30"], args].concat())
        .output()
        .unwrap()
}

/// `interop conform client` with this binary as the client.
fn test_client(files: &Files, args: &[&str], client: &[&str]) -> Output {
    let own = [&["--", env!("CARGO_BIN_EXE_interop")][..], client].concat();
    files
        .interop(&[&["conform", "client", "--timeout", "30"][..], args, &own].concat())
        .output()
        .unwrap()
}

/// Our client, that connects twice.
fn connect(offer: &'static str) -> Vec<&'static str> {
    let mut args = vec!["connect", "https://localhost:{port}/", "--ca", "{ca}", "-n", "2"];
    args.extend(["--resolve", "localhost:{port}:127.0.0.1", "--cert", "{cert}", "--key", "{key}"]);
    args.extend(["--offer", offer]);
    args
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The cases of this grade, without the role in their names.
fn graded(report: &Value, grade: &str) -> BTreeSet<String> {
    let cases = report["cases"].as_array().unwrap().iter();
    let wanted = cases.filter(|case| case["grade"] == grade);
    wanted.map(|case| case["id"].as_str().unwrap().split_once('.').unwrap().1.to_owned()).collect()
}

#[track_caller]
fn assert_no_failure(output: &Output) -> Value {
    let report = json(output);
    assert_eq!(graded(&report, "failed"), BTreeSet::new());
    assert_eq!(output.status.code(), Some(0));
    report
}

fn all() -> Vec<About> {
    let servers = server::cases().into_iter().map(|case| case.about);
    servers.chain(client::cases().into_iter().map(|case| case.about)).collect()
}

#[test]
fn our_server_keeps_every_rule_whatever_its_policy() {
    let files = Files::new();
    for policy in ["offered", "require-offered", "always", "never"] {
        let it = files.serve(&["--policy", policy]);
        let target = format!("localhost:{}", it.port);
        let report = assert_no_failure(&test_server(&files, &target, &["--format", "json"]));
        assert_eq!(report["facts"]["reads tls_flags"], true, "{policy}");
        assert_eq!(
            graded(&report, "tolerated").len(),
            match policy {
                "offered" | "require-offered" => 0,
                // Asking everybody is allowed, and noted; so is asking nobody.
                _ => graded(&report, "tolerated").len(),
            }
        );
    }
}

#[test]
fn our_client_keeps_every_rule_whatever_it_offers() {
    let files = Files::new();
    for offer in ["none", "flag", "care", "both"] {
        let output = test_client(&files, &["--format", "json"], &connect(offer));
        let report = assert_no_failure(&output);
        let flag = ["flag", "both"].contains(&offer);
        assert_eq!(report["facts"]["offers by the flag"], flag, "{offer}");
        assert_eq!(report["facts"]["reads tls_flags"], true, "{offer}");
    }
}

#[test]
fn every_fault_of_a_server_is_found_by_the_cases_that_are_about_it() {
    let files = Files::new();
    let honest = faulty_server(&files, None);
    assert_no_failure(&test_server(&files, &honest.1, &["--format", "json"]));
    for (fault, expected) in SERVER {
        let it = faulty_server(&files, Some(fault));
        let output = test_server(&files, &it.1, &["--format", "json"]);
        let expected: BTreeSet<_> = expected.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(graded(&json(&output), "failed"), expected, "{fault}");
        assert_eq!(output.status.code(), Some(1), "{fault}");
    }
}

#[test]
fn every_fault_of_a_client_is_found_by_the_cases_that_are_about_it() {
    let files = Files::new();
    let client = ["conform", "faulty", "client", "127.0.0.1:{port}", "--cert", "{cert}", "--key"];
    let client = [&client[..], &["{key}"]].concat();
    assert_no_failure(&test_client(&files, &["--format", "json"], &client));
    for (fault, expected) in CLIENT {
        let client = [&client[..], &["--fault", fault]].concat();
        let output = test_client(&files, &["--format", "json"], &client);
        let expected: BTreeSet<_> = expected.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(graded(&json(&output), "failed"), expected, "{fault}");
        assert_eq!(output.status.code(), Some(1), "{fault}");
    }
}

#[test]
fn every_fault_is_in_the_tables_and_every_group_has_one() {
    fn names<F: ValueEnum>() -> BTreeSet<String> {
        let values = F::value_variants().iter();
        values.map(|fault| fault.to_possible_value().unwrap().get_name().to_owned()).collect()
    }
    let table = |faults: &[(&str, &[&str])]| -> BTreeSet<String> {
        faults.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    assert_eq!(table(SERVER), names::<ServerFault>());
    assert_eq!(table(CLIENT), names::<ClientFault>());
    for (faults, cases) in [
        (SERVER, server::cases().into_iter().map(|c| c.about).collect::<Vec<_>>()),
        (CLIENT, client::cases().into_iter().map(|c| c.about).collect()),
    ] {
        let groups: BTreeSet<_> = cases.iter().map(|about| about.group.name()).collect();
        let found = faults.iter().flat_map(|(_, ids)| *ids).map(|id| id.split_once('.').unwrap().0);
        assert_eq!(found.collect::<BTreeSet<_>>(), groups);
    }
}

#[test]
fn there_are_enough_cases_each_with_a_name_of_its_own_and_a_rule() {
    let all = all();
    assert!(all.len() >= 80, "{}", all.len());
    let ids: BTreeSet<_> = all.iter().map(|about| about.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    let groups: BTreeSet<_> = all.iter().map(|about| about.group).collect();
    assert_eq!(groups, Group::ALL.into_iter().collect());

    // What never shows, or needs Encrypted Client Hello with a key of the other end's.
    let unseen = ["FLAGS-13", "RES-1", "RCA-7", "RES-5"];
    let rules: BTreeSet<_> = all.iter().map(|about| about.rule).collect();
    for (page, last) in [("FLAGS", 13), ("RCA", 9), ("CARE", 5), ("RES", 8)] {
        for rule in (1..=last).map(|number| format!("{page}-{number}")) {
            assert_eq!(rules.contains(rule.as_str()), !unseen.contains(&&*rule), "{rule}");
        }
    }
}

#[test]
fn one_that_knows_nothing_is_held_to_what_binds_everybody_unless_it_is_said_to_know() {
    let files = Files::new();
    let it = files.serve(&["--policy", "never"]);
    let target = format!("localhost:{}", it.port);
    let args = ["--format", "json", "--implements", "nothing", "--case", "server.hello.*"];
    let report = assert_no_failure(&test_server(&files, &target, &args));
    assert!(graded(&report, "skipped").contains("hello.trailing-zero"));
    assert!(graded(&report, "passed").contains("hello.unknown-flags"));
}

#[test]
fn a_failed_case_shows_its_octets_in_every_format_and_can_be_allowed() {
    let files = Files::new();
    let it = faulty_server(&files, Some("takes-twice"));
    let only = ["--case", "server.hello.tw*"];
    let run = |args: &[&str]| test_server(&files, &it.1, &[&only[..], args].concat());
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();

    let said = text(&run(&[]));
    assert!(said.starts_with("failed    server.hello.twice: it went on, but"), "{said}");
    assert!(said.contains("-> ClientHello 01"));
    assert!(said.contains("2 cases: 2 failed, 0 tolerated, 0 passed, 0 skipped"));

    let report = json(&run(&["--format", "json"]));
    let sent = report["cases"][0]["connections"][0]["sent"].as_str().unwrap();
    assert!(sent.starts_with("160301"), "{sent}");

    let xml = text(&run(&["--format", "junit"]));
    assert!(xml.contains("tests=\"2\" failures=\"2\""));
    assert_eq!(xml.matches("<failure ").count(), 2);
    let table = text(&run(&["--format", "markdown"]));
    assert!(table.contains("| `server.hello.twice` | FLAGS-10 | MUST | "));

    let keep = files.path("kept");
    run(&["--keep", keep.to_str().unwrap()]);
    let capture = std::fs::read(keep.join("server.hello.twice.pcapng")).unwrap();
    assert_eq!(capture[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    let has = |wanted: &[u8]| capture.windows(wanted.len()).any(|window| window == wanted);
    assert!(has(b"KSLT") && has(b"CLIENT_HANDSHAKE_TRAFFIC_SECRET "));

    files.write("allow", "server.hello.twice known, see the bug # of ours\n# nothing\n");
    let output = run(&["--allow", "allow"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("allowed to fail: known, see the bug\n"));
    files.write("allow", "server.hello.twice known\nserver.hello.twice-differing known\n");
    assert_eq!(run(&["--allow", "allow"]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_used_is_said_in_one_line() {
    let files = Files::new();
    files.write("no-reason", "server.hello.twice\n");
    files.write("no-case", "server.hello.thrice known\n");
    let it = faulty_server(&files, None);
    let gone = "127.0.0.1:1";
    let run = |args: &[&str]| {
        let output = files.interop(&[&["conform"][..], args].concat()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        (output.status.code().unwrap(), said)
    };
    let target = it.1.as_str();
    for (args, code, words) in [
        (&["server", target][..], 2, "--ca"),
        (&["server", "nowhere", "--insecure"], 2, "HOST:PORT nowhere"),
        (&["server", gone, "--insecure"], 1, "no handshake of TLS 1.3"),
        (&["server", target, "--ca", "client-ca.pem"], 1, "is not localhost"),
        (&["server", target, "--insecure", "--case", "nothing"], 2, "--case nothing"),
        (&["server", target, "--insecure", "--allow", "no-reason"], 2, "line 1: no reason"),
        (&["server", target, "--insecure", "--allow", "no-case"], 2, "there is no case"),
        (&["server", target, "--insecure", "--care", "43"], 2, "--care 43"),
        (&["client"], 2, "COMMAND"),
        (&["client", "--", "./no-such-thing"], 2, "cannot start ./no-such-thing"),
        (&["client", "--timeout", "0.2", "--", "true"], 1, "did not connect"),
    ] {
        let (got, said) = run(args);
        assert_eq!(got, code, "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn cases_can_be_listed_and_tried_dry() {
    let files = Files::new();
    let said = |args: &[&str]| {
        let output = files.interop(&[&["conform"][..], args].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    for (role, count) in [("server", server::cases().len()), ("client", client::cases().len())] {
        let list = said(&[role, "--list"]);
        assert_eq!(list.lines().count(), count + 1);
        assert!(list.ends_with(&format!("{count} cases, {count} to run\n")));
    }
    let it = faulty_server(&files, None);
    let dry = said(&["server", &it.1, "--insecure", "--dry-run"]);
    assert!(dry.contains("[skipped: there is no certificate that the server accepts"));
    assert!(!dry.contains("passed"));
}
