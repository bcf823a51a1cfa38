//! `interop soak`, as its users run it.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn soak(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interop"));
    command.arg("soak").args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_soak_succeeds_and_its_json_has_exactly_its_keys() {
    let output = soak(&["--connections", "400", "--seed", "7", "--concurrency", "16", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: BTreeSet<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "seed",
        "connections",
        "outcomes",
        "faults",
        "resumed",
        "retried",
        "early_data",
        "seconds",
        "per_second",
        "latency_us",
        "open_connections",
        "tasks",
        "peak_memory_kib",
        "memory_ceiling_kib",
        "wrong",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!((&report["seed"], &report["connections"]), (&7.into(), &400.into()));
    assert_eq!((&report["open_connections"], &report["tasks"]), (&0.into(), &0.into()));
    assert_eq!(report["wrong"], Value::Array(vec![]));
    // Every connection is counted, under its kind.
    let outcomes = report["outcomes"].as_object().unwrap();
    let count = |ends: &Value| ends.as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let counts: Vec<u64> = outcomes.values().map(count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 400);
    let kinds: BTreeSet<_> = outcomes.keys().map(String::as_str).collect();
    assert_eq!(kinds, BTreeSet::from(["0-RTT", "full", "noise", "raw peer", "resumption"]));
    for fault in ["bit flip", "cut", "garbage", "reset", "stall"] {
        assert!(report["faults"][fault].as_u64().unwrap() > 0, "{fault}");
    }
    for what in ["resumed", "retried", "early_data"] {
        assert!(report[what].as_u64().unwrap() > 0, "{what}");
    }
}

#[test]
fn without_json_a_soak_prints_its_seed_first_and_a_text() {
    let output = soak(&["--connections", "50"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    let seed = report.lines().next().unwrap().strip_prefix("seed ").unwrap();
    seed.parse::<u64>().unwrap();
    assert!(report.contains("\n50 connections in "), "{report}");
    assert!(report.ends_with("\nwrong outcomes: 0\n"), "{report}");
}

#[test]
fn a_soak_of_gateways_succeeds_and_its_json_has_exactly_its_keys() {
    let output = soak(&["--gateway", "--requests", "700", "--seed", "7", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: BTreeSet<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "seed",
        "requests",
        "outcomes",
        "answers",
        "connections",
        "resumable",
        "not_resumed",
        "resumed_http3",
        "resumed",
        "resumed_elsewhere",
        "http3_refused",
        "http3_unanswered",
        "retried",
        "under_changed_policy",
        "events",
        "seconds",
        "peak_memory_kib",
        "memory_ceiling_kib",
        "strays",
        "failures",
        "wrong",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!((&report["seed"], &report["requests"]), (&7.into(), &700.into()));
    for none in ["strays", "failures", "wrong"] {
        assert_eq!(report[none], Value::Array(vec![]), "{none}");
    }
    let outcomes = report["outcomes"].as_object().unwrap();
    let count = |ends: &Value| ends.as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(outcomes.values().map(count).collect::<Vec<u64>>().iter().sum::<u64>(), 700);
    for version in ["HTTP/1.1", "HTTP/2", "HTTP/3"] {
        for action in ["GET", "POST", "dialogue", "slow reader", "aborted upload"] {
            assert!(outcomes.contains_key(&format!("{version} {action}")), "{version} {action}");
        }
    }
    // Each gateway was replaced once, and each other event happened.
    assert_eq!(report["peak_memory_kib"].as_object().unwrap().len(), 6);
    assert_eq!(report["events"].as_array().unwrap().len(), 8);
    for what in ["resumed", "resumed_elsewhere", "under_changed_policy"] {
        assert!(report[what].as_u64().unwrap() > 0, "{what}");
    }
}

#[test]
fn a_soak_of_gateways_prints_its_seed_and_fails_at_its_limit_of_memory() {
    let args = ["--gateway", "--requests", "1", "--seed", "7", "--memory-ceiling", "1"];
    let output = soak(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("seed 7\n1 requests in "));
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("error: seed 7: peak memory of gateway 0 is "), "{stderr}");
    assert!(stderr.ends_with(" MiB, above the limit of 1 MiB\n"), "{stderr}");
}

#[test]
fn too_much_memory_makes_a_soak_fail() {
    let output = soak(&["--connections", "1", "--seed", "7", "--memory-ceiling", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: seed 7: "), "{stderr}");
    assert!(stderr.ends_with(" MiB, above the limit of 1 MiB\n"), "{stderr}");
}

#[test]
fn unusable_numbers_are_named() {
    for (option, value) in [
        ("--connections", "0"),
        ("--connections", "10000001"),
        ("--connections", "many"),
        ("--seed", "x"),
        ("--concurrency", "0"),
        ("--concurrency", "257"),
        ("--memory-ceiling", "0"),
    ] {
        let mut args = vec![option, value];
        if option != "--connections" {
            args.extend(["--connections", "1"]);
        }
        let output = soak(&args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert_eq!(text(&output.stdout), "");
        let start = format!("error: invalid value '{value}' for '{option} <");
        assert!(stderr.starts_with(&start) && stderr.lines().count() == 1, "{args:?}: {stderr}");
    }
    for (args, named) in [
        (&["--gateway", "--requests", "0"][..], "'--requests <N>'"),
        (&["--gateway", "--connections", "1"], "'--connections <N>'"),
        (&["--connections", "1", "--requests", "1"], "'--requests <N>'"),
        (&["--gateway", "--rext", "/nowhere"], "--rext /nowhere: cannot find the program"),
    ] {
        let output = soak(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(named), "{args:?}: {}", text(&output.stderr));
    }
    let output = soak(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--connections <N>"));
}
