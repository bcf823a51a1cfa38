//! The cases find each fault, and all output formats are readable. The tests of `rext` show that our own
//! server and client keep every rule.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};

use clap::ValueEnum;
use conform::case::{About, Group};
use conform::faulty::{ClientFault, ServerFault};
use conform::{client, server};
use serde_json::Value;

mod faults;
mod files;
mod liars;
mod secondary;

use faults::{CLIENT, SERVER};
use files::Files;
use liars::Lie;

/// A server that is killed when it is dropped.
struct Running(Child, String);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn faulty_server(files: &Files, fault: Option<&str>) -> Running {
    faulty_server_with(files, fault, &[])
}

fn faulty_server_with(files: &Files, fault: Option<&str>, more: &[&str]) -> Running {
    let mut args = vec!["faulty", "server", "--cert", "server.pem", "--key"];
    args.push("server.key");
    args.extend(fault.iter().flat_map(|fault| ["--fault", fault]));
    args.extend(more);
    run_server(files, &args)
}

/// Runs a server that prints its address.
fn run_server(files: &Files, args: &[&str]) -> Running {
    let mut child = files.conform(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim_end().strip_prefix("listening on 127.0.0.1:").expect("an address");
    Running(child, format!("localhost:{addr}"))
}

/// `rext-conform server` with the files that go with it.
fn test_server(files: &Files, target: &str, args: &[&str]) -> Output {
    let usual = ["server", target, "--ca", "server-ca.pem", "--cert", "client.pem"];
    files
        .conform(&[&usual[..], &["--key", "client.key", "--timeout", "30"], args].concat())
        .output()
        .unwrap()
}

/// `rext-conform client` with this binary as the client.
fn test_client(files: &Files, args: &[&str], client: &[&str]) -> Output {
    let own = [&["--", env!("CARGO_BIN_EXE_rext-conform")][..], client].concat();
    files.conform(&[&["client", "--timeout", "30"][..], args, &own].concat()).output().unwrap()
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
    let client = ["faulty", "client", "127.0.0.1:{port}", "--cert", "{cert}", "--key"];
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

/// The names of the values of an option.
fn names<F: ValueEnum>() -> BTreeSet<String> {
    let values = F::value_variants().iter();
    values.map(|fault| fault.to_possible_value().unwrap().get_name().to_owned()).collect()
}

/// The names of the faults in a table.
fn table(faults: &[faults::Found]) -> BTreeSet<String> {
    faults.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_fault_is_in_the_tables_and_every_group_has_one() {
    assert_eq!(table(SERVER), names::<ServerFault>());
    assert_eq!(table(CLIENT), names::<ClientFault>());
    for (faults, cases) in [
        (SERVER, server::cases().into_iter().map(|c| c.about).collect::<Vec<_>>()),
        (CLIENT, client::cases().into_iter().map(|c| c.about).collect()),
    ] {
        // Those about secondary certificates have faulty ends of their own.
        let groups = cases.iter().map(|about| about.group).filter(|it| *it != Group::Secondary);
        let groups: BTreeSet<_> = groups.map(Group::name).collect();
        let found = faults.iter().flat_map(|(_, ids)| *ids).map(|id| id.split_once('.').unwrap().0);
        assert_eq!(found.collect::<BTreeSet<_>>(), groups);
    }
}

#[test]
fn every_case_about_the_origin_hint_is_failed_by_a_fault() {
    let found =
        SERVER.iter().map(|it| ("server", it)).chain(CLIENT.iter().map(|it| ("client", it)));
    let found: BTreeSet<_> = found
        .flat_map(|(role, (_, ids))| ids.iter().map(move |id| format!("{role}.{id}")))
        .collect();
    let cases = all().into_iter().filter(|about| about.rule.starts_with("WIO-"));
    // Faulty servers of TLS 1.2 alone are in the test of FLAGS-9.
    let cases: BTreeSet<_> =
        cases.map(|about| about.id).filter(|id| !id.ends_with("-beside-tls13")).collect();
    assert_eq!(cases.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(cases.len(), 61);
}

#[test]
fn there_are_enough_cases_each_with_a_name_of_its_own_and_a_rule() {
    let all = all();
    assert!(all.len() >= 80, "{}", all.len());
    let ids: BTreeSet<_> = all.iter().map(|about| about.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    let groups: BTreeSet<_> = all.iter().map(|about| about.group).collect();
    assert_eq!(groups, Group::ALL.into_iter().collect());

    // What never shows, or needs Encrypted Client Hello with a key of the other end's. EA-1 shows only
    // in the MAC of EA-9, and EA-12 needs a whole handshake with TLS 1.2. WIO-4, WIO-6 and WIO-9 are
    // about what a server makes of a certificate, and need one inside and one outside of the origin.
    let unseen = [
        "FLAGS-13", "RES-1", "RCA-7", "RES-5", "EA-1", "EA-12", "SCC-11", "SCC-15", "WIO-4",
        "WIO-6", "WIO-9",
    ];
    let rules: BTreeSet<_> = all.iter().map(|about| about.rule).collect();
    for (page, last) in
        [("FLAGS", 13), ("RCA", 9), ("CARE", 5), ("RES", 8), ("EA", 14), ("SCC", 15), ("WIO", 9)]
    {
        for rule in (1..=last).map(|number| format!("{page}-{number}")) {
            assert_eq!(rules.contains(rule.as_str()), !unseen.contains(&&*rule), "{rule}");
        }
    }
}

#[test]
fn a_failed_case_shows_its_bytes_in_every_format_and_can_be_allowed() {
    let files = Files::new();
    let it = faulty_server(&files, Some("takes-twice"));
    let only = ["--case", "server.hello.tw*"];
    let run = |args: &[&str]| test_server(&files, &it.1, &[&only[..], args].concat());
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();

    let said = text(&run(&[]));
    assert!(said.starts_with("failed    server.hello.twice: it continued, but"), "{said}");
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
fn an_unusable_option_or_file_is_an_error_in_one_line() {
    let files = Files::new();
    files.write("no-reason", "server.hello.twice\n");
    files.write("no-case", "server.hello.thrice known\n");
    let it = faulty_server(&files, None);
    let gone = "127.0.0.1:1";
    let run = |args: &[&str]| {
        let output = files.conform(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        (output.status.code().unwrap(), said)
    };
    let target = it.1.as_str();
    let insecure = ["server", target, "--insecure"];
    // PKCS #1 and SEC 1 are told from PKCS #8 by their labels.
    let pkcs8 = std::fs::read_to_string(files.path("client.key")).unwrap();
    files.write("sec1.key", pkcs8.replace(" PRIVATE KEY", " EC PRIVATE KEY"));
    for (args, code, words) in [
        (&["server", target][..], 2, "--ca"),
        (&["server", "nowhere", "--insecure"], 2, "HOST:PORT nowhere"),
        (&["server", gone, "--insecure"], 1, "no handshake with TLS 1.3 or TLS 1.2"),
        (&["server", target, "--ca", "client-ca.pem"], 1, "is not valid for localhost"),
        (&["server", target, "--insecure", "--case", "nothing"], 2, "--case nothing"),
        (&["server", target, "--insecure", "--allow", "no-reason"], 2, "line 1: no reason"),
        (&["server", target, "--insecure", "--allow", "no-case"], 2, "there is no case"),
        (&["server", target, "--insecure", "--care", "43"], 2, "--care-code-point 43"),
        (&["server", target, "--insecure", "--care-code-point", "43"], 2, "--care-code-point 43"),
        (
            &["server", target, "--insecure", "--origin", "spiffe://example.org/path"],
            2,
            "--origin spiffe://example.org/path: not an origin",
        ),
        // The files of --cert and --key.
        (
            &[&insecure[..], &["--cert", "none.pem", "--key", "client.key"]].concat(),
            2,
            "--cert none.pem: ",
        ),
        (
            &[&insecure[..], &["--cert", "client.key", "--key", "client.key"]].concat(),
            2,
            "the file contains no certificate",
        ),
        (
            &[&insecure[..], &["--cert", "client.pem", "--key", "client.pem"]].concat(),
            2,
            "--key client.pem: the file contains no key",
        ),
        (
            &[&insecure[..], &["--cert", "client.pem", "--key", "sec1.key"]].concat(),
            2,
            "--key sec1.key: not in PKCS #8",
        ),
        (
            &[&insecure[..], &["--cert", "client.pem", "--key", "server.key"]].concat(),
            2,
            "it is not the key of the certificate in client.pem",
        ),
        (
            &["server", target, "--ca", "client.key"],
            2,
            "--ca client.key: the file contains no certificate",
        ),
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
        let output = files.conform(args).output().unwrap();
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

/// The cases that could not be decided though they are MUSTs, without the role in their names.
fn undecided(report: &Value) -> BTreeSet<String> {
    let cases = report["cases"].as_array().unwrap().iter();
    let wanted = cases.filter(|case| case["undecided"] == true);
    wanted.map(|case| case["id"].as_str().unwrap().split_once('.').unwrap().1.to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// A few cases of each kind: a server must refuse the ClientHello, or the Certificate; it must go on
/// with the one, or with the other.
const LIARS_CASES: [&str; 10] = [
    "--case",
    "server.hello.tw*",
    "--case",
    "server.hello.unknown-flags",
    "--case",
    "server.certificate.accepted",
    "--case",
    "server.certificate.declined",
    "--case",
    "server.certificate.stolen",
];

fn test_liar(files: &Files, lie: Lie, args: &[&str]) -> Output {
    let port = liars::start(lie, &files.path("server.pem"), &files.path("server.key"));
    test_server(files, &format!("localhost:{port}"), args)
}

#[test]
fn a_server_that_refuses_nothing_and_answers_nothing_does_not_succeed() {
    let files = Files::new();
    for lie in [Lie::Closing, Lie::Silent] {
        let json_of = [&LIARS_CASES[..], &["--format", "json"]].concat();
        let output = test_liar(&files, lie, &json_of);
        let report = json(&output);
        let expected = set(&[
            "hello.twice",
            "hello.twice-differing",
            "certificate.accepted",
            "certificate.declined",
            "certificate.stolen",
        ]);
        assert_eq!(undecided(&report), expected, "{lie:?}");
        assert_eq!(graded(&report, "skipped"), expected, "{lie:?}");
        assert_eq!(graded(&report, "tolerated"), set(&[]), "{lie:?}");
        assert_eq!(graded(&report, "failed"), set(&[]), "{lie:?}");
        // Its Finished says that it continues with the ClientHello.
        assert_eq!(graded(&report, "passed"), set(&["hello.unknown-flags"]), "{lie:?}");
        assert_eq!(report["features"]["answers an honest client"], false, "{lie:?}");
        assert_eq!(output.status.code(), Some(1), "{lie:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "error: 5 cases of a MUST could not be decided\n", "{lie:?}");
    }
}

#[test]
fn no_case_counts_in_favour_of_a_server_that_ends_every_connection_in_silence() {
    let files = Files::new();
    let output = test_liar(&files, Lie::Closing, &["--format", "json"]);
    let report = json(&output);
    assert_eq!(graded(&report, "failed"), set(&[]));
    let refused = |id: &String| {
        let case = server::cases().into_iter().find(|case| case.about.id == format!("server.{id}"));
        case.unwrap().about.expects.starts_with("refuses")
    };
    let good: BTreeSet<_> =
        graded(&report, "passed").union(&graded(&report, "tolerated")).cloned().collect();
    let good: BTreeSet<_> = good.into_iter().filter(refused).collect();
    // What no handshake can go on without is refused with an alert even by this one.
    assert_eq!(good, set(&["certificate.left-out", "certificate.unasked"]));
    assert!(undecided(&report).contains("certificate.stolen"));
    assert_eq!(output.status.code(), Some(1));

    let only = ["--case", "server.certificate.stolen"];
    let text = String::from_utf8(test_liar(&files, Lie::Closing, &only).stdout).unwrap();
    assert!(
        text.contains("skipped   server.certificate.stolen: the server answers no honest client"),
        "{text}"
    );
    assert!(
        text.contains("1 skipped; 1 of the skipped cases are MUSTs that cannot be decided"),
        "{text}"
    );
    assert!(text.contains("The server no: answers an honest client\n"), "{text}");
    let junit = [&only[..], &["--format", "junit"]].concat();
    let xml = String::from_utf8(test_liar(&files, Lie::Closing, &junit).stdout).unwrap();
    assert!(xml.contains("tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\""), "{xml}");
    assert!(xml.contains("<failure message=\"undecided: the server answers no honest"), "{xml}");

    // Who knows better says so.
    files.write("allow", "server.certificate.stolen proved elsewhere\n");
    let output = test_liar(&files, Lie::Closing, &[&only[..], &["--allow", "allow"]].concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_server_that_answers_whatever_comes_fails() {
    let files = Files::new();
    for lie in [Lie::Answering, Lie::Answering400, Lie::Endless] {
        let args = [&LIARS_CASES[..], &["--format", "json"]].concat();
        let output = test_liar(&files, lie, &args);
        let report = json(&output);
        let failed = set(&["hello.twice", "hello.twice-differing", "certificate.stolen"]);
        assert_eq!(graded(&report, "failed"), failed, "{lie:?}");
        let passed = set(&["hello.unknown-flags", "certificate.accepted", "certificate.declined"]);
        assert_eq!(graded(&report, "passed"), passed, "{lie:?}");
        assert_eq!(output.status.code(), Some(1), "{lie:?}");
    }
}

#[test]
fn a_status_of_4xx_that_only_clients_with_the_certificate_get_is_no_acceptance() {
    let files = Files::new();
    let args = [&LIARS_CASES[..], &["--format", "json"]].concat();
    let output = test_liar(&files, Lie::Answering400ToCertificates, &args);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(graded(&report, "failed"), set(&["hello.twice", "hello.twice-differing"]));
    assert_eq!(graded(&report, "passed"), set(&["hello.unknown-flags", "certificate.declined"]));
    assert_eq!(report["features"]["accepts the certificate"], false);
    let skipped = set(&["certificate.accepted", "certificate.stolen"]);
    assert_eq!(graded(&report, "skipped"), skipped);
    let cases = report["cases"].as_array().unwrap();
    let accepted = cases.iter().find(|case| case["id"] == "server.certificate.accepted").unwrap();
    let reason = accepted["reason"].as_str().unwrap();
    assert!(reason.starts_with("the server answers 400 to a client with the certificate"));
}

#[test]
fn of_an_answer_that_never_ends_only_the_beginning_is_kept() {
    let files = Files::new();
    let args = ["--case", "server.hello.twice", "--format", "json"];
    let report = json(&test_liar(&files, Lie::Endless, &args));
    let kept = report["cases"][0]["connections"][0]["received"].as_str().unwrap().len() / 2;
    assert!((64 * 1024..512 * 1024).contains(&kept), "{kept}");
}

#[test]
fn an_alert_that_honest_clients_get_too_is_no_refusal() {
    let files = Files::new();
    let output = test_liar(&files, Lie::AlertAtOnce, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no handshake with TLS 1.3 or TLS 1.2 is possible"), "{said}");
    assert!(said.contains("illegal_parameter (47)"), "{said}");

    let args = [&LIARS_CASES[..], &["--format", "json"]].concat();
    let output = test_liar(&files, Lie::AlertBehindHandshake, &args);
    let report = json(&output);
    assert_eq!(graded(&report, "passed"), set(&[]));
    assert_eq!(graded(&report, "tolerated"), set(&[]));
    assert_eq!(graded(&report, "failed"), set(&["hello.unknown-flags", "certificate.declined"]));
    assert_eq!(undecided(&report), set(&["hello.twice", "hello.twice-differing"]));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn flags_9_a_server_of_tls12_alone_is_tested_also_with_hellos_that_offer_tls13() {
    let files = Files::new();
    let honest = faulty_server_with(&files, None, &["--tls12"]);
    let report = assert_no_failure(&test_server(&files, &honest.1, &["--format", "json"]));
    assert_eq!(report["features"]["supports TLS 1.3"], false);
    assert_eq!(report["features"]["supports TLS 1.2"], true);
    let ignored =
        ["offer", "unknown-flags", "zero-byte", "no-bytes", "origin-hint", "malformed-origin-hint"];
    let both: BTreeSet<String> = ["", "-beside-tls13"]
        .iter()
        .flat_map(|suffix| ignored.iter().map(move |name| format!("tls12.{name}{suffix}")))
        .collect();
    let care = set(&["tls12.care", "tls12.care-unoffered", "tls12.care-with-body"]);
    assert_eq!(graded(&report, "passed"), both.union(&care).cloned().collect());

    let faulty = faulty_server_with(&files, Some("reads-flags-in-tls12"), &["--tls12"]);
    let output = test_server(&files, &faulty.1, &["--format", "json"]);
    let expected: BTreeSet<_> =
        both.into_iter().filter(|id| !id.contains("unknown-flags")).collect();
    assert_eq!(graded(&json(&output), "failed"), expected);
    assert_eq!(output.status.code(), Some(1));

    // Without --insecure it is known by its certificate, as any other.
    let args = ["server", &honest.1, "--ca", "client-ca.pem"];
    let said = files.conform(&args).output().unwrap();
    assert!(String::from_utf8(said.stderr).unwrap().contains("is not valid for localhost"));
}

#[test]
fn the_origin_hint_is_looked_for_under_the_number_of_the_option_and_with_the_origin() {
    let files = Files::new();
    let number = ["--origin-hint-code-point", "0xff5b"];
    let other = faulty_server_with(&files, None, &number);
    let features = |options: &[&str]| {
        let args = [options, &["--case", "server.origin.known", "--format", "json"]].concat();
        let report = json(&test_server(&files, &other.1, &args));
        let has = |word: &str| report["features"][word] == true;
        let reads = has("reads workload_identifier_origin_hint");
        (reads, has("requests a certificate after a hint at --origin"))
    };
    assert_eq!(features(&[]), (false, false));
    assert_eq!(features(&number), (true, true));
    let same = [&number[..], &["--origin", "SPIFFE://Example.ORG"]].concat();
    assert_eq!(features(&same), (true, true));
    let another = [&number[..], &["--origin", "spiffe://example.com"]].concat();
    assert_eq!(features(&another), (true, false));
}

#[test]
fn care_is_looked_for_under_the_number_of_either_option() {
    let files = Files::new();
    let other = faulty_server_with(&files, None, &["--care-code-point", "0xff5a"]);
    let reads = |option: &[&str]| {
        let args = [option, &["--case", "server.care.offer", "--format", "json"]].concat();
        json(&test_server(&files, &other.1, &args))["features"]["reads CARE"] == true
    };
    assert!(reads(&["--care-code-point", "0xff5a"]));
    assert!(reads(&["--care", "0xff5a"]));
    assert!(!reads(&[]));
}
