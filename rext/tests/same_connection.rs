//! `rext connect --same-connection` with `rext serve --site`, whose policy requests certificates on open
//! connections.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::channel;

use common::Files;
use common::site::{LOGIN, SITE, Site};
use rext_cli::tls;
use rustls_ext::rustls::DEFAULT_VERSIONS;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::tokio::{Acceptor, Connector};
use rustls_ext::{ClientAuthOffer, Policy, Verdict};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

const NEEDED: &str = "
    [[post_handshake]]
    scope = 'users'
    hosts = ['site.test']
    when = 'needed'
";

const AT_ONCE: &str = "
    [[post_handshake]]
    scope = 'users'
    hosts = ['site.test']
    when = 'at-once'
";

fn site(policy: &str) -> Site {
    let site = Site::start_with(policy);
    site.write_identities();
    site
}

#[track_caller]
fn connect(site: &Site, name: &str, page: (&str, &str), args: &[&str]) -> (Vec<Value>, String) {
    site.connect(name, page, &[&["--same-connection"], args].concat())
}

/// The summary of a request that was sent once, on a connection without a certificate in its
/// handshake.
fn summary(http_status: u16, identity: Option<&str>, same_connection: Value) -> Value {
    json!({
        "http_status": http_status,
        "sent": 1,
        "challenged": false,
        "misdirected": false,
        "identity": identity,
        "realm": null,
        "status": "not_offered",
        "tls_version": "TLSv1.3",
        "unanswered": null,
        "same_connection": same_connection,
    })
}

/// Asserts that the server has accepted one connection since its start.
#[track_caller]
fn assert_one_connection(site: &Site) {
    // The next line about a connection is the one of a visitor of another host.
    connect(site, "user", (LOGIN, "/style.css"), &[]);
    for host in [SITE, LOGIN] {
        let line = site.server.wait_for_log(&[" connected "]);
        assert!(line.contains(&format!("server_name=\"{host}\"")), "{line}");
    }
}

#[test]
fn scc_10_a_page_gets_its_certificate_on_the_open_connection_which_is_kept() {
    let site = site(NEEDED);
    let (lines, pages) = connect(&site, "user", (SITE, "/account"), &["-n", "2"]);
    let asked = json!({"requested": 1, "shown": ["user.pem"], "declined": []});
    let expected = summary(200, Some("user.pem"), asked);
    assert_eq!(lines, [expected.clone(), expected]);
    assert_eq!(pages.matches("You are logged in as").count(), 2, "{pages}");
    assert_one_connection(&site);

    // No page needs it.
    let (lines, _) = connect(&site, "user", (SITE, "/"), &[]);
    let nothing = json!({"requested": 0, "shown": [], "declined": []});
    assert_eq!(lines, [summary(200, None, nothing)]);
}

#[test]
fn a_policy_can_request_it_at_once() {
    let site = site(AT_ONCE);
    let (lines, _) = connect(&site, "user", (SITE, "/account"), &[]);
    let asked = json!({"requested": 1, "shown": ["user.pem"], "declined": []});
    assert_eq!(lines, [summary(200, Some("user.pem"), asked)]);
    assert_one_connection(&site);
}

#[test]
fn ea_10_a_client_without_a_fitting_certificate_declines_and_says_why() {
    let site = site(NEEDED);
    let (mut lines, page) = connect(&site, "admin", (SITE, "/account"), &[]);
    let why = lines[0]["same_connection"]["declined"].take();
    assert_eq!(lines[0]["same_connection"]["requested"], 1);
    assert_eq!(lines[0]["same_connection"]["shown"], json!([]));
    assert_eq!(lines[0]["http_status"], 401);
    let why = why[0].as_str().unwrap();
    assert!(why.starts_with("no identity for the server's request: admin.pem"), "{why}");
    assert!(page.contains("Log in to see this page"), "{page}");
    assert_one_connection(&site);
}

#[test]
fn scc_9_a_revoked_certificate_is_refused_and_the_page_says_why() {
    let site = site(NEEDED);
    let (lines, page) = connect(&site, "revoked", (SITE, "/account"), &[]);
    let asked = json!({"requested": 1, "shown": ["revoked.pem"], "declined": []});
    assert_eq!(lines, [summary(403, Some("revoked.pem"), asked)]);
    assert!(page.contains("Your certificate was not accepted"), "{page}");
    assert!(page.contains("but it has been revoked."), "{page}");
}

#[test]
fn a_host_without_an_entry_answers_with_the_challenge() {
    let site = site(NEEDED);
    let (lines, _) = connect(&site, "user", (LOGIN, "/account"), &[]);
    let nothing = json!({"requested": 0, "shown": [], "declined": []});
    assert_eq!(lines[0]["same_connection"], nothing);
    assert_eq!((&lines[0]["http_status"], &lines[0]["sent"]), (&json!(200), &json!(2)));
}

/// A proxy for one connection to the site that terminates TLS, and passes on unchanged what is inside.
/// Returns its port.
fn proxy(site: &Site) -> u16 {
    let key = site.servers.server(&[SITE]).unwrap().certified_key().unwrap();
    let config = Arc::new(tls::server_config(key, &[tls::H2]).unwrap());
    let policy = Policy::builder().provider(tls::provider()).otherwise(Verdict::None);
    let acceptor = Acceptor::new(config, policy.build().unwrap());
    let (roots, offer) = (site.servers.roots().unwrap(), ClientAuthOffer::default());
    let config = tls::client_config(roots, None, offer, DEFAULT_VERSIONS, &[tls::H2]).unwrap();
    let connector = Connector::new(Arc::new(config));
    let upstream = site.server.port;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            let (tcp, _) = listener.accept().await.unwrap();
            let mut client = acceptor.accept(tcp, None).await.unwrap();
            let tcp = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
            let name = ServerName::try_from(SITE).unwrap();
            let mut server = connector.connect(name, tcp).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
    });
    told.recv().unwrap()
}

#[test]
fn ea_13_behind_a_proxy_that_terminates_tls_both_sides_say_what_it_means() {
    let site = site(NEEDED);
    let port = proxy(&site);
    let url = format!("https://{SITE}:{port}/account");
    let mut command = site.files.rext(&["connect", &url, "--ca", "site-ca.pem"]);
    command.args(["--resolve", &format!("{SITE}:{port}:127.0.0.1")]);
    command.args(["--cert", "user.pem", "--key", "user.key", "--same-connection"]);
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("for example because a proxy terminates TLS"), "{errors}");
    let line = site.server.wait_for_log(&["connection ended", "WARN"]);
    let reason = "the authenticator does not belong to this connection: a proxy between client and \
                  server may terminate TLS (SCC-9)";
    assert!(line.contains(reason), "{line}");
}

/// A server of HTTP/1.1 that answers each connection's first request with 200. Returns its address.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.get_mut().write_all(answer).unwrap();
        }
    });
    format!("http://{addr}")
}

#[test]
fn the_gateway_requests_it_for_a_path_that_requires_it() {
    let files = Files::new();
    let policy = "
        [scopes.users]
        anchors = ['client-ca.pem']
        [otherwise]
        ask = 'nothing'
        [[post_handshake]]
        scope = 'users'
        when = 'needed'
    ";
    files.write("open.toml", policy);
    let args = ["--policy-file", "open.toml", "--require", "/account=users", "--upstream"];
    let gateway = files.start("gateway", &[&args[..], &[&upstream()]].concat(), |_| {});
    for (path, requested) in [("/", 0), ("/account", 1)] {
        let url = format!("https://localhost:{}{path}", gateway.port);
        let mut command = files.rext(&["connect", &url, "--ca", "server-ca.pem"]);
        command.args(["--resolve", &format!("localhost:{}:127.0.0.1", gateway.port)]);
        command.args(["--cert", "client.pem", "--key", "client.key", "--same-connection"]);
        let output = command.output().unwrap();
        let line: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!((&line["http_status"], &line["sent"]), (&json!(200), &json!(1)), "{line}");
        assert_eq!(line["same_connection"]["requested"], requested, "{line}");
    }
}
