//! A running example server of an adapter.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use raw_peer::{ClientConfig, Direction, Event, Peer};
use serde_json::Value;

use crate::client::Seen;

/// The time after which a blocked read fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, which is stopped on drop.
pub struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    /// Runs this command, and waits for the line with its address.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("a line").unwrap();
        let addr = first.strip_prefix("listening on ").expect("an address").parse().unwrap();
        // So that the server does not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, addr }
    }

    /// Sends a request on a connection that must succeed, and returns the outcome.
    pub fn visit(&self, config: ClientConfig) -> Seen {
        let peer = self.talk(config);
        assert_eq!(alerts(&peer), Vec::<u8>::new(), "{peer:?}");
        let mut answer = Vec::new();
        for event in peer.events() {
            if let Event::Data { direction: Direction::Received, data, .. } = event {
                answer.extend_from_slice(data);
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_else(|| panic!("no body: {answer:?}"));
        let server: Value = serde_json::from_str(body).unwrap();
        assert_eq!(server["tls_version"], "TLSv1.3");
        Seen { peer, server }
    }

    /// Makes a connection that must be refused, and returns the server's alert, if any.
    pub fn refusal(&self, config: ClientConfig) -> Option<u8> {
        let peer = self.talk(config);
        let answered =
            |event: &Event| matches!(event, Event::Data { direction: Direction::Received, .. });
        assert!(!peer.events().iter().any(answered), "{peer:?}");
        match alerts(&peer)[..] {
            [] => None,
            [alert] => Some(alert),
            ref more => panic!("alerts {more:?}, {peer:?}"),
        }
    }

    fn talk(&self, config: ClientConfig) -> Peer {
        let mut peer = Peer::client(config).unwrap();
        let mut tcp = TcpStream::connect(self.addr).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut requested = false;
        let mut bytes = [0; 4096];
        loop {
            if peer.is_complete() && !requested {
                requested = true;
                peer.send_data(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            }
            // The server may have closed the connection; what it sent before can still be read.
            let _ = tcp.write_all(&peer.take_output());
            match tcp.read(&mut bytes) {
                Ok(count) if count > 0 => peer.read(&bytes[..count]).unwrap(),
                Err(err) if err.kind() != std::io::ErrorKind::ConnectionReset => panic!("{err}"),
                Ok(_) | Err(_) => return peer,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's alerts, except `close_notify`.
fn alerts(peer: &Peer) -> Vec<u8> {
    let alert = |event: &Event| match event {
        Event::Alert(Direction::Received, alert) => Some(alert.description),
        _ => None,
    };
    peer.events().iter().filter_map(alert).filter(|alert| *alert != 0).collect()
}
