//! The outcome of one connection.

use raw_peer::{HandshakeType, Peer};
use serde_json::Value;

/// The outcome of one connection, as client and server report it.
pub struct Seen {
    /// The client, with all messages that it received.
    pub peer: Peer,
    /// The server's report.
    pub server: Value,
}

impl Seen {
    /// Returns true if the server requested a certificate.
    pub fn asked(&self) -> bool {
        self.peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
    }
}
