//! Unusable options and files: one line that names the option and the file, and exit code 2.

mod common;

use std::net::TcpListener;

use common::Files;

/// Runs a command that must fail, and returns its error, which must be one line without debug output.
#[track_caller]
fn failure(files: &Files, args: &[&str]) -> String {
    let output = files.rext(args).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert_eq!(output.stdout, b"", "{args:?}");
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    for dump in ["panicked", "Err(", "Some(", " { ", "Error {"] {
        assert!(!text.contains(dump), "{args:?}: {text}");
    }
    text.trim_end().to_owned()
}

/// `rext serve` with usable arguments, except that the option `name` has the value `value`.
fn serve<'a>(name: &'a str, value: &'a str) -> Vec<&'a str> {
    let mut args = vec!["serve", name, value];
    for (option, usual) in [
        ("--listen", "127.0.0.1:0"),
        ("--cert", "server.pem"),
        ("--key", "server.key"),
        ("--client-ca", "client-ca.pem"),
        ("--policy", "offered"),
    ] {
        if option != name {
            args.extend([option, usual]);
        }
    }
    args
}

fn connect<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["connect", "https://localhost:1/", "--ca", "server-ca.pem"], more].concat()
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let files = Files::new();
    for option in ["--cert", "--key", "--client-ca"] {
        let text = failure(&files, &serve(option, "none.pem"));
        assert!(text.starts_with(&format!("error: {option} none.pem: cannot read it: ")), "{text}");
    }
    let text = failure(&files, &["connect", "https://localhost:1/", "--ca", "none.pem"]);
    assert!(text.starts_with("error: --ca none.pem: cannot read it: "), "{text}");
    let text = failure(&files, &connect(&["--cert", "none.pem", "--key", "client.key"]));
    assert!(text.starts_with("error: --cert none.pem: cannot read it: "), "{text}");
}

#[test]
fn a_file_without_a_certificate_or_key_is_named() {
    let files = Files::new();
    files.write("empty.pem", "");
    for (option, kind) in
        [("--cert", "certificate"), ("--key", "private key"), ("--client-ca", "certificate")]
    {
        assert_eq!(
            failure(&files, &serve(option, "empty.pem")),
            format!("error: {option} empty.pem: no {kind} in it")
        );
    }
    assert_eq!(
        failure(&files, &serve("--cert", "server.key")),
        "error: --cert server.key: no certificate in it, only PRIVATE KEY"
    );
    assert_eq!(
        failure(&files, &serve("--key", "server.pem")),
        "error: --key server.pem: no private key in it, only CERTIFICATE"
    );
}

#[test]
fn a_broken_file_is_named() {
    let files = Files::new();
    let pem = std::fs::read_to_string(files.path("server.pem")).unwrap();
    files.write("cut.pem", &pem[..pem.len() / 2]);
    assert_eq!(
        failure(&files, &serve("--cert", "cut.pem")),
        "error: --cert cut.pem: line 1: the section \"CERTIFICATE\" that begins here has no end: \
         put its last line, `-----END CERTIFICATE-----`, after it"
    );
    files.write("odd.pem", pem.replacen("MII", "M!I", 1));
    assert_eq!(
        failure(&files, &serve("--client-ca", "odd.pem")),
        "error: --client-ca odd.pem: line 2: the section is not base64: copy or export it once more"
    );
    let nonsense = "-----BEGIN CERTIFICATE-----\nMAIwAA==\n-----END CERTIFICATE-----\n";
    files.write("nonsense.pem", nonsense);
    let text = failure(&files, &serve("--client-ca", "nonsense.pem"));
    assert!(text.starts_with("error: --client-ca nonsense.pem: not a trust anchor: "), "{text}");
    let text = failure(&files, &serve("--cert", "nonsense.pem"));
    assert!(text.starts_with("error: --cert nonsense.pem: "), "{text}");
    files.write("nonsense.key", nonsense.replace("CERTIFICATE", "PRIVATE KEY"));
    assert_eq!(
        failure(&files, &serve("--key", "nonsense.key")),
        "error: --key nonsense.key: line 1: the section is not exactly one private key, or is \
         truncated: copy or export it once more"
    );
    files.write(
        "nonsense.key",
        "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n",
    );
    let text = failure(&files, &serve("--key", "nonsense.key"));
    assert!(text.starts_with("error: --key nonsense.key: not a usable key: "), "{text}");
}

#[test]
fn a_key_of_another_certificate_is_named() {
    let files = Files::new();
    assert_eq!(
        failure(&files, &serve("--key", "client.key")),
        "error: --key client.key: not the key of the certificate in server.pem"
    );
    assert_eq!(
        failure(&files, &connect(&["--cert", "client.pem", "--key", "server.key"])),
        "error: --key server.key: not the key of the certificate in client.pem"
    );
}

#[test]
fn an_encrypted_key_is_named() {
    let files = Files::new();
    let key = std::fs::read_to_string(files.path("server.key")).unwrap();
    let expected = "error: --key locked.key: the key is encrypted; `openssl pkey` decrypts it";
    files.write("locked.key", key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    assert_eq!(failure(&files, &serve("--key", "locked.key")), expected);
    let head = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n";
    files.write("locked.key", format!("{head}\nAAAA\n-----END EC PRIVATE KEY-----\n"));
    assert_eq!(failure(&files, &serve("--key", "locked.key")), expected);
}

#[test]
fn an_unknown_policy_is_named() {
    assert_eq!(
        failure(&Files::new(), &serve("--policy", "maybe")),
        "error: invalid value 'maybe' for '--policy <POLICY>' \
         [possible values: offered, require-offered, always, never]"
    );
}

#[test]
fn an_unusable_policy_is_named() {
    let files = Files::new();
    let serve = |more: &[&'static str]| {
        let usual = ["serve", "--listen", "127.0.0.1:0", "--cert", "server.pem", "--key"];
        failure(&files, &[&usual[..], &["server.key"], more].concat())
    };
    let by_file = ["--policy-file", "policy.toml"];
    assert!(serve(&by_file).starts_with("error: --policy-file policy.toml: cannot read it: "));
    for (text, expected) in [
        ("otherwise = 1", "--policy-file policy.toml: line 1: invalid type: integer `1`"),
        (
            "[otherwise]\nrequire = 'a'",
            "--policy-file policy.toml: line 1: scope \"a\" is not defined",
        ),
        ("scopes.a.anchors = ['none.pem']\notherwise.require = 'a'", "none.pem: cannot read it: "),
        (
            "scopes.a.anchors = ['client.key']\notherwise.require = 'a'",
            "client.key: no certificate in it",
        ),
    ] {
        files.write("policy.toml", text);
        let error = serve(&by_file);
        assert!(error.starts_with(&format!("error: {expected}")), "{error}");
    }

    // A policy is required: by --policy or by --policy-file.
    assert_eq!(
        serve(&[]),
        "error: no policy is given: use --policy with --client-ca, or --policy-file"
    );
    assert!(serve(&["--client-ca", "client-ca.pem"]).contains("--policy <POLICY>"));
    for policy in ["offered", "require-offered", "always"] {
        assert_eq!(
            serve(&["--policy", policy]),
            "error: --policy requires --client-ca, the authorities to trust for client certificates; \
             only --policy never works without it"
        );
    }
    assert!(serve(&["--policy", "never", by_file[0], by_file[1]]).contains("cannot be used with"));
    let both =
        serve(&["--client-ca", "client-ca.pem", "--policy", "never", by_file[0], by_file[1]]);
    assert!(both.contains("cannot be used with"), "{both}");
    let list = ["--client-ca", "client-ca.pem", "--policy", "never", "--client-crl", "client.pem"];
    assert_eq!(
        serve(&list),
        "error: --client-crl client.pem: no certificate revocation list in it, only CERTIFICATE"
    );
}

#[test]
fn a_busy_port_is_named() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = busy.local_addr().unwrap().to_string();
    let text = failure(&Files::new(), &serve("--listen", &addr));
    assert!(
        text.starts_with(&format!("error: --listen {addr}: cannot listen on this address: ")),
        "{text}"
    );
}

#[test]
fn unusable_numbers_are_named() {
    let files = Files::new();
    for (option, value, expected) in [
        (
            "--code-point",
            "51",
            "--code-point 51: TLS extension 51 (0x0033) is already taken: key_share",
        ),
        (
            "--code-point",
            "0x0a0a",
            "--code-point 2570: TLS extension 2570 (0x0a0a) is already taken: GREASE",
        ),
        ("--flag", "8", "--flag 8: TLS flag 8 is already taken: resumption_across_names"),
        (
            "--flag",
            "2040",
            "--flag 2040: 2040 is not the number of a TLS flag: the highest is 2039",
        ),
        (
            "--care-code-point",
            "62",
            "--care-code-point 62: TLS extension 62 (0x003e) is already taken: tls_flags",
        ),
        (
            "--code-point",
            "65536",
            "invalid value '65536' for '--code-point <N>': not a number from 0 to 65535",
        ),
        ("--flag", "-x", "unexpected argument '-x' found"),
        ("--flag", "0xz", "invalid value '0xz' for '--flag <N>': not a number from 0 to 65535"),
    ] {
        let mut args = serve("--policy", "never");
        args.extend([option, value]);
        let text = failure(&files, &args);
        // The rest of clap's text about an unknown option is not asserted.
        if value != "-x" {
            assert_eq!(text, format!("error: {expected}"));
            assert_eq!(failure(&files, &connect(&[option, value])), format!("error: {expected}"));
        }
    }
}

#[test]
fn other_unusable_arguments_are_named() {
    let files = Files::new();
    for (args, part) in [
        (vec![], "no command given"),
        (vec!["bogus"], "'bogus'"),
        (vec!["connect", "http://localhost/", "--ca", "server-ca.pem"], "not an https URL"),
        (vec!["connect", "https://localhost/"], "--ca <FILE>"),
        (connect(&["--cert", "client.pem"]), "--key <FILE>"),
        (connect(&["--offer", "perhaps"]), "'--offer <OFFER>'"),
        (connect(&["--follow-challenge"]), "--cert <FILE>"),
        (connect(&["--resolve", "localhost"]), "not of the form HOST:PORT:ADDR"),
        (connect(&["-n", "0"]), "'--count <COUNT>'"),
        (serve("--listen", "nowhere"), "'--listen <ADDR:PORT|systemd>'"),
        (serve("--handshake-timeout", "0"), "'--handshake-timeout <SECONDS>'"),
        (serve("--max-connection-age", "0"), "'--max-connection-age <SECONDS>'"),
        (serve("--max-connection-age", "604801"), "above 0 and up to 604800"),
        (serve("--session-cache", "-1"), "'-1'"),
        (serve("--session-cache", "10000001"), "'--session-cache <SESSIONS>'"),
    ] {
        let text = failure(&files, &args);
        assert!(text.contains(part), "{args:?}: {text}");
    }
}
