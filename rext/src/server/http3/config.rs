//! The QUIC config of each connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};
use rustls_ext::quic::QuicServerConfig;
use rustls_ext::rustls::ServerConfig;
use rustls_ext::{Live, LoadError, Setup};

use crate::server::memory::Shares;
use crate::tls;

/// The maximum number of the client's unidirectional streams: its control stream, two of QPACK, and
/// some of unknown types.
const MAX_UNIDIRECTIONAL: u32 = 8;
/// How often the server pings an idle client, so that one that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long a client may be silent, in milliseconds. It answers pings.
const SILENCE: VarInt = VarInt::from_u32(45_000);

/// How much of a handshake that arrives out of order is kept, in bytes: the longest message of TLS
/// that rustls accepts.
const HANDSHAKE: usize = 64 * 1024;

/// Connections that nobody has accepted yet, and their packets, in bytes. They are accepted at once.
const MAX_INCOMING: usize = 1024;
const INCOMING_BUFFER: u64 = 32 * 1024;
const INCOMING_BUFFERS: u64 = 2 * 1024 * 1024;

/// Makes the config of each connection from the setup that is current when it begins.
pub(super) struct Configs {
    live: Live,
    /// Everything except for TLS.
    quic: quinn::ServerConfig,
    /// The last setup, and its config.
    last: Mutex<(Arc<Setup>, QuicServerConfig)>,
}

impl Configs {
    /// Checks that the current setup can be used for QUIC.
    pub(super) fn new(live: Live, shares: Shares) -> Result<Self, LoadError> {
        let setup = live.current();
        let crypto = crypto(&setup)?;
        let mut quic = quinn::ServerConfig::with_crypto(Arc::new(crypto.clone()));
        quic.transport_config(Arc::new(transport(shares)))
            .max_incoming(MAX_INCOMING)
            .incoming_buffer_size(INCOMING_BUFFER)
            .incoming_buffer_size_total(INCOMING_BUFFERS);
        Ok(Self { live, quic, last: Mutex::new((setup, crypto)) })
    }

    /// The config of the endpoint, which no connection is accepted with.
    pub(super) fn endpoint(&self) -> quinn::ServerConfig {
        self.quic.clone()
    }

    /// The setup that is current now, and the config for a connection of the client at `peer`.
    pub(super) fn for_peer(
        &self,
        peer: SocketAddr,
    ) -> Result<(Arc<Setup>, Arc<quinn::ServerConfig>), LoadError> {
        let setup = self.live.current();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&last.0, &setup) {
            *last = (setup.clone(), crypto(&setup)?);
        }
        Ok((setup, last.1.for_peer(&self.quic, peer)))
    }
}

fn crypto(setup: &Setup) -> Result<QuicServerConfig, LoadError> {
    let mut config = ServerConfig::clone(setup.config());
    config.alpn_protocols = vec![tls::H3.to_vec()];
    // A client is not authenticated before the handshake is complete, and early data can be
    // replayed (RES-6).
    config.max_early_data_size = 0;
    Ok(QuicServerConfig::with_policy(config, setup.policy().clone())?)
}

/// The windows are the shares of the connection's memory. While packets are missing, quinn may need 2.5
/// times the memory of the data that has arrived, and 32 KiB more for each stream.
fn transport(shares: Shares) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(shares.streams().into())
        .max_concurrent_uni_streams(MAX_UNIDIRECTIONAL.into())
        .max_idle_timeout(Some(IdleTimeout::from(SILENCE)))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .receive_window(shares.connection_window().into())
        .stream_receive_window(shares.stream_window().into())
        .send_window(shares.unsent as u64)
        .crypto_buffer_size(HANDSHAKE)
        .datagram_receive_buffer_size(None);
    transport
}
