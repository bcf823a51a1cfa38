//! Parsers for the values of options.

use std::time::Duration;

/// Parses a 16-bit number, decimal or 0x….
///
/// # Errors
/// If `text` is not such a value.
pub fn number(text: &str) -> Result<u16, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` would accept a sign after the prefix.
        Some(hex) if hex.starts_with(['+', '-']) => return Err("not a number".into()),
        Some(hex) => u16::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "not a number from 0 to 65535".into())
}

/// Parses a number of seconds, more than 0 and at most an hour; it may have a fraction.
///
/// # Errors
/// If `text` is not such a value.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Ok(time)) if !time.is_zero() && time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("not a number of seconds above 0 and up to 3600".into()),
    }
}

/// Parses a number of seconds, more than 0 and at most a week; it may have a fraction.
///
/// # Errors
/// If `text` is not such a value.
pub fn up_to_a_week(text: &str) -> Result<Duration, String> {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Ok(time)) if !time.is_zero() && time <= WEEK => Ok(time),
        _ => Err(format!("not a number of seconds above 0 and up to {}", WEEK.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hex() {
        assert_eq!(number("62"), Ok(62));
        assert_eq!(number("0xfe01"), Ok(0xfe01));
        assert_eq!(number("0XFE01"), Ok(0xfe01));
        for bad in ["", "0x", "-1", "65536", "0x10000", "fe01", "0x+1", "1.5"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }
}
