//! `rext serve` with clients that are silent, speak other protocols or close the connection; sessions,
//! paths, secrets and signals.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use common::{Files, Server, TIMEOUT};
use rext_cli::client::{self, Target};
use rext_cli::tls;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::DEFAULT_VERSIONS;

fn tcp(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

#[track_caller]
fn assert_serves(files: &Files, server: &Server) {
    assert_eq!(files.connect(server, None, &[]).only_client()["http_status"], 200);
}

#[test]
fn a_silent_client_and_half_a_client_hello_delay_no_other_client_and_time_out() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--handshake-timeout", "1.5"]);
    let silent = tcp(&server);
    let mut half = tcp(&server);
    // A handshake record of 512 bytes, of which only a few are sent.
    half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).unwrap();
    assert_serves(&files, &server);

    for mut stream in [silent, half] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let peer = format!("peer={}", stream.local_addr().unwrap());
        // The order of the two is not known, so the line may have either address.
        let line = server.wait_for_log(&["handshake failed", "no complete handshake within 1.5s"]);
        assert!(line.contains("peer=127.0.0.1:"), "{line}: {peer}");
    }
    assert_serves(&files, &server);
}

#[test]
fn other_protocols_get_an_alert_and_the_log_names_them() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered"]);
    const HTTP: &str = "the client sent an HTTP request without TLS";
    const PROXY: &str = "the connection begins with the PROXY protocol";
    for (bytes, text) in [
        (&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], HTTP),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n", PROXY),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", PROXY),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "InvalidContentType"),
    ] {
        let mut stream = tcp(&server);
        let peer = format!("peer={}", stream.local_addr().unwrap());
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        // A fatal alert, decode_error.
        assert_eq!(response.first(), Some(&21));
        assert_eq!(response.get(5..), Some(&[2, 50][..]));
        let alert = ["alert=decode_error", "from=\"server\""];
        let known = ["WARN", "handshake failed", &peer, text];
        server.wait_for_log(&[&known[..], &alert].concat());
    }
    assert_serves(&files, &server);
}

#[test]
fn a_client_that_closes_the_connection_in_the_handshake_is_logged() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered"]);
    let mut stream = tcp(&server);
    let peer = format!("peer={}", stream.local_addr().unwrap());
    // The beginning of a record.
    stream.write_all(&[22, 3, 1]).unwrap();
    drop(stream);
    server.wait_for_log(&[
        "handshake failed",
        &peer,
        "the client closed the connection during the handshake",
    ]);
    assert_serves(&files, &server);
}

#[tokio::test]
async fn session_cache_limits_the_sessions_that_are_kept() {
    let files = Files::new();
    let roots = || rext_cli::files::roots("--ca", &files.path("server-ca.pem")).unwrap();
    let config = || {
        let offer = ClientAuthOffer::default();
        Arc::new(tls::client_config(roots(), None, offer, DEFAULT_VERSIONS, &[tls::H2]).unwrap())
    };
    for (sessions, resumes) in [("16", true), ("4", false), ("0", false)] {
        let server = files.serve(&["--policy", "never", "--session-cache", sessions]);
        let target = Target {
            addr: ([127, 0, 0, 1], server.port).into(),
            name: "localhost".try_into().unwrap(),
            uri: "https://localhost/".parse().unwrap(),
        };
        let first = config();
        client::get(&first, &target).await.body.unwrap();
        // Each stores two sessions.
        for _ in 0..3 {
            client::get(&config(), &target).await.body.unwrap();
        }
        let again = client::get(&first, &target).await;
        assert_eq!(again.summary.unwrap().resumed, resumes, "{sessions}");
    }
}

#[test]
fn unknown_paths_are_404_and_the_root_is_200() {
    let files = Files::new();
    let server = files.serve(&["--policy", "never"]);
    let resolve = format!("localhost:{}:127.0.0.1", server.port);
    for (path, status) in [("/", 200), ("", 200), ("/debug/", 404), ("/x?y=z", 404)] {
        let url = format!("https://localhost:{}{path}", server.port);
        let output = files
            .rext(&["connect", &url, "--ca", "server-ca.pem", "--resolve", &resolve])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{path}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("\"http_status\":{status}")), "{path}: {text}");
    }
}

#[test]
fn client_and_server_write_the_same_secrets_to_sslkeylogfile() {
    let files = Files::new();
    let server = files.serve_with(&["--policy", "never"], |command| {
        command.env("SSLKEYLOGFILE", "server.log");
    });
    let url = format!("https://localhost:{}/", server.port);
    let resolve = format!("localhost:{}:127.0.0.1", server.port);
    let output = files
        .rext(&["connect", &url, "--ca", "server-ca.pem", "--resolve", &resolve])
        .env("SSLKEYLOGFILE", "client.log")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let secrets = |name: &str| {
        let text = std::fs::read_to_string(files.path(name)).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert!(!secrets("client.log").is_empty());
    assert_eq!(secrets("client.log"), secrets("server.log"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_stop_it_with_exit_code_0() {
    let files = Files::new();
    for signal in ["-INT", "-TERM"] {
        let mut server = files.serve(&["--policy", "never"]);
        assert_serves(&files, &server);
        let id = server.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}
