//! From octets off a socket to a ClientHello, or to the reason why they are none.

use core::num::NonZeroUsize;

use crate::code_points::CodePoints;
use known::Types;
use stream::{Head, LONGEST_FRAGMENT};

mod bodies;
mod client_hello;
mod error;
mod hello;
mod known;
mod lists;
mod numbers;
mod scanner;
mod stream;

pub use client_hello::{ClientHello, Ech};
use error::Refusal;
pub use error::{Flaw, NotTls, Part, ScanError};
pub use lists::{Authorities, Extensions, Numbers, Protocols};
pub use scanner::Scanner;

/// How to scan: a proxy, a router or a TLS stack finds out with it what a client wants, before
/// anything else.
///
/// # What is checked
/// - Records and the header of the message, octet by octet: what cannot become a ClientHello any
///   more is refused at once, however few octets there are.
/// - Once the message is whole, its structure, to the end; that no extension of whichever type
///   stands twice (RFC 8446 section 4.2); that none follows `pre_shared_key` (section 4.2.11).
/// - Within extensions, the form of those that [`ClientHello`] shows and that every server must
///   refuse if they are broken: `server_name`, ALPN, `supported_versions`,
///   `certificate_authorities`, `pre_shared_key`, and Encrypted Client Hello. Others are opaque.
///   What is wrong with `tls_flags` and CARE is found out by who asks for them.
///
/// Whether a server can do anything with the hello is not: versions, cipher suites and groups are
/// for the server to choose from.
///
/// # Limits
/// Time is linear in the octets, whatever they are. Memory is what the caller lends, and for hellos
/// with something wrong or very unusual 8 KiB of stack. A record has at most 2^14 octets (RFC 8446
/// section 5.1), a message at most [`Scan::LONGEST`] or what [`max_message`](Self::max_message)
/// says; there may be as many extensions and records as fit.
///
/// ```
/// use rustls_ext_wire::{Answer, Scan};
///
/// # let octets = include_bytes!("../corpus/chromium-sni+flag.bin");
/// let scan = Scan::default();
/// let Answer::Hello { hello, octets: length } = scan.records(octets, &mut []) else {
///     panic!("no hello");
/// };
/// assert_eq!(length, octets.len());
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

/// What octets are.
// Closed: a server must do something about each, and a wildcard would let something pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer<'a> {
    /// A ClientHello.
    Hello {
        /// What it says.
        hello: ClientHello<'a>,
        /// How many octets it took, from the first on. What follows was not looked at.
        octets: usize,
    },
    /// The beginning of what may become a ClientHello.
    Incomplete {
        /// How many octets more it takes for that at least. It may take more where a client uses
        /// more records than it must.
        needed: NonZeroUsize,
    },
    /// Something else than TLS, to which a TLS alert says nothing.
    NotTls(NotTls),
    /// What a TLS server must refuse.
    Malformed(ScanError),
}

impl Scan {
    /// The most octets of a message, its header not included: what rustls reads.
    pub const LONGEST: usize = 0xffff;

    /// With [`LONGEST`](Self::LONGEST) as the limit.
    #[must_use]
    pub const fn new(code_points: &CodePoints) -> Self {
        Self { types: Types::new(code_points), longest: Self::LONGEST }
    }

    /// With this limit on the octets of a message, its header not included; no more than
    /// [`LONGEST`](Self::LONGEST). Hellos of today's clients have 200 to 2000.
    #[must_use]
    pub const fn max_message(self, octets: usize) -> Self {
        let longest = if octets < Self::LONGEST { octets } else { Self::LONGEST };
        Self { longest, ..self }
    }

    /// Looks at octets as they come off a socket, from the first on.
    ///
    /// When they are a hello in one record, as nearly always, the view borrows them. A hello over
    /// several records (RFC 8446 section 5.1) is put together in `scratch`; one that does not fit,
    /// without its header, is refused as too long. With an empty `scratch`, all of these are.
    ///
    /// When the answer is that the hello is incomplete, this can be called again with more octets,
    /// from the first on. It then begins anew: wait for as many as are needed, so that a client
    /// cannot make it do that for each octet, or use a [`Scanner`], which goes on from where it was.
    pub fn records<'a>(&self, octets: &'a [u8], scratch: &'a mut [u8]) -> Answer<'a> {
        match self.one_record(octets) {
            Some(body) => self.read(body, 9 + body.len()),
            None => scanner::run_once(self, scratch, octets),
        }
    }

    /// A scan of octets that come little by little, with a buffer to put a hello together: the most
    /// octets that it can have, if that is less than this scan's limit.
    pub fn scanner<B: AsMut<[u8]>>(&self, buffer: B) -> Scanner<B> {
        Scanner::new(*self, buffer)
    }

    /// Looks at a handshake message: four octets of header, and the body. That is what some TLS
    /// stacks hand over, and what QUIC has in CRYPTO frames.
    pub fn handshake<'a>(&self, message: &'a [u8]) -> Answer<'a> {
        let mut head = Head::NEW;
        let mut rest = message;
        let length = loop {
            if let Some(length) = head.length() {
                break length;
            }
            let Some((octet, after)) = rest.split_first() else {
                return Answer::incomplete(head.missing() + head.least_length());
            };
            if let Err(error) = head.octet(*octet, self.longest) {
                return Answer::Malformed(error);
            }
            rest = after;
        };
        match rest.get(..length) {
            Some(body) => self.read(body, 4 + length),
            None => Answer::incomplete(length - rest.len()),
        }
    }

    /// Looks at the body of a ClientHello, without the header of the message: what other TLS stacks
    /// hand over. The answer is never that it is incomplete.
    pub fn body<'a>(&self, body: &'a [u8]) -> Answer<'a> {
        if body.len() > self.longest {
            return Answer::too_long(self.longest);
        }
        self.read(body, body.len())
    }

    /// The short way for what nearly every client sends: the body of the message, when it is whole
    /// and in one record. [`stream`] comes to the same, for everything.
    #[inline(always)]
    fn one_record<'a>(&self, octets: &'a [u8]) -> Option<&'a [u8]> {
        let (&[22, 3, _, r, s, 1, m, n, o], rest) = octets.split_first_chunk()? else {
            return None;
        };
        let fragment = usize::from(u16::from_be_bytes([r, s]));
        let length = u32::from_be_bytes([0, m, n, o]) as usize;
        let fits = fragment == 4 + length && fragment <= LONGEST_FRAGMENT;
        if !fits || length > self.longest || length < hello::SHORTEST {
            return None;
        }
        rest.get(..length)
    }

    /// Reads the body of a message that took so many octets.
    #[inline(always)]
    fn read<'a>(&self, body: &'a [u8], octets: usize) -> Answer<'a> {
        match hello::read_quickly(body, &self.types) {
            Some(hello) => Answer::Hello { hello, octets },
            None => self.read_exactly(body, octets),
        }
    }

    /// The same in no hurry, to find out what is wrong, or that nothing is.
    #[cold]
    #[inline(never)]
    fn read_exactly<'a>(&self, body: &'a [u8], octets: usize) -> Answer<'a> {
        match hello::read_exactly(body, &self.types) {
            Ok(hello) => Answer::Hello { hello, octets },
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
