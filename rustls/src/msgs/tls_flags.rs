//! The `tls_flags` extension (draft-ietf-tls-tlsflags), on its way in and out of messages.
//!
//! What flags are, and where they may stand, is `rustls-ext-wire`'s business.

use alloc::vec::Vec;

use rustls_ext_wire::{CodePoints, FlagSet, Message};

use crate::common_state::CommonState;
use crate::enums::AlertDescription;
use crate::error::{Error, InvalidMessage, PeerMisbehaved};
use crate::msgs::base::Payload;
use crate::msgs::codec::{Codec, LengthPrefixedBuffer, ListLength, Reader};
use crate::msgs::enums::ExtensionType;

/// A body that is not decoded yet: in a ClientHello it only matters once TLS1.3 is chosen (FLAGS-9).
#[derive(Clone, Debug)]
pub(crate) struct TlsFlags {
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

    /// The set that a well-formed body stands for.
    pub(crate) fn decode(&self) -> Result<FlagSet, InvalidMessage> {
        FlagSet::decode(self.body.bytes()).map_err(InvalidMessage::IllegalTlsFlags)
    }

    /// The flags, if `message` may carry them in answer to `answered`.
    pub(crate) fn judge(
        &self,
        message: Message,
        answered: &FlagSet,
        code_points: CodePoints,
    ) -> Result<FlagSet, Error> {
        let flags = self.decode()?;
        rustls_ext_wire::check(message, &flags, answered, &code_points)
            .map_err(PeerMisbehaved::IllegalTlsFlag)?;
        Ok(flags)
    }

    /// Encodes code point, length and body.
    pub(crate) fn encode_extension(&self, bytes: &mut Vec<u8>) {
        self.code_point.encode(bytes);
        self.encode(LengthPrefixedBuffer::new(ListLength::U16, bytes).buf);
    }
}

impl Codec<'_> for TlsFlags {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.body.encode(bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        Ok(Self {
            code_point: r.code_points.tls_flags(),
            body: Payload::read(r).into_owned(),
        })
    }
}

impl ExtensionType {
    /// What this type, as received, means to a connection with these `code_points`.
    pub(crate) fn received(self, code_points: CodePoints) -> Self {
        match u16::from(self) {
            typ if typ == code_points.tls_flags() => Self::TlsFlags,
            typ if self == Self::TlsFlags => Self::Unknown(typ),
            _ => self,
        }
    }
}

impl CommonState {
    /// Decodes and judges the flags that the peer sent in `message`, in answer to `answered`.
    ///
    /// Every rule that they break ends in `illegal_parameter`.
    pub(crate) fn receive_tls_flags(
        &mut self,
        message: Message,
        received: Option<&TlsFlags>,
        answered: &FlagSet,
    ) -> Result<Option<FlagSet>, Error> {
        let Some(received) = received else {
            return Ok(None);
        };
        match received.judge(message, answered, self.code_points) {
            Ok(flags) => Ok(Some(flags)),
            Err(err) => Err(self.send_fatal_alert(AlertDescription::IllegalParameter, err)),
        }
    }
}
