//! A TLS 1.3 peer that sees every byte and can break every rule.
//!
//! [`Peer`] is a client or a server without I/O and without a TLS library: bytes go in, and bytes
//! come out. Without a plan, it keeps RFC 8446. A [`Plan`] changes its messages before it sends
//! them, by [`Edit`]s of their extensions, of the message as a struct, or of its bytes. The
//! transcript has the messages as sent. [`Peer::events`] lists all messages, decrypted.
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
//! A server that sends it in each of its messages:
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
//! certificates; of TLS 1.2, only unencrypted messages are logged; Encrypted ClientHello as a
//! server only; no post-handshake authentication.
//!
//! [`Peer::checked_by`] sets a function that checks each received message, and can refuse it or
//! change the configuration: with it, a peer keeps rules that it does not implement.

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
