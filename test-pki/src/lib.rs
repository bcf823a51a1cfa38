//! Authorities, certificates and revocation lists, for tests and for the demo.
//!
//! Keys are ECDSA's, with P-256. Nothing here is for production: keys live in memory, and everything
//! is valid for as long as [`rcgen`] says.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

use std::fmt;
use std::ops::Range;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pki_types::CertificateDer;
pub use rcgen;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList,
    CertificateRevocationListParams, CertifiedIssuer, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
#[cfg(feature = "rustls")]
use rustls::{RootCertStore, crypto::ring, pki_types::PrivatePkcs8KeyDer, sign::CertifiedKey};

/// The serial number of the next certificate, of any authority.
static SERIAL_NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A certificate authority with a self-signed certificate.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new authority of this common name.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(common_name: &str) -> Result<Self, Error> {
        Self::with_key(common_name, KeyPair::generate().map_err(failed)?)
    }

    /// The same, with this key.
    ///
    /// # Errors
    /// No known case.
    pub fn with_key(common_name: &str, key: KeyPair) -> Result<Self, Error> {
        let params = authority(common_name, vec![])?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(failed)
    }

    /// An authority below this one, whose certificate has these alternative names.
    ///
    /// # Errors
    /// If the parameters cannot be encoded.
    pub fn subordinate(
        &self,
        common_name: &str,
        alternatives: Vec<String>,
        key: KeyPair,
    ) -> Result<Self, Error> {
        let params = authority(common_name, alternatives)?;
        CertifiedIssuer::signed_by(params, key, &self.0).map(Self).map_err(failed)
    }

    /// A certificate for a server of these DNS names.
    ///
    /// # Errors
    /// If one of them is no DNS name, or the system has no randomness.
    pub fn server(&self, names: &[&str]) -> Result<IssuedCertificate, Error> {
        let alternatives = names.iter().map(|name| (*name).to_owned()).collect();
        let common_name = names.first().copied().unwrap_or_default();
        self.issue(named(common_name, alternatives)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client of this common name, in any string type.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn client(&self, common_name: impl Into<DnValue>) -> Result<IssuedCertificate, Error> {
        self.issue(named(common_name, vec![])?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A certificate for a workload of this identifier, a URI such as `spiffe://example.org/agent`.
    ///
    /// # Errors
    /// If it is not ASCII, or the system has no randomness.
    pub fn workload(
        &self,
        common_name: &str,
        identifier: &str,
    ) -> Result<IssuedCertificate, Error> {
        let mut params = named(common_name, vec![])?;
        params.subject_alt_names = vec![SanType::URI(identifier.try_into().map_err(failed)?)];
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The same as [`client`](Self::client), of a certificate that has expired.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn expired_client(&self, common_name: &str) -> Result<IssuedCertificate, Error> {
        let mut params = named(common_name, vec![])?;
        (params.not_before, params.not_after) =
            (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A list that revokes these certificates of the authority's, in PEM.
    ///
    /// # Errors
    /// No known case.
    pub fn crl(&self, revoked: &[&IssuedCertificate]) -> Result<String, Error> {
        let serial_numbers = revoked.iter().map(|identity| identity.serial_number.clone());
        self.revoke(serial_numbers)?.pem().map_err(failed)
    }

    /// A list that revokes the certificates with these serial numbers, from 2024 to 4000.
    ///
    /// # Errors
    /// No known case.
    pub fn revoke(
        &self,
        serial_numbers: impl IntoIterator<Item = SerialNumber>,
    ) -> Result<CertificateRevocationList, Error> {
        let seconds = |year| u64::try_from(date_time_ymd(year, 1, 1).unix_timestamp()).unwrap_or(0);
        self.revoke_between(serial_numbers, seconds(2024)..seconds(4000))
    }

    /// The same, issued at the start of `validity`, and with the next one due at its end, in seconds
    /// since the Unix epoch.
    ///
    /// # Errors
    /// No known case.
    pub fn revoke_between(
        &self,
        serial_numbers: impl IntoIterator<Item = SerialNumber>,
        validity: Range<u64>,
    ) -> Result<CertificateRevocationList, Error> {
        let time = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        let this_update = time(validity.start);
        let revoked = |serial_number| RevokedCertParams {
            serial_number,
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update,
            next_update: time(validity.end),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: serial_numbers.into_iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).map_err(failed)
    }

    /// The authority's certificate, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The authority's certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        self.0.der()
    }

    /// The authority's certificate as the only trust anchor.
    ///
    /// # Errors
    /// No known case.
    #[cfg(feature = "rustls")]
    pub fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).map_err(failed)?;
        Ok(roots)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<IssuedCertificate, Error> {
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        self.sign(params, KeyPair::generate().map_err(failed)?)
    }

    /// A certificate with these parameters, for this key. Without a serial number in them, it gets a
    /// number that is unique in this process.
    ///
    /// # Errors
    /// If the parameters cannot be encoded.
    pub fn sign(
        &self,
        mut params: CertificateParams,
        key: KeyPair,
    ) -> Result<IssuedCertificate, Error> {
        let next = || SerialNumber::from(SERIAL_NUMBERS.fetch_add(1, Ordering::Relaxed));
        let serial_number = params.serial_number.get_or_insert_with(next).clone();
        let certificate = params.signed_by(&key, &self.0).map_err(failed)?;
        Ok(IssuedCertificate {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key,
            serial_number,
        })
    }
}

/// A certificate that an [`Authority`] issued, and its key.
#[derive(Debug)]
pub struct IssuedCertificate {
    pem: String,
    der: CertificateDer<'static>,
    key: KeyPair,
    serial_number: SerialNumber,
}

impl IssuedCertificate {
    /// The certificate, in PEM.
    pub fn cert_pem(&self) -> &str {
        &self.pem
    }

    /// The certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The key, in DER (PKCS #8), not encrypted.
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// The key, in PEM (PKCS #8), not encrypted.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Both, as rustls takes them.
    ///
    /// # Errors
    /// No known case.
    #[cfg(feature = "rustls")]
    pub fn certified_key(&self) -> Result<Arc<CertifiedKey>, Error> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        CertifiedKey::from_der(vec![self.der.clone()], key, &ring::default_provider())
            .map(Arc::new)
            .map_err(failed)
    }

    /// Both, as the raw peer takes them.
    #[cfg(feature = "raw-peer")]
    pub fn for_raw(&self) -> raw_peer::ChainAndKey {
        raw_peer::ChainAndKey { chain: vec![self.der.to_vec()], key: self.key_der() }
    }
}

fn authority(common_name: &str, alternatives: Vec<String>) -> Result<CertificateParams, Error> {
    let mut params = named(common_name, alternatives)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn named(
    common_name: impl Into<DnValue>,
    alternatives: Vec<String>,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(alternatives).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

/// An error of issuing: an invalid name, or a system without randomness.
#[derive(Debug)]
pub struct Error(String);

fn failed(err: impl fmt::Display) -> Error {
    Error(err.to_string())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot issue certificates: {}", self.0)
    }
}

impl std::error::Error for Error {}
