//! A codec and rules for TLS clients that offer to authenticate with a certificate.
//!
//! The TLS 1.3 extension `tls_flags` carries a set of one-bit flags. With the flag
//! `request_client_auth` in its ClientHello, a client declares that it can handle a certificate
//! request. With the same flag in its CertificateRequest, the server acknowledges that it requests
//! the certificate because of the offer. This crate contains
//!
//! - the body of the extension: [`FlagSet::body`] and [`FlagSet::decode`];
//! - the rules for flags in messages, as data: [`TABLE`], and the function that applies them to the
//!   flags that a peer sent: [`check`];
//! - the same for the older way to offer, the extension `client_authentication_request` (CARE):
//!   [`check_care`];
//! - the extension with which a client says in which trust domains it has an identity,
//!   `workload_identifier_origin_hint`: [`Origins::decode`], [`write_origin_hint`] and
//!   [`check_origin_hint`];
//! - the negotiation of a whole connection, for TLS stacks to drive: [`ClientNegotiation`] and
//!   [`ServerNegotiation`]; and the rules for resuming sessions: [`resumption`];
//! - the numbers on the wire, which are configurable: [`CodePoints`];
//! - a parser for ClientHellos in bytes from a socket: [`Scan`], for proxies, routers and TLS
//!   stacks that need the offer before they do anything else;
//! - exported authenticators (RFC 9261), proofs of a certificate's key on an open connection:
//!   [`authenticator`]; and the frames that carry them in HTTP/2 and HTTP/3: [`secondary`];
//! - errors that name the broken rule and the [`Alert`] to send.
//!
//! It has no dependency, no allocation and no `unsafe` code, and does not panic on data from a
//! peer.
//!
//! # The server's side
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
//! # Parsing a ClientHello
//! ```
//! use rustls_ext_wire::{Answer, Scan};
//!
//! # let bytes = include_bytes!("../corpus/curl+flag.bin");
//! # fn read_more(_: usize) {}
//! # fn send(_: rustls_ext_wire::Alert) {}
//! let mut scratch = [0; 4096]; // for a ClientHello over several records
//! match Scan::default().records(bytes, &mut scratch) {
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
//! Code, errors and tests cite rules by id, such as `FLAGS-2` or `RCA-4`. [`rules`] contains each
//! rule with its level, its source and one sentence. `RFC 8446 4.2` is that section of that RFC.
//!
//! Two things only the TLS stack can know, so it must check them: the version that was chosen, and
//! that an extension occurs only once in its message (FLAGS-10).
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![warn(clippy::cast_lossless, clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
#![warn(clippy::cast_sign_loss, clippy::expect_used, clippy::unwrap_used)]

/// A [`Scanner`] counts the bytes of a stream: up to 393,234, if each byte has a record of its own.
const _: () = assert!(usize::BITS >= 32, "rustls-ext-wire needs a usize of at least 32 bits");

mod alert;
pub mod authenticator;
mod care;
mod client;
mod code_points;
mod fault;
mod flag;
mod flag_set;
mod known_flags;
mod offer;
mod origin;
pub mod resumption;
pub mod rules;
mod scan;
pub mod secondary;
mod server;
mod table;

pub use alert::Alert;
pub use care::{CareError, check_care, echo_in};
pub use client::{ClientNegotiation, ClientStatus, HelloOffer};
pub use code_points::{CodePointError, CodePoints};
pub use fault::Fault;
pub use flag::{Flag, FlagOutOfRange};
pub use flag_set::{FlagSet, FlagsError, Iter};
pub use known_flags::{KNOWN_FLAGS, KnownFlag};
pub use offer::{Offer, Received, Version};
pub use origin::{
    MAX_ORIGIN_BYTES, MAX_ORIGINS, Origin, OriginError, OriginHintError, OriginIter, Origins,
    WriteOriginsError, check_origin_hint, write_origin_hint,
};
pub use scan::{
    Answer, Authorities, ClientHello, Ech, Extensions, Flaw, NotTls, Numbers, OriginStrings, Part,
    Protocols, Scan, ScanError, Scanner,
};
pub use server::{Asks, ServerNegotiation};
pub use table::{Cell, Message, Permission, Row, TABLE, Violation, check};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
