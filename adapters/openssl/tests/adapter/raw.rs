//! A raw peer over TCP, at the other end of one of the programs.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use raw_peer::{ClientConfig, HandshakeType, Peer, ServerConfig, Ticket};
use serde_json::Value;

use crate::programs::{Server, Visit, run_visit};
use crate::site::Site;

/// So that a test that is wrong ends.
const PATIENCE: Duration = Duration::from_secs(20);

pub const NO_ALERT: [u8; 0] = [];

/// Carries octets until the other end has nothing more to say. `then` happens once the handshake
/// is complete, and has something to answer in its hands.
fn carry(peer: &mut Peer, tcp: &mut TcpStream, mut then: impl FnMut(&mut Peer) -> bool) {
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut done, mut octets) = (false, [0; 16384]);
    loop {
        if peer.is_complete() && !done {
            done = then(peer);
        }
        // An alert may be under way even if the other end does not read any more.
        let _ = tcp.write_all(&peer.take_output());
        match tcp.read(&mut octets) {
            Ok(0) => return,
            Ok(length) => drop(peer.read(&octets[..length])),
            Err(err) if err.kind() == ErrorKind::ConnectionReset => return,
            Err(err) => panic!("{err}: {peer:?}"),
        }
    }
}

/// What came of a raw client.
pub struct Client {
    pub peer: Peer,
    pub server: Value,
}

impl Client {
    pub fn new(server: &mut Server, config: ClientConfig) -> Self {
        let mut peer = Peer::client(config).unwrap();
        let mut tcp = TcpStream::connect(&server.address).unwrap();
        carry(&mut peer, &mut tcp, |peer| {
            peer.send_data(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            true
        });
        Self { peer, server: server.outcome() }
    }

    /// The alerts that it got, but for close_notify.
    pub fn alerts(&self) -> Vec<u8> {
        alerts(&self.peer)
    }

    pub fn body(&self) -> String {
        let data = String::from_utf8(self.peer.received_data()).unwrap();
        data.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    pub fn ticket(&self) -> Ticket {
        self.peer.tickets()[0].clone()
    }
}

fn alerts(peer: &Peer) -> Vec<u8> {
    peer.alerts().map(|alert| alert.description).filter(|description| *description != 0).collect()
}

/// A raw client that leaves as soon as it has a message of this type.
pub fn until(server: &mut Server, config: ClientConfig, typ: HandshakeType) -> Client {
    let mut peer = Peer::client(config).unwrap();
    let mut tcp = TcpStream::connect(&server.address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.write_all(&peer.take_output()).unwrap();
    let mut octets = [0; 16384];
    while peer.received(typ).is_none() && peer.alerts().next().is_none() {
        let length = tcp.read(&mut octets).unwrap();
        assert!(length > 0, "{peer:?}");
        let _ = peer.read(&octets[..length]);
    }
    drop(tcp);
    Client { peer, server: server.outcome() }
}

/// The client program at a raw server: what each of them says.
pub fn raw_server(site: &Site, config: ServerConfig, options: &[&str]) -> (Visit, Vec<u8>, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let mut peer = Peer::server(config);
        let mut tcp = listener.accept().unwrap().0;
        carry(&mut peer, &mut tcp, |peer| {
            if !peer.received_data().ends_with(b"\r\n\r\n") {
                return false;
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nraw\n";
            peer.send_data(answer).unwrap();
            peer.send_alert(1, 0).unwrap();
            true
        });
        peer
    });
    let mut command = Command::new(&site.programs.client);
    let visit = run_visit(site, &address, options, &mut command);
    let peer = server.join().unwrap();
    let alerts = alerts(&peer);
    (visit, alerts, peer)
}
