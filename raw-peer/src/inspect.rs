//! The observable state of a peer.

use std::fmt;

use super::log::{Alert, Message};
use super::peer::{Peer, Role};
use super::{Direction, Error, Event, HandshakeType, Suite, Ticket, crypto};

impl Peer {
    /// All events, in order.
    pub fn events(&self) -> &[Event] {
        &self.common.events
    }

    /// All handshake messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.common.events.iter().filter_map(|event| match event {
            Event::Handshake(message) => Some(message),
            _ => None,
        })
    }

    /// The inner ClientHellos that were used, in order.
    pub fn inner_hellos(&self) -> impl Iterator<Item = &Message> {
        self.common.events.iter().filter_map(|event| match event {
            Event::InnerHello(message) => Some(message),
            _ => None,
        })
    }

    /// The first message of this type that was received.
    pub fn received(&self, typ: HandshakeType) -> Option<&Message> {
        self.messages().find(|m| m.direction == Direction::Received && m.typ == typ)
    }

    /// The first message of this type that was sent.
    pub fn sent(&self, typ: HandshakeType) -> Option<&Message> {
        self.messages().find(|m| m.direction == Direction::Sent && m.typ == typ)
    }

    /// The alerts that were received, in order.
    pub fn alerts(&self) -> impl Iterator<Item = Alert> {
        self.common.events.iter().filter_map(|event| match event {
            Event::Alert(Direction::Received, alert) => Some(*alert),
            _ => None,
        })
    }

    /// The application data that was received, without 0-RTT data.
    pub fn received_data(&self) -> Vec<u8> {
        self.data(false)
    }

    /// The 0-RTT data that was received.
    pub fn received_early_data(&self) -> Vec<u8> {
        self.data(true)
    }

    /// The error that stopped this peer.
    pub fn error(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    /// Whether both Finished were exchanged. A client's may yet be refused by the server.
    pub fn is_complete(&self) -> bool {
        self.common.complete
    }

    /// Whether the handshake used a pre-shared key.
    pub fn is_resumed(&self) -> bool {
        match &self.role {
            Role::Client(client) => client.is_resumed(),
            Role::Server(server) => server.is_resumed(),
        }
    }

    /// Whether 0-RTT data was accepted.
    pub fn early_data_accepted(&self) -> bool {
        match &self.role {
            Role::Client(client) => client.early_data_accepted(),
            Role::Server(server) => server.early_data_accepted(),
        }
    }

    /// The tickets received (client) or issued (server), in order.
    pub fn tickets(&self) -> &[Ticket] {
        &self.common.tickets
    }

    /// The secrets as lines of an SSLKEYLOGFILE (RFC 9850).
    pub fn key_log(&self) -> &[String] {
        &self.common.key_log
    }

    /// The negotiated cipher suite, `None` before ServerHello.
    pub fn suite(&self) -> Option<Suite> {
        self.common.keys.as_ref().map(|keys| keys.suite)
    }

    /// An exported value of `length` bytes (RFC 8446 section 7.5), never one of 0-RTT data. An
    /// absent context is an empty one.
    ///
    /// # Errors
    /// [`Error::Misuse`] before the handshake is complete; [`Error::Crypto`] if the label or the
    /// value is too long.
    pub fn export(&self, label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, Error> {
        match &self.common.keys {
            Some(keys) if self.is_complete() => {
                crypto::export(keys.suite, &keys.exporter, label, context, length)
            }
            _ => Err(Error::Misuse("an exporter before the end of the handshake")),
        }
    }

    fn data(&self, wanted: bool) -> Vec<u8> {
        let mut all = Vec::new();
        for event in &self.common.events {
            match event {
                Event::Data { direction: Direction::Received, early, data } if *early == wanted => {
                    all.extend_from_slice(data);
                }
                _ => {}
            }
        }
        all
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("events", &self.events())
            .field("error", &self.error())
            .finish()
    }
}
