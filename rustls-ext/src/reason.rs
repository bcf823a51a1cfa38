use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An error of rustls in words, with times as RFC 3339 writes them.
///
/// The same as the error's own text for errors without times.
pub fn reason(error: &Error) -> String {
    let Error::InvalidCertificate(certificate) = error else {
        return error.to_string();
    };
    let words = match certificate {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("expired at {}, checked at {}", rfc3339(*not_after), rfc3339(*time))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("not valid before {}, checked at {}", rfc3339(*not_before), rfc3339(*time))
        }
        CertificateError::ExpiredRevocationListContext { time, next_update } => format!(
            "revocation list out of date: the next one was due at {}, checked at {}",
            rfc3339(*next_update),
            rfc3339(*time)
        ),
        _ => return error.to_string(),
    };
    format!("invalid peer certificate: {words}")
}

/// A time in UTC, as in `2026-11-28T05:43:03Z`; beyond the year 9999, the seconds since 1970.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    let seconds = time.as_secs();
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{seconds} seconds after 1970"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn times_are_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_609_459_200, "2021-01-01T00:00:00Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 seconds after 1970"),
            (u64::MAX, "18446744073709551615 seconds after 1970"),
        ] {
            assert_eq!(rfc3339(at(seconds)), text);
        }
    }

    #[test]
    fn errors_with_times_have_dates() {
        let (time, other) = (at(1_795_837_653), at(1_609_459_200));
        for (error, text) in [
            (
                CertificateError::ExpiredContext { time, not_after: other },
                "expired at 2021-01-01T00:00:00Z, checked at 2026-11-28T03:47:33Z",
            ),
            (
                CertificateError::NotValidYetContext { time: other, not_before: time },
                "not valid before 2026-11-28T03:47:33Z, checked at 2021-01-01T00:00:00Z",
            ),
            (
                CertificateError::ExpiredRevocationListContext { time, next_update: other },
                "revocation list out of date: the next one was due at 2021-01-01T00:00:00Z, \
                 checked at 2026-11-28T03:47:33Z",
            ),
            (CertificateError::Revoked, "Revoked"),
        ] {
            let text = format!("invalid peer certificate: {text}");
            assert_eq!(reason(&Error::InvalidCertificate(error)), text);
        }
        assert_eq!(reason(&Error::DecryptError), Error::DecryptError.to_string());
    }
}
