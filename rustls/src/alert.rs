use crate::enums::AlertDescription;
use crate::error::{Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

impl Error {
    /// Returns the alert that a connection sends when it ends with this error.
    ///
    /// This is for logs and reports after the connection has ended.  Returns `None` if no alert is
    /// sent, or if the error does not determine the alert: [`Error::DecryptError`] is sent as
    /// `bad_record_mac` for a record, and as `decrypt_error` for a `Finished` message.
    pub fn alert_sent(&self) -> Option<AlertDescription> {
        Some(match self {
            Self::InvalidCertificate(reason) => reason.clone().into(),
            Self::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => return None,
            Self::InvalidMessage(reason) => (*reason).into(),
            Self::NoCertificatesPresented => AlertDescription::CertificateRequired,
            Self::NoApplicationProtocol => AlertDescription::NoApplicationProtocol,
            Self::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
            Self::InappropriateMessage { .. } | Self::InappropriateHandshakeMessage { .. } => {
                AlertDescription::UnexpectedMessage
            }
            Self::PeerMisbehaved(reason) => return of_misbehaviour(reason),
            Self::PeerIncompatible(reason) => of_incompatibility(reason),
            _ => return None,
        })
    }
}

impl InvalidMessage {
    /// Returns the alert for this fault in a message that was compressed.
    ///
    /// RFC 8879 requires `bad_certificate` for every fault; the flags draft requires
    /// `illegal_parameter` for flags in any message, and WIO-1 for an origin hint.
    pub(crate) fn alert_if_compressed(self) -> AlertDescription {
        match self {
            Self::IllegalTlsFlags(_)
            | Self::UnexpectedTlsFlags
            | Self::UnexpectedCare
            | Self::UnexpectedOriginHint => self.into(),
            _ => AlertDescription::BadCertificate,
        }
    }
}

fn of_misbehaviour(reason: &PeerMisbehaved) -> Option<AlertDescription> {
    use PeerMisbehaved as Reason;
    Some(match reason {
        Reason::EarlyDataExtensionWithoutResumption
        | Reason::IllegalTlsInnerPlaintext
        | Reason::InvalidMaxEarlyDataSize
        | Reason::MessageInterleavedWithHandshakeMessage
        | Reason::OfferedEarlyDataWithOldProtocolVersion
        | Reason::RejectedEarlyDataInterleavedWithHandshakeMessage
        | Reason::ResumptionOfferedWithVariedCipherSuite
        | Reason::ResumptionOfferedWithVariedEms
        | Reason::SelectedUnofferedPsk
        | Reason::TooManyEmptyFragments
        | Reason::TooManyKeyUpdateRequests
        | Reason::TooManyRenegotiationRequests
        | Reason::TooManyWarningAlertsReceived
        | Reason::UnsolicitedCertExtension => return None,
        // It is either `decode_error` or `unsupported_extension`.
        Reason::IllegalHelloRetryRequestWithInvalidEch => return None,
        Reason::IllegalMiddleboxChangeCipherSpec
        | Reason::KeyEpochWithPendingFragment
        | Reason::KeyUpdateReceivedInQuicConnection
        | Reason::TooMuchEarlyDataReceived => AlertDescription::UnexpectedMessage,
        Reason::MissingKeyShare
        | Reason::MissingPskExtensionInSecondClientHello
        | Reason::MissingPskModesExtension
        | Reason::MissingQuicTransportParameters => AlertDescription::MissingExtension,
        Reason::MissingBinderInPskExtension => AlertDescription::DecodeError,
        Reason::IncorrectBinder => AlertDescription::DecryptError,
        Reason::InvalidCertCompression | Reason::SelectedUnofferedCertCompression => {
            AlertDescription::BadCertificate
        }
        Reason::SelectedUnofferedCipherSuite | Reason::ServerHelloMustOfferUncompressedEcPoints => {
            AlertDescription::HandshakeFailure
        }
        Reason::DisallowedEncryptedExtension
        | Reason::UnexpectedCleartextExtension
        | Reason::UnsolicitedEchExtension
        | Reason::UnsolicitedEncryptedExtension
        | Reason::UnsolicitedServerHelloExtension => AlertDescription::UnsupportedExtension,
        // The alert depends on the rule that was broken.
        Reason::IllegalClientAuthenticationRequest(error) => error.alert().code().into(),
        Reason::IllegalOriginHint(error) => error.alert().code().into(),
        // This includes `ServerNameDifferedOnRetry`, though without a policy no alert is sent for
        // it.
        _ => AlertDescription::IllegalParameter,
    })
}

fn of_incompatibility(reason: &PeerIncompatible) -> AlertDescription {
    use PeerIncompatible as Reason;
    match reason {
        Reason::ServerDoesNotSupportTls12Or13
        | Reason::ServerTlsVersionIsDisabledByOurConfig
        | Reason::SupportedVersionsExtensionRequired
        | Reason::Tls12NotOffered
        | Reason::Tls12NotOfferedOrEnabled
        | Reason::Tls13RequiredForQuic => AlertDescription::ProtocolVersion,
        Reason::NullCompressionRequired | Reason::UncompressedEcPointsRequired => {
            AlertDescription::IllegalParameter
        }
        Reason::ServerRejectedEncryptedClientHello(_) => {
            AlertDescription::EncryptedClientHelloRequired
        }
        _ => AlertDescription::HandshakeFailure,
    }
}
