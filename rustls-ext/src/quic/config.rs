use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use quinn_proto::crypto::{self, Keys, UnsupportedVersion};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Connection, ServerConnection, Suite, Version};
use rustls::server::ClientAuthPolicy;
use rustls::{ClientConfig, Error, ServerConfig};

use super::error::ConfigError;
use super::initial::{Initial, rustls_version};
use super::session::Session;
use crate::policy::InConfig;
use crate::{Live, Policy, Setup};

/// A [`ClientConfig`] for quinn, to pass to `quinn::ClientConfig::new`.
///
/// 0-RTT is possible only with `enable_early_data`.
#[derive(Clone, Debug)]
pub struct QuicClientConfig {
    tls: Arc<ClientConfig>,
    initial: Arc<Initial>,
}

impl QuicClientConfig {
    /// Uses this suite, which must be TLS13_AES_128_GCM_SHA256, for Initial packets, which are sent
    /// before a secret is agreed on (RFC 9001 section 5.2). The config need not have it for other
    /// packets.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn with_initial(tls: Arc<ClientConfig>, initial: Suite) -> Result<Self, ConfigError> {
        let initial = Initial::new(tls.crypto_provider(), initial)?;
        // Finds errors that are known now, so that no connection fails because of them. No session
        // is used up.
        let mut trial = ClientConfig::clone(&tls);
        trial.resumption = Resumption::disabled();
        let name = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        ClientConnection::new(Arc::new(trial), Version::V1, name, Vec::new())?;
        Ok(Self { tls, initial })
    }
}

impl TryFrom<Arc<ClientConfig>> for QuicClientConfig {
    type Error = ConfigError;

    fn try_from(tls: Arc<ClientConfig>) -> Result<Self, Self::Error> {
        let initial = Initial::suite(tls.crypto_provider())?;
        Self::with_initial(tls, initial)
    }
}

impl TryFrom<ClientConfig> for QuicClientConfig {
    type Error = ConfigError;

    fn try_from(tls: ClientConfig) -> Result<Self, Self::Error> {
        Arc::new(tls).try_into()
    }
}

impl crypto::ClientConfig for QuicClientConfig {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn crypto::Session>, ConnectError> {
        let name = ServerName::try_from(server_name)
            .map_err(|_| ConnectError::InvalidServerName(server_name.into()))?
            .to_owned();
        let tls =
            ClientConnection::new(self.tls.clone(), rustls_version(version)?, name, bytes(params))
                // For example, the system has no randomness.
                .map_err(|_| ConnectError::EndpointStopping)?;
        Ok(Box::new(Session::new(Ok(Connection::Client(tls)), self.initial.clone(), version)))
    }
}

/// A [`ServerConfig`] for quinn, to pass to `quinn::ServerConfig::with_crypto`.
///
/// Its `max_early_data_size` must be 0 (the default) or `u32::MAX`; 0-RTT is possible only with
/// `u32::MAX`.
#[derive(Clone, Debug)]
pub struct QuicServerConfig {
    source: Source,
    initial: Arc<Initial>,
}

/// The source of the config and policy for a connection.
#[derive(Clone, Debug)]
enum Source {
    Fixed(Fixed),
    /// The setup that is current when the connection begins.
    Live(Live),
}

/// A config, and the policy that replaces the config's own, if there is one.
#[derive(Clone, Debug)]
struct Fixed {
    tls: Arc<ServerConfig>,
    policy: Option<Arc<dyn ClientAuthPolicy>>,
}

impl Source {
    /// The config and policy for the connection of the client at `peer`, if its address is known.
    fn at(&self, peer: Option<IpAddr>) -> Fixed {
        match self {
            Self::Fixed(fixed) => fixed.clone(),
            Self::Live(live) => {
                let setup = live.current();
                let policy = InConfig { policy: setup.policy().clone(), peer };
                Fixed { tls: setup.config().clone(), policy: Some(Arc::new(policy)) }
            }
        }
    }
}

impl Fixed {
    fn connection(self, version: Version, params: Vec<u8>) -> Result<ServerConnection, Error> {
        match self.policy {
            None => ServerConnection::new(self.tls, version, params),
            Some(policy) => {
                ServerConnection::with_client_auth_policy(self.tls, policy, version, params)
            }
        }
    }
}

impl QuicServerConfig {
    /// Uses this suite, which must be TLS13_AES_128_GCM_SHA256, for Initial packets, which are sent
    /// before a secret is agreed on (RFC 9001 section 5.2). The config need not have it for other
    /// packets.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn with_initial(tls: Arc<ServerConfig>, initial: Suite) -> Result<Self, ConfigError> {
        let initial = Initial::new(tls.crypto_provider(), initial)?;
        // Finds errors that are known now, so that no connection fails because of them.
        ServerConnection::new(tls.clone(), Version::V1, Vec::new())?;
        Ok(Self { source: Source::Fixed(Fixed { tls, policy: None }), initial })
    }

    /// Accepts with `tls`, and decides by `policy`, which may have rules on the peer's address. A
    /// policy in `tls` itself is not used.
    ///
    /// This is [`from_live()`](Self::from_live) with a [`Setup`] that never changes.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn with_policy(
        tls: impl Into<Arc<ServerConfig>>,
        policy: impl Into<Arc<Policy>>,
    ) -> Result<Self, ConfigError> {
        Self::from_live(Setup::new(tls, policy).into())
    }

    /// Accepts each connection under the setup that is current when the connection begins.
    ///
    /// After [`Live::reload`] or [`Live::replace`], new connections use the new setup. There is no
    /// need to call quinn's `Endpoint::set_server_config`. If the new config cannot be used for
    /// QUIC, new connections fail with the transport error `INTERNAL_ERROR` (RFC 9000 section 20.1)
    /// until a usable config is loaded.
    ///
    /// If the policy has rules on the peer's address, accept each connection with a config of its
    /// own, made by [`for_peer`]. Connections that are accepted without `for_peer` then fail with
    /// `internal_error`.
    ///
    /// ```no_run
    /// # use rustls_ext::{Live, quic::QuicServerConfig};
    /// # async fn serve(live: Live) -> Result<(), Box<dyn std::error::Error>> {
    /// let crypto = QuicServerConfig::from_live(live)?;
    /// let config = quinn::ServerConfig::with_crypto(std::sync::Arc::new(crypto.clone()));
    /// let endpoint = quinn::Endpoint::server(config.clone(), "[::]:443".parse()?)?;
    /// while let Some(incoming) = endpoint.accept().await {
    ///     let config = crypto.for_peer(&config, incoming.remote_address());
    ///     let connection = incoming.accept_with(config)?.await?;
    /// #   let _ = connection;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`ConfigError`]; it is about the setup that is current now.
    ///
    /// [`for_peer`]: Self::for_peer
    pub fn from_live(live: Live) -> Result<Self, ConfigError> {
        let source = Source::Live(live);
        Ok(Self { initial: Self::try_from(source.at(None).tls)?.initial, source })
    }

    /// Returns a copy of `config` for one connection of the client at `peer`, under the setup that
    /// is current now.
    ///
    /// If the policy has rules on the peer's address, the client cannot migrate (RFC 9000 section
    /// 9): quinn compares addresses and ports, and packets from another address *or another port*
    /// are dropped. If a client's NAT assigns another port, its packets are dropped from then on,
    /// and the connection ends by its idle timeout. Without such rules, clients can migrate, and
    /// keep their identity.
    ///
    /// The address is validated when the handshake is complete, or from the start if quinn's
    /// `Incoming::remote_address_validated` returns true; `Incoming::retry` achieves that.
    pub fn for_peer(
        &self,
        config: &quinn_proto::ServerConfig,
        peer: SocketAddr,
    ) -> Arc<quinn_proto::ServerConfig> {
        let mut config = config.clone();
        if let Source::Live(live) = &self.source {
            if live.current().policy().needs_peer_address() {
                config.migration(false);
            }
        }
        let source = Source::Fixed(self.source.at(Some(peer.ip())));
        config.crypto = Arc::new(Self { source, initial: self.initial.clone() });
        Arc::new(config)
    }
}

impl TryFrom<Arc<ServerConfig>> for QuicServerConfig {
    type Error = ConfigError;

    fn try_from(tls: Arc<ServerConfig>) -> Result<Self, Self::Error> {
        let initial = Initial::suite(tls.crypto_provider())?;
        Self::with_initial(tls, initial)
    }
}

impl TryFrom<ServerConfig> for QuicServerConfig {
    type Error = ConfigError;

    fn try_from(tls: ServerConfig) -> Result<Self, Self::Error> {
        Arc::new(tls).try_into()
    }
}

impl crypto::ServerConfig for QuicServerConfig {
    fn initial_keys(
        &self,
        version: u32,
        dst_cid: &ConnectionId,
    ) -> Result<Keys, UnsupportedVersion> {
        rustls_version(version)?;
        Ok(self.initial.keys(version, dst_cid, Side::Server))
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.initial.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        let tls = rustls_version(version)
            .map_err(|_| Error::General("unsupported QUIC version".into()))
            .and_then(|version| self.source.at(None).connection(version, bytes(params)));
        Box::new(Session::new(tls.map(Connection::Server), self.initial.clone(), version))
    }
}

fn bytes(params: &TransportParameters) -> Vec<u8> {
    let mut bytes = Vec::new();
    params.write(&mut bytes);
    bytes
}
