//! An adapter's example server, while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use raw_peer::{ClientConfig, Direction, Event, Peer};
use serde_json::Value;

use crate::client::Seen;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, until it is dropped.
pub struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    /// Runs this command, and waits until it says where it listens.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("a line").unwrap();
        let addr = first.strip_prefix("listening on ").expect("an address").parse().unwrap();
        // So that it can go on printing.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, addr }
    }

    /// A visit that must go well: a request, and the server's answer.
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

    /// A visit that must be refused: the server's alert, if it has one.
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
        let mut asked = false;
        let mut bytes = [0; 4096];
        loop {
            if peer.is_complete() && !asked {
                asked = true;
                peer.send_data(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            }
            // It may be gone already: then what it said before is there to be read.
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

/// The server's alerts but for its goodbye.
fn alerts(peer: &Peer) -> Vec<u8> {
    let alert = |event: &Event| match event {
        Event::Alert(Direction::Received, alert) => Some(alert.description),
        _ => None,
    };
    peer.events().iter().filter_map(alert).filter(|alert| *alert != 0).collect()
}
