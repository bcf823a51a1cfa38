//! `rext serve` among clients that do not do as they should.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use common::{Files, PATIENCE, Server};
use rext_cli::client::{self, Target};
use rext_cli::tls;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::DEFAULT_VERSIONS;

fn tcp(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[track_caller]
fn assert_serves(files: &Files, server: &Server) {
    assert_eq!(files.connect(server, None, &[]).only_client()["http_status"], 200);
}

#[test]
fn a_silent_client_and_a_half_hello_keep_nobody_waiting_and_are_let_go() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--handshake-timeout", "1.5"]);
    let silent = tcp(&server);
    let mut half = tcp(&server);
    // A handshake record of 512 octets, of which a few come.
    half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).unwrap();
    assert_serves(&files, &server);

    for mut stream in [silent, half] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let peer = format!("peer={}", stream.local_addr().unwrap());
        // In either order, so the address is not waited for.
        let line = server.wait_for_log(&["handshake failed", "no complete handshake within 1.5s"]);
        assert!(line.contains("peer=127.0.0.1:"), "{line}: {peer}");
    }
    assert_serves(&files, &server);
}

#[test]
fn what_is_no_tls_gets_an_alert_and_a_line_in_the_log_that_says_what_it_is() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered"]);
    const HTTP: &str = "the client sent an HTTP request without TLS";
    const PROXY: &str = "the connection begins with the PROXY protocol";
    for (octets, words) in [
        (&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], HTTP),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n", PROXY),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", PROXY),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "InvalidContentType"),
    ] {
        let mut stream = tcp(&server);
        let peer = format!("peer={}", stream.local_addr().unwrap());
        stream.write_all(octets).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        // A fatal alert, decode_error.
        assert_eq!(answer.first(), Some(&21));
        assert_eq!(answer.get(5..), Some(&[2, 50][..]));
        let alert = ["alert=decode_error", "from=\"server\""];
        let known = ["WARN", "handshake failed", &peer, words];
        server.wait_for_log(&[&known[..], &alert].concat());
    }
    assert_serves(&files, &server);
}

#[test]
fn a_client_that_hangs_up_is_a_line_in_the_log() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered"]);
    let mut stream = tcp(&server);
    let peer = format!("peer={}", stream.local_addr().unwrap());
    // the beginning of a record
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
async fn as_many_sessions_are_kept_as_the_option_says() {
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
        // Each takes two.
        for _ in 0..3 {
            client::get(&config(), &target).await.body.unwrap();
        }
        let again = client::get(&first, &target).await;
        assert_eq!(again.facts.unwrap().resumed, resumes, "{sessions}");
    }
}

#[test]
fn other_paths_are_not_found_and_the_root_is_plain_text() {
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
fn sslkeylogfile_is_honoured_by_both_ends() {
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
fn ctrl_c_and_sigterm_end_it_in_good_order() {
    let files = Files::new();
    for signal in ["-INT", "-TERM"] {
        let mut server = files.serve(&["--policy", "never"]);
        assert_serves(&files, &server);
        let id = server.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}
