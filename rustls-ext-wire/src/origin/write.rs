//! Encodes the extension.

use super::error::WriteOriginsError;
use super::{MAX_ORIGIN_BYTES, MAX_ORIGINS, Origin};

/// Writes the body of `workload_identifier_origin_hint` with these origins into `buffer`, and
/// returns it. A buffer of [`MAX_ORIGIN_BYTES`] is long enough for every list that is allowed.
///
/// ```
/// use rustls_ext_wire::{MAX_ORIGIN_BYTES, write_origin_hint};
///
/// let mut buffer = [0; MAX_ORIGIN_BYTES];
/// let body = write_origin_hint(["spiffe://example.org"], &mut buffer)?;
/// assert_eq!(body, b"\0\x16\0\x14spiffe://example.org");
/// # Ok::<(), rustls_ext_wire::WriteOriginsError>(())
/// ```
///
/// # Errors
/// [`WriteOriginsError`]: for an empty list, for a string that is not an origin (WIO-3), for a list
/// of which a receiver would ignore a part (WIO-8), and for a buffer that is too short. Then the
/// content of the buffer is unspecified.
pub fn write_origin_hint<S: AsRef<str>>(
    origins: impl IntoIterator<Item = S>,
    buffer: &mut [u8],
) -> Result<&[u8], WriteOriginsError> {
    let mut end = 2;
    for (index, text) in origins.into_iter().enumerate() {
        if index == MAX_ORIGINS {
            return Err(WriteOriginsError::TooMany);
        }
        let text = text.as_ref();
        Origin::parse(text).map_err(|error| WriteOriginsError::NotAnOrigin { index, error })?;
        let next = end + 2 + text.len();
        if next > MAX_ORIGIN_BYTES {
            return Err(WriteOriginsError::TooLong);
        }
        if let Some(room) = buffer.get_mut(end..next) {
            put(room, text.as_bytes());
        }
        end = next;
    }
    if end == 2 {
        return Err(WriteOriginsError::Empty);
    }
    let body = buffer.get_mut(..end).ok_or(WriteOriginsError::NoRoom { needed: end })?;
    if let Some((length, _)) = body.split_first_chunk_mut() {
        *length = length_of(end - 2);
    }
    Ok(body)
}

/// Writes a string after its length into a room of that size.
fn put(room: &mut [u8], text: &[u8]) {
    if let Some((length, rest)) = room.split_first_chunk_mut() {
        *length = length_of(text.len());
        rest.copy_from_slice(text);
    }
}

#[allow(clippy::cast_possible_truncation)] // less than MAX_ORIGIN_BYTES
const fn length_of(bytes: usize) -> [u8; 2] {
    (bytes as u16).to_be_bytes()
}
