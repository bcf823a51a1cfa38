//! The sockets and connections of servers: limits, socket activation, and notifications.
#![cfg(unix)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;

use common::launch::{Notifications, listener, pass};
use common::{Files, Server, TIMEOUT};

fn tcp(port: u16) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
    tcp
}

/// Waits until the server closes a connection on which nothing was sent.
#[track_caller]
fn assert_closed(tcp: &mut TcpStream) {
    match tcp.read(&mut [0]) {
        Ok(0) => {}
        Err(err) if err.kind() == std::io::ErrorKind::ConnectionReset => {}
        other => panic!("still open: {other:?}"),
    }
}

const HELLO: &[u8] = include_bytes!("../../rustls-ext-wire/corpus/curl+flag.bin");

/// Waits for the first byte of the server's handshake.
#[track_caller]
fn assert_answered(tcp: &mut TcpStream) {
    let mut first = [0];
    tcp.read_exact(&mut first).unwrap();
    assert_eq!(first, [22]);
}

/// Sends a ClientHello, and waits for the first byte of the server's handshake.
#[track_caller]
fn assert_served(tcp: &mut TcpStream) {
    tcp.write_all(HELLO).unwrap();
    assert_answered(tcp);
}

#[test]
fn further_connections_of_an_address_are_closed_at_once() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--max-connections-per-address", "2"]);
    let (mut first, second) = (tcp(server.port), tcp(server.port));
    for _ in 0..3 {
        assert_closed(&mut tcp(server.port));
    }
    // Only one line for all of them, since they are refused within ten seconds.
    let line = server.wait_for_log(&["WARN", "connections closed"]);
    assert!(line.contains("addr=127.0.0.1 max_connections_per_address=2 refused=1"), "{line}");
    assert!(!server.log_so_far().iter().any(|line| line.contains("connections closed")));
    assert_served(&mut first);
    drop((first, second));
    // When they have ended, another one is served.
    let reply =
        std::iter::repeat_with(|| files.connect(&server, None, &[])).find(|it| it.code == Some(0));
    assert_eq!(reply.unwrap().server[0]["status"], "not_asked");
}

#[test]
fn connections_beyond_the_maximum_wait_and_are_then_served() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--max-connections", "1"]);
    let mut first = tcp(server.port);
    let mut second = tcp(server.port);
    let line = server.wait_for_log(&["WARN", "the maximum number of connections is open"]);
    assert!(line.contains("max_connections=1 times=1"), "{line}");
    second.write_all(HELLO).unwrap();
    assert_served(&mut first);
    drop(first);
    assert_answered(&mut second);
}

/// Starts `rext serve` by a shell that sets its limits by this command.
fn with_limits(files: &Files, ulimit: &str, args: &[&str]) -> Server {
    let mut command = Command::new("sh");
    command.current_dir(files.path("")).arg("-c").arg(format!("{ulimit}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_rext"));
    command.args(["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"]);
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    Server::start(command)
}

#[test]
fn the_limit_on_descriptors_is_raised_and_a_low_one_is_a_warning_with_the_number_that_fits() {
    let files = Files::new();
    let server =
        with_limits(&files, "ulimit -Sn 100; ulimit -Hn 128", &["--max-connections", "65"]);
    let line = server.wait_for_log(&["WARN", "the limit on open file descriptors is too low"]);
    assert!(line.contains("at most 64 connections fit"), "{line}");
    assert!(line.contains("limit=128 max_connections=65 fits=64"), "{line}");

    let server =
        with_limits(&files, "ulimit -Sn 100; ulimit -Hn 128", &["--max-connections", "64"]);
    // The notice of the first connection comes after a warning, if there was one.
    let mut tcp = tcp(server.port);
    assert_served(&mut tcp);
    drop(tcp);
    server.wait_for_log(&["handshake failed"]);
    assert!(!server.log_so_far().iter().any(|line| line.contains("descriptors")));
}

/// Starts `rext serve --listen LISTEN` with these sockets.
fn activated(files: &Files, listen: &str, sockets: Vec<(&str, OwnedFd)>) -> Command {
    let usual = ["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"];
    let mut command = files.rext(&[&usual[..], &["--listen", listen]].concat());
    pass(&mut command, sockets);
    command
}

#[test]
fn the_sockets_that_systemd_passes_are_served() {
    let files = Files::new();
    for listen in ["systemd", "systemd:rext.socket"] {
        let ((one, port_one), (two, port_two)) = (listener(), listener());
        // Held by systemd, too.
        let held = (one.try_clone().unwrap(), two.try_clone().unwrap());
        let sockets = vec![("rext.socket", one.into()), ("rext.socket", two.into())];
        let server = Server::start(activated(&files, listen, sockets));
        assert_eq!(server.port, port_one);
        for port in [port_one, port_two, port_one] {
            let reply = files.connect_to(port, None, &[]);
            assert_eq!(reply.server[0]["status"], "not_asked", "{reply:?}");
        }
        drop(held);
    }
}

#[test]
fn only_the_sockets_with_the_name_are_served() {
    let files = Files::new();
    let ((one, port_one), (two, port_two)) = (listener(), listener());
    let other = one.try_clone().unwrap();
    let sockets = vec![("other", one.into()), ("clients", two.into())];
    let server = Server::start(activated(&files, "systemd:clients", sockets));
    assert_eq!(server.port, port_two);
    assert_eq!(files.connect_to(port_two, None, &[]).code, Some(0));
    let mut tcp = tcp(port_one);
    tcp.shutdown(Shutdown::Write).unwrap();
    other.accept().unwrap().0.write_all(b"the other").unwrap();
    let mut text = String::new();
    tcp.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the other");
}

#[test]
fn unusable_sockets_of_systemd_are_errors_that_name_them() {
    let files = Files::new();
    let listener = || listener().0;
    let peer = listener();
    let connection = || TcpStream::connect(peer.local_addr().unwrap()).unwrap();
    for (listen, sockets, reason) in [
        ("systemd", vec![], "--listen systemd: systemd passed no socket; start the socket unit"),
        (
            "systemd:a",
            vec![("b", OwnedFd::from(listener())), ("c", listener().into())],
            "--listen systemd:a: systemd passed no socket of this name; it passed: b, c",
        ),
        (
            "systemd",
            vec![("a", connection().into())],
            "--listen systemd: the socket \"a\" is unusable: it is a connection: the socket unit must \
             not have Accept=yes",
        ),
        (
            "systemd:a",
            vec![("a", std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into())],
            "--listen systemd:a: the socket \"a\" is unusable: fd 3 is not a valid tcp socket",
        ),
        ("systems", vec![], "nor systemd or systemd:NAME"),
    ] {
        let output = activated(&files, listen, sockets).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn without_listen_systemd_a_passed_socket_is_not_used() {
    let files = Files::new();
    let (socket, port) = listener();
    let sockets = vec![("a", socket.into())];
    let server = Server::start(activated(&files, "127.0.0.1:0", sockets));
    assert_ne!(server.port, port);
    assert_eq!(files.connect_to(server.port, None, &[]).code, Some(0));
}

#[test]
fn the_service_manager_is_notified_of_start_reloads_and_stop() {
    let files = Files::new();
    let notifications = Notifications::new(files.path("notify"));
    let mut server = files.serve_with(&["--policy", "offered"], |command| {
        command.env("NOTIFY_SOCKET", &notifications.path).env("WATCHDOG_USEC", "100000000");
    });
    let signal = |name: &str| {
        let id = server.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    let is_watchdog = |lines: &[String]| lines == ["WATCHDOG=1"];
    let next = || loop {
        let lines = notifications.next();
        if !is_watchdog(&lines) {
            return lines;
        }
    };
    assert_eq!(next(), ["READY=1", "STATUS=serving on 127.0.0.1:0"]);

    let reloading = || {
        let lines = next();
        assert_eq!(lines[0], "RELOADING=1");
        lines[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse::<u64>().unwrap()
    };
    signal("-HUP");
    let first = reloading();
    assert_eq!(next(), ["READY=1", "STATUS=serving; files reloaded"]);
    files.write("server.pem", "");
    signal("-HUP");
    assert!(reloading() > first);
    let status = "STATUS=serving; the last reload failed: the previous files stay in use";
    assert_eq!(next(), ["READY=1", status]);

    signal("-TERM");
    assert_eq!(next(), ["STOPPING=1", "STATUS=stopping: waiting for open connections"]);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_watchdog_hears_from_the_server_again_and_again() {
    let files = Files::new();
    let notifications = Notifications::new(files.path("notify"));
    let _server = files.serve_with(&["--policy", "offered"], |command| {
        command.env("NOTIFY_SOCKET", &notifications.path).env("WATCHDOG_USEC", "20000");
    });
    for _ in 0..3 {
        notifications.wait_for("WATCHDOG=1");
    }
}

#[test]
fn a_server_that_cannot_start_is_not_ready() {
    let files = Files::new();
    let notifications = Notifications::new(files.path("notify"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let mut command = activated(&files, &addr, vec![]);
    command.env("NOTIFY_SOCKET", &notifications.path);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(notifications.waiting(), None);
}
