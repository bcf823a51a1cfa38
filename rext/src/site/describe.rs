//! Describes a connection, for people.

use http::Version;
use rustls_ext::CertificateProblem;
use rustls_ext::http::server::{ClientAuthOutcome, ConnectionInfo};
use rustls_ext::rustls::{CertificateError, Error};
use rustls_ext::wire::Offer;

use crate::tls;

/// Returns the names and values of the connection's properties.
pub(super) fn connection(
    connection: &ConnectionInfo,
    version: Version,
) -> Vec<(&'static str, String)> {
    let requested = match connection.certificate_request() {
        None => "no".to_owned(),
        Some(asked) => format!("yes, for the scope “{}”", asked.scope),
    };
    vec![
        (
            "Host name",
            match connection.server_name() {
                Some(name) => name.to_owned(),
                None => "none".to_owned(),
            },
        ),
        (
            "Protocol",
            format!("{}, {}", protocol(version), tls::version_name(Some(connection.tls_version()))),
        ),
        ("Session", if connection.resumed() { "resumed" } else { "new" }.to_owned()),
        ("Certificate offered", offer(connection.offer()).to_owned()),
        ("Certificate requested", requested),
        ("Outcome", outcome(connection.outcome())),
        ("Your address", connection.peer().map_or("none".to_owned(), |peer| peer.to_string())),
    ]
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

fn offer(offer: Offer) -> String {
    let ways = [
        (offer.has_flag(), "the TLS flag"),
        (offer.has_care(), "the extension CARE"),
        (offer.has_origins(), "the origins of its identities"),
    ];
    let ways: Vec<_> = ways.into_iter().filter_map(|(made, way)| made.then_some(way)).collect();
    if ways.is_empty() { "no".to_owned() } else { format!("yes, by {}", ways.join(" and by ")) }
}

pub(super) fn outcome(outcome: &ClientAuthOutcome) -> String {
    match outcome {
        ClientAuthOutcome::NotAsked => "no certificate was requested".to_owned(),
        ClientAuthOutcome::Declined => "your client sent no certificate".to_owned(),
        ClientAuthOutcome::Refused(reason) => {
            format!("the server did not accept the certificate: {}", refusal(reason))
        }
        ClientAuthOutcome::Authenticated => "the server accepted the certificate".to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// Returns why a certificate was not accepted, as a clause that follows "but" or a colon.
pub(super) fn refusal(reason: &Error) -> String {
    let Error::InvalidCertificate(reason) = reason else {
        return "your client did not prove that it has the key".to_owned();
    };
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::Revoked => "it has been revoked",
        CertificateError::UnknownIssuer => "this site does not trust its issuer",
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => {
            "this site cannot tell whether it has been revoked"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for client authentication"
        }
        CertificateError::BadSignature => "your client did not prove that it has the key",
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(
                CertificateProblem::NoRevocationList { .. }
                | CertificateProblem::RevocationListExpired { .. }
                | CertificateProblem::RevocationListNotYetValid { .. },
            ) => "this site cannot tell whether it has been revoked",
            _ => "it cannot be verified",
        },
        _ => "it cannot be verified",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_explains_why_a_certificate_was_not_accepted() {
        for (reason, text) in [
            (CertificateError::Expired, "it has expired"),
            (CertificateError::Revoked, "it has been revoked"),
            (CertificateError::UnknownIssuer, "this site does not trust its issuer"),
            (CertificateError::BadEncoding, "it cannot be verified"),
        ] {
            let outcome = outcome(&ClientAuthOutcome::Refused(Error::InvalidCertificate(reason)));
            assert_eq!(outcome, format!("the server did not accept the certificate: {text}"));
        }
    }
}
