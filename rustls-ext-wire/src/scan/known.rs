//! The extensions that a view finds without a search, and their positions.

use crate::code_points::CodePoints;

pub(crate) const SERVER_NAME: u16 = 0;
pub(crate) const ALPN: u16 = 16;
pub(crate) const PRE_SHARED_KEY: u16 = 41;
pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
pub(crate) const CERTIFICATE_AUTHORITIES: u16 = 47;
pub(crate) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// An extension that a view finds without a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Known {
    ServerName,
    Alpn,
    SupportedVersions,
    CertificateAuthorities,
    PreSharedKey,
    EncryptedClientHello,
    TlsFlags,
    Care,
    OriginHint,
    /// Any other.
    No,
}

/// Maps extension types to the known extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Types {
    low: [Known; 64],
    tls_flags: u16,
    care: Option<u16>,
    origin_hint: Option<u16>,
}

impl Types {
    pub(crate) const fn new(code_points: &CodePoints) -> Self {
        let mut low = [Known::No; 64];
        low[SERVER_NAME as usize] = Known::ServerName;
        low[ALPN as usize] = Known::Alpn;
        low[PRE_SHARED_KEY as usize] = Known::PreSharedKey;
        low[SUPPORTED_VERSIONS as usize] = Known::SupportedVersions;
        low[CERTIFICATE_AUTHORITIES as usize] = Known::CertificateAuthorities;
        let (tls_flags, care) = (code_points.tls_flags(), code_points.care());
        let origin_hint = code_points.origin_hint();
        if tls_flags < 64 {
            low[tls_flags as usize] = Known::TlsFlags;
        }
        if let Some(care @ 0..64) = care {
            low[care as usize] = Known::Care;
        }
        if let Some(hint @ 0..64) = origin_hint {
            low[hint as usize] = Known::OriginHint;
        }
        Self { low, tls_flags, care, origin_hint }
    }

    #[inline(always)]
    pub(crate) fn known(&self, number: u16) -> Known {
        match self.low.get(usize::from(number)) {
            Some(known) => *known,
            None if number == ENCRYPTED_CLIENT_HELLO => Known::EncryptedClientHello,
            None if number == self.tls_flags => Known::TlsFlags,
            None if Some(number) == self.care => Known::Care,
            None if Some(number) == self.origin_hint => Known::OriginHint,
            None => Known::No,
        }
    }
}

/// The positions of the known extensions: how many bytes there are from each to the end of the list
/// of extensions; 0 for one that is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places([u16; 9]);

impl Places {
    #[inline(always)]
    pub(crate) fn put(&mut self, known: Known, rest: &[u8]) -> bool {
        match self.0.get_mut(known as usize) {
            Some(place) => {
                #[allow(clippy::cast_possible_truncation)] // the list has a 16-bit length
                let bytes = rest.len() as u16;
                *place = bytes;
                true
            }
            None => false,
        }
    }

    /// Returns the body of an extension in `list`.
    #[inline]
    pub(crate) fn find<'a>(&self, known: Known, list: &'a [u8]) -> Option<&'a [u8]> {
        let place = usize::from(*self.0.get(known as usize)?);
        let at = list.len().checked_sub(place)?;
        Some(extension(list.get(at..)?)?.1)
    }
}

/// Returns the first extension of a list, as type and body, and the rest of the list.
#[inline(always)]
pub(crate) fn extension(list: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[n, u, high, low], rest) = list.split_first_chunk()?;
    let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((u16::from_be_bytes([n, u]), body, rest))
}
