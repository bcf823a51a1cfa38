//! The certificates of a run, of one authority.

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};
use test_pki::Authority;

use super::{Key, SERVER_NAME};

/// A certificate in DER, and its key as PKCS #8 in DER.
#[derive(Clone)]
pub struct CertifiedKeyDer {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

pub struct Pki {
    /// In DER.
    pub authority: Vec<u8>,
    pub server: CertifiedKeyDer,
    clients: [CertifiedKeyDer; 3],
}

impl Pki {
    /// # Panics
    /// If a certificate can't be made.
    #[allow(clippy::new_without_default)] // it is random
    pub fn new() -> Self {
        let p256 = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let authority = Authority::with_key("authority", p256()).expect("a certificate");
        let issue = |name: &str, key: KeyPair| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let signed = authority.sign(params, key).expect("a certificate");
            CertifiedKeyDer { certificate: signed.der().to_vec(), key: signed.key_der() }
        };
        let ed25519 = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        Self {
            server: issue(SERVER_NAME, p256()),
            clients: [issue("agent", p256()), issue("agent", ed25519), issue("agent", rsa)],
            authority: authority.der().to_vec(),
        }
    }

    pub fn client(&self, key: Key) -> &CertifiedKeyDer {
        let [p256, ed25519, rsa] = &self.clients;
        match key {
            Key::P256 => p256,
            Key::Ed25519 => ed25519,
            Key::Rsa2048 => rsa,
        }
    }
}
