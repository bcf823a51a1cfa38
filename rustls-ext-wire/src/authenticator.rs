//! Exported authenticators (RFC 9261): proofs of a certificate's key on an open TLS connection,
//! carried by the application.
//!
//! One side of a connection writes a [`Request`], and the other answers with an authenticator: a
//! proof of possession ([`Request::authenticate`]) or an empty one ([`Request::decline`]). The
//! first side validates the answer: [`Request::validate`]. A server may also send an authenticator
//! without a request: [`Request::spontaneous`].
//!
//! The TLS stack provides hash, HMAC and exporter as a [`Connection`], and the signature as a
//! closure. [`Contexts`] records which requests a connection has had, since each is answered once.
//!
//! A valid authenticator proves that its sender has the key of a certificate, and nothing else: the
//! caller must then verify the chain, like that of any other peer. The caller must also make sure
//! that the connection uses TLS 1.3, or TLS 1.2 with the extended master secret (RFC 9261 section
//! 5.1), and that the certificate fits `signature_algorithms_cert`, `certificate_authorities` and
//! `oid_filters` of the request.
//!
//! ```
//! use rustls_ext_wire::authenticator::{Connection, Contexts, Endpoint, Proof, Request};
//!
//! # struct Toy;
//! # impl Connection for Toy {
//! #     type Digest = [u8; 8];
//! #     type Tag = [u8; 8];
//! #     fn handshake_context(&self, _: Endpoint) -> &[u8] { &[7; 8] }
//! #     fn hash(&self, parts: &[&[u8]]) -> [u8; 8] {
//! #         let bytes = parts.iter().copied().flatten();
//! #         bytes.fold(5_u64, |all, byte| all.rotate_left(9) ^ u64::from(*byte)).to_be_bytes()
//! #     }
//! #     fn finished_mac(&self, _: Endpoint, message: &[u8]) -> [u8; 8] { self.hash(&[message]) }
//! # }
//! # fn sign(_: &[u8]) -> Result<Vec<u8>, std::fmt::Error> { Ok(vec![1, 2, 3]) }
//! # let (random, connection, certificate) = ([9; 16], Toy, [0x30, 0]);
//! // The server requests a certificate, with a random context.
//! let (mut buffer, mut contexts) = ([0; 1024], Contexts::new([0; 1024]));
//! let request = Request::write(Endpoint::Server, &random, &[0x0403], &[], &mut buffer)?;
//! contexts.sent(request.context())?;
//!
//! // The client answers.
//! let (mut buffer, mut peers) = ([0; 1024], Contexts::new([0; 1024]));
//! let received = Request::parse(Endpoint::Server, request.bytes())?;
//! peers.received(received.context())?;
//! peers.answer(received.context())?;
//! let scheme = received.schemes().next().ok_or("no scheme of TLS 1.3")?;
//! let chain = [&certificate[..]];
//! let authenticator = received.authenticate(&connection, &chain, scheme, sign, &mut buffer)?;
//!
//! // The server validates the answer.
//! contexts.answered(request.context())?;
//! match request.validate(&connection, authenticator, |signed| {
//!     // Verify `signed.signature` over `signed.message` with the key of the first certificate.
//! #   if signed.signature == [1, 2, 3] { Ok(()) } else { Err(std::fmt::Error) }
//! })? {
//!     Proof::Possession { certificates, .. } => {
//!         let chain: Vec<_> = certificates.map(|(der, _)| der).collect();
//!         assert_eq!(chain, [certificate]); // to be verified next
//!     }
//!     Proof::Declined => println!("the client has no certificate for this request"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allowed;
mod contexts;
mod error;
mod make;
mod read;
mod request;
mod validate;

pub use allowed::is_allowed_scheme;
pub use contexts::{ContextError, Contexts};
pub use error::{AuthenticatorError, Field, MakeError, RequestError, ValidateError, WriteError};
pub use request::Request;
pub use validate::{Authenticator, Certificates, Proof, Signed};

/// The minimum length in bytes of a context that this side chooses (EA-3).
pub const MIN_CONTEXT: usize = 16;

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Endpoint {
    /// Returns the other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Returns the exporter label of the handshake context for authenticators that this side sends
    /// (EA-1).
    #[must_use]
    pub const fn handshake_context_label(self) -> &'static str {
        match self {
            Self::Client => "EXPORTER-client authenticator handshake context",
            Self::Server => "EXPORTER-server authenticator handshake context",
        }
    }

    /// Returns the exporter label of the MAC key for authenticators that this side sends (EA-1).
    #[must_use]
    pub const fn finished_key_label(self) -> &'static str {
        match self {
            Self::Client => "EXPORTER-client authenticator finished key",
            Self::Server => "EXPORTER-server authenticator finished key",
        }
    }
}

/// The part of a TLS connection that the computation needs: exporter, hash and HMAC.
///
/// All use the hash of the negotiated cipher suite. The exporter is that of the completed handshake
/// (never the early exporter), with an empty context, not an absent one. Its values do not change
/// while the connection lasts, so they can be exported once (EA-1).
pub trait Connection {
    /// An output of the hash.
    type Digest: AsRef<[u8]>;
    /// An output of HMAC.
    type Tag: AsRef<[u8]>;

    /// Returns the exported value under [`Endpoint::handshake_context_label`] of `sender`, as long
    /// as an output of the hash.
    fn handshake_context(&self, sender: Endpoint) -> &[u8];

    /// Returns the hash of the concatenated `parts`.
    fn hash(&self, parts: &[&[u8]]) -> Self::Digest;

    /// Returns the HMAC of `message`. The key is the exported value under
    /// [`Endpoint::finished_key_label`] of `sender`, as long as an output of the hash; no other key
    /// is derived from it (EA-9).
    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> Self::Tag;
}

/// The handshake types of the messages.
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_CERTIFICATE_REQUEST: u8 = 17;
const FINISHED: u8 = 20;

/// The maximum length of a hash's output in bytes: that of SHA-512.
const MAX_HASH: usize = 64;

/// The bytes in front of the hash in the message that is signed (EA-8).
const SIGNED_PREFIX: [u8; 87] = {
    let mut prefix = [0x20; 87];
    let label = b"Exported Authenticator\0";
    let mut at = 0;
    while at < label.len() {
        prefix[64 + at] = label[at];
        at += 1;
    }
    prefix
};

/// The message that is signed (EA-8).
struct SignedMessage {
    bytes: [u8; SIGNED_PREFIX.len() + MAX_HASH],
    length: usize,
}

impl SignedMessage {
    /// `certificate` is the message with its header. `None` if the handshake context is not as long
    /// as the output of the hash (EA-1), or no hash of TLS is that long.
    fn new<C: Connection>(
        connection: &C,
        sender: Endpoint,
        request: &[u8],
        certificate: &[u8],
    ) -> Option<Self> {
        let context = connection.handshake_context(sender);
        let digest = connection.hash(&[context, request, certificate]);
        let digest = digest.as_ref();
        let mut bytes = [0; SIGNED_PREFIX.len() + MAX_HASH];
        let (prefix, rest) = bytes.split_at_mut_checked(SIGNED_PREFIX.len())?;
        prefix.copy_from_slice(&SIGNED_PREFIX);
        rest.get_mut(..digest.len())?.copy_from_slice(digest);
        let length = SIGNED_PREFIX.len() + digest.len();
        (context.len() == digest.len()).then_some(Self { bytes, length })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The MAC in Finished (EA-9). `messages` are those of the authenticator before it. `None` if the
/// handshake context or the MAC is not as long as the output of the hash (EA-1).
fn mac<C: Connection>(
    connection: &C,
    sender: Endpoint,
    request: &[u8],
    messages: &[u8],
) -> Option<C::Tag> {
    let context = connection.handshake_context(sender);
    mac_of(connection, sender, connection.hash(&[context, request, messages]))
}

/// The MAC of an empty authenticator: Finished after a Certificate without entries (EA-10).
fn empty_mac<C: Connection>(
    connection: &C,
    sender: Endpoint,
    request: &[u8],
    context: &[u8],
) -> Option<C::Tag> {
    let length = u8::try_from(context.len()).ok()?;
    let [high, low] = (u16::from(length) + 4).to_be_bytes();
    let head = [CERTIFICATE, 0, high, low, length];
    let handshake = connection.handshake_context(sender);
    mac_of(connection, sender, connection.hash(&[handshake, request, &head, context, &[0; 3]]))
}

fn mac_of<C: Connection>(connection: &C, sender: Endpoint, digest: C::Digest) -> Option<C::Tag> {
    let digest = digest.as_ref();
    let tag = connection.finished_mac(sender, digest);
    let lengths = [connection.handshake_context(sender).len(), tag.as_ref().len()];
    (lengths == [digest.len(); 2]).then_some(tag)
}
