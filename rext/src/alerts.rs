//! Alerts by the names that RFC 8446 gives them, and the alert that goes with an error.

use std::borrow::Cow;

pub use rustls_ext::alert_name as name;
use rustls_ext::rustls::{
    AlertDescription, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

/// The name of the alert that rustls sends when a connection ends with `error`, or both names where
/// the error does not tell which of two it was; `None` if it sends none.
pub fn name_of_sent(error: &Error) -> Option<Cow<'static, str>> {
    match error {
        // For a record that does not decrypt, and for a Finished that is wrong.
        Error::DecryptError => Some("bad_record_mac|decrypt_error".into()),
        _ => sent_for(error).map(name),
    }
}

/// The alert that rustls sends when a connection ends with `error`; `None` if it sends none, or
/// if the error does not tell which.
///
/// rustls itself does not say which alert it sent, so this follows its source (0.23.46).
pub fn sent_for(error: &Error) -> Option<AlertDescription> {
    use AlertDescription as Alert;
    Some(match error {
        Error::InvalidCertificate(reason) => reason.clone().into(),
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => return None,
        Error::InvalidMessage(reason) => (*reason).into(),
        Error::NoCertificatesPresented => Alert::CertificateRequired,
        Error::NoApplicationProtocol => Alert::NoApplicationProtocol,
        Error::PeerSentOversizedRecord => Alert::RecordOverflow,
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            Alert::UnexpectedMessage
        }
        Error::PeerMisbehaved(reason) => match reason {
            PeerMisbehaved::MessageInterleavedWithHandshakeMessage
            | PeerMisbehaved::RejectedEarlyDataInterleavedWithHandshakeMessage
            | PeerMisbehaved::TooManyEmptyFragments => return None,
            PeerMisbehaved::IllegalMiddleboxChangeCipherSpec
            | PeerMisbehaved::KeyEpochWithPendingFragment
            | PeerMisbehaved::TooMuchEarlyDataReceived => Alert::UnexpectedMessage,
            PeerMisbehaved::MissingKeyShare
            | PeerMisbehaved::MissingPskExtensionInSecondClientHello
            | PeerMisbehaved::MissingPskModesExtension => Alert::MissingExtension,
            PeerMisbehaved::MissingBinderInPskExtension => Alert::DecodeError,
            PeerMisbehaved::IncorrectBinder => Alert::DecryptError,
            PeerMisbehaved::InvalidCertCompression
            | PeerMisbehaved::SelectedUnofferedCertCompression => Alert::BadCertificate,
            PeerMisbehaved::SelectedUnofferedCipherSuite
            | PeerMisbehaved::ServerHelloMustOfferUncompressedEcPoints => Alert::HandshakeFailure,
            PeerMisbehaved::DisallowedEncryptedExtension
            | PeerMisbehaved::UnexpectedCleartextExtension
            | PeerMisbehaved::UnsolicitedEchExtension
            | PeerMisbehaved::UnsolicitedEncryptedExtension
            | PeerMisbehaved::UnsolicitedServerHelloExtension => Alert::UnsupportedExtension,
            _ => Alert::IllegalParameter,
        },
        Error::PeerIncompatible(reason) => match reason {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic => Alert::ProtocolVersion,
            PeerIncompatible::NullCompressionRequired
            | PeerIncompatible::UncompressedEcPointsRequired => Alert::IllegalParameter,
            PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
                Alert::EncryptedClientHelloRequired
            }
            _ => Alert::HandshakeFailure,
        },
        _ => return None,
    })
}
