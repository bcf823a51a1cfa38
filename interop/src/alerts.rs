//! Alerts by the names that RFC 8446 gives them, and the alert that goes with an error.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use rustls_ext::rustls::{AlertDescription, Error, PeerIncompatible, PeerMisbehaved};

/// The alert's name in IANA's registry "TLS Alerts"; its number if it has none.
pub fn name(alert: AlertDescription) -> Cow<'static, str> {
    let code = u8::from(alert);
    match NAMES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("number {code}")),
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

/// IANA's registry "TLS Alerts".
static NAMES: [(u8, &str); 35] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_that_rustls_knows_has_a_name_of_its_own() {
        let spelt = |name: &str| name.replace('_', "").to_lowercase();
        for code in 0..=255u8 {
            let alert = AlertDescription::from(code);
            let known = !matches!(alert, AlertDescription::Unknown(_));
            assert_eq!(known, !name(alert).starts_with("number "), "{alert:?}");
            // Where rustls and the registry spell a name otherwise.
            let expected = match alert {
                AlertDescription::UnrecognisedName => "unrecognizedname".to_owned(),
                AlertDescription::EncryptedClientHelloRequired => "echrequired".to_owned(),
                _ => format!("{alert:?}").to_lowercase(),
            };
            if known {
                assert_eq!(spelt(&name(alert)), expected);
            }
        }
    }

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
