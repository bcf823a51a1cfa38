//! Explains errors about certificates in plain language.

use rustls::{CertificateError, Error, ExtendedKeyPurpose};

use crate::anchors::{CertificateProblem, rfc3339};

/// Explains a handshake error in plain language, for a log.
///
/// For a certificate that is refused or cannot be loaded, the text contains what is wrong and what
/// to do, with times in the format of RFC 3339. For any other error it is the error's own text.
///
/// ```
/// use rustls_ext::explain;
/// use rustls_ext::rustls::{CertificateError, Error};
///
/// let refused = Error::InvalidCertificate(CertificateError::BadEncoding);
/// assert_eq!(explain(&refused), "a certificate cannot be read: it is malformed");
/// ```
pub fn explain(error: &Error) -> String {
    let reason = match error {
        Error::InvalidCertificate(reason) => reason,
        Error::NoCertificatesPresented => {
            return "the client sent no certificate: it has none, or none that fits the \
                    authorities and signature algorithms in the server's request (`ring` has no \
                    algorithm for keys on P-521, and no provider has one for keys that are for \
                    RSA-PSS only)"
                .into();
        }
        _ => return error.to_string(),
    };
    match reason {
        CertificateError::Other(other) => {
            // rustls wraps errors that it has no variant for, and shows them in their debug format.
            match other.0.downcast_ref::<webpki::Error>() {
                Some(err) => CertificateProblem::from(err).to_string(),
                None => other.0.to_string(),
            }
        }
        CertificateError::ExpiredContext { not_after, time } => format!(
            "the certificate, or one above it, expired at {} (it is now {})",
            rfc3339(*not_after),
            rfc3339(*time)
        ),
        CertificateError::NotValidYetContext { not_before, time } => format!(
            "the certificate, or one above it, is not valid before {} (it is now {})",
            rfc3339(*not_before),
            rfc3339(*time)
        ),
        CertificateError::Revoked => {
            "the certificate, or that of an authority above it, is revoked".into()
        }
        CertificateError::BadEncoding => "a certificate cannot be read: it is malformed".into(),
        CertificateError::BadSignature => {
            "a signature does not verify: that of a certificate with its authority's key, or that \
             of the handshake with the certificate's key"
                .into()
        }
        CertificateError::UnknownIssuer => {
            "no trust anchor of the scope has issued the certificate, or one above it is missing \
             from what the client sent, or has its name in another encoding"
                .into()
        }
        CertificateError::OutsideTrustDomain { expected, presented } if presented.is_empty() => {
            format!(
                "the certificate has no URI as subject alternative name, and must have one in the trust \
             domain {expected}"
            )
        }
        CertificateError::OutsideTrustDomain { expected, presented } => format!(
            "the certificate is for {}, which is not in the trust domain {expected}",
            presented.join(" and ")
        ),
        CertificateError::InvalidPurposeContext { required, presented } => {
            purpose(required, presented)
        }
        _ => reason.to_string(),
    }
}

fn purpose(required: &ExtendedKeyPurpose, presented: &[ExtendedKeyPurpose]) -> String {
    /// `anyExtendedKeyUsage`
    const ANY: [usize; 5] = [2, 5, 29, 37, 0];
    let numbers =
        |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(".");
    let name = |purpose: &ExtendedKeyPurpose| match purpose {
        ExtendedKeyPurpose::Other(values) if *values == ANY => {
            "any purpose (anyExtendedKeyUsage, which does not stand for the others here)".into()
        }
        ExtendedKeyPurpose::Other(values) => numbers(values),
        known => known.to_string(),
    };
    let allowed: Vec<_> = presented.iter().map(name).collect();
    let allowed = if allowed.is_empty() {
        "there is none".into()
    } else {
        format!("it allows {}", allowed.join(", "))
    };
    format!(
        "the certificate's extended key usage does not allow {}: {allowed}; the scope's usage says \
         what is accepted",
        name(required)
    )
}
