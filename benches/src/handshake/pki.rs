//! The certificates of a run, of one authority.

use std::sync::OnceLock;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};
use test_pki::Authority;

use super::{Key, SERVER_NAME};

/// A certificate in DER with those that lead to its authority, and its key as PKCS #8 in DER.
#[derive(Clone)]
pub struct CertifiedKeyDer {
    pub certificate: Vec<u8>,
    pub intermediates: Vec<Vec<u8>>,
    pub key: Vec<u8>,
}

pub struct Pki {
    /// In DER.
    pub authority: Vec<u8>,
    pub server: CertifiedKeyDer,
    clients: [CertifiedKeyDer; 2],
    /// Made only where it is used, since that takes long.
    rsa: OnceLock<CertifiedKeyDer>,
    pub(super) issuer: Authority,
}

impl Pki {
    /// # Panics
    /// If a certificate can't be made.
    #[allow(clippy::new_without_default)] // it is random
    pub fn new() -> Self {
        let issuer = Authority::with_key("authority", p256()).expect("a certificate");
        let ed25519 = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        Self {
            server: issue(&issuer, SERVER_NAME, p256(), &[]),
            clients: [issue(&issuer, "agent", p256(), &[]), issue(&issuer, "agent", ed25519, &[])],
            rsa: OnceLock::new(),
            authority: issuer.der().to_vec(),
            issuer,
        }
    }

    pub fn client(&self, key: Key) -> &CertifiedKeyDer {
        let [p256, ed25519] = &self.clients;
        match key {
            Key::P256 => p256,
            Key::Ed25519 => ed25519,
            Key::Rsa2048 => self.rsa.get_or_init(|| {
                let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
                issue(&self.issuer, "agent", key.expect("a key"), &[])
            }),
        }
    }
}

pub(super) fn p256() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}

/// A certificate for this name and `others`, for a server or a client.
pub(super) fn issue(
    authority: &Authority,
    name: &str,
    key: KeyPair,
    others: &[String],
) -> CertifiedKeyDer {
    let names = [&[name.to_owned()], others].concat();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let signed = authority.sign(params, key).expect("a certificate");
    CertifiedKeyDer {
        certificate: signed.der().to_vec(),
        intermediates: vec![],
        key: signed.key_der(),
    }
}
