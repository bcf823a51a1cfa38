//! `interop vectors`, as its users run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const KINDS: [&str; 5] = ["bodies", "messages", "hellos", "decisions", "authenticators"];

fn ours(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../rustls-ext-wire/vectors")
        .join(kind)
        .with_extension("json")
}

/// Runs the command: its exit code, standard output and standard error.
fn vectors(files: &[PathBuf]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interop"));
    let output = command.arg("vectors").args(files).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code().unwrap(), out, err)
}

/// A file with this content.
fn file(folder: &TempDir, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join("some.json");
    fs::write(&path, content).unwrap();
    path
}

/// The one case of this name, alone in a file of its kind, after a change.
fn one(kind: &str, name: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(ours(kind)).unwrap();
    let name = format!("\"name\":\"{name}\"");
    let mut lines = text.lines().filter(|line| line.contains(&name));
    let line = lines.next().unwrap().trim_end_matches(',');
    assert_eq!((lines.next(), line.matches(from).count()), (None, 1), "{line}");
    format!("{{\"kind\":\"{kind}\",\"about\":\"\",\"cases\":[{}]}}", line.replace(from, to))
}

#[test]
fn all_our_vectors_pass() {
    let files = KINDS.map(ours);
    let (code, out, err) = vectors(&files);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let mut lines = out.lines();
    for (kind, path) in KINDS.iter().zip(&files) {
        let text = fs::read_to_string(path).unwrap();
        let cases = text.matches("\"name\":").count();
        let expected =
            format!("{}: {kind}, {cases} cases, {cases} passed, 0 failed", path.display());
        assert_eq!(lines.next(), Some(&expected[..]));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_changed_byte_of_each_kind_fails_with_what_was_expected_and_found() {
    let folder = TempDir::new().unwrap();
    let malformed = r#"{"fault":{"alert":47,"alert_name":"illegal_parameter","rule":"FLAGS-2"}}"#;
    for (kind, name, from, to, expected, found) in [
        ("bodies", "flags [80]", "0001\"", "0002\"", r#"{"flags":[80]}"#, r#"{"flags":[81]}"#),
        (
            "messages",
            "TLS 1.3, offer none, ClientHello: the flag of the offer",
            "0001\"",
            "0000\"",
            "{}",
            malformed,
        ),
        (
            "hellos",
            "an offer by CARE",
            "6578616d706c65",
            "6578616d706c66",
            r#"{"care":true,"flags":null,"origins":null,"server_name":"example.com","tls13":true}"#,
            r#"{"care":true,"flags":null,"origins":null,"server_name":"examplf.com","tls13":true}"#,
        ),
        (
            "decisions",
            "demand none, session not asked, client offers",
            "\"authenticated\":false",
            "\"authenticated\":true",
            r#"{"resumption":"allowed"}"#,
            r#"{"resumption":"refused"}"#,
        ),
        (
            "decisions",
            "TLS 1.3, offer flag, asks: no",
            "\"counts_as_offer\":\"flag\"",
            "\"counts_as_offer\":\"care\"",
            r#"{"acknowledgement":null,"care_in":null,"counts_as_offer":"care"}"#,
            r#"{"acknowledgement":null,"care_in":null,"counts_as_offer":"flag"}"#,
        ),
        (
            "authenticators",
            "request of a server",
            "\"request\":\"0d",
            "\"request\":\"11",
            r#"{"context":"30313233343536373839616263646566","schemes":[1027]}"#,
            r#"{"broken_rule":"EA-2"}"#,
        ),
        (
            "authenticators",
            "authenticator of a client, empty",
            "\"finished_key\":\"20",
            "\"finished_key\":\"21",
            r#"{"result":"declined"}"#,
            r#"{"broken_rule":"EA-9"}"#,
        ),
    ] {
        let path = file(&folder, one(kind, name, from, to));
        let (code, out, err) = vectors(std::slice::from_ref(&path));
        let expected = format!(
            "{}: {kind}, 1 cases, 0 passed, 1 failed\n  {name}: expected {expected}, found {found}\n",
            path.display()
        );
        assert_eq!((code, out, &err[..]), (1, expected, "error: 1 of 1 cases failed\n"));
    }
}

/// `flags` must be those of the body, and give it when encoded.
#[test]
fn a_flag_that_does_not_exist_is_an_error() {
    let folder = TempDir::new().unwrap();
    let text = one("bodies", "flags [80]", "\"flags\":[80]", "\"flags\":[4000]");
    let (code, out, _) = vectors(&[file(&folder, text)]);
    assert_eq!(code, 1);
    assert!(out.ends_with("expected {\"flags\":[4000]}, found {\"flags\":[80]}\n"), "{out}");
}

#[test]
fn files_of_another_format_are_errors_with_their_place() {
    let folder = TempDir::new().unwrap();
    let bodies =
        |cases: &str| format!("{{\"kind\":\"bodies\",\"about\":\"\",\"cases\":[{cases}]}}");
    let request = |from, to| one("authenticators", "request of a server", from, to);
    let answer = |from, to| one("authenticators", "authenticator of a client", from, to);
    for (content, error) in [
        (String::new(), "EOF while parsing a value at line 1 column 0"),
        ("{\n\"kind\": \"bodies\",}".into(), "trailing comma at line 2 column 18"),
        (
            "{\"kind\":\"bodies\",\"about\":\"\"}".into(),
            "missing field `cases` at line 1 column 28",
        ),
        ("[".repeat(100_000), "invalid type: sequence, expected"),
        (bodies("").replace("bodies", "trees"), "kind: \"trees\" is not a kind of test vectors"),
        (bodies(""), "cases: the list is empty"),
        (bodies("3"), "cases[0]: not an object"),
        (bodies("{}"), "cases[0]: no name"),
        (bodies(r#"{"name":"a"}"#), "cases[0]: missing field `body`"),
        (
            bodies(r#"{"name":"a","body":"0","fault":{}}"#),
            "cases[0]: \"0\" is not lower-case hexadecimal",
        ),
        (
            bodies(r#"{"name":"a","body":"0G","fault":{}}"#),
            "cases[0]: \"0G\" is not lower-case hexadecimal",
        ),
        (bodies(r#"{"name":"a","body":"","other":1}"#), "cases[0]: unknown field `other`"),
        (
            bodies(r#"{"name":"a","body":"0102","flags":[1]},{"name":"a","body":"0102"}"#),
            "cases[1]: another case has the name \"a\", too",
        ),
        (
            one("decisions", "TLS 1.3, offer flag, asks: no", "\"answer\"", "\"question\""),
            "cases[0]: kind: neither \"answer\" nor \"resumption\"",
        ),
        (
            one(
                "messages",
                "TLS 1.3, offer none, ClientHello: nothing",
                "\"message\":\"ClientHello\"",
                "\"message\":\"Finished\"",
            ),
            "cases[0]: message: there is no \"Finished\"",
        ),
        (
            request("\"kind\":\"request\"", "\"kind\":\"answer\""),
            "cases[0]: kind: neither \"request\" nor \"authenticator\"",
        ),
        (request("\"server\"", "\"proxy\""), "cases[0]: unknown variant `proxy`"),
        (answer("\"SHA-256\"", "\"SHA-1\""), "cases[0]: unknown variant `SHA-1`"),
        (
            answer("\"SHA-256\"", "\"SHA-384\""),
            "cases[0]: handshake_context: 32 bytes instead of 48",
        ),
        (
            answer("\"client_hello\":null", "\"client_hello\":\"01\""),
            "cases[0]: client_hello: there is a request, too",
        ),
    ] {
        let path = file(&folder, content);
        let (code, out, err) = vectors(std::slice::from_ref(&path));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        let start = format!("error: {}: {error}", path.display());
        assert!(err.starts_with(&start), "{err:?} is not {start:?}");
    }
}

#[test]
fn the_other_files_are_run_if_one_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.json");
    let text = file(&folder, [0xff, 0xfe]);
    let (code, out, err) = vectors(&[missing.clone(), ours("bodies"), text.clone()]);
    assert_eq!(code, 2);
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(err.starts_with(&format!("error: {}: No such file", missing.display())), "{err}");
    assert!(err.contains(&format!("\n{}: ", text.display())), "{err}");
}

/// No content of a case makes the program panic: each byte of the files in turn is another one.
#[test]
fn no_change_of_a_file_is_a_panic() {
    for kind in KINDS {
        let text = fs::read(ours(kind)).unwrap();
        // A prime, so that the places differ from line to line.
        for at in (0..text.len()).step_by(997) {
            for byte in *b"0f\"{" {
                let mut changed = text.clone();
                changed[at] = byte;
                let _ = interop::vectors::check(&changed);
            }
        }
    }
}

#[test]
fn without_files_the_error_says_what_to_give() {
    let (code, out, err) = vectors(&[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(err, "error: the following required arguments were not provided: <FILE>...\n");
}
