//! A raw peer and a rustls connection, connected in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use raw_peer::{Alert, ClientConfig, Edit, Error, Handshake, Peer, ServerConfig, Ticket, encode};
use rustls::{Connection, HandshakeType};

/// An unknown extension.
pub const UNKNOWN: u16 = 0x5a5b;

/// A body for it.
pub const BODY: [u8; 2] = [1, 0x20];

pub fn encrypted_alert(description: u8) -> Alert {
    Alert { level: 2, description, encrypted: true }
}

/// A raw peer and a rustls connection, and how far each came.
pub struct Pair {
    pub raw: Peer,
    pub tls: Connection,
    pub ours: Result<(), Error>,
    pub theirs: Result<(), rustls::Error>,
}

impl Pair {
    pub fn client(config: ClientConfig, server: impl Into<Arc<rustls::ServerConfig>>) -> Self {
        let server = rustls::ServerConnection::new(server.into()).unwrap();
        Self::new(Peer::client(config).unwrap(), server.into())
    }

    pub fn server(config: ServerConfig, client: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        Self::server_at("localhost", config, client)
    }

    pub fn server_at(
        name: &'static str,
        config: ServerConfig,
        client: impl Into<Arc<rustls::ClientConfig>>,
    ) -> Self {
        let name = name.try_into().unwrap();
        let client = rustls::ClientConnection::new(client.into(), name).unwrap();
        Self::new(Peer::server(config), client.into())
    }

    pub fn new(raw: Peer, tls: Connection) -> Self {
        Self { raw, tls, ours: Ok(()), theirs: Ok(()) }
    }

    /// Forwards bytes until neither side sends any more.
    pub fn run(&mut self) {
        loop {
            let from_raw = self.raw.take_output();
            let mut rest = from_raw.as_slice();
            while self.theirs.is_ok() && !rest.is_empty() {
                self.tls.read_tls(&mut rest).unwrap();
                self.theirs = self.tls.process_new_packets().map(drop);
            }
            let mut from_tls = Vec::new();
            while self.tls.wants_write() {
                self.tls.write_tls(&mut from_tls).unwrap();
            }
            if from_raw.is_empty() && from_tls.is_empty() {
                return;
            }
            if self.ours.is_ok() {
                self.ours = self.raw.read(&from_tls);
            }
        }
    }

    pub fn assert_complete(&self) {
        assert_eq!(self.ours, Ok(()));
        assert_eq!(self.theirs, Ok(()));
        assert!(self.raw.is_complete());
        assert!(!self.tls.is_handshaking());
        assert_eq!(self.alerts(), []);
    }

    pub fn exchange_data(&mut self) {
        let before = self.raw.received_data();
        self.raw.send_data(b"from raw").unwrap();
        std::io::Write::write_all(&mut self.tls.writer(), b"from rustls").unwrap();
        self.run();
        assert_eq!((&self.ours, &self.theirs), (&Ok(()), &Ok(())));
        assert_eq!(self.raw.received_data(), [&before[..], b"from rustls"].concat());
        let mut read = [0; 8];
        std::io::Read::read_exact(&mut self.tls.reader(), &mut read).unwrap();
        assert_eq!(&read, b"from raw");
    }

    pub fn alerts(&self) -> Vec<Alert> {
        self.raw.alerts().collect()
    }
}

/// Both ends raw.
pub fn raw_pair(client: ClientConfig, server: ServerConfig) -> (Peer, Peer) {
    let mut client = Peer::client(client).unwrap();
    let mut server = Peer::server(server);
    loop {
        let up = client.take_output();
        let _ = server.read(&up);
        let down = server.take_output();
        let _ = client.read(&down);
        if up.is_empty() && down.is_empty() {
            return (client, server);
        }
    }
}

/// A message with another behind it.
pub fn and(message: Handshake) -> Edit {
    let more = encode(&message).unwrap();
    Edit::raw(move |bytes| bytes.extend_from_slice(&more))
}

/// rustls' error for an unexpected message.
pub fn unexpected(expected: &[HandshakeType], got_type: HandshakeType) -> rustls::Error {
    let expect_types = expected.to_vec();
    rustls::Error::InappropriateHandshakeMessage { expect_types, got_type }
}

/// What rustls logs, as lines.
#[derive(Debug, Default)]
pub struct Secrets(pub Mutex<BTreeSet<String>>);

impl rustls::KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let line = format!("{label} {} {}", hex(client_random), hex(secret));
        self.0.lock().unwrap().insert(line);
    }
}

pub fn first_ticket(server: &Arc<rustls::ServerConfig>) -> Ticket {
    let mut pair = Pair::client(ClientConfig::default(), Arc::clone(server));
    pair.run();
    pair.assert_complete();
    pair.raw.tickets()[0].clone()
}
