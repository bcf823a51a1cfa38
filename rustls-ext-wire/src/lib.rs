//! What the wire says about a client that would like to authenticate, as data and as code.
//!
//! The TLS 1.3 extension `tls_flags` carries a set of one-bit flags. One of them,
//! `request_client_auth`, lets a client say in its ClientHello "if you ask me for a certificate, I
//! will handle it well", and a server say in its CertificateRequest "I am asking because you
//! offered". This crate has
//!
//! - the body of the extension: [`FlagSet::body`] and [`FlagSet::decode`];
//! - which flag may stand in which message, as data: [`TABLE`], and the one function that applies
//!   it to what a peer sent: [`check`];
//! - the same for the older way to say so, the extension `client_authentication_request` (CARE):
//!   [`check_care`];
//! - the negotiation of a whole connection, for TLS stacks to drive: [`ClientNegotiation`] and
//!   [`ServerNegotiation`]; and whether a session may be resumed under a demand: [`resumption`];
//! - the numbers, which are configuration: [`CodePoints`];
//! - what a client says in its ClientHello, from octets as they come off a socket: [`Scan`], for
//!   proxies, routers and TLS stacks that want to know before anything else;
//! - errors that say which rule was broken and which [`Alert`] to send.
//!
//! It has no dependency, no allocation and no `unsafe`, and does not panic on what a peer sends.
//!
//! # A server's side of it
//! ```
//! use rustls_ext_wire::{CodePoints, FlagSet, Message, check};
//!
//! let code_points = CodePoints::default();
//! let nothing = FlagSet::EMPTY;
//!
//! // The body of extension `code_points.tls_flags()` in a ClientHello.
//! let body = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
//! let hello = FlagSet::decode(&body)?;
//! check(Message::ClientHello, &hello, &nothing, &code_points)?;
//! assert!(hello.contains(code_points.request_client_auth()));
//!
//! // The same flag in CertificateRequest acknowledges the offer.
//! let request = FlagSet::single(code_points.request_client_auth());
//! check(Message::CertificateRequest, &request, &hello, &code_points)?;
//! assert_eq!(request.body(), Some(&body[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Before the handshake
//! ```
//! use rustls_ext_wire::{Answer, Scan};
//!
//! # let octets = include_bytes!("../corpus/curl+flag.bin");
//! # fn read_more(_: usize) {}
//! # fn send(_: rustls_ext_wire::Alert) {}
//! let mut scratch = [0; 4096]; // for hellos over several records
//! match Scan::default().records(octets, &mut scratch) {
//!     Answer::Hello { hello, .. } => {
//!         let offers = hello.flags().is_ok_and(|flags| flags.is_some());
//!         println!("for {:?}, {} flags", hello.server_name(), if offers { "with" } else { "no" });
//!     }
//!     Answer::Incomplete { needed } => read_more(needed.get()),
//!     Answer::NotTls(what) => println!("{what}"),
//!     Answer::Malformed(error) => send(error.alert()),
//! }
//! ```
//!
//! # Rules
//! Code, errors and tests cite rules by id, such as `FLAGS-2` or `RCA-4`. [`rules`] has each of them
//! with its level, its source and one sentence. `RFC 8446 4.2` is that section of that RFC.
//!
//! What only a TLS stack can know is the caller's: which version was chosen, and that an extension
//! stood once in its message (FLAGS-10).
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![warn(clippy::cast_possible_truncation, clippy::expect_used, clippy::unwrap_used)]

mod alert;
mod care;
mod client;
mod code_points;
mod fault;
mod flag;
mod flag_set;
mod offer;
pub mod resumption;
pub mod rules;
mod scan;
mod server;
mod table;

pub use alert::Alert;
pub use care::{CareError, check_care, echo_in};
pub use client::{ClientNegotiation, ClientStatus, HelloOffer};
pub use code_points::{CodePointError, CodePoints};
pub use fault::Fault;
pub use flag::{Flag, FlagOutOfRange};
pub use flag_set::{FlagSet, FlagsError, Iter};
pub use offer::{Offer, Received, Version};
pub use scan::{
    Answer, Authorities, ClientHello, Ech, Extensions, Flaw, NotTls, Numbers, Part, Protocols,
    Scan, ScanError, Scanner,
};
pub use server::{Asks, ServerNegotiation};
pub use table::{Cell, Message, Permission, Row, TABLE, Violation, check};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
