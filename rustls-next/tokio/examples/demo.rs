//! One listener, a row for each client: whether it offered, whether the server requested a certificate and
//! acknowledged the offer, whether the session was resumed, and the scope in which the client is authenticated.
//!
//! Fails if a row is not the expected one.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use rustls::client::{ClientAuthOffer, ClientAuthOfferStatus};
use rustls::crypto::{CryptoProvider, Identity};
use rustls::enums::ApplicationProtocol;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::server::{
    ClientAuthDecision, ClientAuthDemand, ClientAuthStatus, ClientHello, WebPkiClientVerifier,
};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerSide};
use rustls_next_tokio::{Stream, accept, connect};
use test_pki::{Authority, IssuedCertificate};
use tokio::net::{TcpListener, TcpStream};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The protocols that the clients speak. Each has a scope of its own.
const AGENTS: &str = "agents";
const ADMINS: &str = "admins";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match demo().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Result<bool> {
    let site = Site::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;

    let agent = site.client(true, ClientAuthOffer::flag())?;
    let both = site.client(true, ClientAuthOffer::flag_and_care())?;
    let care = site.client(true, ClientAuthOffer::care())?;
    let silent = site.client(true, ClientAuthOffer::default())?;
    let without = site.client(false, ClientAuthOffer::flag())?;
    let visitor = site.client(false, ClientAuthOffer::default())?;

    let full = |offered, asked, acknowledged, scope| Row {
        offered,
        asked,
        acknowledged,
        resumed: false,
        scope,
    };
    let cases = [
        ("offers", &agent, AGENTS, full("flag", true, true, Some(AGENTS))),
        ("connects again", &agent, AGENTS, full("flag", false, false, Some(AGENTS)).resumed()),
        (
            "presents that session in another scope",
            &agent,
            ADMINS,
            full("flag", true, true, Some(ADMINS)),
        ),
        ("offers in both ways", &both, AGENTS, full("both", true, true, Some(AGENTS))),
        ("offers by CARE", &care, AGENTS, full("care", true, false, Some(AGENTS))),
        ("has a certificate, does not offer", &silent, AGENTS, full("none", false, false, None)),
        ("has no certificate, does not offer", &visitor, AGENTS, full("none", false, false, None)),
        ("connects again", &visitor, AGENTS, full("none", false, false, None).resumed()),
        ("offers without a certificate", &without, AGENTS, full("flag", true, true, None)),
    ];

    println!(
        "{:40} {:8} {:6} {:13} {:8} authenticated in",
        "client", "offer", "asked", "acknowledged", "resumed"
    );
    let mut as_expected = true;
    for (what, client, protocol, expected) in cases {
        let (row, ()) =
            tokio::try_join!(site.serve(&listener), visit(client, addr, protocol, expected))?;
        let mark = if row == expected { "" } else { "  NOT AS EXPECTED" };
        as_expected &= row == expected;
        println!(
            "{what:40} {:8} {:6} {:13} {:8} {}{mark}",
            row.offered,
            yes(row.asked),
            yes(row.acknowledged),
            yes(row.resumed),
            row.scope.unwrap_or("-"),
        );
    }
    Ok(as_expected)
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}

/// What a connection is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    offered: &'static str,
    asked: bool,
    acknowledged: bool,
    resumed: bool,
    /// The scope in which the client is authenticated.
    scope: Option<&'static str>,
}

impl Row {
    fn resumed(self) -> Self {
        Self { resumed: true, ..self }
    }

    /// As the server sees it.
    fn of(side: &ServerSide) -> Self {
        let Some(auth) = side.client_auth() else {
            return Self {
                offered: "?",
                asked: false,
                acknowledged: false,
                resumed: false,
                scope: None,
            };
        };
        let offered = match (auth.offer().has_flag(), auth.offer().has_care()) {
            (false, false) => "none",
            (true, false) => "flag",
            (false, true) => "care",
            (true, true) => "both",
        };
        let scope = match auth.scope() {
            Some(AGENTS) => Some(AGENTS),
            Some(ADMINS) => Some(ADMINS),
            _ => None,
        };
        let resumed =
            matches!(auth.status(), ClientAuthStatus::Authenticated { resumed: true, .. });
        let asked = auth.status() != ClientAuthStatus::NotAsked && !resumed;
        Self { offered, asked, acknowledged: asked && auth.acknowledged(), resumed, scope }
    }
}

/// The server, and the certificates of all.
struct Site {
    servers: Authority,
    agent: IssuedCertificate,
    config: ServerConfig,
    agents: ClientAuthDemand,
    admins: ClientAuthDemand,
}

impl Site {
    fn new() -> Result<Self> {
        let servers = Authority::new("Server CA")?;
        let clients = Authority::new("Client CA")?;
        let (server, agent) = (servers.server(&["localhost"])?, clients.client("agent-1")?);
        let mut config = ServerConfig::builder(provider())
            .with_no_client_auth()
            .with_single_cert(identity(&server)?, key(&server))?;
        config.alpn_protocols =
            [AGENTS, ADMINS].map(|it| ApplicationProtocol::from(it.as_bytes())).into();
        let verifier = WebPkiClientVerifier::builder(roots(&clients)?, &provider()).build()?;
        let verifier = Arc::new(verifier);
        Ok(Self {
            servers,
            agent,
            config,
            agents: ClientAuthDemand::new(verifier.clone(), AGENTS)?.because_offered(),
            admins: ClientAuthDemand::new(verifier, ADMINS)?.because_offered(),
        })
    }

    /// Only clients that offer are asked for a certificate.
    fn decide(&self, hello: &ClientHello<'_>) -> ClientAuthDecision {
        let mut protocols = hello.alpn().into_iter().flatten();
        if !hello.offers_client_auth() {
            ClientAuthDecision::None
        } else if protocols.any(|it| it == ADMINS.as_bytes()) {
            ClientAuthDecision::Request(self.admins.clone())
        } else {
            ClientAuthDecision::Request(self.agents.clone())
        }
    }

    /// Accepts one connection, and answers one request.
    async fn serve(&self, listener: &TcpListener) -> Result<Row> {
        let (tcp, _) = listener.accept().await?;
        let choose =
            async |hello: &ClientHello<'_>| Ok(Arc::new(self.config.decided(self.decide(hello))));
        let mut stream: Stream<_, ServerSide> = accept(tcp, choose).await?;
        let request = stream.read().await?;
        if request.as_deref() != Some(b"ping") {
            return Err(format!("the server received {request:?}").into());
        }
        stream.write(b"pong").await?;
        let mut row = Row::of(stream.side());
        row.resumed = stream.outputs().handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        stream.close().await?;
        Ok(row)
    }

    fn client(&self, with_certificate: bool, offer: ClientAuthOffer) -> Result<Arc<ClientConfig>> {
        let builder =
            ClientConfig::builder(provider()).with_root_certificates(roots(&self.servers)?);
        let mut config = if with_certificate {
            builder.with_client_auth_cert(identity(&self.agent)?, key(&self.agent))?
        } else {
            builder.with_no_client_auth()?
        };
        config.client_auth_offer = offer;
        Ok(Arc::new(config))
    }
}

/// Connects, sends a request, and compares what the client learns with the row.
async fn visit(
    config: &Arc<ClientConfig>,
    addr: SocketAddr,
    protocol: &str,
    row: Row,
) -> Result<()> {
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = vec![ApplicationProtocol::from(protocol.as_bytes()).to_owned()];
    let tcp = TcpStream::connect(addr).await?;
    let mut stream = connect(tcp, &Arc::new(config), ServerName::try_from("localhost")?).await?;
    stream.write(b"ping").await?;
    let response = stream.read().await?;
    if response.as_deref() != Some(b"pong") {
        return Err(format!("the client received {response:?}").into());
    }
    let expected = match row {
        Row { acknowledged: true, .. } => ClientAuthOfferStatus::Acknowledged,
        Row { asked: true, .. } => ClientAuthOfferStatus::AskedWithoutAcknowledgement,
        Row { offered: "none", .. } => ClientAuthOfferStatus::NotOffered,
        _ => ClientAuthOfferStatus::Offered,
    };
    let status = stream.side().client_auth_status();
    if status != expected {
        return Err(format!("the client's status is {status:?}, not {expected:?}").into());
    }
    while stream.read().await?.is_some() {}
    Ok(())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls_ring::DEFAULT_PROVIDER)
}

fn roots(authority: &Authority) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone())?;
    Ok(Arc::new(roots))
}

fn identity(certificate: &IssuedCertificate) -> Result<Arc<Identity<'static>>> {
    Ok(Arc::new(Identity::from_cert_chain(vec![certificate.der().clone()])?))
}

fn key(certificate: &IssuedCertificate) -> rustls::pki_types::PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(certificate.key_der()).into()
}
