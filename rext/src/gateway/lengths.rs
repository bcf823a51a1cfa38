//! The field `Content-Length` (RFC 9110 section 8.6).

use http::{HeaderMap, HeaderValue, header};

/// Returns the length that a message states.
///
/// # Errors
/// If it is not a number, or if several lines differ: servers may read different ones.
pub(super) fn length_of(fields: &HeaderMap) -> Result<Option<u64>, &'static str> {
    const INVALID: &str = "Content-Length is not one number";
    let mut length = None;
    for line in fields.get_all(header::CONTENT_LENGTH) {
        let number = parse(line).ok_or(INVALID)?;
        if length.replace(number).is_some_and(|other| other != number) {
            return Err(INVALID);
        }
    }
    Ok(length)
}

fn parse(line: &HeaderValue) -> Option<u64> {
    let text = line.to_str().ok()?;
    // `parse` accepts a plus sign.
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Replaces several equal lines by one.
pub(super) fn join_equal(fields: &mut HeaderMap) {
    if fields.get_all(header::CONTENT_LENGTH).iter().nth(1).is_none() {
        return;
    }
    if let Some(length) = fields.get(header::CONTENT_LENGTH).cloned() {
        fields.insert(header::CONTENT_LENGTH, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Result<Option<u64>, &'static str> {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(header::CONTENT_LENGTH, line.parse().unwrap());
        }
        let length = length_of(&fields)?;
        join_equal(&mut fields);
        assert_eq!(fields.get_all(header::CONTENT_LENGTH).iter().count(), lines.len().min(1));
        Ok(length)
    }

    #[test]
    fn equal_lengths_are_one_and_different_ones_are_an_error() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["2"]), Ok(Some(2)));
        assert_eq!(of(&["2", "2", "2"]), Ok(Some(2)));
        for bad in [&["2", "3"][..], &["2, 2"], &["+2"], &["-2"], &[""], &["2x"], &["2 2"]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}
