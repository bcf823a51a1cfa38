//! `rext connect` and `rext serve` against peers that break the rules, over sockets.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use common::{ConnectOutput, Files, TIMEOUT};
use raw_peer::{ChainAndKey, ClientConfig, Edit, Peer, ServerConfig};
use rustls_ext::rustls::pki_types::pem::PemObject;
use rustls_ext::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Extension 62 with flag 80.
const FLAG_80: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// The same with a trailing zero byte, which is malformed.
const PADDED: [u8; 13] = [12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];

const ILLEGAL_PARAMETER: u8 = 47;
const ACCESS_DENIED: u8 = 49;

/// Runs the connection of a raw peer. Returns the alerts that were sent and received.
fn drive(mut peer: Peer, mut stream: TcpStream, mut after: Option<fn(&mut Peer)>) -> Vec<u8> {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut buf = [0; 4096];
    loop {
        let _ = stream.write_all(&peer.take_output());
        match stream.read(&mut buf) {
            Ok(read) if read > 0 => drop(peer.read(&buf[..read])),
            _ => return peer.alerts().map(|alert| alert.description).collect(),
        }
        if peer.is_complete() {
            if let Some(after) = after.take() {
                after(&mut peer);
            }
        }
    }
}

/// Runs `rext connect --offer` against a raw server. It requests a certificate with `flags` as the
/// body of `tls_flags`, and calls `after` when its handshake is complete.
fn connect(
    offer: &str,
    flags: Option<&[u8]>,
    after: Option<fn(&mut Peer)>,
) -> (ConnectOutput, Vec<u8>) {
    let files = Files::new();
    let chain = CertificateDer::from_pem_file(files.path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.path("server.key")).unwrap();
    let mut config = ServerConfig::new(ChainAndKey {
        chain: vec![chain.to_vec()],
        key: key.secret_der().to_vec(),
    });
    config.alpn = vec![b"h2".to_vec()];
    config.ask_certificate = true;
    if let Some(flags) = flags {
        config.plan.certificate_request.push(Edit::add(62, flags));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server =
        thread::spawn(move || drive(Peer::server(config), listener.accept().unwrap().0, after));
    let reply = files.connect_to(port, Some("client"), &["--offer", offer]);
    (reply, server.join().unwrap())
}

#[track_caller]
fn assert_refused_by_client(offer: &str, flags: &[u8]) {
    let (reply, alerts) = connect(offer, Some(flags), None);
    assert_eq!(reply.code, Some(1));
    assert_eq!(reply.errors.len(), 1, "{reply:?}");
    let start = "error: we refused the connection: sent alert illegal_parameter (";
    assert!(reply.errors[0].starts_with(start), "{reply:?}");
    assert_eq!(alerts, [ILLEGAL_PARAMETER]);
}

#[test]
fn rca_4_an_acknowledgement_without_an_offer_is_refused() {
    assert_refused_by_client("none", &FLAG_80);
}

#[test]
fn flags_3_a_malformed_acknowledgement_is_refused() {
    assert_refused_by_client("flag", &PADDED);
}

#[test]
fn a_refusal_after_the_client_s_handshake_is_reported_with_its_alert() {
    for (flags, acknowledged) in [(None, false), (Some(&FLAG_80[..]), true)] {
        let (reply, _) =
            connect("flag", flags, Some(|peer| peer.send_alert(2, ACCESS_DENIED).unwrap()));
        assert_eq!(reply.code, Some(1));
        let expected = "error: the server denied the client access: access_denied, \
                        after the client's handshake";
        assert_eq!(reply.errors, [expected]);
        let client = reply.only_client();
        assert_eq!(client["offered"], true);
        assert_eq!(client["asked"], true);
        assert_eq!(client["acknowledged"], acknowledged);
        assert_eq!(client["http_status"], serde_json::Value::Null);
    }
}

#[test]
fn flags_3_a_malformed_offer_is_refused_and_logged() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered"]);
    let mut config = ClientConfig::default();
    config.plan.client_hello.push(Edit::add(62, PADDED));
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let peer = format!("peer={}", stream.local_addr().unwrap());
    let alerts = drive(Peer::client(config).unwrap(), stream, None);
    assert_eq!(alerts, [ILLEGAL_PARAMETER]);
    server.wait_for_log(&[&peer, "alert=illegal_parameter", "from=\"server\""]);
    assert_eq!(files.connect(&server, None, &[]).only_client()["http_status"], 200);
}
