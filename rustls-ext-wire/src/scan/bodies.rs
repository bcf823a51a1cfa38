//! Checks of the formats of known extensions. Each function gets the whole body of one.

use core::cmp::Ordering;

use super::error::Flaw;

/// The one host name (RFC 6066 section 3).
///
/// Other kinds of names were never defined, not even their length. So data after the first name
/// cannot be distinguished from garbage.
#[inline(always)]
pub(super) fn server_name(body: &[u8]) -> Result<(), Flaw> {
    let list = list16(body)?;
    let (&[kind, high, low], name) = list.split_first_chunk().ok_or(Flaw::Truncated)?;
    if kind != 0 {
        return Err(Flaw::UnknownKind);
    }
    fills(usize::from(u16::from_be_bytes([high, low])), name)?;
    if name.is_empty() { Err(Flaw::EmptyItem) } else { Ok(()) }
}

/// The list of names, each after its length (RFC 7301 section 3.1).
#[inline(always)]
pub(super) fn alpn(body: &[u8]) -> Result<(), Flaw> {
    let mut rest = list16(body)?;
    while let Some((&length, after)) = rest.split_first() {
        rest = after.get(usize::from(length)..).ok_or(Flaw::Truncated)?;
        if length == 0 {
            return Err(Flaw::EmptyItem);
        }
    }
    Ok(())
}

/// The list of versions (RFC 8446 section 4.2.1).
#[inline(always)]
pub(super) fn supported_versions(body: &[u8]) -> Result<(), Flaw> {
    let (length, list) = body.split_first().ok_or(Flaw::Truncated)?;
    fills(usize::from(*length), list)?;
    numbers(list)
}

/// The list of strings, each after its 16-bit length.
///
/// Such are the names in `certificate_authorities` (RFC 8446 section 4.2.4), which are not checked
/// to be DER: programs that only pass the names on do not need that.
pub(crate) fn items16(body: &[u8]) -> Result<(), Flaw> {
    let mut rest = list16(body)?;
    while !rest.is_empty() {
        (_, rest) = item16(rest)?;
    }
    Ok(())
}

/// The numbers of identities and of binders, each in a list (RFC 8446 section 4.2.11).
pub(super) fn pre_shared_key(body: &[u8]) -> Result<(usize, usize), Flaw> {
    let (length, rest) = body.split_first_chunk().ok_or(Flaw::Truncated)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (mut identities, rest) = rest.split_at_checked(length).ok_or(Flaw::Truncated)?;
    if identities.is_empty() {
        return Err(Flaw::EmptyList);
    }
    let mut counts = (0, 0);
    while !identities.is_empty() {
        let (_identity, after) = item16(identities)?;
        let (_age, after) = after.split_first_chunk::<4>().ok_or(Flaw::Truncated)?;
        identities = after;
        counts.0 += 1;
    }
    let mut binders = list16(rest)?;
    while let Some((&length, after)) = binders.split_first() {
        binders = after.get(usize::from(length)..).ok_or(Flaw::Truncated)?;
        if length < 32 {
            return Err(Flaw::TooShort);
        }
        counts.1 += 1;
    }
    Ok(counts)
}

/// The ciphertext of an outer ClientHello, or the mark of an inner one (RFC 9849 section 5).
#[inline(always)]
pub(super) fn encrypted_client_hello(body: &[u8]) -> Result<(), Flaw> {
    match body.split_first() {
        Some((0, rest)) => {
            // HPKE's KDF and AEAD, config_id, and the length of the encapsulated key, which is
            // empty after HelloRetryRequest.
            let (&[.., high, low], rest) = rest.split_first_chunk::<7>().ok_or(Flaw::Truncated)?;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let rest = rest.get(length..).ok_or(Flaw::Truncated)?;
            list16(rest).map(drop)
        }
        Some((1, [])) => Ok(()),
        Some((1, _)) => Err(Flaw::TrailingBytes),
        Some(_) => Err(Flaw::UnknownKind),
        None => Err(Flaw::Truncated),
    }
}

/// An item of at least one byte after its 16-bit length, and the rest.
#[inline(always)]
pub(crate) fn item16(bytes: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    let (length, rest) = bytes.split_first_chunk().ok_or(Flaw::Truncated)?;
    match usize::from(u16::from_be_bytes(*length)) {
        0 => Err(Flaw::EmptyItem),
        length => rest.split_at_checked(length).ok_or(Flaw::Truncated),
    }
}

/// A nonempty list that fills `bytes` after its 16-bit length.
#[inline(always)]
pub(crate) fn list16(bytes: &[u8]) -> Result<&[u8], Flaw> {
    let (length, list) = bytes.split_first_chunk().ok_or(Flaw::Truncated)?;
    fills(usize::from(u16::from_be_bytes(*length)), list)?;
    if list.is_empty() { Err(Flaw::EmptyList) } else { Ok(list) }
}

/// Checks that a list has exactly `length` bytes.
#[inline(always)]
pub(crate) fn fills(length: usize, list: &[u8]) -> Result<(), Flaw> {
    match length.cmp(&list.len()) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Flaw::Truncated),
        Ordering::Less => Err(Flaw::TrailingBytes),
    }
}

/// Checks that a list consists of 16-bit numbers, at least one.
#[inline(always)]
pub(crate) const fn numbers(list: &[u8]) -> Result<(), Flaw> {
    if list.is_empty() {
        Err(Flaw::EmptyList)
    } else if list.len() % 2 != 0 {
        Err(Flaw::OddLength)
    } else {
        Ok(())
    }
}
