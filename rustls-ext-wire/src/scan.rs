//! Parses bytes from a socket as a ClientHello, or reports why they are not one.

use core::num::NonZeroUsize;

use crate::code_points::CodePoints;
use known::Types;
use stream::{Head, LONGEST_FRAGMENT};

pub(crate) mod bodies;
mod client_hello;
mod error;
mod hello;
pub(crate) mod known;
mod lists;
pub(crate) mod numbers;
mod scanner;
mod stream;

pub use client_hello::{ClientHello, Ech};
use error::Refusal;
pub use error::{Flaw, NotTls, Part, ScanError};
pub use lists::{Authorities, Extensions, Numbers, OriginStrings, Protocols};
pub use scanner::Scanner;

/// A parser for ClientHellos with its limits. Proxies, routers and TLS stacks use it to read the
/// client's offer before they do anything else.
///
/// # What is checked
/// - Records and the header of the message, byte by byte: bytes that can no longer become a
///   ClientHello are refused at once, however few they are.
/// - Once the message is complete, its whole structure; that no extension occurs twice, known or
///   not (RFC 8446 section 4.2); that none follows `pre_shared_key` (section 4.2.11).
/// - The format of those extensions that [`ClientHello`] shows and that every server must refuse if
///   they are malformed: `server_name`, ALPN, `supported_versions`, `certificate_authorities`,
///   `pre_shared_key`, and Encrypted Client Hello. Other extensions are opaque. `tls_flags`,
///   CARE and the origin hint are checked by the methods that return them.
///
/// The scan does not check whether a server supports the ClientHello: the server chooses from its
/// versions, cipher suites and groups.
///
/// # Limits
/// Time is linear in the number of bytes, whatever they contain. Memory is the buffer that the
/// caller lends, and for malformed or very unusual ClientHellos 8 KiB of stack. A record has at
/// most 2^14 bytes (RFC 8446 section 5.1), a message at most [`Scan::LONGEST`] or the limit of
/// [`max_message`](Self::max_message). The number of extensions and records is limited only by
/// that.
///
/// ```
/// use rustls_ext_wire::{Answer, Scan};
///
/// # let bytes = include_bytes!("../corpus/chromium-sni+flag.bin");
/// let scan = Scan::default();
/// let Answer::Hello { hello, length } = scan.records(bytes, &mut []) else {
///     panic!("no ClientHello");
/// };
/// assert_eq!(length, bytes.len());
/// assert_eq!(hello.server_name(), Some(&b"www.example.com"[..]));
/// assert!(hello.alpn().any(|name| name == b"h2"));
/// assert!(hello.offers_tls13());
/// let flags = hello.flags()?.ok_or("no flags")?;
/// assert!(flags.contains(rustls_ext_wire::Flag::REQUEST_CLIENT_AUTH));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    types: Types,
    longest: usize,
}

/// The result of a scan.
// Closed: a server must handle each variant, and a wildcard could let a client pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer<'a> {
    /// A ClientHello.
    Hello {
        /// Its content.
        hello: ClientHello<'a>,
        /// The number of bytes that it took, from the first on. Later bytes were not read.
        length: usize,
    },
    /// The beginning of a possible ClientHello.
    Incomplete {
        /// How many more bytes are needed at least. More may be needed if a client uses more
        /// records than necessary.
        needed: NonZeroUsize,
    },
    /// Another protocol than TLS, which does not understand TLS alerts.
    NotTls(NotTls),
    /// Data that a TLS server must refuse.
    Malformed(ScanError),
}

impl Scan {
    /// The maximum length of a message in bytes, without its header: the limit of rustls.
    pub const LONGEST: usize = 0xffff;

    /// Makes a scan with the limit [`LONGEST`](Self::LONGEST).
    #[must_use]
    pub const fn new(code_points: &CodePoints) -> Self {
        Self { types: Types::new(code_points), longest: Self::LONGEST }
    }

    /// Sets the limit for the length of a message in bytes, without its header; at most
    /// [`LONGEST`](Self::LONGEST). ClientHellos of current clients have 200 to 2000 bytes.
    #[must_use]
    pub const fn max_message(self, length: usize) -> Self {
        let longest = if length < Self::LONGEST { length } else { Self::LONGEST };
        Self { longest, ..self }
    }

    /// Scans bytes as they arrive from a socket, from the first on.
    ///
    /// If the ClientHello is in one record, as it nearly always is, the view borrows the bytes. A
    /// ClientHello over several records (RFC 8446 section 5.1) is assembled in `scratch`; if its
    /// body does not fit, it is refused as too long. With an empty `scratch`, all of these are
    /// refused.
    ///
    /// If the result is `Incomplete`, call this again with more bytes, from the first on. It then
    /// starts anew: wait for as many bytes as are needed, so that a client cannot cause a new scan
    /// for each byte, or use a [`Scanner`], which continues from its last position.
    pub fn records<'a>(&self, bytes: &'a [u8], scratch: &'a mut [u8]) -> Answer<'a> {
        match self.one_record(bytes) {
            Some(body) => self.read(body, 9 + body.len()),
            None => scanner::run_once(self, scratch, bytes),
        }
    }

    /// Makes a scanner for bytes that arrive in pieces. Its buffer assembles the ClientHello, and
    /// limits its length if the buffer is smaller than this scan's limit.
    pub fn scanner<B: AsMut<[u8]>>(&self, buffer: B) -> Scanner<B> {
        Scanner::new(*self, buffer)
    }

    /// Scans a handshake message: a header of four bytes, and the body. Some TLS stacks provide
    /// this form, and QUIC has it in CRYPTO frames.
    pub fn handshake<'a>(&self, message: &'a [u8]) -> Answer<'a> {
        let mut head = Head::NEW;
        let mut rest = message;
        let length = loop {
            if let Some(length) = head.length() {
                break length;
            }
            let Some((byte, after)) = rest.split_first() else {
                return Answer::incomplete(head.missing() + head.least_length());
            };
            if let Err(error) = head.byte(*byte, self.longest) {
                return Answer::Malformed(error);
            }
            rest = after;
        };
        match rest.get(..length) {
            Some(body) => self.read(body, 4 + length),
            None => Answer::incomplete(length - rest.len()),
        }
    }

    /// Scans the body of a ClientHello, without the header of the message: the form that other TLS
    /// stacks provide. The result is never `Incomplete`.
    pub fn body<'a>(&self, body: &'a [u8]) -> Answer<'a> {
        if body.len() > self.longest {
            return Answer::too_long(self.longest);
        }
        self.read(body, body.len())
    }

    /// The fast path for nearly all clients: returns the body if the message is complete and in one
    /// record. [`stream`] gives the same result, for all messages.
    #[inline(always)]
    fn one_record<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (&[22, 3, _, r, s, 1, m, n, o], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        // The length of the message is compared before it becomes a `usize`.
        let fragment = u16::from_be_bytes([r, s]);
        if u32::from(fragment) != 4 + u32::from_be_bytes([0, m, n, o]) {
            return None;
        }
        let length = usize::from(fragment).checked_sub(4)?;
        let fits = length <= LONGEST_FRAGMENT - 4;
        if !fits || length > self.longest || length < hello::SHORTEST {
            return None;
        }
        rest.get(..length)
    }

    /// Reads the body of a message that took this many bytes.
    #[inline(always)]
    fn read<'a>(&self, body: &'a [u8], length: usize) -> Answer<'a> {
        match hello::read_quickly(body, &self.types) {
            Some(hello) => Answer::Hello { hello, length },
            None => self.read_exactly(body, length),
        }
    }

    /// Reads it again slowly, to find the fault, or that there is none.
    #[cold]
    #[inline(never)]
    fn read_exactly<'a>(&self, body: &'a [u8], length: usize) -> Answer<'a> {
        match hello::read_exactly(body, &self.types) {
            Ok(hello) => Answer::Hello { hello, length },
            Err(refusal) => refusal.into(),
        }
    }
}

impl Default for Scan {
    fn default() -> Self {
        Self::new(&CodePoints::DEFAULT)
    }
}

impl Answer<'_> {
    fn incomplete(needed: usize) -> Self {
        Self::Incomplete { needed: NonZeroUsize::new(needed).unwrap_or(NonZeroUsize::MIN) }
    }

    const fn too_long(limit: usize) -> Self {
        Self::Malformed(ScanError::MessageTooLong { limit })
    }
}

impl From<Refusal> for Answer<'_> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotTls(what) => Self::NotTls(what),
            Refusal::Malformed(error) => Self::Malformed(error),
        }
    }
}
