//! TLS for one QUIC connection of quinn.

use std::any::Any;
use std::sync::Arc;

use quinn_proto::crypto::{self, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError, TransportErrorCode};
use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::quic::{Connection, KeyChange, Secrets};

use super::handshake::HandshakeData;
use super::initial::{Initial, for_quinn};
use crate::record::Handshake;

pub(super) struct Session {
    /// An error if rustls cannot make a connection from the config, which was tested beforehand.
    tls: Result<Connection, rustls::Error>,
    initial: Arc<Initial>,
    version: u32,
    /// True after quinn was told that handshake data is available.
    reported: bool,
    next: Option<Secrets>,
    /// `None` on clients.
    handshake: Option<Handshake>,
}

impl Session {
    pub(super) fn new(
        tls: Result<Connection, rustls::Error>,
        initial: Arc<Initial>,
        version: u32,
    ) -> Self {
        let handshake = matches!(tls, Ok(Connection::Server(_))).then(Handshake::over_quic);
        Self { tls, initial, version, reported: false, next: None, handshake }
    }

    fn tls(&self) -> Option<&Connection> {
        self.tls.as_ref().ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(handshake) = &mut self.handshake {
            handshake.unfinished();
        }
    }
}

impl crypto::Session for Session {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.initial.keys(self.version, dst_cid, side)
    }

    /// A [`HandshakeData`].
    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        let tls = self.tls().filter(|_| self.reported)?;
        Some(Box::new(HandshakeData::read(tls)))
    }

    /// A `Vec<CertificateDer<'static>>`, but `None` if a policy decides in which scope a chain
    /// counts.
    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        let tls = self.tls()?;
        if matches!(tls, Connection::Server(server) if server.client_auth().is_some()) {
            return None;
        }
        let chain: Vec<CertificateDer<'static>> = tls.peer_certificates()?.to_vec();
        Some(Box::new(chain))
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        let keys = self.tls()?.zero_rtt_keys()?;
        Some((Box::new(keys.header), Box::new(keys.packet)))
    }

    fn early_data_accepted(&self) -> Option<bool> {
        match self.tls()? {
            Connection::Client(client) => Some(client.is_early_data_accepted()),
            Connection::Server(_) => None,
        }
    }

    fn is_handshaking(&self) -> bool {
        self.tls().is_none_or(|tls| tls.is_handshaking())
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        let failed = |code, reason: &rustls::Error| TransportError {
            code,
            frame: None,
            reason: reason.to_string(),
        };
        let tls = match &mut self.tls {
            Ok(tls) => tls,
            Err(reason) => return Err(failed(TransportErrorCode::INTERNAL_ERROR, reason)),
        };
        tls.read_hs(buf).map_err(|reason| {
            if let Some(handshake) = &mut self.handshake {
                handshake.failed(&reason);
            }
            let code = match tls.alert() {
                Some(alert) => TransportErrorCode::crypto(alert.into()),
                None => TransportErrorCode::PROTOCOL_VIOLATION,
            };
            failed(code, &reason)
        })?;
        match (&*tls, &mut self.handshake) {
            (Connection::Server(server), Some(handshake)) if !server.is_handshaking() => {
                let resumed = server.handshake_kind() == Some(HandshakeKind::Resumed);
                handshake.accepted(server.client_auth(), server.protocol_version(), resumed);
            }
            _ => {}
        }
        // rustls does not signal when the ClientHello, or the server's choice of a protocol,
        // arrives: it can only be queried for whether it has arrived.
        let has_come = !tls.is_handshaking()
            || tls.alpn_protocol().is_some()
            || matches!(tls, Connection::Server(server) if server.server_name().is_some());
        Ok(has_come && !std::mem::replace(&mut self.reported, has_come))
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let Some(tls) = self.tls() else { return Ok(None) };
        let side = match tls {
            Connection::Client(_) => Side::Client,
            Connection::Server(_) => Side::Server,
        };
        let read = |mut bytes: &[u8]| TransportParameters::read(side, &mut bytes);
        Ok(tls.quic_transport_parameters().map(read).transpose()?)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let keys = match self.tls.as_mut().ok()?.write_hs(buf)? {
            KeyChange::Handshake { keys } => keys,
            KeyChange::OneRtt { keys, next } => {
                self.next = Some(next);
                keys
            }
        };
        Some(for_quinn(keys))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.next.as_mut()?.next_packet_keys();
        Some(KeyPair { local: Box::new(keys.local), remote: Box::new(keys.remote) })
    }

    /// RFC 9001 section 5.8. The key of the tag is public, so nothing can leak here.
    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        payload.split_last_chunk().is_some_and(|(token, tag)| {
            let packet = [header, token].concat();
            self.initial.retry_tag(self.version, orig_dst_cid, &packet) == *tag
        })
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        let tls = self.tls().ok_or(ExportKeyingMaterialError)?;
        match tls.export_keying_material(output, label, Some(context)) {
            Ok(_) => Ok(()),
            Err(_) => Err(ExportKeyingMaterialError),
        }
    }
}
