//! Encodes and decodes the extensions with which clients offer to authenticate: `tls_flags`
//! (draft-ietf-tls-tlsflags), `client_authentication_request` (CARE, draft-thomson-tls-care), and
//! `workload_identifier_origin_hint` (draft-rosomakho-tls-wimse-cert-hint).
//!
//! `rustls-ext-wire` defines their content, and the messages in which they are allowed.

use alloc::vec::Vec;

use rustls_ext_wire::{CodePoints, Fault, FlagSet, Received, Version};

use crate::client::ClientAuthOffer;
use crate::common_state::CommonState;
use crate::enums::{AlertDescription, ProtocolVersion};
use crate::error::{Error, InvalidMessage, PeerMisbehaved};
use crate::msgs::base::Payload;
use crate::msgs::codec::{Codec, LengthPrefixedBuffer, ListLength, Reader};
use crate::msgs::enums::ExtensionType;
use crate::msgs::handshake::{CertificateRequestExtensions, ClientExtensions, ServerExtensions};

/// The body of `tls_flags`, not decoded yet: in a ClientHello it matters only after TLS1.3 is
/// chosen (FLAGS-9).
pub(crate) type TlsFlags = Configured<FLAGS>;

/// The body of `client_authentication_request`.
pub(crate) type Care = Configured<CARE>;

/// The body of `workload_identifier_origin_hint`, not decoded yet: it matters only after TLS1.3 is
/// chosen.
pub(crate) type OriginHint = Configured<ORIGINS>;

const FLAGS: u8 = 0;
const CARE: u8 = 1;
const ORIGINS: u8 = 2;

/// The body of an extension whose code point is configurable.
#[derive(Clone, Debug)]
pub(crate) struct Configured<const KIND: u8> {
    code_point: u16,
    body: Payload<'static>,
}

impl TlsFlags {
    /// `None` for an empty set, which has no encoding (FLAGS-8).
    pub(crate) fn new(flags: &FlagSet, code_points: CodePoints) -> Option<Self> {
        Some(Self {
            code_point: code_points.tls_flags(),
            body: Payload::new(flags.body()?),
        })
    }
}

impl Care {
    /// `None` without a code point.
    pub(crate) fn new(code_point: Option<u16>) -> Option<Self> {
        Some(Self {
            code_point: code_point?,
            body: Payload::empty(), // CARE-1
        })
    }
}

impl OriginHint {
    /// `None` without a code point, or without origins.
    pub(crate) fn new(code_point: Option<u16>, offer: &ClientAuthOffer) -> Option<Self> {
        Some(Self {
            code_point: code_point?,
            body: Payload::new(offer.origin_hint()?),
        })
    }
}

impl<const KIND: u8> Configured<KIND> {
    pub(crate) fn body(&self) -> &[u8] {
        self.body.bytes()
    }

    /// Encodes code point, length and body.
    fn encode_extension(&self, bytes: &mut Vec<u8>) {
        self.code_point.encode(bytes);
        self.encode(LengthPrefixedBuffer::new(ListLength::U16, bytes).buf);
    }
}

impl<const KIND: u8> Codec<'_> for Configured<KIND> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.body.encode(bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        let code_point = match KIND {
            FLAGS => Some(r.code_points.tls_flags()),
            CARE => r.code_points.care(),
            _ => r.code_points.origin_hint(),
        };
        Ok(Self {
            // Without a code point, no extension would have been recognized as one of these.
            code_point: code_point.unwrap_or_default(),
            body: Payload::read(r).into_owned(),
        })
    }
}

impl ExtensionType {
    /// The meaning of this received type for a connection with these `code_points`.
    #[inline]
    pub(crate) fn received(self, code_points: CodePoints) -> Self {
        // No code point is the number of an extension that has another name.
        match self {
            Self::Unknown(_)
            | Self::TlsFlags
            | Self::ClientAuthenticationRequest
            | Self::WorkloadIdentifierOriginHint => {}
            known => return known,
        }
        match u16::from(self) {
            typ if typ == code_points.tls_flags() => Self::TlsFlags,
            typ if Some(typ) == code_points.care() => Self::ClientAuthenticationRequest,
            typ if Some(typ) == code_points.origin_hint() => Self::WorkloadIdentifierOriginHint,
            _ => self.or_unknown(),
        }
    }

    /// The meaning under other code points: a type with our usual number is then unknown.
    #[inline]
    pub(crate) fn or_unknown(self) -> Self {
        match self {
            Self::TlsFlags
            | Self::ClientAuthenticationRequest
            | Self::WorkloadIdentifierOriginHint => Self::Unknown(self.into()),
            typ => typ,
        }
    }
}

impl ClientExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        Received {
            tls_flags: self
                .tls_flags
                .as_ref()
                .map(Configured::body),
            care: self.care.as_ref().map(Configured::body),
            origin_hint: self
                .origin_hint
                .as_ref()
                .map(Configured::body),
        }
    }

    /// Encodes one extension under its code point.
    #[inline]
    pub(crate) fn encode_any(&self, typ: ExtensionType, bytes: &mut Vec<u8>) {
        match (typ, &self.tls_flags, &self.care, &self.origin_hint) {
            (ExtensionType::TlsFlags, Some(flags), ..) => flags.encode_extension(bytes),
            (ExtensionType::ClientAuthenticationRequest, _, Some(care), _) => {
                care.encode_extension(bytes)
            }
            (ExtensionType::WorkloadIdentifierOriginHint, _, _, Some(hint)) => {
                hint.encode_extension(bytes)
            }
            _ => self.encode_one(typ, bytes),
        }
    }
}

impl ServerExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        Received {
            care: self.care.as_ref().map(Configured::body),
            ..Received::default() // refused when it was read
        }
    }

    /// Encodes one extension under its code point.
    #[inline]
    pub(crate) fn encode_any(&self, typ: ExtensionType, bytes: &mut Vec<u8>) {
        match (&self.care, typ) {
            (Some(care), ExtensionType::ClientAuthenticationRequest) => {
                care.encode_extension(bytes)
            }
            _ => self.encode_one(typ, bytes),
        }
    }
}

impl CertificateRequestExtensions {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        of_flags(&self.tls_flags)
    }

    /// Encodes one extension under its code point.
    #[inline]
    pub(crate) fn encode_any(&self, typ: ExtensionType, bytes: &mut Vec<u8>) {
        match (typ, &self.tls_flags) {
            (ExtensionType::TlsFlags, Some(flags)) => flags.encode_extension(bytes),
            _ => self.encode_one(typ, bytes),
        }
    }
}

/// Converts a version to the type of the codec.
pub(crate) fn wire_version(version: ProtocolVersion) -> Version {
    match version {
        ProtocolVersion::TLSv1_3 => Version::Tls13,
        _ => Version::Tls12,
    }
}

/// The extensions of a message without others, or in which others were refused when it was read.
pub(crate) fn of_flags(tls_flags: &Option<TlsFlags>) -> Received<'_> {
    Received {
        tls_flags: tls_flags.as_ref().map(Configured::body),
        ..Received::default()
    }
}

impl CommonState {
    /// Returns the result of a check, or ends the connection with the alert of its fault.
    pub(crate) fn checked<T>(&mut self, result: Result<T, Fault>) -> Result<T, Error> {
        result.map_err(|fault| {
            self.send_fatal_alert(AlertDescription::from(fault.alert().code()), fault)
        })
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Flags(error) => InvalidMessage::IllegalTlsFlags(error).into(),
            Fault::Flag(violation) => PeerMisbehaved::IllegalTlsFlag(violation).into(),
            Fault::Care(error) => PeerMisbehaved::IllegalClientAuthenticationRequest(error).into(),
            Fault::OriginHint(error) => PeerMisbehaved::IllegalOriginHint(error).into(),
            _ => PeerMisbehaved::ClientHelloDifferedOnRetry("tls_flags").into(),
        }
    }
}
