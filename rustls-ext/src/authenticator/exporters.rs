use std::fmt;

use rustls::crypto::tls13::OkmBlock;
use rustls::crypto::{hash, hmac};
use rustls::{ConnectionCommon, Tls13CipherSuite};
use zeroize::Zeroizing;

use super::{Endpoint, ExporterError};
use crate::wire::authenticator::Connection;

/// The values that authenticators of one connection are made with: a handshake context and a MAC key
/// for each side that sends authenticators (EA-1).
///
/// They do not change while the connection lasts, so take them once, before the connection is handed
/// to a library. They are erased from memory when this is dropped.
pub struct Exporters {
    suite: &'static Tls13CipherSuite,
    /// The side whose authenticators these are for; `None` for both, the client's first.
    sender: Option<Endpoint>,
    /// Handshake context and MAC key for each sender, each as long as the hash's output.
    values: Zeroizing<Box<[u8]>>,
}

impl Exporters {
    /// Takes the values for authenticators of both sides from a connection whose handshake is
    /// complete.
    ///
    /// # Errors
    /// [`ExporterError`] during the handshake, or if the connection does not use TLS 1.3.
    pub fn of<D>(connection: &ConnectionCommon<D>) -> Result<Self, ExporterError> {
        Self::take(connection, None)
    }

    /// Takes the values for authenticators of one side only, with half of the work: that is all that
    /// clients and servers need if only one of them authenticates in this way.
    ///
    /// # Errors
    /// As for [`of()`](Self::of).
    pub fn for_sender<D>(
        connection: &ConnectionCommon<D>,
        sender: Endpoint,
    ) -> Result<Self, ExporterError> {
        Self::take(connection, Some(sender))
    }

    /// Takes the values from the exporter of any TLS 1.3 connection with a completed handshake, for
    /// example over QUIC. `export` fills its first argument with the value for a label and an empty
    /// context (RFC 8446 section 7.5).
    ///
    /// # Errors
    /// [`ExporterError::Export`] if `export` fails.
    pub fn from_exporter(
        suite: &'static Tls13CipherSuite,
        sender: impl Into<Option<Endpoint>>,
        mut export: impl FnMut(&mut [u8], &[u8]) -> Result<(), rustls::Error>,
    ) -> Result<Self, ExporterError> {
        let sender = sender.into();
        let senders = match &sender {
            Some(sender) => std::slice::from_ref(sender),
            None => &[Endpoint::Client, Endpoint::Server][..],
        };
        let labels = senders
            .iter()
            .flat_map(|sender| [sender.handshake_context_label(), sender.finished_key_label()]);
        let length = suite.common.hash_provider.output_len();
        let mut values = Zeroizing::new(vec![0; 2 * senders.len() * length].into_boxed_slice());
        for (value, label) in values.chunks_exact_mut(length).zip(labels) {
            export(value, label.as_bytes()).map_err(ExporterError::Export)?;
        }
        Ok(Self { suite, sender, values })
    }

    fn take<D>(
        connection: &ConnectionCommon<D>,
        sender: Option<Endpoint>,
    ) -> Result<Self, ExporterError> {
        if connection.is_handshaking() {
            return Err(ExporterError::Handshaking);
        }
        let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.tls13());
        Self::from_exporter(suite.ok_or(ExporterError::NotTls13)?, sender, |value, label| {
            connection.export_keying_material(value, label, Some(&[])).map(drop)
        })
    }

    /// Handshake context or MAC key. Empty if they were not taken for this sender; the codec then
    /// returns an error.
    fn value(&self, sender: Endpoint, number: usize) -> &[u8] {
        let length = self.suite.common.hash_provider.output_len();
        let place = match (self.sender, sender) {
            (None, Endpoint::Server) => 2,
            (None, Endpoint::Client) => 0,
            (Some(only), sender) if only == sender => 0,
            (Some(_), _) => return &[],
        };
        self.values.chunks_exact(length).nth(place + number).unwrap_or_default()
    }
}

impl Connection for Exporters {
    type Digest = hash::Output;
    type Tag = hmac::Tag;

    fn handshake_context(&self, sender: Endpoint) -> &[u8] {
        self.value(sender, 0)
    }

    fn hash(&self, parts: &[&[u8]]) -> hash::Output {
        let mut hash = self.suite.common.hash_provider.start();
        parts.iter().for_each(|part| hash.update(part));
        hash.finish()
    }

    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> hmac::Tag {
        // It erases its copy of the key.
        let key = OkmBlock::new(self.value(sender, 1));
        self.suite.hkdf_provider.hmac_sign(&key, message)
    }
}

/// Does not show the values.
impl fmt::Debug for Exporters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporters")
            .field("suite", &self.suite.common.suite)
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}
