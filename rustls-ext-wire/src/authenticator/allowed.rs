//! Extensions and signature schemes that are allowed in requests and authenticators.

use super::Endpoint;

pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
pub(super) const CERTIFICATE_AUTHORITIES: u16 = 47;
pub(super) const SIGNATURE_ALGORITHMS_CERT: u16 = 50;
const SERVER_NAME: u16 = 0;

/// Extensions that TLS 1.3 allows in CertificateRequest (RFC 8446 section 4.2, RFC 8879), and
/// whether it allows them in a Certificate, too.
const IN_REQUEST: [(u16, bool); 7] = [
    (5, true), // status_request
    (SIGNATURE_ALGORITHMS, false),
    (18, true),  // signed_certificate_timestamp
    (27, false), // compress_certificate
    (CERTIFICATE_AUTHORITIES, false),
    (48, false), // oid_filters
    (SIGNATURE_ALGORITHMS_CERT, false),
];

/// Extensions that TLS 1.3 allows in neither of the two messages (RFC 8446 section 4.2).
const IN_NEITHER: [u16; 16] =
    [SERVER_NAME, 1, 10, 14, 15, 16, 19, 20, 21, 41, 42, 43, 44, 45, 49, 51];

/// Returns true if the extension may be in a request of this side, or is unknown (EA-4).
pub(super) fn in_request(by: Endpoint, extension: u16) -> bool {
    (by == Endpoint::Client && extension == SERVER_NAME) || !IN_NEITHER.contains(&extension)
}

/// Returns true if the extension may be in an entry of a Certificate, or is unknown (EA-6).
pub(super) fn in_certificate(extension: u16) -> bool {
    let known = IN_REQUEST.iter().find(|(number, _)| *number == extension);
    known.map_or(!IN_NEITHER.contains(&extension), |(_, allowed)| *allowed)
}

/// Returns true if a CertificateVerify of TLS 1.3 may have this signature scheme (EA-7).
///
/// These are the schemes of RFC 8446 section 4.2.3 except RSASSA-PKCS1-v1_5 and SHA-1, those of RFC
/// 8734 (Brainpool curves) and RFC 8998 (SM2), and ML-DSA.
///
/// ```
/// use rustls_ext_wire::authenticator::is_allowed_scheme;
///
/// assert!(is_allowed_scheme(0x0403)); // ecdsa_secp256r1_sha256
/// assert!(!is_allowed_scheme(0x0401)); // rsa_pkcs1_sha256
/// ```
#[must_use]
pub const fn is_allowed_scheme(scheme: u16) -> bool {
    matches!(
        scheme,
        0x0403 | 0x0503 | 0x0603 // ECDSA with P-256, P-384, P-521
            | 0x0708 // SM2
            | 0x0804..=0x080b // RSASSA-PSS, Ed25519, Ed448
            | 0x081a..=0x081c // ECDSA with Brainpool curves
            | 0x0904..=0x0906 // ML-DSA
    )
}
