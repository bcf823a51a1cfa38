//! Reads the bytes of a complete ClientHello into a view.

use super::bodies;
use super::client_hello::ClientHello;
use super::error::{Flaw, NotTls, Part, Refusal, ScanError};
use super::known::{self, Known, Places, Types};
use super::numbers::{Exact, Numbers, Quick};

/// The shortest ClientHello, without its header: version, random, no session id, one cipher
/// suite, one compression method.
pub(super) const SHORTEST: usize = 2 + 32 + 1 + (2 + 2) + (1 + 1);

/// Reads the body of a ClientHello; `None` if there is, or may be, a fault.
///
/// Since it does not report the fault, the compiler keeps no data about it, and has enough
/// registers for the loop.
#[inline(always)]
pub(super) fn read_quickly<'a>(body: &'a [u8], types: &Types) -> Option<ClientHello<'a>> {
    read_with(body, types, Quick::default()).ok()
}

/// Reads the body of a ClientHello, and returns its first fault, in the order of its bytes.
pub(super) fn read_exactly<'a>(body: &'a [u8], types: &Types) -> Result<ClientHello<'a>, Refusal> {
    read_with(body, types, Exact::new())
}

#[inline(always)]
fn read_with<'a>(
    body: &'a [u8],
    types: &Types,
    mut numbers: impl Numbers,
) -> Result<ClientHello<'a>, Refusal> {
    let extensions = extensions(body)?;
    let mut places = Places::default();
    let mut list = extensions;
    while !list.is_empty() {
        let (number, body, rest) =
            known::extension(list).ok_or_else(|| truncated_extension(list))?;
        if !numbers.is_new(number) {
            return Err(ScanError::DuplicateExtension { extension: number }.into());
        }
        let known = types.known(number);
        if places.put(known, list) {
            check(known, body, rest)?;
        }
        list = rest;
    }
    Ok(ClientHello { body, extensions, places })
}

/// Checks the format of an extension that a view shows.
///
/// `tls_flags`, CARE and the origin hint are not checked here: their faults matter only under a
/// version in which they are used, which is chosen later (FLAGS-9).
#[inline(always)]
fn check(known: Known, body: &[u8], rest: &[u8]) -> Result<(), Refusal> {
    let (number, result) = match known {
        Known::ServerName => (known::SERVER_NAME, bodies::server_name(body)),
        Known::Alpn => (known::ALPN, bodies::alpn(body)),
        Known::SupportedVersions => (known::SUPPORTED_VERSIONS, bodies::supported_versions(body)),
        Known::CertificateAuthorities => (known::CERTIFICATE_AUTHORITIES, bodies::items16(body)),
        Known::EncryptedClientHello => {
            (known::ENCRYPTED_CLIENT_HELLO, bodies::encrypted_client_hello(body))
        }
        Known::PreSharedKey => return pre_shared_key(body, rest),
        Known::TlsFlags | Known::Care | Known::OriginHint | Known::No => return Ok(()),
    };
    result.map_err(|flaw| malformed(Part::Extension(number), flaw))
}

/// `pre_shared_key` must also be the last extension (RFC 8446 section 4.2.11).
fn pre_shared_key(body: &[u8], rest: &[u8]) -> Result<(), Refusal> {
    match bodies::pre_shared_key(body) {
        Err(flaw) => return Err(malformed(Part::Extension(known::PRE_SHARED_KEY), flaw)),
        Ok((identities, binders)) if identities != binders => {
            return Err(ScanError::BinderCount.into());
        }
        Ok(_) => {}
    }
    match rest {
        [] => Ok(()),
        [n, u, ..] => {
            let extension = u16::from_be_bytes([*n, *u]);
            Err(ScanError::AfterPreSharedKey { extension }.into())
        }
        [_] => Err(malformed(Part::Extensions, Flaw::Truncated)),
    }
}

/// Reads up to the extensions (RFC 8446 section 4.1.2), and returns the bytes of their list.
#[inline(always)]
fn extensions(body: &[u8]) -> Result<&[u8], Refusal> {
    let Some((fixed, rest)) = body.split_first_chunk::<35>() else {
        return Err(ScanError::MessageTooShort.into());
    };
    if fixed[0] != 3 && is_dtls(body) {
        return Err(Refusal::NotTls(NotTls::Dtls));
    }

    let flaw = |flaw| malformed(Part::SessionId, flaw);
    let length = usize::from(fixed[34]);
    if length > 32 {
        return Err(flaw(Flaw::TooLong));
    }
    let rest = rest.get(length..).ok_or_else(|| flaw(Flaw::Truncated))?;

    let flaw = |flaw| malformed(Part::CipherSuites, flaw);
    let (length, rest) = rest.split_first_chunk().ok_or_else(|| flaw(Flaw::Truncated))?;
    let (suites, rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or_else(|| flaw(Flaw::Truncated))?;
    bodies::numbers(suites).map_err(flaw)?;

    let flaw = |flaw| malformed(Part::CompressionMethods, flaw);
    let (length, rest) = rest.split_first().ok_or_else(|| flaw(Flaw::Truncated))?;
    let rest = rest.get(usize::from(*length)..).ok_or_else(|| flaw(Flaw::Truncated))?;
    if *length == 0 {
        return Err(flaw(Flaw::EmptyList));
    }

    // Before TLS 1.3, a ClientHello could end here.
    if rest.is_empty() {
        return Ok(rest);
    }
    let flaw = |flaw| malformed(Part::Extensions, flaw);
    let (length, list) = rest.split_first_chunk().ok_or_else(|| flaw(Flaw::Truncated))?;
    bodies::fills(usize::from(u16::from_be_bytes(*length)), list).map_err(flaw)?;
    Ok(list)
}

fn malformed(part: Part, flaw: Flaw) -> Refusal {
    ScanError::Malformed { part, flaw }.into()
}

/// The fault at the end of the list of extensions.
fn truncated_extension(list: &[u8]) -> Refusal {
    let part = match list {
        [n, u, _, _, ..] => Part::Extension(u16::from_be_bytes([*n, *u])),
        _ => Part::Extensions,
    };
    malformed(part, Flaw::Truncated)
}

/// Returns true if the body is of a DTLS ClientHello: by its version, which counts down from
/// 0xfeff, or because it begins with the additional fields of a DTLS header for a complete message
/// (RFC 6347 section 4.2.2).
#[cold]
fn is_dtls(body: &[u8]) -> bool {
    match body {
        [0xfe, ..] => true,
        [_, _, 0, 0, 0, high, middle, low, 0xfe, ..] => {
            usize::try_from(u32::from_be_bytes([0, *high, *middle, *low])) == Ok(body.len())
        }
        _ => false,
    }
}
