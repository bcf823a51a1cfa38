//! The rules, with clients that break them, and with clients of rustls as published, which never
//! offer. Each connection is a pair of pipes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapter_rustls::tokio::{AcceptError, Acceptor, SecondHello};
use adapter_rustls::{ByOffer, CodePoints, Decision, Offer, Refusal, Scope};
use raw_peer::{
    CertificateAnswer, ClientConfig, Edit, HandshakeType, Peer, Plan, RecordOptions, Shares, Slot,
    Ticket, ext, version,
};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateRevocationListDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_ext_wire::{Fault, NotTls};
use test_pki::{Authority, IssuedCertificate};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

/// The flag 80, alone.
const FLAG: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const CARE: u16 = 0xffca;
/// The alert `illegal_parameter` in a record, which is not encrypted.
const ILLEGAL_PARAMETER: [u8; 7] = [21, 3, 3, 0, 2, 2, 47];

fn provider() -> Arc<CryptoProvider> {
    ring::default_provider().into()
}

/// Certificates, and a clock.
struct Site {
    servers: Authority,
    agents: Authority,
    server: IssuedCertificate,
    agent: IssuedCertificate,
    clock: Arc<Clock>,
}

/// The time, and the seconds that are added to it.
#[derive(Debug, Default)]
struct Clock(Mutex<u64>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = UnixTime::now().as_secs() + *self.0.lock().unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}

impl Site {
    fn new() -> Self {
        let servers = Authority::new("Server CA").unwrap();
        let agents = Authority::new("Agents CA").unwrap();
        Self {
            server: servers.server(&["localhost", "other.test"]).unwrap(),
            agent: agents.client("agent-1").unwrap(),
            servers,
            agents,
            clock: Arc::default(),
        }
    }

    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        let key = SingleCertAndKey::from(self.server.certified_key().unwrap());
        ServerConfig::builder_with_details(provider(), self.clock.clone())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(key))
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        let roots = Arc::new(self.agents.roots().unwrap());
        WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap()
    }

    fn scope(&self, name: &str) -> Arc<Scope> {
        Arc::new(Scope::new(name, self.verifier()).unwrap())
    }

    /// A server that asks clients that offer.
    fn by_offer(&self, config: ServerConfig, required: bool) -> Acceptor {
        let scope = self.scope("agents");
        acceptor(config, move |offer| match (offer.is_none(), required) {
            (true, _) => Decision::None,
            (false, false) => Decision::Request(scope.clone()),
            (false, true) => Decision::Require(scope.clone()),
        })
    }

    /// A server that asks clients that offer, with rustls' defaults.
    fn default(&self) -> Acceptor {
        self.by_offer(self.config(&[&TLS13, &TLS12]), false)
    }

    /// A server whose decision is that of `now`, for each client.
    fn deciding(&self, config: ServerConfig, now: &Now) -> Acceptor {
        let now = now.clone();
        acceptor(config, move |_| now.lock().unwrap().clone())
    }

    /// A raw client with a certificate, and this in its `tls_flags`.
    fn offering(&self, body: impl Into<Vec<u8>>) -> ClientConfig {
        self.sending(Edit::add(ext::TLS_FLAGS, body))
    }

    fn sending(&self, edit: Edit) -> ClientConfig {
        ClientConfig {
            answer: CertificateAnswer::With(self.agent.for_raw()),
            plan: Plan::one(Slot::ClientHello, edit),
            ..ClientConfig::default()
        }
    }

    /// A client of rustls, with or without a certificate.
    fn client(&self, with_certificate: bool) -> TlsConnector {
        let roots = Arc::new(self.servers.roots().unwrap());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
        let builder = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_webpki_verifier(verifier.unwrap());
        let mut config = if with_certificate {
            let key = PrivatePkcs8KeyDer::from(self.agent.key_der()).into();
            let chain = vec![self.agent.for_raw().chain[0].clone().into()];
            builder.with_client_auth_cert(chain, key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        config.resumption = Resumption::in_memory_sessions(8);
        TlsConnector::from(Arc::new(config))
    }
}

type Now = Arc<Mutex<Decision>>;

fn now(decision: Decision) -> Now {
    Arc::new(Mutex::new(decision))
}

fn acceptor(
    config: ServerConfig,
    decide: impl Fn(Offer) -> Decision + Send + Sync + 'static,
) -> Acceptor {
    let decide = move |hello: &adapter_rustls::Hello<'_>| decide(hello.offer());
    Acceptor::new(ByOffer::new(config, CodePoints::default(), decide).unwrap())
}

/// What a server knows of a connection.
#[derive(Debug, PartialEq, Eq)]
struct Served {
    offer: Offer,
    decision: &'static str,
    /// In the scope "agents".
    authenticated: bool,
    resumed: bool,
    early_data: Vec<u8>,
}

impl Served {
    fn asked(offer: Offer, decision: &'static str, authenticated: bool) -> Self {
        Self { offer, decision, authenticated, resumed: false, early_data: Vec::new() }
    }

    fn resumed(self) -> Self {
        Self { resumed: true, ..self }
    }
}

/// Accepts a connection, and answers `ping` with `pong`.
async fn serve(acceptor: Acceptor, io: DuplexStream) -> Result<Served, AcceptError> {
    let mut stream = acceptor.accept(io).await?;
    let mut early_data = Vec::new();
    if let Some(mut early) = stream.get_mut().1.early_data() {
        std::io::Read::read_to_end(&mut early, &mut early_data).unwrap();
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    assert_eq!(&request, b"ping");
    stream.write_all(b"pong").await?;
    stream.shutdown().await?;
    assert!(stream.identity("others").is_none());
    let served = Served {
        offer: stream.client_auth().offer(),
        decision: stream.client_auth().decision().name(),
        authenticated: stream.identity("agents").is_some(),
        resumed: stream.is_resumed(),
        early_data,
    };
    if served.decision == "none" {
        assert!(stream.connection().peer_certificates().is_none());
    }
    Ok(served)
}

/// Connects a raw client, over pipes that hold `most` bytes.
async fn raw_over(
    acceptor: &Acceptor,
    config: ClientConfig,
    most: usize,
) -> (Peer, Result<Served, AcceptError>) {
    let mut peer = Peer::client(config).unwrap();
    let (io, server) = duplex(most);
    let server = tokio::spawn(serve(acceptor.clone(), server));
    let (mut reader, mut writer) = tokio::io::split(io);
    let (mut asked, mut output, mut octets) = (false, Vec::new(), [0; 4096]);
    loop {
        if peer.is_complete() && !asked {
            asked = true;
            peer.send_data(b"ping").unwrap();
        }
        output.extend(peer.take_output());
        // Both at a time: if both sides only wrote, neither would get on.
        tokio::select! {
            written = writer.write(&output), if !output.is_empty() => match written {
                Ok(count) => drop(output.drain(..count)),
                // The server has closed the connection; its last bytes are there to be read.
                Err(_) => output.clear(),
            },
            read = reader.read(&mut octets) => match read.unwrap() {
                0 => break,
                count => peer.read(&octets[..count]).unwrap(),
            },
        }
    }
    drop((reader, writer));
    (peer, server.await.unwrap())
}

async fn raw(acceptor: &Acceptor, config: ClientConfig) -> (Peer, Result<Served, AcceptError>) {
    raw_over(acceptor, config, 1 << 16).await
}

/// Connects a raw client that must be served.
async fn served(acceptor: &Acceptor, config: ClientConfig) -> (Peer, Served) {
    let (peer, served) = raw(acceptor, config).await;
    let served = served.unwrap();
    assert_eq!(peer.received_data(), b"pong");
    (peer, served)
}

/// Connects a raw client that must be refused with this alert, and nothing else.
async fn refused(acceptor: &Acceptor, config: ClientConfig, alert: u8) -> AcceptError {
    let (peer, served) = raw(acceptor, config).await;
    assert_eq!(alerts(&peer), [alert]);
    assert_eq!(peer.received_data(), b"");
    served.unwrap_err()
}

fn alerts(peer: &Peer) -> Vec<u8> {
    let received = peer.events().iter().filter_map(|event| match event {
        raw_peer::Event::Alert(raw_peer::Direction::Received, alert) => Some(alert),
        _ => None,
    });
    received.map(|alert| alert.description).collect()
}

fn is_asked(peer: &Peer) -> bool {
    peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
}

/// Connects a client of rustls.
async fn visit(acceptor: &Acceptor, client: &TlsConnector, name: &'static str) -> Served {
    let (io, server) = duplex(1 << 16);
    let server = tokio::spawn(serve(acceptor.clone(), server));
    let name = ServerName::try_from(name).unwrap();
    let mut stream = client.connect(name, io).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"pong");
    server.await.unwrap().unwrap()
}

/// Connects a client of rustls that must be refused. The client may learn that after its handshake.
async fn visit_refused(acceptor: &Acceptor, client: &TlsConnector) -> AcceptError {
    let (io, server) = duplex(1 << 16);
    let server = tokio::spawn(serve(acceptor.clone(), server));
    let name = ServerName::try_from("localhost").unwrap();
    if let Ok(mut stream) = client.connect(name, io).await {
        let _ = stream.write_all(b"ping").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    server.await.unwrap().unwrap_err()
}

/// A raw client that provokes a HelloRetryRequest.
fn retrying(config: ClientConfig) -> ClientConfig {
    ClientConfig {
        shares: Shares::Only(Vec::new()),
        groups: vec![raw_peer::group::X25519],
        ..config
    }
}

#[tokio::test]
async fn flags_2_a_list_that_is_not_the_shortest_is_refused() {
    let site = Site::new();
    for body in [&[1, 0][..], &[2, 1, 0]] {
        let err = refused(&site.default(), site.offering(body), 47).await;
        assert!(
            matches!(err, AcceptError::Refused(Refusal::Offer(fault)) if fault.rule() == "FLAGS-2")
        );
        assert_eq!(err.alert().map(|alert| alert.code()), Some(47));
    }
}

#[tokio::test]
async fn flags_3_a_malformed_body_is_refused_with_illegal_parameter() {
    let site = Site::new();
    for body in [&[0][..], &[1], &[1, 1, 1], &[]] {
        let err = refused(&site.default(), site.offering(body), 47).await;
        assert!(
            matches!(err, AcceptError::Refused(Refusal::Offer(fault)) if fault.rule() == "FLAGS-3")
        );
    }
}

#[tokio::test]
async fn flags_3_the_alert_is_all_that_the_server_sends() {
    let site = Site::new();
    let mut peer = Peer::client(site.offering([0])).unwrap();
    let (mut io, server) = duplex(1 << 16);
    let server = tokio::spawn(serve(site.default(), server));
    io.write_all(&peer.take_output()).await.unwrap();
    let mut received = Vec::new();
    io.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, ILLEGAL_PARAMETER);
    drop(io);
    assert!(matches!(server.await.unwrap(), Err(AcceptError::Refused(_))));
}

#[tokio::test]
async fn flags_6_another_flag_is_no_offer() {
    let site = Site::new();
    let (peer, served) = served(&site.default(), site.offering([1, 1])).await;
    assert!(!is_asked(&peer));
    assert_eq!(served, Served::asked(Offer::NONE, "none", false));
}

#[tokio::test]
async fn flags_9_a_server_of_tls_1_2_ignores_malformed_flags() {
    let site = Site::new();
    let acceptor = site.by_offer(site.config(&[&TLS12]), true);
    let config = ClientConfig {
        versions: vec![version::TLS13, version::TLS12],
        alert_on_error: false,
        ..site.offering([0])
    };
    let mut peer = Peer::client(config).unwrap();
    let (mut io, server) = duplex(1 << 16);
    let server = tokio::spawn(serve(acceptor, server));
    io.write_all(&peer.take_output()).await.unwrap();
    let mut octets = [0; 4096];
    while peer.received(HandshakeType::SERVER_HELLO).is_none() {
        let count = io.read(&mut octets).await.unwrap();
        assert_ne!(count, 0, "{peer:?}");
        peer.read(&octets[..count]).unwrap();
    }
    assert!(alerts(&peer).is_empty());
    assert!(!is_asked(&peer));
    drop(io);
    assert!(matches!(server.await.unwrap(), Err(AcceptError::Io(_))));
}

#[tokio::test]
async fn flags_10_a_second_extension_is_refused_as_any_duplicate() {
    let site = Site::new();
    let mut config = site.offering(FLAG);
    config.plan.client_hello.push(Edit::duplicate(ext::TLS_FLAGS));
    let err = refused(&site.default(), config, 47).await;
    assert!(matches!(err, AcceptError::Refused(Refusal::Hello(_))));
}

#[tokio::test]
async fn flags_12_an_offer_survives_hello_retry_request() {
    let site = Site::new();
    // However small the records are into which client and server divide their messages.
    for fragment in [1, 100, 16_384] {
        for pipe in [1, 1 << 16] {
            let mut base = site.config(&[&TLS13]);
            base.max_fragment_size = Some(fragment.max(32));
            let acceptor = site.by_offer(base, true);
            let records = RecordOptions { max_fragment: fragment, ..RecordOptions::default() };
            let config = ClientConfig { records, ..retrying(site.offering(FLAG)) };
            let (peer, served) = raw_over(&acceptor, config, pipe).await;
            assert!(peer.received(HandshakeType::HELLO_RETRY_REQUEST).is_some());
            assert_eq!(served.unwrap(), Served::asked(Offer::FLAG, "require", true));
        }
    }
}

#[tokio::test]
async fn flags_12_a_second_hello_with_another_offer_is_refused() {
    let site = Site::new();
    let offers = [
        (site.offering(FLAG), Edit::remove(ext::TLS_FLAGS)),
        (site.offering(FLAG), Edit::replace(ext::TLS_FLAGS, [1, 1])),
        (site.offering(FLAG), Edit::add(CARE, [])),
        (site.offering([1, 1]), Edit::replace(ext::TLS_FLAGS, FLAG)),
        (site.sending(Edit::add(CARE, [])), Edit::remove(CARE)),
        (ClientConfig::default(), Edit::add(ext::TLS_FLAGS, FLAG)),
    ];
    for (config, edit) in offers {
        for fragment in [32, 16_384] {
            let mut base = site.config(&[&TLS13]);
            base.max_fragment_size = Some(fragment);
            let mut config = retrying(config.clone());
            config.plan.second_client_hello.push(edit.clone());
            config.records.max_fragment = fragment;
            let err = refused(&site.by_offer(base, false), config, 47).await;
            let expected = SecondHello::Refused(Refusal::Offer(Fault::SecondHelloDiffers));
            assert!(matches!(err, AcceptError::SecondHello(found) if found == expected), "{err:?}");
        }
    }
}

#[tokio::test]
async fn flags_12_a_second_hello_whose_flags_are_malformed_is_refused() {
    let site = Site::new();
    let mut config = retrying(site.offering(FLAG));
    config.plan.second_client_hello.push(Edit::replace(ext::TLS_FLAGS, [0]));
    let err = refused(&site.default(), config, 47).await;
    let AcceptError::SecondHello(SecondHello::Refused(Refusal::Offer(fault))) = err else {
        panic!("{err:?}");
    };
    assert_eq!(fault.rule(), "FLAGS-3");
}

#[tokio::test]
async fn flags_12_a_second_hello_for_which_another_decision_is_possible_is_refused() {
    let site = Site::new();
    let other_name = [0, 7, 0, 0, 4, b'o', b't', b'h', b'r'];
    let other_protocol = [0, 3, 2, b'h', b'3'];
    let authorities = [0, 4, 0, 2, 0x30, 0];
    for edit in [
        Edit::replace(ext::SERVER_NAME, other_name),
        Edit::remove(ext::SERVER_NAME),
        Edit::replace(ext::ALPN, other_protocol),
        Edit::remove(ext::ALPN),
        Edit::replace(ext::SUPPORTED_VERSIONS, [4, 3, 4, 3, 3]),
        Edit::add(ext::CERTIFICATE_AUTHORITIES, authorities),
    ] {
        let mut config = retrying(site.offering(FLAG));
        config.alpn = vec![b"h2".to_vec()];
        config.plan.second_client_hello.push(edit.clone());
        let mut base = site.config(&[&TLS13]);
        base.alpn_protocols = vec![b"h2".to_vec()];
        let err = refused(&site.by_offer(base, false), config, 47).await;
        assert!(matches!(err, AcceptError::SecondHello(SecondHello::Differs)), "{edit:?}: {err:?}");
        assert_eq!(err.alert().map(|alert| alert.code()), Some(47));
    }
}

#[tokio::test]
async fn flags_12_a_second_hello_that_comes_too_early_is_compared() {
    let site = Site::new();
    let first = Peer::client(retrying(site.offering(FLAG))).unwrap().take_output();
    let second = Peer::client(retrying(ClientConfig::default())).unwrap().take_output();
    let (mut io, server) = duplex(1 << 16);
    let server = tokio::spawn(serve(site.default(), server));
    io.write_all(&[first, second].concat()).await.unwrap();
    let mut received = Vec::new();
    io.read_to_end(&mut received).await.unwrap();
    // HelloRetryRequest, change_cipher_spec, and the alert.
    assert_eq!(received[..3], [22, 3, 3]);
    let length = 5 + usize::from(u16::from_be_bytes([received[3], received[4]]));
    assert_eq!(received[length..], [&[20, 3, 3, 0, 1, 1][..], &ILLEGAL_PARAMETER].concat());
    drop(io);
    let expected = SecondHello::Refused(Refusal::Offer(Fault::SecondHelloDiffers));
    assert!(
        matches!(server.await.unwrap(), Err(AcceptError::SecondHello(found)) if found == expected)
    );
}

#[tokio::test]
async fn care_1_a_body_is_refused() {
    let site = Site::new();
    let err = refused(&site.default(), site.sending(Edit::add(CARE, [0])), 47).await;
    assert!(matches!(err, AcceptError::Refused(Refusal::Offer(fault)) if fault.rule() == "CARE-1"));
}

#[tokio::test]
async fn care_2_a_client_that_offers_by_care_is_asked() {
    let site = Site::new();
    let (peer, served) = served(&site.default(), site.sending(Edit::add(CARE, []))).await;
    assert!(is_asked(&peer));
    let extensions = peer.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
    assert_eq!(extensions.find_extension(CARE), None);
    assert_eq!(served, Served::asked(Offer::CARE, "request", true));
}

#[tokio::test]
async fn rca_2_an_offer_is_answered_without_an_acknowledgement() {
    let site = Site::new();
    let (peer, served) = served(&site.default(), site.offering(FLAG)).await;
    let request = peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
    assert_eq!(request.find_extension(ext::TLS_FLAGS), None);
    assert!(request.find_extension(ext::CERTIFICATE_AUTHORITIES).is_some());
    assert_eq!(served, Served::asked(Offer::FLAG, "request", true));
}

#[tokio::test]
async fn rca_2_a_client_without_a_certificate_is_served_unless_one_is_required() {
    let site = Site::new();
    let config = ClientConfig { answer: CertificateAnswer::Empty, ..site.offering(FLAG) };
    let (_, served) = served(&site.default(), config.clone()).await;
    assert_eq!(served, Served::asked(Offer::FLAG, "request", false));
    let acceptor = site.by_offer(site.config(&[&TLS13]), true);
    // certificate_required
    let err = refused(&acceptor, config, 116).await;
    assert!(matches!(err, AcceptError::Tls(rustls::Error::NoCertificatesPresented)));
}

#[tokio::test]
async fn rca_8_a_certificate_of_another_authority_is_refused() {
    let site = Site::new();
    let stranger = Authority::new("Foreign CA").unwrap().client("stranger").unwrap();
    let answer = CertificateAnswer::With(stranger.for_raw());
    let config = ClientConfig { answer, ..site.offering(FLAG) };
    for required in [false, true] {
        let acceptor = site.by_offer(site.config(&[&TLS13]), required);
        // unknown_ca
        let err = refused(&acceptor, config.clone(), 48).await;
        assert!(matches!(err, AcceptError::Tls(rustls::Error::InvalidCertificate(_))));
    }
}

#[tokio::test]
async fn rca_9_a_client_that_is_not_asked_is_served() {
    let site = Site::new();
    let acceptor = acceptor(site.config(&[&TLS13]), |_| Decision::None);
    let (peer, served) = served(&acceptor, site.offering(FLAG)).await;
    assert!(!is_asked(&peer));
    assert_eq!(served, Served::asked(Offer::FLAG, "none", false));
    let (peer, _) = self::served(&acceptor, ClientConfig::default()).await;
    assert!(!is_asked(&peer));
}

/// The base configs between which sessions must not make a difference: both versions, with sessions
/// that the server stores and with tickets.
fn bases(site: &Site) -> Vec<ServerConfig> {
    let mut bases = Vec::new();
    for version in [&TLS13, &TLS12] {
        bases.push(site.config(&[version]));
        let mut tickets = site.config(&[version]);
        tickets.ticketer = ring::Ticketer::new().unwrap();
        bases.push(tickets);
    }
    bases
}

#[tokio::test]
async fn res_2_a_session_resumes_only_if_it_satisfies_the_decision() {
    let site = Site::new();
    let (agents, staff) = (site.scope("agents"), site.scope("staff"));
    let all = [
        Decision::None,
        Decision::Request(agents.clone()),
        Decision::Require(agents),
        Decision::Request(staff.clone()),
        Decision::Require(staff),
    ];
    for base in bases(&site) {
        for (a, first) in all.iter().enumerate() {
            for (b, second) in all.iter().enumerate() {
                let now = now(first.clone());
                let acceptor = site.deciding(base.clone(), &now);
                let client = site.client(true);
                assert!(!visit(&acceptor, &client, "localhost").await.resumed);
                *now.lock().unwrap() = second.clone();
                let found = visit(&acceptor, &client, "localhost").await;
                let in_agents = second.scope().is_some_and(|scope| scope.name() == "agents");
                let expected = Served::asked(Offer::NONE, second.name(), in_agents);
                // Both not asked, or the same scope.
                let same = first.scope().map(|it| it.name()) == second.scope().map(|it| it.name());
                let expected = if same { expected.resumed() } else { expected };
                assert_eq!(found, expected, "{a} {b}");
            }
        }
    }
}

#[tokio::test]
async fn res_2_a_session_without_a_certificate_does_not_satisfy_a_requirement() {
    let site = Site::new();
    for base in bases(&site) {
        for first in [Decision::None, Decision::Request(site.scope("agents"))] {
            let now = now(first);
            let acceptor = site.deciding(base.clone(), &now);
            let client = site.client(false);
            assert!(!visit(&acceptor, &client, "localhost").await.authenticated);
            *now.lock().unwrap() = Decision::Require(site.scope("agents"));
            let err = visit_refused(&acceptor, &client).await;
            assert!(matches!(err, AcceptError::Tls(rustls::Error::NoCertificatesPresented)));
        }
    }
}

/// A session of a raw client on this server.
async fn ticket(acceptor: &Acceptor, config: ClientConfig) -> Ticket {
    served(acceptor, config).await.0.tickets()[0].clone()
}

#[tokio::test]
async fn res_3_a_client_that_offers_is_asked_whatever_session_it_has() {
    let site = Site::new();
    let acceptor = site.default();
    let declines = ClientConfig { answer: CertificateAnswer::Empty, ..site.offering(FLAG) };
    for config in [ClientConfig::default(), declines] {
        let ticket = Some(ticket(&acceptor, config).await);
        let (peer, served) =
            served(&acceptor, ClientConfig { ticket, ..site.offering(FLAG) }).await;
        assert!(!peer.is_resumed());
        assert!(is_asked(&peer));
        assert_eq!(served, Served::asked(Offer::FLAG, "request", true));
    }
}

#[tokio::test]
async fn res_4_a_client_that_declined_and_does_not_offer_resumes_without_a_request() {
    let site = Site::new();
    for base in bases(&site) {
        let acceptor = site.deciding(base, &now(Decision::Request(site.scope("agents"))));
        let client = site.client(false);
        let expected = Served::asked(Offer::NONE, "request", false);
        assert_eq!(visit(&acceptor, &client, "localhost").await, expected);
        assert_eq!(visit(&acceptor, &client, "localhost").await, expected.resumed());
    }
}

#[tokio::test]
async fn res_4_a_client_that_is_not_asked_resumes() {
    let site = Site::new();
    let acceptor = site.default();
    let ticket = Some(ticket(&acceptor, ClientConfig::default()).await);
    let (peer, served) =
        served(&acceptor, ClientConfig { ticket, ..ClientConfig::default() }).await;
    assert!(peer.is_resumed());
    assert_eq!(served, Served::asked(Offer::NONE, "none", false).resumed());
}

#[tokio::test]
async fn res_5_a_chain_that_no_longer_verifies_leads_to_a_full_handshake() {
    let site = Site::new();
    let crl = site.agents.crl(&[&site.agent]).unwrap();
    let crl = CertificateRevocationListDer::from_pem_slice(crl.as_bytes()).unwrap();
    let roots = Arc::new(site.agents.roots().unwrap());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots, provider()).with_crls([crl]).build();
    let revoking = Arc::new(Scope::new("agents", verifier.unwrap()).unwrap());
    for base in bases(&site) {
        let now = now(Decision::Request(site.scope("agents")));
        let acceptor = site.deciding(base, &now);
        let client = site.client(true);
        let expected = Served::asked(Offer::NONE, "request", true);
        assert_eq!(visit(&acceptor, &client, "localhost").await, expected);
        assert_eq!(visit(&acceptor, &client, "localhost").await, expected.resumed());
        *now.lock().unwrap() = Decision::Request(revoking.clone());
        // In the full handshake, the client sent the certificate again.
        let err = visit_refused(&acceptor, &client).await;
        let revoked = rustls::Error::InvalidCertificate(rustls::CertificateError::Revoked);
        assert!(matches!(err, AcceptError::Tls(err) if err == revoked));
    }
}

#[tokio::test]
async fn res_5_a_proof_is_used_for_seven_days() {
    const DAY: u64 = 24 * 60 * 60;
    let site = Site::new();
    for base in bases(&site) {
        *site.clock.0.lock().unwrap() = 0;
        let acceptor = site.deciding(base, &now(Decision::Require(site.scope("agents"))));
        let client = site.client(true);
        assert!(!visit(&acceptor, &client, "localhost").await.resumed);
        // A resumption does not renew the proof.
        for (days, resumed) in [(4, true), (6, true), (8, false), (9, true)] {
            *site.clock.0.lock().unwrap() = days * DAY;
            let served = visit(&acceptor, &client, "localhost").await;
            assert_eq!((served.authenticated, served.resumed), (true, resumed), "day {days}");
        }
    }
}

#[tokio::test]
async fn res_1_a_session_that_is_not_resumed_proves_nothing() {
    let site = Site::new();
    for version in [&TLS13, &TLS12] {
        let mut base = site.config(&[version]);
        base.ticketer = ring::Ticketer::new().unwrap();
        let acceptor = site.deciding(base, &now(Decision::Request(site.scope("agents"))));
        let with = site.client(true);
        assert!(visit(&acceptor, &with, "localhost").await.authenticated);
        // This client has a session of its own for `other.test`, and no certificate.
        let without = site.client(false);
        let expected = Served::asked(Offer::NONE, "request", false);
        assert_eq!(visit(&acceptor, &without, "other.test").await, expected);
        assert_eq!(visit(&acceptor, &without, "other.test").await, expected.resumed());
    }
    // A session for one name is presented with another, by a client that then declines: what it
    // leaves behind is no proof.
    let now = now(Decision::Request(site.scope("agents")));
    let acceptor = site.deciding(site.config(&[&TLS13]), &now);
    let answer = CertificateAnswer::With(site.agent.for_raw());
    let ticket = ticket(&acceptor, ClientConfig { answer, ..ClientConfig::default() }).await;
    let elsewhere =
        ClientConfig { server_name: Some("other.test".into()), ..ClientConfig::default() };
    let config = ClientConfig { ticket: Some(ticket), ..elsewhere.clone() };
    let (peer, declined) = served(&acceptor, config).await;
    assert!(!peer.is_resumed());
    assert_eq!(declined, Served::asked(Offer::NONE, "request", false));
    let config = ClientConfig { ticket: Some(peer.tickets()[0].clone()), ..elsewhere };
    *now.lock().unwrap() = Decision::Require(site.scope("agents"));
    refused(&acceptor, config, 116).await;
}

#[tokio::test]
async fn res_6_early_data_are_refused_with_the_resumption() {
    let site = Site::new();
    let mut base = site.config(&[&TLS13]);
    base.max_early_data_size = 1024;
    let acceptor = site.by_offer(base, false);
    let early = |ticket, config| ClientConfig {
        ticket: Some(ticket),
        early_data: Some(b"early".to_vec()),
        ..config
    };
    let visitor = ticket(&acceptor, ClientConfig::default()).await;
    assert_eq!(visitor.max_early_data, 1024);
    let (peer, found) = served(&acceptor, early(visitor, ClientConfig::default())).await;
    assert!(peer.early_data_accepted());
    assert_eq!(found.early_data, b"early");

    let agent = ticket(&acceptor, site.offering(FLAG)).await;
    assert_eq!(agent.max_early_data, 0);
    let (peer, found) = served(&acceptor, early(agent, site.offering(FLAG))).await;
    assert!(peer.is_resumed());
    assert!(!peer.early_data_accepted());
    assert_eq!(found, Served::asked(Offer::FLAG, "request", true).resumed());

    for config in [site.offering(FLAG), retrying(site.offering(FLAG))] {
        let visitor = ticket(&acceptor, ClientConfig::default()).await;
        let (peer, found) = served(&acceptor, early(visitor, config)).await;
        assert!(!peer.is_resumed());
        assert!(!peer.early_data_accepted());
        assert_eq!(found, Served::asked(Offer::FLAG, "request", true));
    }
}

#[tokio::test]
async fn res_7_a_session_of_another_server_does_not_resume() {
    let site = Site::new();
    // A server that does not record anything, with the same storage or ticket keys.
    for base in bases(&site) {
        let plain = tokio_rustls::TlsAcceptor::from(Arc::new(base.clone()));
        let acceptor = site.deciding(base, &now(Decision::None));
        let client = site.client(false);
        let (io, server) = duplex(1 << 16);
        let server = tokio::spawn(async move {
            let mut stream = plain.accept(server).await.unwrap();
            stream.write_all(b"pong").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = client.connect(name, io).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        server.await.unwrap();
        let served = visit(&acceptor, &client, "localhost").await;
        assert_eq!(served, Served::asked(Offer::NONE, "none", false));
    }
    let acceptor = site.default();
    let mut ticket = ticket(&acceptor, ClientConfig::default()).await;
    ticket.identity = vec![0; 300];
    let config = ClientConfig { ticket: Some(ticket), ..ClientConfig::default() };
    let (peer, served) = served(&acceptor, config).await;
    assert!(!peer.is_resumed());
    assert_eq!(served, Served::asked(Offer::NONE, "none", false));
}

#[tokio::test]
async fn a_hello_in_many_records_and_reads_is_read() {
    let site = Site::new();
    let acceptor = site.default();
    for fragment in [1, 7, 16_384] {
        for pipe in [1, 1000] {
            let records = RecordOptions { max_fragment: fragment, ..RecordOptions::default() };
            let config = ClientConfig { records, ..site.offering(FLAG) };
            let (_, served) = raw_over(&acceptor, config, pipe).await;
            assert_eq!(served.unwrap(), Served::asked(Offer::FLAG, "request", true));
        }
    }
}

#[tokio::test]
async fn a_malformed_hello_is_refused_with_the_alert_of_the_scan() {
    let site = Site::new();
    // decode_error
    let err = refused(&site.default(), site.sending(Edit::replace(ext::ALPN, [0])), 50).await;
    assert!(matches!(err, AcceptError::Refused(Refusal::Hello(_))));
}

#[tokio::test]
async fn another_protocol_gets_no_alert() {
    let (mut io, server) = duplex(1 << 16);
    let server = tokio::spawn(serve(Site::new().default(), server));
    io.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    io.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    drop(io);
    let err = server.await.unwrap().unwrap_err();
    assert!(matches!(err, AcceptError::NotTls(NotTls::Text)));
}

#[tokio::test]
async fn a_client_that_goes_away_is_told_apart() {
    let site = Site::new();
    let hello = Peer::client(ClientConfig::default()).unwrap().take_output();
    for (sent, closed) in [(0, true), (1, false), (hello.len() - 1, false)] {
        let (mut io, server) = duplex(1 << 16);
        let server = tokio::spawn(serve(site.default(), server));
        io.write_all(&hello[..sent]).await.unwrap();
        drop(io);
        match server.await.unwrap().unwrap_err() {
            AcceptError::Closed => assert!(closed),
            AcceptError::Io(err) => {
                assert!(!closed);
                assert_eq!(err.kind(), std::io::ErrorKind::UnexpectedEof);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_either_hello_is_not_waited_for_longer_than_the_deadline() {
    let site = Site::new();
    let limit = Duration::from_secs(3);
    let acceptor = site.default().with_handshake_timeout(limit);
    let hello = Peer::client(retrying(site.offering(FLAG))).unwrap().take_output();
    let twice = [hello.clone(), hello.clone()].concat();
    for sent in [&hello[..1], &hello[..100], &hello, &twice[..hello.len() + 50]] {
        let (mut io, server) = duplex(1 << 16);
        let server = tokio::spawn(serve(acceptor.clone(), server));
        io.write_all(sent).await.unwrap();
        let err = server.await.unwrap().unwrap_err();
        assert!(matches!(err, AcceptError::Timeout(time) if time == limit), "{err:?}");
        drop(io);
    }
}

#[tokio::test]
async fn a_replaced_config_is_for_new_connections_and_keeps_sessions() {
    let site = Site::new();
    let base = site.config(&[&TLS13]);
    let acceptor = site.by_offer(base.clone(), false);
    let clone = acceptor.clone();
    let old = ticket(&acceptor, site.offering(FLAG)).await;
    let scope = site.scope("agents");
    let decide = move |_: &adapter_rustls::Hello<'_>| Decision::Require(scope.clone());
    acceptor.replace(ByOffer::new(base, CodePoints::default(), decide).unwrap());
    let config = ClientConfig { ticket: Some(old), ..site.offering(FLAG) };
    let (peer, served) = served(&clone, config).await;
    assert!(peer.is_resumed());
    assert_eq!(served, Served::asked(Offer::FLAG, "require", true).resumed());
    refused(&clone, ClientConfig::default(), 116).await;
}
