//! A TLS 1.3 peer that sees every byte and can break every rule.
//!
//! [`Peer`] is a client or a server over nothing but bytes in and bytes out: no I/O, no TLS
//! library. Left alone it keeps RFC 8446. A [`Plan`] bends its messages before they leave, by
//! [`Edit`]s on their extensions, on the message as a struct, or on its bytes; the transcript,
//! and so the rest of the handshake, follows what was really sent. What happened is in
//! [`Peer::events`], decrypted.
//!
//! Extension 62 in the ClientHello and in the leaf of the client's Certificate:
//!
//! ```
//! use raw_peer::{ClientConfig, Edit, Peer, Slot};
//!
//! let mut config = ClientConfig::default();
//! config.plan.client_hello.push(Edit::add(62, [1, 0x20]));
//! config.plan.certificate.push(Edit::add(62, [1, 0x20]).in_entry(0));
//! let mut client = Peer::client(config)?;
//! let hello = client.take_output();
//! assert_eq!(hello[0], 22);
//! # Ok::<(), raw_peer::Error>(())
//! ```
//!
//! A server that sends it in every message it has:
//!
//! ```
//! use raw_peer::{Edit, ChainAndKey, Peer, ServerConfig, Slot};
//!
//! let mut config = ServerConfig::new(ChainAndKey::default());
//! config.ask_certificate = true;
//! config.tickets = 1;
//! for slot in Slot::OF_SERVER {
//!     config.plan.edits_mut(slot).push(Edit::add(62, [1, 0x20]));
//! }
//! let server = Peer::server(config);
//! ```
//!
//! Limits: x25519, AES-GCM, P-256 signatures; one PSK per ClientHello; no verification of
//! certificates or CertificateVerify; of TLS 1.2 only what comes in the clear is logged; Encrypted
//! ClientHello as a server only; no post-handshake authentication of its own.
//!
//! [`Peer::checked_by`] has somebody look at what is received before the peer does, refuse it or
//! change what comes next: so a peer can be made to keep rules of which it knows nothing.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

mod check;
mod client;
mod client_hello;
mod codec;
mod common;
mod compress;
mod config;
mod crypto;
mod ech;
mod ech_inner;
mod edit;
mod error;
pub mod ext;
mod inspect;
mod log;
mod message;
mod peer;
mod record;
mod server;
mod server_choice;
mod ticket;
mod wire;

pub use check::Control;
pub use codec::{decode, encode};
pub use compress::ZLIB;
pub use config::{
    CertificateAnswer, ChainAndKey, ClientConfig, ServerConfig, Shares, group, version,
};
pub use crypto::Suite;
pub use ech::EchKey;
pub use edit::{Edit, Plan, Slot, fix_length};
pub use error::Error;
pub use ext::Extension;
pub use log::{Alert, Direction, Event, Message};
pub use message::{
    Certificate, CertificateEntry, CertificateRequest, CertificateVerify, ClientHello,
    CompressedCertificate, HELLO_RETRY_RANDOM, Handshake, HandshakeType, NewSessionTicket,
    ServerHello,
};
pub use peer::Peer;
pub use record::RecordOptions;
pub use ticket::Ticket;
