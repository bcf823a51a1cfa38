//! The encryption of tickets.

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, OutboundChunks, OutboundPlainMessage,
};
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};
use rustls::crypto::{CryptoProvider, SecureRandom};
use rustls::{CipherSuite, ContentType, ProtocolVersion, SupportedCipherSuite, Tls13CipherSuite};
use zeroize::Zeroize;

use super::key::NAME;
use super::{TicketKey, TicketKeyError};

/// The length of the random salt of each ticket, in bytes.
const SALT: usize = 32;
/// The most that a ticket can contain, in bytes: one record of TLS (RFC 8446 section 5.1).
pub(super) const MAX_PLAIN: usize = 16 * 1024;
/// The content type inside of the record, and the tag of AES-GCM, in bytes.
const RECORD_OVERHEAD: usize = 1 + 16;
/// The length of the longest ticket, in bytes.
pub(super) const MAX_TICKET: usize = NAME + SALT + MAX_PLAIN + RECORD_OVERHEAD;
/// Separates the keys of tickets from others that could be derived from a secret.
const LABEL: &[u8] = b"rustls-ext session ticket, version 1";

/// The algorithms of a provider that encrypt tickets: those of TLS_AES_256_GCM_SHA384.
///
/// They are fixed, so that nodes with different providers can read each other's tickets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Algorithms {
    suite: &'static Tls13CipherSuite,
    random: &'static dyn SecureRandom,
}

impl Algorithms {
    pub(super) fn of(provider: &CryptoProvider) -> Result<Self, TicketKeyError> {
        let suite = provider.cipher_suites.iter().find_map(|suite| match suite {
            SupportedCipherSuite::Tls13(suite)
                if suite.common.suite == CipherSuite::TLS13_AES_256_GCM_SHA384 =>
            {
                Some(*suite)
            }
            _ => None,
        });
        let suite = suite.ok_or(TicketKeyError::NoCipher)?;
        Ok(Self { suite, random: provider.secure_random })
    }
}

/// A key that is ready to encrypt and decrypt.
pub(super) struct ReadyKey {
    pub(super) name: [u8; NAME],
    pub(super) encrypts_from: u64,
    pub(super) expires: u64,
    /// HKDF (RFC 5869) with the secret as its pseudorandom key.
    expander: Box<dyn HkdfExpander>,
}

impl ReadyKey {
    pub(super) fn new(algorithms: &Algorithms, key: &TicketKey) -> Self {
        let secret = OkmBlock::new(&*key.secret);
        let expander = algorithms.suite.hkdf_provider.expander_for_okm(&secret);
        let TicketKey { name, encrypts_from, expires, .. } = *key;
        Self { name, encrypts_from, expires, expander }
    }

    /// Makes a ticket: name, salt, and a record of TLS 1.3 without its header.
    ///
    /// The record's key is derived for this ticket, so that the number of tickets is not limited by
    /// the length of a random nonce, and the name and the context are authenticated, too.
    pub(super) fn seal(
        &self,
        algorithms: &Algorithms,
        context: &[u8],
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        if plain.len() > MAX_PLAIN {
            return None;
        }
        let mut salt = [0; SALT];
        algorithms.random.fill(&mut salt).ok()?;
        let (key, iv) = self.derive(context, &salt)?;
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_3,
            payload: OutboundChunks::Single(plain),
        };
        let record = algorithms.suite.aead_alg.encrypter(key, iv).encrypt(message, 0).ok()?;
        Some([&self.name, &salt[..], record.payload.as_ref()].concat())
    }

    /// Opens what comes after the name in a ticket.
    pub(super) fn open(
        &self,
        algorithms: &Algorithms,
        context: &[u8],
        ticket: &[u8],
    ) -> Option<Vec<u8>> {
        let (salt, record) = ticket.split_first_chunk::<SALT>()?;
        let (key, iv) = self.derive(context, salt)?;
        let mut record = record.to_vec();
        let message = InboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            &mut record,
        );
        let mut decrypter = algorithms.suite.aead_alg.decrypter(key, iv);
        let plain = decrypter.decrypt(message, 0).ok()?;
        (plain.typ == ContentType::ApplicationData).then(|| plain.payload.to_vec())
    }

    fn derive(&self, context: &[u8], salt: &[u8; SALT]) -> Option<(AeadKey, Iv)> {
        let length = [u8::try_from(context.len()).ok()?];
        let mut key = [0; 32];
        let info = [LABEL, &self.name, &length, context, salt];
        self.expander.expand_slice(&info, &mut key).ok()?;
        let ready = AeadKey::from(key);
        key.zeroize();
        // Each key encrypts once, so its nonce need not be different from others.
        Some((ready, Iv::from([0; 12])))
    }
}
