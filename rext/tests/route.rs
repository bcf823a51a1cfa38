//! `rext route` between real clients and real servers.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use common::{Files, PATIENCE, Server};
use raw_peer::{ClientConfig, Edit, Peer, ext, version};
use rustls_ext::wire::{CodePoints, FlagSet};

struct Router {
    server: Server,
    port: u16,
}

impl Router {
    fn new(files: &Files, offered: u16, default: u16, args: &[&str]) -> Self {
        let (offered, default) = (format!("127.0.0.1:{offered}"), format!("127.0.0.1:{default}"));
        let usual = ["route", "--offered", &offered, "--default", &default];
        let server = files.start_by(&[&usual[..], args].concat(), |_| {});
        Self { port: server.port, server }
    }

    fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp
    }
}

/// Two servers: one that insists on a certificate, and one that asks nobody.
fn site(files: &Files) -> (Server, Server) {
    (files.serve(&["--policy", "always"]), files.serve(&["--policy", "never"]))
}

const HELLO: &[u8] = include_bytes!("../../rustls-ext-wire/corpus/curl+flag.bin");

#[test]
fn those_who_offer_go_to_the_server_that_asks_and_all_others_elsewhere() {
    let files = Files::new();
    let (asking, leaving_alone) = site(&files);
    let router = Router::new(&files, asking.port, leaving_alone.port, &[]);
    for args in [&[][..], &["--http1"]] {
        let offering = [args, &["--offer", "flag"]].concat();
        let reply = files.connect_to(router.port, Some("client"), &offering);
        assert_eq!(reply.server[0]["status"], "authenticated", "{reply:?}");
        let reply = files.connect_to(router.port, Some("client"), args);
        assert_eq!(reply.server[0]["status"], "not_asked", "{reply:?}");
    }
    // The refusal of a server comes through as it is.
    let reply = files.connect_to(router.port, None, &["--offer", "flag"]);
    assert_eq!(reply.code, Some(1));
    assert!(reply.errors[0].contains("certificate_required"), "{reply:?}");
    drop((asking, leaving_alone));
}

/// The first flight of a client of these versions, with these edits.
fn hello(versions: &[u16], edits: Vec<Edit>) -> Vec<u8> {
    let mut config = ClientConfig { versions: versions.to_vec(), ..ClientConfig::default() };
    config.plan.client_hello = edits;
    Peer::client(config).unwrap().take_output()
}

#[test]
fn flags_9_a_flag_offers_nothing_in_a_hello_without_tls13_and_care_does_in_either() {
    let points = CodePoints::default();
    let flag = FlagSet::single(points.request_client_auth());
    let flag = || Edit::add(points.tls_flags(), flag.body().unwrap());
    let care = || Edit::add(points.care().unwrap(), []);
    let versions_gone = || Edit::remove(ext::SUPPORTED_VERSIONS);
    let malformed = || Edit::add(points.tls_flags(), [1, 0]);
    let (tls13, tls12) = (version::TLS13, version::TLS12);
    let hellos = [
        (hello(&[tls13], vec![flag()]), "flag"),
        (hello(&[tls13, tls12], vec![flag()]), "flag"),
        (hello(&[tls13], vec![]), "none"),
        (hello(&[tls12], vec![flag()]), "none"),
        (hello(&[tls12], vec![versions_gone(), flag()]), "none"),
        (hello(&[tls12], vec![malformed()]), "none"),
        (hello(&[tls12], vec![care()]), "care"),
        (hello(&[tls12], vec![flag(), care()]), "care"),
    ];
    let files = Files::new();
    for (n, (octets, offer)) in hellos.into_iter().enumerate() {
        let (offered, default) = (backend(vec![1]), backend(vec![0]));
        let router = Router::new(&files, offered.0, default.0, &[]);
        let mut tcp = router.tcp();
        tcp.write_all(&octets).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [u8::from(offer != "none")], "hello {n}: {offer}");

        // `rext peek` says the same.
        let path = files.write("hello.bin", &octets);
        let peek = files.rext(&["peek", path.to_str().unwrap()]).output().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&peek.stdout).unwrap();
        assert_eq!(line["offer"], offer, "hello {n}: {line}");
        assert_eq!(line["error"], serde_json::Value::Null, "hello {n}");
    }
}

/// A backend that says what it got, and then `answer`.
fn backend(answer: Vec<u8>) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut got = Vec::new();
        tcp.read_to_end(&mut got).unwrap();
        tcp.write_all(&answer).unwrap();
        got
    });
    (port, thread)
}

#[test]
fn every_octet_gets_through_in_both_directions_and_so_does_the_end_of_one() {
    let files = Files::new();
    let answer: Vec<u8> = (0..2_000_000u32).map(|n| n as u8).collect();
    let (offered, got) = backend(answer.clone());
    let router = Router::new(&files, offered, 1, &[]);
    let mut tcp = router.tcp();
    // A hello that comes octet by octet, and what was sent right behind it.
    for octet in HELLO {
        tcp.write_all(&[*octet]).unwrap();
    }
    tcp.write_all(b"and more").unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let mut read = Vec::new();
    tcp.read_to_end(&mut read).unwrap();
    assert!(read == answer);
    assert_eq!(got.join().unwrap(), [HELLO, b"and more"].concat());
}

#[test]
fn what_is_no_hello_is_let_go_with_the_alert_that_is_due() {
    let files = Files::new();
    let router = Router::new(&files, 1, 1, &["--hello-timeout", "1.5"]);
    let answer = |octets: &[u8]| {
        let mut tcp = router.tcp();
        tcp.write_all(octets).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        answer
    };
    let alert = |number: u8| vec![21, 3, 3, 0, 2, 2, number];
    // An alert says nothing to who does not speak TLS.
    assert_eq!(answer(b"GET / HTTP/1.1\r\n\r\n"), b"");
    // application data; a message that is no ClientHello; extensions that end too late
    assert_eq!(answer(&[23, 3, 3, 0, 1, 0]), alert(10));
    assert_eq!(answer(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), alert(10));
    let mut longer = HELLO.to_vec();
    let at = longer.len() - 1;
    longer[at] ^= 1;
    longer.truncate(at);
    let length = u16::try_from(at - 5).unwrap().to_be_bytes();
    longer[3..5].copy_from_slice(&length);
    let length = u16::try_from(at - 9).unwrap().to_be_bytes();
    longer[7..9].copy_from_slice(&length);
    assert_eq!(answer(&longer), alert(50));
    // one that never comes to an end
    assert_eq!(answer(&HELLO[..100]), b"");
}

#[test]
fn the_log_says_what_is_spoken_in_place_of_tls_and_nothing_of_probes() {
    let files = Files::new();
    let router = Router::new(&files, 1, 1, &[]);
    router.server.wait_for_log(&["INFO", "routing"]);
    for (octets, words) in [
        (&b""[..], None),
        (b"GET / HTTP/1.1\r\n\r\n", Some("refused: the client sent an HTTP request without TLS")),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n",
            Some("refused: the connection begins with the PROXY protocol"),
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
            Some("refused: the connection begins with the PROXY protocol"),
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Some("refused: not TLS, but plain text")),
        (&[22, 3, 1], Some("hung up within its ClientHello")),
    ] {
        let mut tcp = router.tcp();
        tcp.write_all(octets).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
        if let Some(words) = words {
            let line = router.server.wait_for_log(&[]);
            assert!(line.contains("WARN") && line.contains(words), "{line}");
        }
    }
}

#[test]
fn a_backend_that_is_not_there_is_an_internal_error() {
    let files = Files::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let router = Router::new(&files, nobody, nobody, &[]);
    let mut tcp = router.tcp();
    tcp.write_all(HELLO).unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 80]);
}

#[test]
fn a_connection_on_which_nothing_is_said_is_let_go() {
    let files = Files::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let router = Router::new(&files, port, port, &["--idle-timeout", "0.2"]);
    let mut tcp = router.tcp();
    tcp.write_all(HELLO).unwrap();
    let (mut server, _) = silent.accept().unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    let mut got = Vec::new();
    server.read_to_end(&mut got).unwrap();
    assert_eq!(got, HELLO);
}

#[test]
fn unusable_options_are_named() {
    let files = Files::new();
    for (args, part) in [
        (vec!["--offered", "localhost", "--default", "localhost:1"], "not of the form HOST:PORT"),
        (vec!["--offered", "localhost:1"], "--default <HOST:PORT>"),
        (vec!["--offered", "a:1", "--default", "b:1", "--max-connections", "0"], "max-connections"),
    ] {
        let args = [&["route", "--listen", "127.0.0.1:0"], &args[..]].concat();
        let output = files.rext(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(part) && text.lines().count() == 1, "{text}");
    }
}
