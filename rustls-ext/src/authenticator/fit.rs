//! Whether a certificate fits a request.

use std::fmt;

use rustls::sign::CertifiedKey;
use x509_parser::prelude::{ExtendedKeyUsage, FromDer, KeyUsage, X509Certificate};

use super::Request;
use crate::wire::rules;

/// Why a certificate does not fit a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misfit {
    /// The key has no signature scheme of the request (EA-7).
    Scheme,
    /// A certificate of the chain is signed with an algorithm that is not in
    /// `signature_algorithms_cert` (EA-6).
    ChainAlgorithm,
    /// No issuer of the chain is in `certificate_authorities` (EA-6).
    Authority,
    /// The certificate does not have what `oid_filters` asks for (EA-6).
    OidFilter,
    /// The certificate cannot be parsed, so that it is unknown whether it fits (EA-6).
    Unreadable,
}

impl Misfit {
    /// Returns the rule: see [`rules::find`].
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Scheme => rules::EA_7.id,
            _ => rules::EA_6.id,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the key has no signature scheme of the request",
            Self::ChainAlgorithm => {
                "a certificate is signed with an algorithm that the request does not accept"
            }
            Self::Authority => "the certificate is from none of the authorities in the request",
            Self::OidFilter => "the certificate does not have what the request asks for",
            Self::Unreadable => "the certificate cannot be parsed",
        })?;
        write!(f, " ({})", self.rule())
    }
}

impl std::error::Error for Misfit {}

const CERTIFICATE_AUTHORITIES: u16 = 47;
const OID_FILTERS: u16 = 48;
const SIGNATURE_ALGORITHMS_CERT: u16 = 50;

pub(super) fn check(request: &Request, key: &CertifiedKey) -> Result<(), Misfit> {
    key.key.choose_scheme(&request.schemes()).ok_or(Misfit::Scheme)?;
    let authorities = request.extension(CERTIFICATE_AUTHORITIES);
    let algorithms = request.extension(SIGNATURE_ALGORITHMS_CERT);
    let filters = request.extension(OID_FILTERS);
    if authorities.is_none() && algorithms.is_none() && filters.is_none() {
        return Ok(());
    }
    let chain = key.cert.iter().map(|der| X509Certificate::from_der(der).map(|(_, read)| read));
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|_| Misfit::Unreadable)?;
    if authorities.is_some() {
        let listed = |issuer: &[u8]| request.authorities().any(|name| name == issuer);
        if !chain.iter().any(|certificate| listed(certificate.issuer().as_raw())) {
            return Err(Misfit::Authority);
        }
    }
    if let Some(list) = algorithms {
        let schemes: Vec<u16> = numbers(list).collect();
        // A root that is sent with the chain is trusted without its signature.
        let signed = chain.iter().filter(|it| it.issuer().as_raw() != it.subject().as_raw());
        let mut kinds = signed.map(|it| it.signature_algorithm.algorithm.as_bytes());
        let accepted = |oid: &[u8]| {
            let kind = ALGORITHMS.iter().find(|(known, _)| *known == oid);
            kind.is_some_and(|(_, any)| any.iter().any(|scheme| schemes.contains(scheme)))
        };
        if !kinds.all(accepted) {
            return Err(Misfit::ChainAlgorithm);
        }
    }
    if let Some(list) = filters {
        let own = chain.first().ok_or(Misfit::Unreadable)?;
        let matches = |(oid, values): (&[u8], &[u8])| filter_matches(own, oid, values);
        if !oid_filters(list).ok_or(Misfit::OidFilter)?.into_iter().all(matches) {
            return Err(Misfit::OidFilter);
        }
    }
    Ok(())
}

/// Signature algorithms of certificates, by the content of their OID, and the schemes of TLS that
/// stand for them (RFC 8446 section 4.2.3).
const ALGORITHMS: [(&[u8], &[u16]); 9] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], &[0x0403]), // ecdsa-with-SHA256
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], &[0x0503]),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], &[0x0603]),
    (&[0x2b, 0x65, 0x70], &[0x0807]), // Ed25519
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], &[0x0201]), // sha1WithRSAEncryption
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], &[0x0401]),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], &[0x0501]),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], &[0x0601]),
    // RSASSA-PSS; its parameters have the hash.
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10],
        &[0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b],
    ),
];

/// Returns true if the certificate has this extension with at least these values, or if the filter
/// is of a kind that is ignored (RFC 8446 section 4.2.5).
fn filter_matches(certificate: &X509Certificate<'_>, oid: &[u8], values: &[u8]) -> bool {
    const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    let found = certificate.extensions().iter().find(|it| it.oid.as_bytes() == oid);
    match oid {
        KEY_USAGE | EXTENDED_KEY_USAGE => {}
        _ => return true,
    }
    let Some(found) = found else { return false };
    if values.is_empty() {
        return true;
    }
    if oid == KEY_USAGE {
        let usage = |der| KeyUsage::from_der(der).map(|(_, read)| read.flags);
        match (usage(values), usage(found.value)) {
            (Ok(wanted), Ok(has)) => wanted & has == wanted,
            _ => false,
        }
    } else {
        let usages = |der| ExtendedKeyUsage::from_der(der).map(|(_, read)| read);
        match (usages(values), usages(found.value)) {
            (Ok(wanted), Ok(has)) => has_all(&has, &wanted),
            _ => false,
        }
    }
}

fn has_all(has: &ExtendedKeyUsage<'_>, wanted: &ExtendedKeyUsage<'_>) -> bool {
    let has_flag = |wanted: bool, has: bool| has || !wanted;
    // `anyExtendedKeyUsage` is not allowed in a filter, and then matches nothing.
    !wanted.any
        && has_flag(wanted.server_auth, has.server_auth)
        && has_flag(wanted.client_auth, has.client_auth)
        && has_flag(wanted.code_signing, has.code_signing)
        && has_flag(wanted.email_protection, has.email_protection)
        && has_flag(wanted.time_stamping, has.time_stamping)
        && has_flag(wanted.ocsp_signing, has.ocsp_signing)
        && wanted.other.iter().all(|oid| has.other.contains(oid))
}

/// The numbers in a list of signature schemes, whose format the codec has checked.
fn numbers(list: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let pairs = list.get(2..).unwrap_or_default().chunks_exact(2);
    pairs.filter_map(|pair| pair.try_into().ok()).map(u16::from_be_bytes)
}

/// The OIDs (content only) and values in `oid_filters`; `None` if it is malformed.
fn oid_filters(mut list: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut rest = vector::<2>(&mut list).filter(|_| list.is_empty())?;
    let mut filters = Vec::new();
    while !rest.is_empty() {
        let oid = vector::<1>(&mut rest)?;
        // The OID is in DER, with its tag and length.
        let [0x06, length, oid @ ..] = oid else { return None };
        let values = vector::<2>(&mut rest)?;
        filters.push((Some(oid).filter(|oid| oid.len() == usize::from(*length))?, values));
    }
    Some(filters)
}

/// The content of a vector whose length has `BYTES` bytes.
fn vector<'a, const BYTES: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_at_checked(BYTES)?;
    let length = length.iter().fold(0, |all, byte| (all << 8) | usize::from(*byte));
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(content)
}
