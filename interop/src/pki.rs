//! A PKI for the demo and for tests.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls_ext::rustls::RootCertStore;
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls_ext::rustls::sign::CertifiedKey;

use crate::Failure;

/// An authority that issues certificates, its own one among them.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new authority of this common name.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(common_name: &str) -> Result<Self, Failure> {
        let mut params = named(common_name, vec![])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(failed)
    }

    /// A certificate for a server of these DNS names.
    ///
    /// # Errors
    /// If one of them is no DNS name, or the system has no randomness.
    pub fn server(&self, names: &[&str]) -> Result<Identity, Failure> {
        let alternatives = names.iter().map(|name| (*name).to_owned()).collect();
        let common_name = names.first().copied().unwrap_or_default();
        self.issue(named(common_name, alternatives)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client of this common name.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn client(&self, common_name: &str) -> Result<Identity, Failure> {
        self.issue(named(common_name, vec![])?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The authority's certificate, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The authority's certificate as the only trust anchor.
    ///
    /// # Errors
    /// None that is known.
    pub fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).map_err(failed)?;
        Ok(roots)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Identity, Failure> {
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.0).map_err(failed)?;
        Ok(Identity { pem: certificate.pem(), der: certificate.der().clone(), key })
    }
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    pem: String,
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// The certificate, in PEM.
    pub fn cert_pem(&self) -> &str {
        &self.pem
    }

    /// The key, in PEM (PKCS #8), not encrypted.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Both, as rustls wants them.
    ///
    /// # Errors
    /// None that is known.
    pub fn certified_key(&self) -> Result<Arc<CertifiedKey>, Failure> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        CertifiedKey::from_der(vec![self.der.clone()], key, &ring::default_provider())
            .map(Arc::new)
            .map_err(failed)
    }
}

fn named(common_name: &str, alternatives: Vec<String>) -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::new(alternatives).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn failed(err: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("cannot make a PKI: {err}"))
}
