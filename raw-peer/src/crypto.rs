//! The key schedule (RFC 8446 section 7) and record protection, out of `ring`'s primitives.

use ring::aead::{self, LessSafeKey, UnboundKey};
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey as VerifyingKey,
};
use ring::{digest, hkdf, hmac};

use super::Error;

/// The cipher suites that the peer can use (RFC 8446 appendix B.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// TLS_AES_128_GCM_SHA256, 0x1301.
    Aes128GcmSha256,
    /// TLS_AES_256_GCM_SHA384, 0x1302.
    Aes256GcmSha384,
}

impl Suite {
    /// The value on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::Aes128GcmSha256 => 0x1301,
            Self::Aes256GcmSha384 => 0x1302,
        }
    }

    pub(super) fn from_code(code: u16) -> Option<Self> {
        [Self::Aes128GcmSha256, Self::Aes256GcmSha384].into_iter().find(|s| s.code() == code)
    }

    fn aead(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128GcmSha256 => &aead::AES_128_GCM,
            Self::Aes256GcmSha384 => &aead::AES_256_GCM,
        }
    }

    fn hkdf(self) -> hkdf::Algorithm {
        match self {
            Self::Aes128GcmSha256 => hkdf::HKDF_SHA256,
            Self::Aes256GcmSha384 => hkdf::HKDF_SHA384,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        self.hkdf().hmac_algorithm()
    }

    pub(super) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.hmac().digest_algorithm(), bytes).as_ref().to_vec()
    }

    /// The length of an output of the suite's hash, in bytes.
    pub fn hash_len(self) -> usize {
        self.hmac().digest_algorithm().output_len()
    }
}

/// The three extractions of RFC 8446 section 7.1: starts at the early secret.
pub(super) struct KeySchedule {
    suite: Suite,
    current: hkdf::Prk,
}

impl KeySchedule {
    pub(super) fn early(suite: Suite, psk: Option<&[u8]>) -> Self {
        let zeros = vec![0; suite.hash_len()];
        let salt = hkdf::Salt::new(suite.hkdf(), &zeros);
        Self { suite, current: salt.extract(psk.unwrap_or(&zeros)) }
    }

    /// To the handshake secret with the shared secret, then to the master secret with none.
    pub(super) fn advance(&mut self, shared: Option<&[u8]>) -> Result<(), Error> {
        let derived = self.derive("derived", &self.suite.hash(&[]))?;
        let zeros = vec![0; self.suite.hash_len()];
        let salt = hkdf::Salt::new(self.suite.hkdf(), &derived);
        self.current = salt.extract(shared.unwrap_or(&zeros));
        Ok(())
    }

    /// Derive-Secret, with the transcript already hashed.
    pub(super) fn derive(&self, label: &str, transcript: &[u8]) -> Result<Vec<u8>, Error> {
        expand(&self.current, label, transcript, self.suite.hash_len())
    }
}

/// A confirmation that Encrypted ClientHello is accepted (RFC 9849 section 7.2).
pub(super) fn ech_confirmation(
    suite: Suite,
    inner_random: &[u8; 32],
    label: &str,
    transcript: &[u8],
) -> Result<Vec<u8>, Error> {
    expand(&KeySchedule::early(suite, Some(inner_random)).current, label, transcript, 8)
}

/// HKDF-Expand-Label from a secret that has left the key schedule.
pub(super) fn expand_label(
    suite: Suite,
    secret: &[u8],
    label: &str,
    context: &[u8],
    len: usize,
) -> Result<Vec<u8>, Error> {
    expand(&hkdf::Prk::new_less_safe(suite.hkdf(), secret), label, context, len)
}

/// TLS-Exporter (RFC 8446 section 7.5), from exporter_master_secret.
pub(super) fn export(
    suite: Suite,
    secret: &[u8],
    label: &str,
    context: &[u8],
    len: usize,
) -> Result<Vec<u8>, Error> {
    let secret = expand_label(suite, secret, label, &suite.hash(&[]), suite.hash_len())?;
    expand_label(suite, &secret, "exporter", &suite.hash(context), len)
}

/// The output length, as `ring` wants it.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &hkdf::Prk, label: &str, context: &[u8], len: usize) -> Result<Vec<u8>, Error> {
    const PREFIX: &[u8] = b"tls13 ";
    let failed = || Error::Crypto("HKDF-Expand-Label");
    let [_, .., len_high, len_low] = len.to_be_bytes();
    let label_len = u8::try_from(PREFIX.len() + label.len()).map_err(|_| failed())?;
    let context_len = u8::try_from(context.len()).map_err(|_| failed())?;
    let info: [&[u8]; 6] =
        [&[len_high, len_low], &[label_len], PREFIX, label.as_bytes(), &[context_len], context];
    let mut out = vec![0; len];
    let okm = prk.expand(&info, Len(len)).map_err(|_| failed())?;
    okm.fill(&mut out).map_err(|_| failed())?;
    Ok(out)
}

fn finished_key(suite: Suite, base: &[u8]) -> Result<hmac::Key, Error> {
    let key = expand_label(suite, base, "finished", &[], suite.hash_len())?;
    Ok(hmac::Key::new(suite.hmac(), &key))
}

/// verify_data of Finished and of binders (RFC 8446 section 4.4.4).
pub(super) fn verify_data(suite: Suite, base: &[u8], transcript: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(hmac::sign(&finished_key(suite, base)?, transcript).as_ref().to_vec())
}

/// Whether a peer's verify_data is right.
pub(super) fn verifies(
    suite: Suite,
    base: &[u8],
    transcript: &[u8],
    data: &[u8],
) -> Result<bool, Error> {
    Ok(hmac::verify(&finished_key(suite, base)?, transcript, data).is_ok())
}

/// One direction of record protection (RFC 8446 section 5.2).
pub(super) struct Cipher {
    suite: Suite,
    secret: Vec<u8>,
    key: LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    sequence: u64,
}

impl Cipher {
    pub(super) fn new(suite: Suite, secret: Vec<u8>) -> Result<Self, Error> {
        let failed = |_| Error::Crypto("traffic key");
        let key = expand_label(suite, &secret, "key", &[], suite.aead().key_len())?;
        let iv = expand_label(suite, &secret, "iv", &[], aead::NONCE_LEN)?;
        Ok(Self {
            key: LessSafeKey::new(UnboundKey::new(suite.aead(), &key).map_err(failed)?),
            iv: iv.try_into().map_err(|_| Error::Crypto("traffic iv"))?,
            sequence: 0,
            suite,
            secret,
        })
    }

    /// The cipher after a KeyUpdate (RFC 8446 section 7.2).
    pub(super) fn next_generation(&self) -> Result<Self, Error> {
        let len = self.suite.hash_len();
        let secret = expand_label(self.suite, &self.secret, "traffic upd", &[], len)?;
        Self::new(self.suite, secret)
    }

    pub(super) fn seal(&mut self, header: &[u8], inner: &mut Vec<u8>) -> Result<(), Error> {
        let nonce = self.nonce();
        self.key
            .seal_in_place_append_tag(nonce, aead::Aad::from(header), inner)
            .map_err(|_| Error::Crypto("record encryption"))?;
        self.sequence += 1;
        Ok(())
    }

    /// The sequence number moves on only when the record opens, so that rejected early data can
    /// be skipped (RFC 8446 section 4.2.10).
    pub(super) fn open(&mut self, header: &[u8], mut sealed: Vec<u8>) -> Result<Vec<u8>, Error> {
        let nonce = self.nonce();
        let len = self
            .key
            .open_in_place(nonce, aead::Aad::from(header), &mut sealed)
            .map_err(|_| Error::BadRecordMac)?
            .len();
        self.sequence += 1;
        sealed.truncate(len);
        Ok(sealed)
    }

    fn nonce(&self) -> aead::Nonce {
        let mut nonce = self.iv;
        for (byte, seq) in nonce.iter_mut().rev().zip(self.sequence.to_le_bytes()) {
            *byte ^= seq;
        }
        aead::Nonce::assume_unique_for_key(nonce)
    }
}

/// Our half of an x25519 exchange.
pub(super) struct Share {
    private: EphemeralPrivateKey,
    pub(super) public: Vec<u8>,
}

impl Share {
    pub(super) fn generate() -> Result<Self, Error> {
        let failed = |_| Error::Crypto("x25519 key");
        let private = EphemeralPrivateKey::generate(&agreement::X25519, &SystemRandom::new())
            .map_err(failed)?;
        let public = private.compute_public_key().map_err(failed)?.as_ref().to_vec();
        Ok(Self { private, public })
    }

    pub(super) fn agree(self, peer: &[u8]) -> Result<Vec<u8>, Error> {
        let peer = UnparsedPublicKey::new(&agreement::X25519, peer);
        agreement::agree_ephemeral(self.private, &peer, <[u8]>::to_vec)
            .map_err(|_| Error::Illegal("x25519 share"))
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Crypto("random"))?;
    Ok(bytes)
}

/// What a CertificateVerify signs (RFC 8446 section 4.4.3).
fn to_be_signed(role: &str, transcript: &[u8]) -> Vec<u8> {
    let context = format!("TLS 1.3, {role} CertificateVerify");
    [&[0x20; 64][..], context.as_bytes(), &[0], transcript].concat()
}

/// Whether `signature` is a CertificateVerify by the P-256 key of the certificate `der`.
pub(super) fn proves(der: &[u8], role: &str, transcript: &[u8], signature: &[u8]) -> bool {
    // SubjectPublicKeyInfo up to the point: id-ecPublicKey, prime256v1, a bit string (RFC 5480).
    const BEFORE: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\
        \x3d\x03\x01\x07\x03\x42\x00";
    const POINT: usize = 65;
    let at = der.windows(BEFORE.len()).position(|window| window == BEFORE);
    let point = at.and_then(|at| der.get(at + BEFORE.len()..)?.get(..POINT));
    let content = to_be_signed(role, transcript);
    let verifies = |point| {
        let key = VerifyingKey::new(&ECDSA_P256_SHA256_ASN1, point);
        key.verify(&content, signature).is_ok()
    };
    point.is_some_and(verifies)
}

/// Signs a CertificateVerify with ecdsa_secp256r1_sha256 (RFC 8446 section 4.4.3).
pub(super) fn sign(pkcs8: &[u8], role: &str, transcript: &[u8]) -> Result<Vec<u8>, Error> {
    let random = SystemRandom::new();
    let key = key_pair(pkcs8, &random)?;
    let content = to_be_signed(role, transcript);
    let signature = key.sign(&random, &content).map_err(|_| Error::Crypto("signature"))?;
    Ok(signature.as_ref().to_vec())
}

/// The public half of a key, an uncompressed point.
pub(super) fn public_key(pkcs8: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(key_pair(pkcs8, &SystemRandom::new())?.public_key().as_ref().to_vec())
}

fn key_pair(pkcs8: &[u8], random: &SystemRandom) -> Result<EcdsaKeyPair, Error> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, random)
        .map_err(|_| Error::Crypto("PKCS#8 key (P-256 only)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
    }

    /// The secret is exporter_master_secret of RFC 8448 section 3. That page exports nothing, so the
    /// values were computed from RFC 8446 section 7.5 with the HMAC of Python.
    #[test]
    fn an_exported_value_is_that_of_rfc_8446() {
        let secret = "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50";
        for (context, len, value) in [
            (&b""[..], 32, "4451f6322284bad9d59028c38f3c1f0fc63b092726ce8223ee5cd645c6573fdf"),
            (b"context", 20, "2595e4487ba0496e120febfe49022600b8d9e076"),
        ] {
            let suite = Suite::Aes128GcmSha256;
            let exported = export(suite, &bytes(secret), "EXPORTER-test", context, len);
            assert_eq!(exported, Ok(bytes(value)));
        }
    }
}
