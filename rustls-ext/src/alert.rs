use std::borrow::Cow;

use rustls::AlertDescription;
use rustls::ext_wire::Alert;

/// Returns the alert's name in IANA's registry "TLS Alerts", such as `unknown_ca`, or its number if
/// it has no name there.
pub fn alert_name(alert: AlertDescription) -> Cow<'static, str> {
    let code = u8::from(alert);
    match Alert::name_of(code) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("number {code}")),
    }
}

/// Returns true if the alert is about the certificate of the peer that receives the alert, or about
/// a missing certificate (RFC 8446 section 6.2).
#[cfg(any(feature = "tokio", feature = "reqwest"))]
pub(crate) fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as About;
    matches!(
        alert,
        About::NoCertificate
            | About::BadCertificate
            | About::UnsupportedCertificate
            | About::CertificateRevoked
            | About::CertificateExpired
            | About::CertificateUnknown
            | About::UnknownCA
            | About::CertificateRequired
    )
}

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
            // Names that rustls and the registry spell differently.
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
