//! What came of a visit.

use raw_peer::{HandshakeType, Peer};
use serde_json::Value;

/// What both ends know of a visit.
pub struct Seen {
    /// The client, with all that it saw.
    pub peer: Peer,
    /// What the server says of it.
    pub server: Value,
}

impl Seen {
    /// Whether the client was asked for a certificate.
    pub fn asked(&self) -> bool {
        self.peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
    }
}
