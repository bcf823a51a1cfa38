//! The table of rules in this crate's documentation is whole, and names tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rustls::server::ClientAuthDecision;

use crate::demand::{PLAIN, Site};
use crate::pki::Pki;
use crate::{bad_clients, bad_servers};

/// Those rules that never show on the wire, with where they are instead. Those of the challenge are HTTP's, and
/// the tests of the codec have those of exported authenticators.
const UNSEEN: [(&str, &str); 2] =
    [("RCA-1", "whether a certificate is at hand"), ("RES-1", "within sessions and tickets")];

/// A row: who breaks the rule, and the test.
type Row = (&'static str, &'static str);

fn table() -> BTreeMap<&'static str, Vec<Row>> {
    let mut table = BTreeMap::<_, Vec<Row>>::new();
    for line in include_str!("main.rs").lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if let [_, rule, by, test, _] = cells[..] {
            table.entry(rule).or_default().push((by, test));
        }
    }
    table.remove("rule");
    table.remove("---");
    table
}

/// The names of all tests of this crate and of `rustls-ext`.
fn tests(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let source: String = files
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut lines = source.lines();
    let mut tests = BTreeSet::new();
    while lines.by_ref().any(|line| line.trim() == "#[test]") {
        let name = lines.next().and_then(|line| line.trim().strip_prefix("fn "));
        tests.extend(name.and_then(|name| name.split_once('(')).map(|(name, _)| name.to_owned()));
    }
    tests
}

#[test]
fn every_rule_that_shows_on_the_wire_has_a_test_that_there_is() {
    let table = table();
    let ids = rustls::ext_wire::rules::all().map(|rule| rule.id);
    let elsewhere = |id: &str| ["CANT-", "EA-", "SCC-"].iter().any(|family| id.starts_with(family));
    let mut rules: BTreeSet<_> = ids.filter(|id| !elsewhere(id)).collect();
    for (rule, _) in UNSEEN {
        assert!(rules.remove(rule), "{rule} is no rule");
    }
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), rules);

    let here = tests("tests/raw_peer");
    let there = &tests("../rustls-ext/tests") | &tests("../rustls-ext/tests/origins");
    for (rule, rows) in &table {
        for (by, test) in rows {
            assert!(here.contains(*test) || there.contains(*test), "{rule}: no test {test}");
            assert!(["client", "server", "nobody"].contains(by), "{rule} is broken by {by}");
        }
    }
}

#[test]
fn every_rule_that_a_peer_can_break_is_broken_while_others_are_served() {
    let broken_by = |who: &str| -> BTreeSet<&str> {
        let rows = table().into_iter();
        rows.filter(|(_, rows)| rows.iter().any(|(by, _)| *by == who)).map(|(r, _)| r).collect()
    };
    let site = Site::new(false);
    let clients: BTreeSet<_> =
        bad_clients::all(&site).iter().filter_map(|case| rule(case.name)).collect();
    // Where a session may not be used, that is no error: see the tests of early data.
    let silently = BTreeSet::from(["RES-3", "RES-5", "RES-6", "RES-7"]);
    assert_eq!(&clients | &silently, broken_by("client"));

    let pki = Pki::new();
    let ticket = site.ticket(ClientAuthDecision::None, PLAIN);
    let servers: BTreeSet<_> = [true, false]
        .iter()
        .flat_map(|offers| bad_servers::all(&pki, *offers, &ticket))
        .filter_map(|case| rule(case.name))
        .collect();
    // That takes Encrypted ClientHello: see its tests.
    assert_eq!(&servers | &BTreeSet::from(["FLAGS-13"]), broken_by("server"));
}

/// The rule in the name of a case, if it is one of ours that is broken.
fn rule(name: &'static str) -> Option<&'static str> {
    let (rule, _) = name.split_once(": ").unwrap();
    (!rule.starts_with("RFC ")).then_some(rule)
}
