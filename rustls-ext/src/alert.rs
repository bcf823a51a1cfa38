use std::borrow::Cow;

use rustls::AlertDescription;

/// The alert's name in IANA's registry "TLS Alerts", as `unknown_ca`; its number if it has none.
pub fn alert_name(alert: AlertDescription) -> Cow<'static, str> {
    let code = u8::from(alert);
    match NAMES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("number {code}")),
    }
}

/// Returns true if the alert is about the certificate of the peer that receives it, or about the
/// lack of one (RFC 8446 section 6.2).
#[cfg(any(feature = "tokio", feature = "reqwest"))]
pub(crate) fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::CertificateRequired
    )
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
            assert_eq!(known, !alert_name(alert).starts_with("number "), "{alert:?}");
            // Where rustls and the registry spell a name otherwise.
            let expected = match alert {
                AlertDescription::UnrecognisedName => "unrecognizedname".to_owned(),
                AlertDescription::EncryptedClientHelloRequired => "echrequired".to_owned(),
                _ => format!("{alert:?}").to_lowercase(),
            };
            if known {
                assert_eq!(spelt(&alert_name(alert)), expected);
            }
        }
    }
}
