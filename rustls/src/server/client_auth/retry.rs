//! The comparison of a second ClientHello with the one that the decision is based on.

use alloc::vec::Vec;

use crate::msgs::codec::Codec;
use crate::msgs::enums::ExtensionType;
use crate::msgs::handshake::ClientHelloPayload;

/// All data in a ClientHello that a [`ClientAuthPolicy`] sees, encoded.
///
/// RFC 8446 section 4.1.2 requires that none of it changes in a second ClientHello.
pub(in crate::server) fn decided_on(hello: &ClientHelloPayload) -> [Vec<u8>; DECIDED_ON.len()] {
    DECIDED_ON.map(|(_, typ)| {
        let mut shown = Vec::new();
        match typ {
            Some(typ) => hello.encode_one(typ, &mut shown),
            None => hello.cipher_suites.encode(&mut shown),
        }
        shown
    })
}

/// The first of these in which the two ClientHellos differ.
pub(in crate::server) fn difference(
    one: &[Vec<u8>; DECIDED_ON.len()],
    other: &[Vec<u8>; DECIDED_ON.len()],
) -> Option<&'static str> {
    let mut differ = one
        .iter()
        .zip(other)
        .map(|(one, other)| one != other);
    let at = differ.position(|differs| differs)?;
    DECIDED_ON
        .get(at)
        .map(|(name, _)| *name)
}

pub(in crate::server) const DECIDED_ON: [(&str, Option<ExtensionType>); 12] = [
    ("cipher_suites", None),
    ("server_name", Some(ExtensionType::ServerName)),
    (
        "application_layer_protocol_negotiation",
        Some(ExtensionType::ALProtocolNegotiation),
    ),
    ("supported_versions", Some(ExtensionType::SupportedVersions)),
    ("tls_flags", Some(ExtensionType::TlsFlags)),
    (
        "client_authentication_request",
        Some(ExtensionType::ClientAuthenticationRequest),
    ),
    (
        "workload_identifier_origin_hint",
        Some(ExtensionType::WorkloadIdentifierOriginHint),
    ),
    (
        "certificate_authorities",
        Some(ExtensionType::CertificateAuthorities),
    ),
    (
        "signature_algorithms",
        Some(ExtensionType::SignatureAlgorithms),
    ),
    ("supported_groups", Some(ExtensionType::EllipticCurves)),
    (
        "client_certificate_type",
        Some(ExtensionType::ClientCertificateType),
    ),
    (
        "server_certificate_type",
        Some(ExtensionType::ServerCertificateType),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ClientHello;

    #[test]
    fn all_data_that_a_policy_sees_is_compared() {
        // Does not compile if a policy sees more data than this.
        fn covered(shown: ClientHello<'_>) -> [&'static str; DECIDED_ON.len()] {
            let ClientHello {
                cipher_suites: _,
                server_name: _,
                alpn: _,
                version: _,
                offer: _,
                origin_hint: _,
                certificate_authorities: _,
                signature_schemes: _,
                named_groups: _,
                client_cert_types: _,
                server_cert_types: _,
            } = shown;
            [
                "cipher_suites",
                "server_name",
                "application_layer_protocol_negotiation",
                "supported_versions",
                "tls_flags",
                "client_authentication_request",
                "workload_identifier_origin_hint",
                "certificate_authorities",
                "signature_algorithms",
                "supported_groups",
                "client_certificate_type",
                "server_certificate_type",
            ]
        }
        let shown = ClientHello {
            server_name: &None,
            signature_schemes: &[],
            alpn: None,
            server_cert_types: None,
            client_cert_types: None,
            cipher_suites: &[],
            certificate_authorities: None,
            named_groups: None,
            offer: None,
            origin_hint: None,
            version: None,
        };
        assert_eq!(covered(shown), DECIDED_ON.map(|(name, _)| name));
    }
}
