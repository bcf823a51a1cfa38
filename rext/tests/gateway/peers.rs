//! Clients of other projects: h2load and nghttp of nghttp2, and Python's h2.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::client::Site;
use crate::recorder::{Record, Recorder};
use crate::upstream::Upstream;

/// Returns the first of these programs that is available. If none is, it prints that the test is
/// skipped, or panics if `REXT_REQUIRE_TOOLS` is set, as in CI.
fn have<'a>(programs: &[&'a str], args: &[&str]) -> Option<&'a str> {
    let available = |program: &&&str| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    let found = programs.iter().find(available).copied();
    if found.is_none() {
        let missing = format!("`{} {}` fails", programs.join("` or `"), args.join(" "));
        assert!(std::env::var_os("REXT_REQUIRE_TOOLS").is_none(), "{missing}: install it");
        eprintln!("{missing}: not tested");
    }
    found
}

/// The system's package of h2 is for the system's Python, which need not be the first in `PATH`.
fn python_with_h2() -> Option<&'static str> {
    have(&["python3", "/usr/bin/python3"], &["-c", "import h2"])
}

/// A gateway before a recording server.
async fn site() -> (Site, Recorder) {
    let recorder = Recorder::start().await;
    let site = Site::with(Upstream::start().await, &recorder.url(), &[]);
    (site, recorder)
}

/// Runs a tool in the folder of the site's files, and returns its standard output. `URL` in an
/// argument stands for the gateway's address.
async fn run(site: &Site, tool: &str, args: &[&str]) -> String {
    let url = format!("https://localhost:{}", site.gateway.port);
    let mut command = Command::new(tool);
    command.args(args.iter().map(|arg| arg.replace("URL", &url))).current_dir(site.files.path("."));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let Output { status, stdout, stderr } = output;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{tool}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2load_gets_each_response_and_each_request_arrives_once() {
    if have(&["h2load"], &["--version"]).is_none() {
        return;
    }
    let (site, recorder) = site().await;
    site.files.write("body", vec![b'b'; 20_000]);
    for (number, more) in
        [&[][..], &["--h1"], &["-d", "body"], &["-d", "body", "--h1"]].into_iter().enumerate()
    {
        let target = format!("URL/load-{number}");
        let streams = if more.contains(&"--h1") { "1" } else { "20" };
        let args = ["-n", "400", "-c", "8", "-m", streams, &*target];
        let output = run(&site, "h2load", &[more, &args].concat()).await;
        for line in [
            "requests: 400 total, 400 started, 400 done, 400 succeeded, 0 failed, 0 errored, 0 timeout",
            "status codes: 400 2xx, 0 3xx, 0 4xx, 0 5xx",
        ] {
            assert!(output.lines().any(|found| found == line), "{more:?}: {output}");
        }
        let received = recorder.of(&format!("/load-{number}"));
        assert_eq!(received.len(), 400, "{more:?}");
        let length = if more.contains(&"body") { 20_000 } else { 0 };
        let whole = |record: &&Record| record.is_complete && record.body == vec![b'b'; length];
        assert_eq!(received.iter().filter(whole).count(), 400, "{more:?}");
    }
    assert_eq!(recorder.all().len(), 1600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nghttp_sends_trailers_continuations_and_priorities() {
    if have(&["nghttp"], &["--version"]).is_none() {
        return;
    }
    let (site, recorder) = site().await;
    site.files.write("body", "one\ntwo\n");
    let large = format!("x-large: {}", "x".repeat(20_000));
    for (name, args) in [
        ("plain", &[][..]),
        ("trailers", &["-d", "body", "--trailer", "x-sum: 7", "-H", "trailer: x-sum"]),
        // Frames have 16 KiB at most.
        ("continuation", &["--continuation", "-H", &large]),
        ("priority", &["-p", "256"]),
        ("upload", &["-d", "body", "--no-content-length"]),
        ("padding", &["-b", "255", "-d", "body"]),
        ("window", &["-w", "1", "-W", "1"]),
    ] {
        let target = format!("URL/{name}");
        let output = run(&site, "nghttp", &[&["-vy"], args, &[&target]].concat()).await;
        assert!(output.contains(":status: 200"), "{name}: {output}");
        // The tool writes the body between the lines of its log, which begin with the time in brackets.
        // With a window of one byte, each byte is in a line of its own.
        let parts = if name == "window" { &["o[", "k["][..] } else { &["ok["] };
        assert!(parts.iter().all(|part| output.contains(part)), "{name}: {output}");
        let received = recorder.of(&format!("/{name}"));
        let [record] = &received[..] else { panic!("{name}: {received:?}") };
        assert!(record.is_complete, "{name}: {record:?}");
        let has_body = args.contains(&"body");
        assert_eq!(record.line, format!("{} /{name}", if has_body { "POST" } else { "GET" }));
        assert_eq!(record.body, if has_body { &b"one\ntwo\n"[..] } else { b"" });
        let trailers: &[&str] = if name == "trailers" { &["x-sum: 7"] } else { &[] };
        assert_eq!(record.trailers, trailers, "{name}");
        if name == "continuation" {
            assert_eq!(record.field("x-large").len(), 20_000);
        }
    }
    assert_eq!(recorder.all().len(), 7);
}

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/peers/h2_client.py");

/// Runs a case of the client by Python's h2, and returns what it prints.
async fn h2_client(python: &str, site: &Site, case: &str) -> Value {
    let port = site.gateway.port.to_string();
    serde_json::from_str(&run(site, python, &[CLIENT, &port, case]).await).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_h2_sends_cookies_bodies_trailers_and_windows() {
    let Some(python) = python_with_h2() else { return };
    let (site, recorder) = site().await;
    let ok = json!({"status": "200", "body": "ok", "end": "whole"});
    for (case, expected) in [
        ("cookies", "GET /cookies; cookie: sid=1; csrf=2; theme=3; host: localhost; \"\""),
        (
            "get_body",
            "GET /get_body; host: localhost; transfer-encoding: chunked; \"{\\\"query\\\":1}\"",
        ),
        (
            "trailers",
            "POST /trailers; connection: te; host: localhost; te: trailers; trailer: x-sum; \
             transfer-encoding: chunked; \"body\"; x-sum: 7",
        ),
        // The body in parts of one byte, between settings and pings.
        ("dripped", "POST /dripped; content-length: 10; host: localhost; \"0123456789\""),
        // The response is only allowed after a while, and then byte by byte.
        ("small_window", "GET /small_window; host: localhost; \"\""),
        ("settings", "GET /settings; host: localhost; \"\""),
        ("padded", "POST /padded; content-length: 4; host: localhost; \"body\""),
    ] {
        assert_eq!(h2_client(python, &site, case).await, ok, "{case}");
        let texts: Vec<_> = recorder.of(&format!("/{case}")).iter().map(Record::text).collect();
        assert_eq!(texts, [expected], "{case}");
    }
    assert_eq!(recorder.all().len(), 7);
}

/// CVE-2023-44487
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_request_after_request_is_disconnected() {
    let Some(python) = python_with_h2() else { return };
    const NO_ERROR: u32 = 0;
    const ENHANCE_YOUR_CALM: u32 = 11;
    let (site, recorder) = site().await;
    let ended = h2_client(python, &site, "rapid_reset").await;
    // The library's limit or the gateway's own may be reached first.
    let limits = [json!({"goaway": [ENHANCE_YOUR_CALM]}), json!({"goaway": [NO_ERROR]})];
    assert!(limits.contains(&ended), "{ended}");
    let passed_on = recorder.of("/rapid_reset").len();
    assert!(passed_on <= 300, "{passed_on} of 3000 requests were passed on");
    // Other clients are served.
    assert_eq!(h2_client(python, &site, "cookies").await["status"], "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_and_settings_out_of_range_end_the_connection() {
    let Some(python) = python_with_h2() else { return };
    let (site, _) = site().await;
    const PROTOCOL_ERROR: u32 = 1;
    const FLOW_CONTROL_ERROR: u32 = 3;
    // RFC 9113 section 6.5.2 has FLOW_CONTROL_ERROR for the second, too; the crate h2 sends this.
    for (case, code) in
        [("window_overflow", FLOW_CONTROL_ERROR), ("initial_window", PROTOCOL_ERROR)]
    {
        assert_eq!(h2_client(python, &site, case).await, json!({"goaway": [code]}), "{case}");
    }
    assert_eq!(h2_client(python, &site, "cookies").await["status"], "200");
}
