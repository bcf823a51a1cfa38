//! The values of the label `reason`: a closed set, without any text of a peer.

use rustls::{CertificateError, Error};

use crate::anchors::CertificateProblem;

/// The reason for an error of a handshake.
pub(crate) fn of_error(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented => "no_certificate",
        Error::AlertReceived(_) => "client_alert",
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => "incompatible",
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => "misbehaved",
        Error::InvalidMessage(_) | Error::DecryptError | Error::PeerSentOversizedRecord => {
            "malformed"
        }
        _ => "other",
    }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "not_yet_valid"
        }
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => "revocation_list",
        CertificateError::UnknownIssuer => "unknown_authority",
        CertificateError::BadSignature => "bad_signature",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "purpose"
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<CertificateProblem>() {
            Some(
                CertificateProblem::NoRevocationList { .. }
                | CertificateProblem::RevocationListExpired { .. }
                | CertificateProblem::RevocationListNotYetValid { .. }
                | CertificateProblem::MayNotSignLists { .. },
            ) => "revocation_list",
            _ => "bad_certificate",
        },
        _ => "bad_certificate",
    }
}

/// The reason for which a connection was not accepted.
#[cfg(feature = "tokio")]
pub(crate) fn of_accept(error: &crate::tokio::AcceptError) -> &'static str {
    use crate::tokio::AcceptError;
    match error {
        AcceptError::Timeout(_) => "timeout",
        AcceptError::Policy(_) => "policy_failed",
        AcceptError::Tls(error) => of_error(error),
        AcceptError::OtherProtocol(..) => "other_protocol",
        AcceptError::Closed => "closed",
        AcceptError::Io(_) => "io",
    }
}

/// The reason for which a request was denied.
#[cfg(feature = "http")]
pub(crate) fn of_denied(denied: &crate::http::server::Denied) -> &'static str {
    use crate::http::server::Denied;
    match denied {
        Denied::Host(_) => "host",
        Denied::Misdirected => "misdirected",
        Denied::Unauthenticated { .. } => "unauthenticated",
        Denied::OtherScope => "other_scope",
        Denied::Refused => "refused",
        Denied::NeverAsked => "never_asked",
        Denied::NoSpiffeId => "no_spiffe_id",
        Denied::NoCaller | Denied::NoConnection => "no_layer",
        Denied::UnknownScope { .. } => "unknown_scope",
    }
}
