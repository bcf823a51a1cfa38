//! Trust domains: an authority each, which issues SVIDs.

use rustls::pki_types::CertificateDer;
use test_pki::rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use test_pki::{Authority, IssuedCertificate};

use crate::api::{X509Svid, X509SvidResponse};

/// A trust domain.
pub struct Domain {
    name: String,
    authority: Authority,
}

impl Domain {
    /// Each time with a new authority, which has the name of the trust domain.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), authority: Authority::new(name).unwrap() }
    }

    /// An SVID with this path.
    pub fn svid(&self, path: &str) -> IssuedCertificate {
        self.issue(&[&format!("spiffe://{}{path}", self.name)], |_| {})
    }

    /// A certificate with these URIs, like an SVID but for what `change` changes.
    pub fn issue(
        &self,
        uris: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> IssuedCertificate {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "SPIRE");
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names = uris.collect();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.authority.sign(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// The certificates of the authorities, one after the other.
    pub fn bundle(&self) -> Vec<u8> {
        self.authority.der().to_vec()
    }

    /// The message for a workload with this SVID, in a trust domain that is federated with others.
    pub fn message(&self, svid: &IssuedCertificate, federated: &[&Domain]) -> X509SvidResponse {
        let federated = federated.iter().map(|it| (format!("spiffe://{}", it.name), it.bundle()));
        X509SvidResponse { svids: vec![self.entry(svid)], federated_bundles: federated.collect() }
    }

    pub fn entry(&self, svid: &IssuedCertificate) -> X509Svid {
        X509Svid {
            // The certificate counts, not this field.
            spiffe_id: format!("spiffe://{}/not/used", self.name),
            x509_svid: svid.der().to_vec(),
            x509_svid_key: svid.key_der(),
            bundle: self.bundle(),
            hint: String::new(),
        }
    }
}

/// The chain of a certificate that is issued by a trust anchor.
pub fn chain(svid: &IssuedCertificate) -> [CertificateDer<'static>; 1] {
    [svid.der().clone()]
}
