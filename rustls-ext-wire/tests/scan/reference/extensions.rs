//! The bodies of extensions.

use rustls_ext_wire::{Ech, Flaw, Part, ScanError};

use super::{Hello, take, vector};

/// Reads the body of an extension into `hello`.
pub(super) fn extension(number: u16, body: &[u8], hello: &mut Hello) -> Result<(), ScanError> {
    let malformed = |flaw| ScanError::Malformed { part: Part::Extension(number), flaw };
    match number {
        0 => hello.server_name = Some(server_name(body).map_err(malformed)?.to_vec()),
        16 => hello.alpn = items(whole_list(body, 2).map_err(malformed)?, 1).map_err(malformed)?,
        43 => {
            let list = whole_list(body, 1).map_err(malformed)?;
            if list.len() % 2 == 1 {
                return Err(malformed(Flaw::OddLength));
            }
            hello.versions = list.chunks(2).map(super::number).collect();
        }
        47 => {
            let list = whole_list(body, 2).map_err(malformed)?;
            hello.authorities = items(list, 2).map_err(malformed)?;
        }
        41 => {
            let (identities, binders) = pre_shared_key(body).map_err(malformed)?;
            if identities != binders {
                return Err(ScanError::BinderCount);
            }
            hello.psk = true;
        }
        0xfe0d => hello.ech = Some(ech(body).map_err(malformed)?),
        _ => {}
    }
    Ok(())
}

fn server_name(body: &[u8]) -> Result<&[u8], Flaw> {
    let mut list = whole_list(body, 2)?;
    if list.len() < 3 {
        return Err(Flaw::Truncated);
    }
    if take(&mut list, 1) != Some(&[0]) {
        return Err(Flaw::UnknownKind);
    }
    let name = vector(&mut list, 2).ok_or(Flaw::Truncated)?;
    if !list.is_empty() {
        return Err(Flaw::TrailingBytes);
    }
    if name.is_empty() { Err(Flaw::EmptyItem) } else { Ok(name) }
}

/// Counts the identities and the binders.
fn pre_shared_key(body: &[u8]) -> Result<(usize, usize), Flaw> {
    let mut body = body;
    let mut list = vector(&mut body, 2).ok_or(Flaw::Truncated)?;
    if list.is_empty() {
        return Err(Flaw::EmptyList);
    }
    let mut identities = 0;
    while !list.is_empty() {
        let identity = vector(&mut list, 2).ok_or(Flaw::Truncated)?;
        if identity.is_empty() {
            return Err(Flaw::EmptyItem);
        }
        take(&mut list, 4).ok_or(Flaw::Truncated)?;
        identities += 1;
    }
    let mut list = whole_list(body, 2)?;
    let mut binders = 0;
    while !list.is_empty() {
        if vector(&mut list, 1).ok_or(Flaw::Truncated)?.len() < 32 {
            return Err(Flaw::TooShort);
        }
        binders += 1;
    }
    Ok((identities, binders))
}

fn ech(body: &[u8]) -> Result<Ech, Flaw> {
    let mut body = body;
    match take(&mut body, 1).ok_or(Flaw::Truncated)?[0] {
        0 => {
            take(&mut body, 5).ok_or(Flaw::Truncated)?;
            vector(&mut body, 2).ok_or(Flaw::Truncated)?;
            whole_list(body, 2)?;
            Ok(Ech::Outer)
        }
        1 if body.is_empty() => Ok(Ech::Inner),
        1 => Err(Flaw::TrailingBytes),
        _ => Err(Flaw::UnknownKind),
    }
}

/// The list that fills the body of an extension after its length, which has `width` bytes.
fn whole_list(body: &[u8], width: usize) -> Result<&[u8], Flaw> {
    let mut body = body;
    let list = vector(&mut body, width).ok_or(Flaw::Truncated)?;
    if !body.is_empty() {
        return Err(Flaw::TrailingBytes);
    }
    if list.is_empty() { Err(Flaw::EmptyList) } else { Ok(list) }
}

/// The items of a list, each after its length of `width` bytes; none may be empty.
fn items(list: &[u8], width: usize) -> Result<Vec<Vec<u8>>, Flaw> {
    let mut list = list;
    let mut items = vec![];
    while !list.is_empty() {
        let item = vector(&mut list, width).ok_or(Flaw::Truncated)?;
        if item.is_empty() {
            return Err(Flaw::EmptyItem);
        }
        items.push(item.to_vec());
    }
    Ok(items)
}
