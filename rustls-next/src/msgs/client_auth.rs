//! Encodes and decodes the extensions with which clients offer to authenticate: `tls_flags`
//! (draft-ietf-tls-tlsflags) and `client_authentication_request` (CARE, draft-thomson-tls-care).
//!
//! `rustls-ext-wire` defines their content, and the messages in which they are allowed.

use alloc::vec::Vec;

use rustls_ext_wire::{CodePoints, Fault, FlagSet, Received, Version};

use super::codec::{Codec, Reader};
use super::enums::ExtensionType;
use super::handshake::{
    CertificatePayloadTls13, CertificateRequestExtensions, NewSessionTicketExtensions,
};
use super::{ClientExtensions, EncryptedExtensions, ServerExtensions};
use crate::crypto::cipher::Payload;
use crate::enums::ProtocolVersion;
use crate::error::{Error, InvalidMessage, PeerMisbehaved};

/// The body of `tls_flags`, not decoded yet: in a ClientHello it matters only after TLS1.3 is
/// chosen (FLAGS-9).
pub(crate) type TlsFlags = Configured<true>;

/// The body of `client_authentication_request`.
pub(crate) type Care = Configured<false>;

/// The body of an extension whose code point is configurable.
#[derive(Clone, Debug)]
pub(crate) struct Configured<const FLAGS: bool> {
    code_points: CodePoints,
    body: Payload<'static>,
}

impl TlsFlags {
    /// `None` for an empty set, which has no encoding (FLAGS-8).
    pub(crate) fn new(flags: &FlagSet, code_points: CodePoints) -> Option<Self> {
        Some(Self {
            code_points,
            body: Payload::new(flags.body()?),
        })
    }

    /// Whether the flag `request_client_auth` is set, in a valid extension.
    pub(crate) fn request_client_auth(&self) -> bool {
        let flag = self.code_points.request_client_auth();
        FlagSet::decode(self.body()).is_ok_and(|flags| flags.contains(flag))
    }
}

impl Care {
    pub(crate) fn new(code_points: CodePoints) -> Self {
        Self {
            code_points,
            body: Payload::Borrowed(&[]), // CARE-1
        }
    }
}

impl<const FLAGS: bool> Configured<FLAGS> {
    fn body(&self) -> &[u8] {
        self.body.bytes()
    }
}

impl<const FLAGS: bool> Codec<'_> for Configured<FLAGS> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.body.encode(bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        Ok(Self {
            code_points: r.code_points,
            body: Payload::read(r).into_owned(),
        })
    }

    fn extension_type(&self, typ: ExtensionType) -> ExtensionType {
        match (FLAGS, self.code_points.care()) {
            (true, _) => ExtensionType(self.code_points.tls_flags()),
            (false, Some(care)) => ExtensionType(care),
            // Without a code point, CARE is neither sent nor recognized.
            (false, None) => typ,
        }
    }
}

impl ExtensionType {
    /// The meaning of this received type for a connection with these `code_points`.
    #[inline]
    pub(crate) fn received(self, code_points: CodePoints) -> Self {
        match self {
            Self(typ) if typ == code_points.tls_flags() => Self::TlsFlags,
            Self(typ) if Some(typ) == code_points.care() => Self::ClientAuthenticationRequest,
            // Our usual number is then unknown; this one is reserved, so no extension has it.
            Self::TlsFlags | Self::ClientAuthenticationRequest => Self(0xffff),
            typ => typ,
        }
    }
}

impl ClientExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        received(&self.tls_flags, &self.care)
    }
}

impl ServerExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        received(&None, &self.care)
    }
}

impl EncryptedExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        received(&None, &self.care)
    }
}

impl CertificateRequestExtensions {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        received(&self.tls_flags, &None)
    }
}

impl NewSessionTicketExtensions {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        received(&self.tls_flags, &None)
    }
}

/// An extension that has no field in its message was refused when it was read.
fn received<'a>(tls_flags: &'a Option<TlsFlags>, care: &'a Option<Care>) -> Received<'a> {
    Received {
        tls_flags: tls_flags.as_ref().map(Configured::body),
        care: care.as_ref().map(Configured::body),
        ..Received::default() // an origin hint is an unknown extension
    }
}

impl<'a> CertificatePayloadTls13<'a> {
    /// Reads a message that was compressed, for a connection with these `code_points`.
    pub(crate) fn read_decompressed(
        bytes: &'a [u8],
        code_points: CodePoints,
    ) -> Result<Self, InvalidMessage> {
        Reader::with_code_points(bytes, code_points).all("read_bytes", Self::read)
    }
}

/// Converts a version to the type of the codec.
pub(crate) fn wire_version(version: ProtocolVersion) -> Version {
    match version {
        ProtocolVersion::TLSv1_3 => Version::Tls13,
        _ => Version::Tls12,
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        PeerMisbehaved::ClientAuthOffer(fault).into()
    }
}
