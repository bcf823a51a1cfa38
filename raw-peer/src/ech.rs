//! Encrypted ClientHello as a server opens it (RFC 9849): keys, configurations, and the extension
//! of the outer hello. HPKE is the `hpke` crate's, so that a client is not tested against itself.

use std::fmt;
use std::ops::Range;

use hpke::aead::{AeadCtxR, AesGcm128};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable, setup_receiver};

use super::common::Common;
use super::wire::{Reader, Writer};
use super::{ClientHello, Error, Handshake, Suite, codec, crypto, ech_inner, ext};

/// ECHClientHelloType of an outer hello.
const OUTER: u8 = 0;

/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM (RFC 9180 section 7).
const KEM_ID: u16 = 0x0020;
const KDF_ID: u16 = 0x0001;
const AEAD_ID: u16 = 0x0001;

type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A server's key for Encrypted ClientHello, and the ECHConfig (RFC 9849 section 4) that clients
/// know it by.
#[derive(Clone)]
pub struct EchKey {
    id: u8,
    private: Private,
    config: Vec<u8>,
}

impl EchKey {
    /// A new key, for a server whose outer name is `public_name`. If two keys have the same `id`,
    /// the server tries both.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a name of more than 255 bytes; [`Error::Crypto`].
    pub fn generate(id: u8, public_name: &str) -> Result<Self, Error> {
        let (private, public) = X25519HkdfSha256::derive_keypair(&crypto::random::<32>()?);
        let mut contents = Writer::default();
        contents.u8(id).u16(KEM_ID).vec16(&public.to_bytes());
        contents.list16(|suites| {
            suites.u16(KDF_ID).u16(AEAD_ID);
        });
        // maximum_name_length; the empty list is that of extensions.
        contents.u8(64).vec8(public_name.as_bytes()).vec16(&[]);
        let mut config = Writer::default();
        config.u16(ext::ENCRYPTED_CLIENT_HELLO).vec16(&contents.finish("ECHConfigContents")?);
        Ok(Self { id, private, config: config.finish("ECHConfig")? })
    }

    /// An ECHConfigList with this key alone.
    ///
    /// # Errors
    /// [`Error::TooLong`], which no key that was made here leads to.
    pub fn config_list(&self) -> Result<Vec<u8>, Error> {
        let mut list = Writer::default();
        list.vec16(&self.config);
        list.finish("ECHConfigList")
    }
}

impl fmt::Debug for EchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The state of Encrypted ClientHello on one connection of a server.
pub(super) enum Ech {
    /// No ClientHello with the extension was received yet.
    NotOffered,
    Accepted(Box<Opener>),
    /// The outer ClientHello is used, also after a HelloRetryRequest.
    Rejected,
}

pub(super) struct Opener {
    context: AeadCtxR<AesGcm128, HkdfSha256, X25519HkdfSha256>,
    id: u8,
    /// ClientHelloInner.random of the last hello.
    random: [u8; 32],
}

impl Ech {
    /// The inner ClientHello, if it is used (RFC 9849 sections 7.1 and 7.1.1).
    pub(super) fn open(
        &mut self,
        keys: &[EchKey],
        hello: &ClientHello,
        is_second: bool,
    ) -> Result<Option<ClientHello>, Error> {
        let body = ext::find(&hello.extensions, ext::ENCRYPTED_CLIENT_HELLO);
        let encoded = match (&mut *self, body) {
            (Self::Accepted(_), None) => {
                return Err(Error::MissingExtension(ext::ENCRYPTED_CLIENT_HELLO));
            }
            (Self::Accepted(opener), Some(body)) => opener.open_second(hello, body)?,
            (Self::NotOffered, Some(body)) if !is_second => {
                let offer = Offer::read(body)?;
                match keys.iter().find_map(|key| offer.open(key, hello)) {
                    None => {
                        *self = Self::Rejected;
                        return Ok(None);
                    }
                    Some((opener, encoded)) => {
                        *self = Self::Accepted(Box::new(opener));
                        encoded
                    }
                }
            }
            (Self::NotOffered | Self::Rejected, _) => return Ok(None),
        };
        let inner = ech_inner::decode(&encoded, hello)?;
        if let Self::Accepted(opener) = self {
            opener.random = inner.random;
        }
        Ok(Some(inner))
    }

    /// Puts the confirmation into a HelloRetryRequest that has zeros for it; one that edits have
    /// changed there is not touched (RFC 9849 section 7.2.1).
    pub(super) fn confirm_retry(
        &self,
        common: &Common,
        suite: Suite,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        let [high, low] = ext::ENCRYPTED_CLIENT_HELLO.to_be_bytes();
        let blank = [high, low, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        let found = bytes.windows(blank.len()).position(|window| window == blank);
        let place = found.map(|at| at + 4..at + 12).unwrap_or_default();
        self.confirm(common, suite, "hrr ech accept confirmation", bytes, place)
    }

    /// The same in the random of a ServerHello (RFC 9849 section 7.2).
    pub(super) fn confirm_hello(
        &self,
        common: &Common,
        suite: Suite,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        // The random follows the header (4) and legacy_version (2).
        self.confirm(common, suite, "ech accept confirmation", bytes, 6 + 24..6 + 32)
    }

    /// Call this when the transcript ends with the message that is answered.
    fn confirm(
        &self,
        common: &Common,
        suite: Suite,
        label: &str,
        bytes: &mut [u8],
        place: Range<usize>,
    ) -> Result<(), Error> {
        let hash = suite.hash(&[&common.transcript, &*bytes].concat());
        match (self, bytes.get_mut(place)) {
            (Self::Accepted(opener), Some(place)) if *place == [0; 8] => {
                let confirmation = crypto::ech_confirmation(suite, &opener.random, label, &hash)?;
                place.copy_from_slice(&confirmation);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Opener {
    fn open_second(&mut self, hello: &ClientHello, body: &[u8]) -> Result<Vec<u8>, Error> {
        let offer = Offer::read(body)?;
        if (offer.kdf, offer.aead, offer.id) != (KDF_ID, AEAD_ID, self.id) || !offer.enc.is_empty()
        {
            return Err(Error::Illegal("encrypted_client_hello of the second ClientHello"));
        }
        self.context
            .open(offer.payload, &offer.associated_data(hello).ok_or(Error::BadEchPayload)?)
            .map_err(|_| Error::BadEchPayload)
    }
}

/// The extension of an outer hello.
struct Offer<'a> {
    kdf: u16,
    aead: u16,
    id: u8,
    enc: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Offer<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body, "encrypted_client_hello");
        if reader.u8()? != OUTER {
            return Err(Error::Illegal("ECHClientHelloType"));
        }
        let offer = Self {
            kdf: reader.u16()?,
            aead: reader.u16()?,
            id: reader.u8()?,
            enc: reader.vec16()?,
            payload: reader.vec16()?,
        };
        reader.done().map(|()| offer)
    }

    /// `None` if the key does not fit; this is not an error, since it may be GREASE.
    fn open(&self, key: &EchKey, hello: &ClientHello) -> Option<(Opener, Vec<u8>)> {
        if (self.kdf, self.aead, self.id) != (KDF_ID, AEAD_ID, key.id) {
            return None;
        }
        let info = [b"tls ech\0", key.config.as_slice()].concat();
        let enc = Encapped::from_bytes(self.enc).ok()?;
        let mut context = setup_receiver(&OpModeR::Base, &key.private, &enc, &info).ok()?;
        let encoded = context.open(self.payload, &self.associated_data(hello)?).ok()?;
        Some((Opener { context, id: key.id, random: [0; 32] }, encoded))
    }

    /// ClientHelloOuterAAD: the hello without its header, and with zeros for the payload.
    fn associated_data(&self, hello: &ClientHello) -> Option<Vec<u8>> {
        let mut hello = hello.clone();
        let typ = ext::ENCRYPTED_CLIENT_HELLO;
        let body = &mut hello.extensions.iter_mut().find(|e| e.typ == typ)?.body;
        let at = body.len().checked_sub(self.payload.len())?;
        body.get_mut(at..)?.fill(0);
        let bytes = codec::encode(&Handshake::ClientHello(hello)).ok()?;
        bytes.get(4..).map(<[u8]>::to_vec)
    }
}
