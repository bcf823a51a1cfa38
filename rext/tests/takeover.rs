//! A new process takes over the listening sockets of a server (SIGUSR2).
#![cfg(unix)]

mod common;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::body::Body;
use common::launch::Notifications;
use common::{Files, Server};
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rext_cli::{files, tls};
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Sends a signal to a process.
fn kill(signal: &str, id: u32) {
    let status = Command::new("kill").args([signal, &id.to_string()]).status().unwrap();
    assert!(status.success());
}

/// A process that is killed when this is dropped.
struct Process(u32);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.0.to_string()]).status();
    }
}

/// Waits until a new process has taken over.
fn new_process(server: &Server) -> Process {
    let line = server.wait_for_log(&["the new process is ready and accepts connections"]);
    Process(line.rsplit_once("id=").unwrap().1.trim().parse().unwrap())
}

/// Links to the binary, so that the file can be replaced.
fn link(files: &Files) -> PathBuf {
    // A copy could not be started while another test's new process still has the file open that this one
    // has written ("text file busy").
    let path = files.path("rext");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rext"), &path).unwrap();
    path
}

/// Starts `rext serve` from this file.
fn serve(
    files: &Files,
    program: &PathBuf,
    args: &[&str],
    prepare: impl FnOnce(&mut Command),
) -> Server {
    let mut command = Command::new(program);
    command.current_dir(files.path("")).stdin(std::process::Stdio::null());
    command.args(["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"]);
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    prepare(&mut command);
    Server::start(command)
}

/// Counts requests, and runs until it is told to stop.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    sent: AtomicUsize,
    answered: AtomicUsize,
    connections: AtomicUsize,
}

fn config(files: &Files, protocol: &[u8]) -> Arc<ClientConfig> {
    let roots = files::roots("--ca", &files.path("server-ca.pem")).unwrap();
    let offer = ClientAuthOffer::default();
    tls::client_config(roots, None, offer, DEFAULT_VERSIONS, &[protocol]).unwrap().into()
}

fn request(version: Version) -> Request<Body> {
    let (uri, host) = match version {
        Version::HTTP_2 => ("https://localhost/debug", None),
        _ => ("/debug", Some("localhost")),
    };
    let mut request = Request::builder().uri(uri).version(version);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    request.body(Body::empty()).unwrap()
}

/// Returns true if the server ended the connection by GOAWAY before it processed the request.
fn is_goaway(err: &hyper::Error) -> bool {
    let cause = std::error::Error::source(err).and_then(|err| err.downcast_ref::<h2::Error>());
    cause.is_some_and(|err| {
        err.is_go_away() && err.is_remote() && err.reason() == Some(h2::Reason::NO_ERROR)
    })
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    async fn connect(&self, config: &Arc<ClientConfig>, port: u16) -> TlsStream<TcpStream> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        tcp.set_nodelay(true).unwrap();
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(config.clone()).connect(name, tcp).await.expect("a handshake")
    }

    /// Records a request and its response, which must be complete.
    async fn answered(
        &self,
        response: impl Future<Output = hyper::Result<http::Response<hyper::body::Incoming>>>,
        is_h2: bool,
    ) -> bool {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let response = match response.await {
            Ok(response) => response,
            // It crossed a GOAWAY and was not processed, or was not sent: the client sends it again on
            // another connection (RFC 9113 section 6.8).
            Err(err) if is_h2 && (err.is_canceled() || is_goaway(&err)) => {
                self.sent.fetch_sub(1, Ordering::SeqCst);
                return false;
            }
            Err(err) => panic!("no response: {err:?}"),
        };
        assert_eq!(response.status(), StatusCode::OK);
        let goes_on = !response.headers().contains_key("connection");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.starts_with(b"{") && body.ends_with(b"}\n"));
        self.answered.fetch_add(1, Ordering::SeqCst);
        goes_on
    }

    /// Sends requests over HTTP/1.1; each on a connection of its own, or until a response is the last
    /// one of its connection.
    async fn http1(&self, config: Arc<ClientConfig>, port: u16, keep_alive: bool) {
        while self.goes_on() {
            let io = TokioIo::new(self.connect(&config, port).await);
            let (mut sender, connection) = http1::handshake(io).await.unwrap();
            let connection = tokio::spawn(connection);
            while self.answered(sender.send_request(request(Version::HTTP_11)), false).await
                && keep_alive
                && self.goes_on()
            {
                sender.ready().await.expect("a connection that was not announced to end");
            }
            drop(sender);
            let _ = connection.await;
        }
    }

    /// Sends requests over HTTP/2, on each connection until it gets a GOAWAY.
    async fn http2(&self, config: Arc<ClientConfig>, port: u16) {
        while self.goes_on() {
            let io = TokioIo::new(self.connect(&config, port).await);
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), io).await.unwrap();
            let connection = tokio::spawn(connection);
            while self.goes_on() && sender.ready().await.is_ok() {
                self.answered(sender.send_request(request(Version::HTTP_2)), true).await;
            }
            drop(sender);
            let _ = connection.await;
        }
    }

    /// Waits until this many further requests were answered.
    async fn further(&self, requests: usize) {
        let until = self.answered.load(Ordering::SeqCst) + requests;
        while self.answered.load(Ordering::SeqCst) < until {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_in_two_takeovers() {
    let files = Files::new();
    let program = link(&files);
    let mut server = serve(&files, &program, &["--drain-timeout", "60"], |_| {});
    let (load, port) = (Arc::new(Load::default()), server.port);
    let (h1, h2) = (config(&files, tls::HTTP1), config(&files, tls::H2));
    let mut clients = Vec::new();
    for keep_alive in [true, false, true, false] {
        let (load, h1) = (load.clone(), h1.clone());
        clients.push(tokio::spawn(async move { load.http1(h1, port, keep_alive).await }));
    }
    for _ in 0..2 {
        let (load, h2) = (load.clone(), h2.clone());
        clients.push(tokio::spawn(async move { load.http2(h2, port).await }));
    }
    load.further(50).await;
    kill("-USR2", server.child.id());
    let second = new_process(&server);
    // The first process ends by itself, since its connections end.
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    load.further(50).await;
    kill("-USR2", second.0);
    let third = new_process(&server);
    server.wait_for_log(&["replaced: open connections may end"]);
    load.further(50).await;
    load.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("each request has a response");
    }
    assert_eq!(load.sent.load(Ordering::SeqCst), load.answered.load(Ordering::SeqCst));
    // Connections were reused, and there were new ones.
    let connections = load.connections.load(Ordering::SeqCst);
    assert!((10..load.sent.load(Ordering::SeqCst)).contains(&connections), "{connections}");
    // The third process serves alone.
    assert_eq!(files.connect_to(port, None, &[]).code, Some(0));
    drop(third);
    let refused = files.connect_to(port, None, &[]);
    // Refused; or reset, also within the handshake, if the process is still being ended.
    let ended = ["cannot connect to", "Connection reset by peer"];
    assert!(ended.iter().any(|text| refused.errors[0].contains(text)), "{refused:?}");
}

#[test]
fn a_new_process_that_fails_to_start_is_logged_and_the_old_one_continues() {
    let files = Files::new();
    let program = link(&files);
    let mut server = serve(&files, &program, &[], |_| {});
    let certificate = std::fs::read(files.path("server.pem")).unwrap();
    let failed = |reason: &str| {
        kill("-USR2", server.child.id());
        let line =
            server.wait_for_log(&["ERROR", "takeover failed: this process continues to serve"]);
        assert!(line.contains(reason), "{line}");
        assert_eq!(files.connect(&server, None, &[]).code, Some(0));
    };
    // A file that the new process cannot load: both messages are in the log.
    files.write("server.pem", "not a certificate");
    failed(
        "the new process ended (exit status: 2) before it was ready; its own message has the reason",
    );
    // A program that does not exist, and one that ends at once.
    files.write("server.pem", &certificate);
    std::fs::remove_file(&program).unwrap();
    failed("cannot start");
    std::os::unix::fs::symlink("/bin/true", &program).unwrap();
    failed("the new process ended (exit status: 0) before it was ready");
    // Then a takeover succeeds.
    std::fs::remove_file(&program).unwrap();
    link(&files);
    kill("-USR2", server.child.id());
    let _new = new_process(&server);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert_eq!(files.connect(&server, None, &[]).code, Some(0));
}

#[test]
fn a_new_process_has_its_files_and_its_program_from_the_disk() {
    let files = Files::new();
    let program = link(&files);
    files.write("policy.toml", "otherwise = { ask = 'nothing' }");
    let mut command = Command::new(&program);
    command.current_dir(files.path(""));
    command.args(["serve", "--cert", "server.pem", "--key", "server.key"]);
    command.args(["--policy-file", "policy.toml", "--listen", "127.0.0.1:0"]);
    let server = Server::start(command);
    let status = || {
        let reply = files.connect(&server, Some("client"), &["--offer", "flag"]);
        reply.only_server()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(), "not_asked");
    files.write(
        "policy.toml",
        "scopes.clients.anchors = ['client-ca.pem']\notherwise = { request = 'clients' }",
    );
    // A script in the place of the program, which starts it.
    let real = files.path("rext-2");
    std::fs::rename(&program, &real).unwrap();
    let script = format!("#!/bin/sh\necho \"started anew\" >&2\nexec {} \"$@\"\n", real.display());
    std::fs::write(&program, script).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    kill("-USR2", server.child.id());
    server.wait_for_log(&["started anew"]);
    let _new = new_process(&server);
    server.wait_for_log(&["replaced: open connections may end"]);
    assert_eq!(status(), "authenticated");
}

#[test]
fn the_service_manager_learns_the_new_process_before_it_is_ready() {
    let files = Files::new();
    let program = link(&files);
    let notifications = Notifications::new(files.path("notify"));
    let mut server = serve(&files, &program, &[], |command| {
        command.env("NOTIFY_SOCKET", &notifications.path);
    });
    assert_eq!(notifications.next(), ["READY=1", "STATUS=serving on 127.0.0.1:0"]);
    kill("-USR2", server.child.id());
    let new = new_process(&server);
    assert_eq!(notifications.next(), [format!("MAINPID={}", new.0)]);
    assert_eq!(notifications.next(), ["READY=1", "STATUS=serving on 127.0.0.1:0"]);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    // The old process has not reported that the service stops.
    assert_eq!(notifications.waiting(), None);
}

#[test]
fn the_metrics_are_those_of_the_new_process() {
    let files = Files::new();
    let program = link(&files);
    let mut server = serve(&files, &program, &["--metrics", "127.0.0.1:0"], |_| {});
    let line = server.wait_for_log(&["serving metrics"]);
    let addr = line.rsplit_once("addr=").unwrap().1.to_owned();
    let requests = || {
        let mut tcp = std::net::TcpStream::connect(&addr).unwrap();
        tcp.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut response = String::new();
        tcp.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        response.matches("rext_connections_total{transport=\"tcp\"} 1\n").count()
    };
    assert_eq!(files.connect(&server, None, &[]).code, Some(0));
    assert_eq!(requests(), 1);
    kill("-USR2", server.child.id());
    let _new = new_process(&server);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert_eq!(requests(), 0);
    assert_eq!(files.connect(&server, None, &[]).code, Some(0));
    assert_eq!(requests(), 1);
}

#[test]
fn a_takeover_that_is_underway_at_sigterm_ends_with_the_old_process() {
    let files = Files::new();
    let program = link(&files);
    let mut server = serve(&files, &program, &[], |_| {});
    std::fs::remove_file(&program).unwrap();
    // A program that never is ready, and holds the sockets.
    // Another process writes it, for the reason above.
    let write = "printf '#!/bin/sh\necho \"new process $$\" >&2\nexec sleep 600\n' > \"$1\" && chmod 755 \"$1\"";
    let written = Command::new("sh").args(["-c", write, "sh"]).arg(&program).status().unwrap();
    assert!(written.success());
    kill("-USR2", server.child.id());
    let line = server.wait_for_log(&["new process"]);
    assert_eq!(files.connect(&server, None, &[]).code, Some(0));
    let line =
        if line.contains("starting") { server.wait_for_log(&["new process "]) } else { line };
    let new: u32 = line.rsplit(' ').next().unwrap().parse().unwrap();
    kill("-TERM", server.child.id());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let alive = Command::new("kill").args(["-0", &new.to_string()]).output().unwrap();
    assert!(!alive.status.success());
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());
}
