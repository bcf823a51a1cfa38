//! Certificates, policies, and connections in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use raw_peer::{CertificateAnswer, Edit, Peer, Plan, Shares, Slot, ext};
use rustls::client::ClientAuthOffer;
use rustls::crypto::cipher::OutboundPlain;
use rustls::crypto::{CryptoProvider, Identity};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientVerifier;
use rustls::server::{
    ClientAuth, ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy, ClientHello,
    WebPkiClientVerifier,
};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientSide, Connection, Error, HandshakeKind, RootCertStore, ServerConfig,
    ServerSide, SideData, Tcp, VecInput,
};
use test_pki::{Authority, IssuedCertificate};

/// The body of `tls_flags` with flag 80 alone.
pub const FLAG: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub const CARE: u16 = 0xffca;

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls_ring::DEFAULT_PROVIDER)
}

/// Certificates, and the server's clock.
pub struct Site {
    pub servers: Authority,
    pub agents: Authority,
    pub server: IssuedCertificate,
    pub agent: IssuedCertificate,
    pub clock: Arc<Clock>,
}

/// The time, and the seconds that are added to it.
#[derive(Debug, Default)]
pub struct Clock(pub Mutex<u64>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = UnixTime::now().as_secs() + *self.0.lock().unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}

impl Site {
    pub fn new() -> Self {
        let servers = Authority::new("Server CA").unwrap();
        let agents = Authority::new("Agents CA").unwrap();
        Self {
            server: servers.server(&["localhost"]).unwrap(),
            agent: agents.client("agent-1").unwrap(),
            servers,
            agents,
            clock: Arc::default(),
        }
    }

    pub fn verifier(&self) -> Arc<dyn ClientVerifier> {
        let builder = WebPkiClientVerifier::builder(roots(&self.agents), &provider());
        Arc::new(builder.build().unwrap())
    }

    pub fn demand(&self, scope: &str) -> ClientAuthDemand {
        ClientAuthDemand::new(self.verifier(), scope).unwrap().because_offered()
    }

    pub fn request(&self, scope: &str) -> ClientAuthDecision {
        ClientAuthDecision::Request(self.demand(scope))
    }

    pub fn require(&self, scope: &str) -> ClientAuthDecision {
        ClientAuthDecision::Require(self.demand(scope))
    }

    /// A server without a policy, with this provider.
    pub fn plain(&self, provider: Arc<CryptoProvider>) -> ServerConfig {
        ServerConfig::builder_with_details(provider, self.clock.clone())
            .with_no_client_auth()
            .with_single_cert(identity(&self.server), key(&self.server))
            .unwrap()
    }

    /// A server whose decision is that of `now`, for each client.
    pub fn deciding(&self, now: &Now) -> ServerConfig {
        let mut config = self.plain(provider());
        config.client_auth_policy = Some(Arc::new(now.clone()));
        config
    }

    /// A server that requests a certificate from clients that offer.
    pub fn by_offer(&self) -> ServerConfig {
        let mut config = self.plain(provider());
        config.client_auth_policy = Some(Arc::new(ByOffer(self.request("agents"))));
        config
    }

    /// A client of the preview, with a certificate.
    pub fn client(&self, offer: ClientAuthOffer) -> ClientConfig {
        let mut config = ClientConfig::builder(provider())
            .with_root_certificates(roots(&self.servers))
            .with_client_auth_cert(identity(&self.agent), key(&self.agent))
            .unwrap();
        config.client_auth_offer = offer;
        config
    }

    /// A raw client with a certificate, and this in its `tls_flags`.
    pub fn offering(&self, body: impl Into<Vec<u8>>) -> raw_peer::ClientConfig {
        self.sending(Edit::add(ext::TLS_FLAGS, body))
    }

    /// A raw client with a certificate, and this edit of its ClientHello.
    pub fn sending(&self, edit: Edit) -> raw_peer::ClientConfig {
        raw_peer::ClientConfig {
            answer: CertificateAnswer::With(self.agent.for_raw()),
            plan: Plan::one(Slot::ClientHello, edit),
            ..Default::default()
        }
    }

    /// A raw client with a certificate that does not offer.
    pub fn silent(&self) -> raw_peer::ClientConfig {
        raw_peer::ClientConfig { plan: Plan::default(), ..self.offering(FLAG) }
    }

    /// A raw server that sends this edit in its message of `slot`.
    pub fn raw_server(&self, slot: Slot, edit: Edit) -> raw_peer::ServerConfig {
        raw_peer::ServerConfig {
            ask_certificate: true,
            tickets: 1,
            hello_retry: slot == Slot::HelloRetryRequest,
            plan: Plan::one(slot, edit),
            ..raw_peer::ServerConfig::new(self.server.for_raw())
        }
    }
}

/// A raw client that provokes a HelloRetryRequest.
pub fn retrying(config: raw_peer::ClientConfig) -> raw_peer::ClientConfig {
    raw_peer::ClientConfig {
        shares: Shares::Only(Vec::new()),
        groups: vec![raw_peer::group::X25519],
        ..config
    }
}

pub fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    Arc::new(roots)
}

pub fn identity(certificate: &IssuedCertificate) -> Arc<Identity<'static>> {
    Arc::new(Identity::from_cert_chain(vec![certificate.der().clone()]).unwrap())
}

pub fn key(certificate: &IssuedCertificate) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(certificate.key_der()).into()
}

/// A policy whose decision can be replaced, and which counts.
#[derive(Clone, Debug)]
pub struct Now(Arc<Mutex<(ClientAuthDecision, usize)>>);

impl Now {
    pub fn new(decision: ClientAuthDecision) -> Self {
        Self(Arc::new(Mutex::new((decision, 0))))
    }

    pub fn set(&self, decision: ClientAuthDecision) {
        self.0.lock().unwrap().0 = decision;
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl ClientAuthPolicy for Now {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        let mut now = self.0.lock().unwrap();
        now.1 += 1;
        Ok(now.0.clone())
    }
}

#[derive(Debug)]
struct ByOffer(ClientAuthDecision);

impl ClientAuthPolicy for ByOffer {
    fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Ok(match hello.offers_client_auth() {
            true => self.0.clone(),
            false => ClientAuthDecision::None,
        })
    }
}

/// A connection of the preview, with its buffers.
pub struct End<Side: SideData> {
    pub connection: Connection<Side, Tcp>,
    input: VecInput,
    output: Vec<u8>,
    pub received: Vec<u8>,
    pub early_data: Vec<u8>,
    pub error: Option<Error>,
}

impl<Side: SideData> End<Side> {
    fn new(connection: Connection<Side, Tcp>, output: Vec<u8>) -> Self {
        Self {
            connection,
            input: VecInput::default(),
            output,
            received: Vec::new(),
            early_data: Vec::new(),
            error: None,
        }
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.input.read(&mut bytes).unwrap();
        }
    }

    fn process(&mut self) {
        let handler = self.connection.read_tls(&mut self.input, &mut self.output);
        self.error = handler.handle_all(&mut self.received).err();
    }

    pub fn write(&mut self, data: &[u8]) {
        self.connection.write(OutboundPlain::from(data), &mut self.output).unwrap();
    }

    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub fn is_resumed(&self) -> bool {
        matches!(
            self.connection.handshake_kind(),
            Some(HandshakeKind::Resumed | HandshakeKind::ResumedWithHelloRetryRequest)
        )
    }
}

impl End<ServerSide> {
    pub fn server(config: &ServerConfig) -> Self {
        Self::new(Connection::<ServerSide, Tcp>::new(Arc::new(config.clone())).unwrap(), Vec::new())
    }

    pub fn read(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.add(bytes);
            let mut handler = self.connection.read_tls(&mut self.input, &mut self.output);
            while let Some(Ok(data)) = handler.next_early_data() {
                self.early_data.extend_from_slice(data.bytes());
            }
            drop(handler);
            self.process();
        }
    }

    pub fn client_auth(&self) -> &ClientAuth {
        self.connection.side().client_auth().unwrap()
    }

    /// The scope in which the client is authenticated.
    pub fn scope(&self) -> Option<&str> {
        let scope = self.client_auth().scope();
        assert_eq!(scope.is_some(), self.connection.peer_identity().is_some());
        scope
    }
}

impl End<ClientSide> {
    pub fn client(config: &ClientConfig) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let mut output = Vec::new();
        Self::new(Arc::new(config.clone()).connect(name).build(&mut output).unwrap(), output)
    }

    pub fn read(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.add(bytes);
            self.process();
        }
    }
}

/// Connects a raw client, which sends `ping` and is answered `pong`.
pub fn raw_client(
    server: &ServerConfig,
    config: raw_peer::ClientConfig,
) -> (Peer, End<ServerSide>) {
    raw_client_in(server, config, usize::MAX)
}

/// The same; the client's bytes arrive in portions of at most `most` bytes.
pub fn raw_client_in(
    server: &ServerConfig,
    config: raw_peer::ClientConfig,
    most: usize,
) -> (Peer, End<ServerSide>) {
    let (mut peer, mut server) = (Peer::client(config).unwrap(), End::server(server));
    let (mut asked, mut answered) = (false, false);
    loop {
        if peer.is_complete() && !asked {
            asked = true;
            peer.send_data(b"ping").unwrap();
        }
        if server.received == b"ping" && !answered && server.error.is_none() {
            answered = true;
            server.write(b"pong");
        }
        let (up, down) = (peer.take_output(), server.take_output());
        if up.is_empty() && down.is_empty() {
            return (peer, server);
        }
        up.chunks(most).for_each(|bytes| server.read(bytes));
        // The peer's own error is in its events.
        let _ = peer.read(&down);
    }
}

/// Connects a raw client that must be served.
pub fn served(server: &ServerConfig, config: raw_peer::ClientConfig) -> (Peer, End<ServerSide>) {
    let (peer, server) = raw_client(server, config);
    assert_eq!(server.error, None);
    assert_eq!(peer.received_data(), b"pong");
    (peer, server)
}

/// Connects a raw client that must be refused with this alert, and nothing else.
pub fn refused(server: &ServerConfig, config: raw_peer::ClientConfig, alert: u8) -> Error {
    let (peer, server) = raw_client(server, config);
    assert_eq!(alerts(&peer), [alert]);
    assert_eq!(peer.received_data(), b"");
    server.error.unwrap()
}

/// Connects a client of the preview to a raw server.
pub fn raw_server(
    client: &ClientConfig,
    config: raw_peer::ServerConfig,
) -> (End<ClientSide>, Peer) {
    let (mut client, mut peer) = (End::client(client), Peer::server(config));
    loop {
        let (up, down) = (client.take_output(), peer.take_output());
        if up.is_empty() && down.is_empty() {
            return (client, peer);
        }
        let _ = peer.read(&up);
        client.read(&down);
    }
}

/// Connects a client and a server of the preview.
pub fn both(server: &ServerConfig, client: &ClientConfig) -> (End<ServerSide>, End<ClientSide>) {
    let (mut server, mut client) = (End::server(server), End::client(client));
    loop {
        let (up, down) = (client.take_output(), server.take_output());
        if up.is_empty() && down.is_empty() {
            return (server, client);
        }
        server.read(&up);
        client.read(&down);
    }
}

/// The descriptions of the alerts that a raw peer received.
pub fn alerts(peer: &Peer) -> Vec<u8> {
    peer.alerts().map(|alert| alert.description).collect()
}
