//! A server on a free port of the loopback interface, and its clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::{Connecting, Connection, ConnectionError, Endpoint, Incoming};
use rustls::server::ClientAuthDecision;
use rustls::version::TLS13;
use rustls::{AlertDescription, ClientConfig, HandshakeKind, ServerConfig};
use rustls_ext::ClientAuthOffer;
use rustls_ext::quic::{
    HandshakeData, QuicClientConfig, QuicServerConfig, alert_received, alert_sent,
};

use crate::common::{CertAndKey, Pki, Switch, When};

pub const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A server, its policy, and the endpoint of its clients.
pub struct Site {
    pub pki: Pki,
    pub policy: Arc<Switch>,
    pub server: Endpoint,
    pub clients: Endpoint,
}

impl Site {
    /// A server that at first requests no certificate.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let pki = Pki::new();
        let policy = Switch::new(When::Always, ClientAuthDecision::None);
        let mut tls = pki.server_with(&policy, &[&TLS13]);
        tls.max_early_data_size = u32::MAX;
        change(&mut tls);
        let crypto = QuicServerConfig::try_from(tls).unwrap();
        Self::of(pki, policy, quinn::ServerConfig::with_crypto(Arc::new(crypto)))
    }

    pub fn of(pki: Pki, policy: Arc<Switch>, config: quinn::ServerConfig) -> Self {
        let server = Endpoint::server(config, LOOPBACK.into()).unwrap();
        Self { pki, policy, server, clients: Endpoint::client(LOOPBACK.into()).unwrap() }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.local_addr().unwrap()
    }

    /// Uses this decision for clients that offer.
    pub fn if_offered(&self, decision: ClientAuthDecision) {
        self.policy.set(When::Offered, decision);
    }

    /// Uses this decision for all clients.
    pub fn always(&self, decision: ClientAuthDecision) {
        self.policy.set(When::Always, decision);
    }

    pub fn require(&self) -> ClientAuthDecision {
        ClientAuthDecision::Require(self.pki.demand("agents").because_offered())
    }

    pub fn request(&self) -> ClientAuthDecision {
        ClientAuthDecision::Request(self.pki.demand("agents").because_offered())
    }

    pub fn client(&self, identity: Option<&CertAndKey>, offer: ClientAuthOffer) -> ClientConfig {
        let mut tls = self.pki.client_config(identity, offer, &[&TLS13]);
        tls.enable_early_data = true;
        tls
    }

    pub fn agent(&self, offer: ClientAuthOffer) -> ClientConfig {
        self.client(Some(&self.pki.agent), offer)
    }

    pub fn connect(&self, tls: &ClientConfig) -> Connecting {
        let crypto = QuicClientConfig::try_from(tls.clone()).unwrap();
        self.connect_with(quinn::ClientConfig::new(Arc::new(crypto)))
    }

    pub fn connect_with(&self, config: quinn::ClientConfig) -> Connecting {
        self.clients.connect_with(config, self.addr(), "localhost").unwrap()
    }

    pub async fn incoming(&self) -> Incoming {
        self.server.accept().await.unwrap()
    }

    /// A connection that succeeds, and that tries to send early data.
    pub async fn visit(&self, tls: &ClientConfig) -> Visit {
        self.exchange(self.connect(tls), async { self.incoming().await.await.unwrap() }).await
    }

    /// The rest of such a connection: each side sends data.
    pub async fn exchange(
        &self,
        connecting: Connecting,
        accepted: impl Future<Output = Connection>,
    ) -> Visit {
        let client = async {
            let (connection, early) = match connecting.into_0rtt() {
                Ok((connection, accepted)) => {
                    say(&connection, b"early").await;
                    (connection, accepted.await)
                }
                Err(connecting) => (connecting.await.unwrap(), false),
            };
            if !early {
                say(&connection, b"late").await;
            }
            // The server's tickets arrive before its data.
            assert_eq!(hear(&connection).await, b"welcome");
            (connection, early)
        };
        let server = async {
            let connection = accepted.await;
            let heard = hear(&connection).await;
            say(&connection, b"welcome").await;
            (connection, heard)
        };
        let ((client, early), (server, heard)) = tokio::join!(client, server);
        assert_eq!(heard, if early { &b"early"[..] } else { b"late" });
        Visit { client, server, early }
    }

    /// A connection that fails with an alert of the server.
    pub async fn refused(&self, tls: &ClientConfig) -> AlertDescription {
        let connecting = self.connect(tls);
        let client = async {
            match connecting.await {
                // The client completed its handshake before the server had checked the certificate.
                Ok(connection) => connection.closed().await,
                Err(err) => err,
            }
        };
        let server = async {
            match self.incoming().await.accept() {
                Ok(connecting) => connecting.await.unwrap_err(),
                Err(err) => err,
            }
        };
        let (client, server) = tokio::join!(client, server);
        refusal(&client, &server)
    }
}

/// The server's alert, if client and server report it.
pub fn refusal(client: &ConnectionError, server: &ConnectionError) -> AlertDescription {
    let alert = alert_sent(server).unwrap_or_else(|| panic!("{server:?}"));
    assert_eq!(alert_received(client), Some(alert), "{client:?}");
    assert_eq!((alert_sent(client), alert_received(server)), (None, None));
    alert
}

pub async fn say(connection: &Connection, text: &[u8]) {
    let mut stream = connection.open_uni().await.unwrap();
    // A stream whose early data is refused fails, and the caller opens another one.
    let _ = stream.write_all(text).await;
    let _ = stream.finish();
}

pub async fn hear(connection: &Connection) -> Vec<u8> {
    connection.accept_uni().await.unwrap().read_to_end(100).await.unwrap()
}

/// Client and server of a connection.
pub struct Visit {
    pub client: Connection,
    pub server: Connection,
    /// Whether early data was accepted.
    pub early: bool,
}

impl Visit {
    pub fn at_client(&self) -> HandshakeData {
        HandshakeData::from_quinn(self.client.handshake_data()).unwrap()
    }

    pub fn at_server(&self) -> HandshakeData {
        HandshakeData::from_quinn(self.server.handshake_data()).unwrap()
    }

    /// Whether the session was resumed, on which client and server agree.
    pub fn resumed(&self) -> bool {
        let [client, server] = [self.at_client(), self.at_server()].map(|data| data.kind.unwrap());
        assert_eq!(client, server);
        server == HandshakeKind::Resumed
    }

    pub fn authenticated(&self) -> bool {
        self.at_server().peer_identity("agents").is_some()
    }

    pub fn is(&self, resumed: bool, early: bool, authenticated: bool) {
        assert_eq!(
            (self.resumed(), self.early, self.authenticated()),
            (resumed, early, authenticated)
        );
    }
}
