//! The extensions by which clients offer to authenticate, on their way in and out of messages:
//! `tls_flags` (draft-ietf-tls-tlsflags) and `client_authentication_request` (CARE,
//! draft-thomson-tls-care).
//!
//! What they say, and where they may stand, is `rustls-ext-wire`'s business.

use alloc::vec::Vec;

use rustls_ext_wire::{CodePoints, Fault, FlagSet, Received, Version};

use crate::common_state::CommonState;
use crate::enums::{AlertDescription, ProtocolVersion};
use crate::error::{Error, InvalidMessage, PeerMisbehaved};
use crate::msgs::base::Payload;
use crate::msgs::codec::{Codec, LengthPrefixedBuffer, ListLength, Reader};
use crate::msgs::enums::ExtensionType;
use crate::msgs::handshake::{
    CertificateRequestExtensions, ClientExtensions, ServerExtensions,
};

/// The body of `tls_flags`, not decoded yet: in a ClientHello it only matters once TLS1.3 is chosen
/// (FLAGS-9).
pub(crate) type TlsFlags = Configured<true>;

/// The body of `client_authentication_request`.
pub(crate) type Care = Configured<false>;

/// The body of an extension whose code point is configuration.
#[derive(Clone, Debug)]
pub(crate) struct Configured<const FLAGS: bool> {
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

impl<const FLAGS: bool> Configured<FLAGS> {
    pub(crate) fn body(&self) -> &[u8] {
        self.body.bytes()
    }

    /// Encodes code point, length and body.
    fn encode_extension(&self, bytes: &mut Vec<u8>) {
        self.code_point.encode(bytes);
        self.encode(LengthPrefixedBuffer::new(ListLength::U16, bytes).buf);
    }
}

impl<const FLAGS: bool> Codec<'_> for Configured<FLAGS> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.body.encode(bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        let code_point = if FLAGS {
            Some(r.code_points.tls_flags())
        } else {
            r.code_points.care()
        };
        Ok(Self {
            // Without a code point, nothing would have been taken for one of these.
            code_point: code_point.unwrap_or_default(),
            body: Payload::read(r).into_owned(),
        })
    }
}

impl ExtensionType {
    /// What this type, as received, means to a connection with these `code_points`.
    #[inline]
    pub(crate) fn received(self, code_points: CodePoints) -> Self {
        match u16::from(self) {
            typ if typ == code_points.tls_flags() => Self::TlsFlags,
            typ if Some(typ) == code_points.care() => Self::ClientAuthenticationRequest,
            _ => self.or_unknown(),
        }
    }

    /// The same, and under other code points: what has our usual one is not ours.
    #[inline]
    pub(crate) fn or_unknown(self) -> Self {
        match self {
            Self::TlsFlags | Self::ClientAuthenticationRequest => Self::Unknown(self.into()),
            typ => typ,
        }
    }
}

impl ClientExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        Received {
            tls_flags: self.tls_flags.as_ref().map(Configured::body),
            care: self.care.as_ref().map(Configured::body),
        }
    }

    /// Encodes one extension under its code point.
    #[inline]
    pub(crate) fn encode_any(&self, typ: ExtensionType, bytes: &mut Vec<u8>) {
        match (typ, &self.tls_flags, &self.care) {
            (ExtensionType::TlsFlags, Some(flags), _) => flags.encode_extension(bytes),
            (ExtensionType::ClientAuthenticationRequest, _, Some(care)) => {
                care.encode_extension(bytes)
            }
            _ => self.encode_one(typ, bytes),
        }
    }
}

impl ServerExtensions<'_> {
    pub(crate) fn client_auth(&self) -> Received<'_> {
        Received {
            tls_flags: None, // refused where it was read
            care: self.care.as_ref().map(Configured::body),
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

/// What the codec calls `version`.
pub(crate) fn wire_version(version: ProtocolVersion) -> Version {
    match version {
        ProtocolVersion::TLSv1_3 => Version::Tls13,
        _ => Version::Tls12,
    }
}

/// What a message brings that has no CARE, or in which that was refused where it was read.
pub(crate) fn of_flags(tls_flags: &Option<TlsFlags>) -> Received<'_> {
    Received {
        tls_flags: tls_flags.as_ref().map(Configured::body),
        care: None,
    }
}

impl CommonState {
    /// Passes on what was judged, or ends the connection with the alert for it.
    pub(crate) fn judged<T>(&mut self, judged: Result<T, Fault>) -> Result<T, Error> {
        judged.map_err(|fault| {
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
            _ => PeerMisbehaved::ClientHelloDifferedOnRetry("tls_flags").into(),
        }
    }
}
