//! `interop matrix`, with the one peer that is always available: this program.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn matrix(args: &[&str], path: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interop"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("matrix").stdin(Stdio::null());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn rustls_ext_with_itself_is_as_expected_in_all_cases() {
    let own = ["--client", "rustls-ext", "--server", "rustls-ext", "--format", "json"];
    let output = matrix(&own, None);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cells = report["cells"].as_array().unwrap();
    let facts: Vec<_> = cells
        .iter()
        .map(|cell| {
            assert_eq!(cell["outcome"], "as-expected", "{cell}");
            let known = cell["server"]["subject"].as_str().unwrap_or("nobody");
            // The client's report, so that a client without a report is noticed.
            let fact = |name: &str| cell["client"][name].as_bool().unwrap();
            let name = cell["case"].as_str().unwrap();
            (name, known, fact("asked"), fact("acknowledged"), fact("resumed"))
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("no-offer", "nobody", false, false, false),
            ("offer-accepted", "CN=client-1", true, true, false),
            ("offer-ignored", "nobody", false, false, false),
            ("resumption", "CN=client-1", false, false, true),
            ("hello-retry-request", "CN=client-1", true, true, false),
            ("origin-hint", "CN=client-1", true, false, false),
            ("tls12", "nobody", false, false, false),
        ]
    );
}

#[test]
fn a_peer_that_is_not_installed_is_missing_and_not_passed() {
    let args = ["--client", "curl", "--server", "rustls-ext", "--case", "no-offer"];
    let output = matrix(&args, Some("/nowhere"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("| **curl** | missing |"), "{table}");
    assert!(table.contains("| curl | **missing**: there is no `curl`: install curl |"), "{table}");
    assert!(table.ends_with("\n0 as expected, 0 wrong, 0 not possible, 1 missing\n"), "{table}");

    let output = matrix(&[&args[..], &["--require", "curl"]].concat(), Some("/nowhere"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "missing: curl: there is no `curl`: install curl\n\
         error: 1 differences from the expected outcomes\n"
    );
}

#[test]
fn an_unknown_peer_is_an_error() {
    for option in ["--client", "--server", "--require"] {
        let output = matrix(&[option, "nss"], None);
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(error.starts_with("error: there is no peer \"nss\": there are rustls-ext, "));
        assert_eq!(error.lines().count(), 1);
    }
    let output = matrix(&["--server", "curl"], None);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "error: --server curl: none of them is a server\n");
}
