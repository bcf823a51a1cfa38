//! Holds what the client sends until it is known that rustls may see it.

use std::fmt;

use adapter_common::Refusal;
use rustls_ext_wire::{Answer, ClientHello, Fault, Scan, Scanner, ServerNegotiation, Version};

use crate::ByOffer;

/// The random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The length of a record's header in bytes.
const HEADER: usize = 5;
/// The content type of a record with handshake messages.
const HANDSHAKE: u8 = 22;
/// The handshake type of ServerHello, which HelloRetryRequest shares.
const SERVER_HELLO: u8 = 2;

/// Both directions of a connection, as far as a second ClientHello may come.
///
/// ```text
/// Answer ── ServerHello, or an alert ──────────────────┐
///   │                                                  ▼
///   └── HelloRetryRequest ──► Second ── ClientHello ──► Open
/// ```
#[derive(Debug)]
pub(super) struct Gate {
    state: State,
    first: First,
    scanner: Scanner<Vec<u8>>,
    /// What the client sent and rustls has not read yet.
    held: Vec<u8>,
    /// How many bytes of it rustls may read.
    free: usize,
}

#[derive(Debug)]
enum State {
    /// rustls has the first ClientHello, and has not answered it. These are the first bytes of its
    /// answer.
    Answer(Vec<u8>),
    /// A second ClientHello is due. Before it, there may be records of other types, of which one still
    /// has this many bytes.
    Second { other: usize },
    /// No further ClientHello is possible.
    Open,
}

/// What the second ClientHello must repeat.
#[derive(Debug)]
pub(super) struct First {
    negotiation: ServerNegotiation,
    version: Version,
    basis: Basis,
}

/// Those parts of a ClientHello on which a decision is based, beside the offer, and which a client
/// must not change (RFC 8446 section 4.1.2).
#[derive(Debug, PartialEq, Eq)]
struct Basis {
    server_name: Option<Vec<u8>>,
    alpn: Vec<Vec<u8>>,
    versions: Vec<u16>,
    authorities: Vec<Vec<u8>>,
}

impl Basis {
    fn of(hello: &ClientHello<'_>) -> Self {
        Self {
            server_name: hello.server_name().map(<[u8]>::to_vec),
            alpn: hello.alpn().map(<[u8]>::to_vec).collect(),
            versions: hello.versions().collect(),
            authorities: hello.certificate_authorities().map(<[u8]>::to_vec).collect(),
        }
    }
}

/// Why the second ClientHello is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecondHello {
    /// It is malformed, or its offer breaks a rule or is not that of the first (FLAGS-12).
    Refused(Refusal),
    /// It has another server name, or other application protocols, versions or certificate
    /// authorities than the first (RFC 8446 section 4.1.2), so the decision could be another one.
    Differs,
}

impl fmt::Display for SecondHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Differs => f.write_str(
                "it has another server name, or other application protocols, versions or \
                 certificate authorities than the first one",
            ),
        }
    }
}

impl std::error::Error for SecondHello {}

/// What the gate waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// An answer of rustls.
    ForServer,
    /// Bytes of the client.
    ForClient,
    /// Nothing: it is open.
    No,
}

impl First {
    /// Notes the first ClientHello of a connection.
    ///
    /// # Errors
    /// A fault in its offer.
    pub(super) fn of(by_offer: &ByOffer, hello: &ClientHello<'_>) -> Result<Self, Fault> {
        let version = by_offer.version(hello);
        let mut negotiation = ServerNegotiation::new(by_offer.code_points());
        negotiation.on_client_hello(version, hello.received())?;
        Ok(Self { negotiation, version, basis: Basis::of(hello) })
    }

    fn compare(&mut self, second: &ClientHello<'_>) -> Result<(), SecondHello> {
        let offer = self.negotiation.on_client_hello(self.version, second.received());
        offer.map_err(|fault| SecondHello::Refused(Refusal::Offer(fault)))?;
        if Basis::of(second) == self.basis { Ok(()) } else { Err(SecondHello::Differs) }
    }
}

impl Gate {
    /// Makes a gate behind the first ClientHello, with which `held` begins; it has `length` bytes, and
    /// `scanner` has found it.
    pub(super) fn new(
        first: First,
        scanner: Scanner<Vec<u8>>,
        held: Vec<u8>,
        length: usize,
    ) -> Self {
        Self { state: State::Answer(Vec::new()), first, scanner, held, free: length }
    }

    /// Returns the bytes that rustls may read now.
    pub(super) fn free(&self) -> &[u8] {
        self.held.get(..self.free).unwrap_or_default()
    }

    /// Records that rustls has read this many of the free bytes.
    pub(super) fn read(&mut self, count: usize) {
        self.held.drain(..count);
        self.free -= count;
        if self.held.is_empty() {
            // A connection lasts longer than its handshake.
            self.held = Vec::new();
        }
    }

    /// Returns what must happen before there are more free bytes.
    pub(super) fn waits(&self) -> Waits {
        match self.state {
            State::Answer(_) => Waits::ForServer,
            State::Second { .. } => Waits::ForClient,
            State::Open => Waits::No,
        }
    }

    /// Takes bytes that rustls has sent. Returns true if the gate no longer waits for them.
    ///
    /// # Errors
    /// Those of [`received`](Self::received), if the client has sent too much already.
    pub(super) fn sent(&mut self, bytes: &[u8]) -> Result<bool, SecondHello> {
        let State::Answer(seen) = &mut self.state else {
            return Ok(false);
        };
        seen.extend_from_slice(bytes);
        match is_retry(seen) {
            None => return Ok(false),
            Some(true) => self.state = State::Second { other: 0 },
            Some(false) => self.open(),
        }
        self.received(&[]).map(|()| true)
    }

    /// Takes bytes that the client has sent.
    ///
    /// # Errors
    /// Why the second ClientHello must be refused.
    pub(super) fn received(&mut self, bytes: &[u8]) -> Result<(), SecondHello> {
        self.held.extend_from_slice(bytes);
        while let State::Second { other } = &mut self.state {
            let new = self.held.get(self.free..).unwrap_or_default();
            let Some(content_type) = new.first() else {
                return Ok(());
            };
            if *other > 0 {
                let count = new.len().min(*other);
                *other -= count;
                self.free += count;
            } else if *content_type != HANDSHAKE {
                // change_cipher_spec, or 0-RTT data, which rustls skips; or an error, which it finds.
                let Some([_, _, _, high, low]) = new.first_chunk::<HEADER>() else {
                    return Ok(());
                };
                *other = HEADER + usize::from(u16::from_be_bytes([*high, *low]));
            } else {
                let length = match self.scanner.peek(new) {
                    Answer::Incomplete { .. } => return Ok(()),
                    Answer::Hello { hello, length } => {
                        self.first.compare(&hello)?;
                        length
                    }
                    Answer::Malformed(error) => {
                        return Err(SecondHello::Refused(Refusal::Hello(error)));
                    }
                    Answer::NotTls(_) => return Err(SecondHello::Refused(Refusal::Unknown)),
                };
                self.free += length;
                self.open();
            }
        }
        if matches!(self.state, State::Open) {
            self.free = self.held.len();
        }
        Ok(())
    }

    fn open(&mut self) {
        self.state = State::Open;
        self.free = self.held.len();
        // The scanner's buffer.
        self.scanner = Scan::default().scanner(Vec::new());
    }
}

/// Returns true if the server's answer is a HelloRetryRequest; `None` if these first bytes do not tell.
fn is_retry(seen: &[u8]) -> Option<bool> {
    // A server may divide messages into records as small as it likes.
    let mut message = Vec::new();
    let mut rest = seen;
    while message.len() < 6 + RETRY.len() {
        let ([content_type, _, _, high, low], fragment) = rest.split_first_chunk()?;
        if *content_type != HANDSHAKE {
            return Some(false);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (fragment, after) = fragment.split_at_checked(length).unwrap_or((fragment, &[]));
        message.extend_from_slice(fragment);
        rest = after;
    }
    let is_hello = message.first() == Some(&SERVER_HELLO);
    Some(is_hello && message.get(6..6 + RETRY.len()) == Some(&RETRY[..]))
}
