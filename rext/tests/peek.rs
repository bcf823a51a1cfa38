//! `rext peek`: the corpus, and files without a well-formed ClientHello.

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::{Files, rext_in};
use serde_json::{Value, json};

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustls-ext-wire/corpus").join(name)
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn peek(files: &Files, args: &[&str]) -> (i32, Vec<Value>) {
    let output = files.rext(&[&["peek"], args].concat()).output().unwrap();
    (output.status.code().unwrap(), lines(&output))
}

#[test]
fn the_line_of_a_client_hello_has_its_keys_in_order() {
    let files = Files::new();
    let path = corpus("curl+flag.bin");
    let output = files.rext(&["peek", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let file = serde_json::to_string(path.to_str().unwrap()).unwrap();
    let expected = format!(
        "{{\"file\":{file},\"complete\":true,\"server_name\":\"www.example.com\",\
         \"alpn\":[\"h2\",\"http/1.1\"],\"versions\":[\"TLSv1.3\",\"TLSv1.2\",\"TLSv1.1\",\"TLSv1.0\"],\"flags\":[80],\
         \"flag_names\":[\"request_client_auth\"],\"offer\":\"flag\",\"origins\":null,\"ech\":false,\"psk\":false,\"error\":null}}\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn the_corpus_is_well_formed_and_only_files_with_a_flag_have_an_offer() {
    let files = Files::new();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(corpus("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".bin") {
            names.push(name.to_owned());
        }
    }
    assert_eq!(names.len(), 12);
    for name in names {
        let path = corpus(&format!("{name}.bin"));
        let (code, lines) = peek(&files, &[path.to_str().unwrap()]);
        assert_eq!((code, lines.len()), (0, 1), "{name}");
        let line = &lines[0];
        // FLAGS-9: a client of TLS 1.2 has no flags.
        let flagged = name.ends_with("+flag") && !name.contains("tls12");
        assert_eq!(line["offer"], if flagged { "flag" } else { "none" }, "{name}");
        assert_eq!(line["ech"], name.starts_with("chromium"), "{name}");
        assert_eq!(line["psk"], name.contains("psk"), "{name}");
    }
}

#[test]
fn malformed_and_incomplete_client_hellos_are_distinguished() {
    let files = Files::new();
    let whole = std::fs::read(corpus("go124+flag.bin")).unwrap();
    files.write("half.bin", &whole[..700]);
    files.write("http.bin", "GET / HTTP/1.1\r\n\r\n");
    files.write("empty.bin", "");
    let (code, lines) = peek(&files, &["half.bin", "http.bin", "empty.bin"]);
    assert_eq!((code, lines.len()), (1, 3));
    for line in [&lines[0], &lines[2]] {
        assert_eq!((&line["complete"], &line["error"]), (&json!(false), &json!(null)));
        assert_eq!(line["server_name"], json!(null));
    }
    let error =
        json!({ "rule": "RFC 8446 5.1", "alert": null, "message": "not TLS, but plain text" });
    assert_eq!((&lines[1]["complete"], &lines[1]["error"]), (&json!(false), &error));

    // A malformed list of flags, and then an extension that occurs twice.
    let flags = whole.windows(4).position(|window| window == [0, 62, 0, 12]).unwrap();
    let mut bad = whole.clone();
    bad[flags + 4] = 10;
    files.write("bad.bin", &bad);
    let (code, lines) = peek(&files, &["bad.bin"]);
    assert_eq!((code, &lines[0]["complete"]), (1, &json!(true)));
    assert_eq!(lines[0]["error"]["rule"], "FLAGS-3");
    assert_eq!(lines[0]["error"]["alert"], "illegal_parameter");
    assert_eq!((&lines[0]["flags"], &lines[0]["offer"]), (&json!(null), &json!(null)));

    let mut twice = whole;
    let versions = twice.windows(4).position(|window| window == [0, 43, 0, 5]).unwrap();
    twice[flags..flags + 2].copy_from_slice(&[0, 43]);
    assert_ne!(versions, flags);
    files.write("twice.bin", &twice);
    let (code, lines) = peek(&files, &["twice.bin"]);
    assert_eq!((code, &lines[0]["error"]["alert"]), (1, &json!("illegal_parameter")));
    assert_eq!(lines[0]["error"]["rule"], "RFC 8446 4.2");
}

#[test]
fn wio_3_origins_are_shown_as_sent_and_other_strings_are_not() {
    let files = Files::new();
    let vectors = include_str!("../../rustls-ext-wire/vectors/hellos.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let peek_at = |name: &str| {
        let cases = vectors["cases"].as_array().unwrap();
        let message = cases.iter().find(|case| case["name"] == name).unwrap()["message"].as_str();
        let digits: Vec<_> = message.unwrap().chars().collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
        files.write("hello.bin", digits.chunks(2).map(byte).collect::<Vec<_>>());
        let (code, mut lines) = peek(&files, &["--wire", "handshake", "hello.bin"]);
        (code, lines.remove(0))
    };
    let (code, line) = peek_at("an offer by all three");
    assert_eq!((code, &line["offer"]), (0, &json!("both+origins")));
    assert_eq!(line["origins"], json!(["spiffe://example.org"]));
    let (_, line) = peek_at("origins without an origin");
    assert_eq!((&line["offer"], &line["origins"]), (&json!("origins"), &json!([])));
    let (code, line) = peek_at("malformed origins");
    assert_eq!((code, &line["error"]["rule"]), (1, &json!("WIO-2")));
    assert_eq!(line["error"]["alert"], "decode_error");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_shown() {
    let files = Files::new();
    let path = corpus("curl.bin");
    let output = files.rext(&["peek", "none.bin", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(lines(&output).len(), 1);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: none.bin: cannot read it: "), "{text}");
    assert_eq!(peek(&files, &[]).0, 2);
}

#[test]
fn standard_input_handshake_messages_and_other_code_points_work() {
    let files = Files::new();
    let whole = std::fs::read(corpus("curl+flag.bin")).unwrap();
    let send = |args: &[&str], bytes: &[u8]| {
        let mut command = rext_in(&files.path(""), &[&["peek"], args].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), lines(&output).remove(0))
    };
    // Data after the ClientHello is ignored.
    let more = [&whole[..], &[23, 3, 3, 0, 1, 0]].concat();
    let (code, line) = send(&["-"], &more);
    assert_eq!((code, &line["file"], &line["offer"]), (0, &json!("-"), &json!("flag")));
    let (code, line) = send(&["--wire", "handshake", "-"], &whole[5..]);
    assert_eq!((code, &line["server_name"]), (0, &json!("www.example.com")));
    let (code, line) = send(&["--code-point", "0xfe01", "-"], &whole);
    assert_eq!((code, &line["offer"], &line["flags"]), (0, &json!("none"), &json!([])));
}
