use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_pki::Authority;

use crate::common::{Server, TIMEOUT};
use crate::site::Site;

/// Waits until a file has this number of lines, and returns them.
#[track_caller]
pub fn lines(path: &Path, number: usize) -> Vec<String> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let text = fs::read(path).unwrap_or_default();
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        if lines.len() >= number && text.ends_with(b"\n") {
            let lines = lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap());
            let lines: Vec<_> = lines.map(|line| line.trim_end_matches('\n').to_owned()).collect();
            assert_eq!(lines.len(), number, "{lines:#?}");
            for line in &lines {
                assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
            }
            return lines;
        }
        assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&text));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn json_lines(path: &Path, number: usize) -> Vec<Value> {
    lines(path, number).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Removes the fields that differ from run to run, after a check of their form.
#[track_caller]
fn stable(line: &Value) -> Value {
    let mut line = line.clone();
    let fields = line.as_object_mut().unwrap();
    let time = fields.remove("time").unwrap();
    let time = time.as_str().unwrap();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
    let peer = fields.remove("peer").unwrap();
    assert!(peer.as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(fields.remove("seconds").unwrap().as_f64().unwrap() >= 0.0);
    for name in ["upstream_seconds", "upstream"] {
        fields.remove(name);
    }
    line
}

#[test]
fn a_line_has_the_identity_the_status_the_bytes_and_the_server_behind() {
    let site = Site::start(&["--access-log", "access.log"]);
    let path = site.files.path("access.log");
    let request = "GET /clients/a?token=secret HTTP/1.1\r\nhost: localhost\r\nx-request-id: 7\r\n\
                   user-agent: test/1\r\nconnection: close\r\n\r\n";
    assert!(site.agent().send(request).is_some());
    lines(&path, 1);
    assert_eq!(site.anonymous().get("/clients"), Some(401));
    lines(&path, 2);
    assert_eq!(site.anonymous().get("/down"), Some(502));
    lines(&path, 3);
    site.anonymous().send("GET /cut HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let all = json_lines(&path, 4);
    let upstream =
        |line: &Value| line["upstream"].as_str().map(|it| it.trim_end_matches('/').to_owned());
    assert_eq!(upstream(&all[0]), Some(site.upstream.clone()));
    assert_eq!(upstream(&all[1]), None);
    assert_eq!(upstream(&all[2]), Some(site.down.clone()));
    let fingerprint = rustls_ext::http::Fingerprint::sha256(site.files.client.der()).to_string();
    assert_eq!(
        stable(&all[0]),
        json!({
            "method": "GET", "host": "localhost", "path": "/clients/a", "protocol": "1.1",
            "status": 200, "complete": true, "received": 0, "sent": 5, "tls_version": "1.3",
            "resumed": false, "scope": "clients", "subject": "CN=client-1",
            "fingerprint": fingerprint, "proved_by": "handshake", "upstream_status": 200,
            "user_agent": "test/1", "request_id": "7",
        })
    );
    assert_eq!(
        stable(&all[1]),
        json!({
            "method": "GET", "host": "localhost", "path": "/clients", "protocol": "1.1",
            "status": 401, "complete": true, "received": 0, "sent": 33, "tls_version": "1.3",
            "resumed": false, "reason": "a client certificate is required",
        })
    );
    assert_eq!(
        stable(&all[2]),
        json!({
            "method": "GET", "host": "localhost", "path": "/down", "protocol": "1.1",
            "status": 502, "complete": true, "received": 0, "sent": 12, "tls_version": "1.3",
            "resumed": false, "reason": "the server behind sent no response",
        })
    );
    assert_eq!(all[3]["complete"], json!(false));
    assert_eq!((&all[3]["status"], &all[3]["sent"]), (&json!(200), &json!(5)));
}

/// Requests whose parts would forge a line, if they were not escaped.
fn hostile() -> Vec<Vec<u8>> {
    let request = |path: &[u8], host: &[u8], agent: &[u8]| {
        let parts: [&[u8]; 9] = [
            b"GET ",
            path,
            b" HTTP/1.1\r\nhost: ",
            host,
            b"\r\nuser-agent: ",
            agent,
            b"\r\nreferer: ",
            agent,
            b"\r\nconnection: close\r\n\r\n",
        ];
        parts.concat()
    };
    vec![
        request(b"/%0d%0a\"forged\"", b"localhost", b"a\" 200 5 \"x\" \\x22\\"),
        request(b"/", b"localhost\xff\"", b"\x80\xff\xc2\x9b31m\xe2\x80\xae"),
        request(b"/?a='b'&c=%5C", b"localhost", b"a\tb"),
    ]
}

#[test]
fn nothing_that_a_client_sends_forges_a_line_of_json() {
    let site = Site::start(&["--access-log", "access.log", "--access-log-query"]);
    let path = site.files.path("access.log");
    let evil = site.files.clients.client("a\"\n\x1b[31m\u{202e}\u{9b}{\"x\":1}").unwrap();
    let client = site.offering(&evil);
    let mut responses = 0;
    for request in hostile() {
        let response = client.send(request).unwrap();
        responses += usize::from(!response.is_empty());
    }
    assert_eq!(responses, 3);
    let all = json_lines(&path, 3);
    for line in &all {
        assert_eq!(line["method"], json!("GET"), "{line}");
        assert!(line["subject"].as_str().unwrap().starts_with("CN=a"), "{line}");
    }
    assert_eq!(all[0]["user_agent"], json!("a\" 200 5 \"x\" \\x22\\"));
    assert_eq!(
        (&all[0]["proved_by"], &all[1]["proved_by"]),
        (&json!("handshake"), &json!("resumption"))
    );
    assert!(all[0]["reason"].is_string() && all[1]["reason"].is_string());
    assert_eq!(all[1]["host"], json!("localhost\u{fffd}\""));
    assert_eq!(all[1]["status"], json!(400));
    assert_eq!(all[2]["query"], json!("a='b'&c=%5C"));
}

#[test]
fn nothing_that_a_client_sends_forges_a_combined_line() {
    let site = Site::start(&["--access-log", "access.log", "--access-log-format", "combined"]);
    let path = site.files.path("access.log");
    let evil = site.files.clients.client("a\"\n\x1b[31m b").unwrap();
    let client = site.offering(&evil);
    for request in hostile() {
        assert!(client.send(request).is_some());
    }
    for (line, status) in lines(&path, 3).iter().zip([400, 400, 200]) {
        let parts: Vec<_> = line.split('"').collect();
        // Before, request, status and bytes, referer, a space, user agent, nothing.
        assert_eq!(parts.len(), 7, "{line}");
        assert_eq!(parts[0].split(' ').count(), 6, "{line}");
        assert!(parts[0].starts_with("127.0.0.1 - CN=a"), "{line}");
        let target: Vec<_> = parts[1].split(' ').collect();
        assert_eq!((target.len(), target[0], target[2]), (3, "GET", "HTTP/1.1"), "{line}");
        assert!(!target[1].contains("b"), "the query is not written: {line}");
        assert!(parts[2].starts_with(&format!(" {status} ")), "{line}");
        assert_eq!((parts[4], parts[6]), (" ", ""), "{line}");
    }
}

fn hang_up(server: &Server) {
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn sighup_opens_the_file_again_and_no_line_is_lost() {
    let site = Site::start(&["--access-log", "access.log"]);
    let (path, old) = (site.files.path("access.log"), site.files.path("access.log.1"));
    assert_eq!(site.anonymous().get("/before"), Some(200));
    lines(&path, 1);
    fs::rename(&path, &old).unwrap();
    assert_eq!(site.anonymous().get("/between"), Some(200));
    lines(&old, 2);
    hang_up(&site.server);
    let deadline = Instant::now() + TIMEOUT;
    while !path.exists() {
        assert!(Instant::now() < deadline, "the file was not opened again");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(site.anonymous().get("/after"), Some(200));
    assert_eq!(json_lines(&path, 1)[0]["path"], json!("/after"));
    assert_eq!(lines(&old, 2).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_pipe_delays_no_request_and_the_lines_that_are_dropped_are_counted() {
    const REQUESTS: usize = 4500;
    let files = crate::common::Files::new();
    let fifo = files.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Open for both, so that opening does not wait; nothing is read from it at first.
    let mut pipe = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let site = Site::start(&["--access-log", fifo.to_str().unwrap()]);
    let metrics = site.metrics();
    let one = format!("GET /healthy HTTP/1.1\r\nhost: {}\r\n\r\n", "a".repeat(200));
    let last = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let client = site.anonymous();
    let response = client.send([one.repeat(REQUESTS - 1), last.to_owned()].concat()).unwrap();
    assert_eq!(response.matches("HTTP/1.1 ").count(), REQUESTS);
    metrics.wait_until("lines are dropped", |metrics| {
        metrics
            .lines("rext_access_log_lines_total")
            .iter()
            .any(|it| it.starts_with("outcome=dropped"))
    });
    // Once it is read, all lines that waited arrive.
    let reader = std::thread::spawn(move || {
        let (mut lines, mut chunk) = (0, vec![0; 64 * 1024]);
        loop {
            let read = pipe.read(&mut chunk).unwrap();
            lines += chunk[..read].iter().filter(|byte| **byte == b'\n').count();
            if chunk[..read].ends_with(b"END\n") {
                return lines - 1;
            }
        }
    });
    metrics.wait_until("all lines are accounted for", |metrics| {
        metrics.sum("rext_access_log_lines_total") == REQUESTS as f64
    });
    let written = metrics.lines("rext_access_log_lines_total");
    let written: usize = written
        .iter()
        .find_map(|line| line.strip_prefix("outcome=written "))
        .map(|number| number.parse().unwrap())
        .unwrap();
    let mut end = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    std::io::Write::write_all(&mut end, b"END\n").unwrap();
    assert_eq!(reader.join().unwrap(), written);
    assert!(written < REQUESTS);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_start() {
    let files = crate::common::Files::new();
    let args = ["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"];
    let output = files
        .rext(&args)
        .args(["--listen", "127.0.0.1:0", "--access-log", "none/access.log"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--access-log none/access.log: cannot open it"), "{error}");
}

#[test]
fn the_subject_of_a_foreign_authority_is_not_logged_as_an_identity() {
    let site = Site::start(&["--access-log", "access.log"]);
    let foreign = Authority::new("Foreign").unwrap().client("client-1").unwrap();
    assert_eq!(site.offering(&foreign).get("/"), None);
    assert_eq!(site.anonymous().get("/"), Some(200));
    let all = json_lines(&site.files.path("access.log"), 1);
    assert_eq!((all[0].get("subject"), all[0].get("scope")), (None, None));
}
