//! Alerts by the names that RFC 8446 gives them, and the alert that goes with an error.

use std::error::Error as StdError;
use std::io;

pub use rustls_ext::alert_name as name;
use rustls_ext::rustls::{AlertDescription, Error, PeerIncompatible, PeerMisbehaved};

/// The alert that rustls sends when a connection ends with `error`; `None` if it sends none, or
/// if the error does not tell which.
///
/// rustls itself does not say which alert it sent, so this follows its source (0.23.46).
pub fn sent_for(error: &Error) -> Option<AlertDescription> {
    use AlertDescription as Alert;
    Some(match error {
        Error::InvalidCertificate(reason) => reason.clone().into(),
        Error::InvalidMessage(reason) => (*reason).into(),
        Error::NoCertificatesPresented => Alert::CertificateRequired,
        Error::NoApplicationProtocol => Alert::NoApplicationProtocol,
        Error::PeerSentOversizedRecord => Alert::RecordOverflow,
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            Alert::UnexpectedMessage
        }
        Error::PeerMisbehaved(reason) => match reason {
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

/// The TLS error that is the reason of an I/O error, however deep.
pub fn tls_error(err: &io::Error) -> Option<Error> {
    in_chain(err.get_ref()?)
}

/// The first TLS error among `err` and its sources.
pub fn in_chain(err: &(dyn StdError + 'static)) -> Option<Error> {
    let mut next = Some(err);
    while let Some(err) = next {
        if let Some(tls) = err.downcast_ref::<Error>() {
            return Some(tls.clone());
        }
        // An I/O error's source is its reason's source: the reason itself is only in `get_ref`.
        if let Some(tls) = err.downcast_ref::<io::Error>().and_then(tls_error) {
            return Some(tls);
        }
        next = err.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_error_is_found_inside_io_errors() {
        let tls = Error::AlertReceived(AlertDescription::UnknownCA);
        let inner = io::Error::new(io::ErrorKind::InvalidData, tls.clone());
        assert_eq!(tls_error(&inner), Some(tls.clone()));
        let outer = io::Error::other(inner);
        assert_eq!(tls_error(&outer), Some(tls));
        assert_eq!(tls_error(&io::Error::from(io::ErrorKind::BrokenPipe)), None);
    }
}
