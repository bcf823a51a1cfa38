//! The server: [`Acceptor`] with a policy, on four ports of the loopback interface.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_ext::rustls::crypto::ring::{self, kx_group};
use rustls_ext::rustls::server::ServerSessionMemoryCache;
use rustls_ext::rustls::{DEFAULT_VERSIONS, ServerConfig};
use rustls_ext::tokio::Acceptor;
use rustls_ext::{Anchors, Policy, Rule, Verdict, with_causes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::honest_client::Host;
use super::outcome::{AGENTS, Accepted, Application, STAFF, ServerOutcome};
use crate::demo::DemoPki;
use command_line::Failure;
use rext_cli::tls;

/// The timeout on ports where no client is expected to stall.
pub const LONG_TIMEOUT: Duration = Duration::from_secs(120);
/// The timeout on ports where clients stall on purpose.
const SHORT_TIMEOUT: Duration = Duration::from_millis(500);

/// The server's limit of 0-RTT data, in bytes. If the session does not resume, rustls 0.23.46 skips at
/// most this much, record overhead included, and refuses a client that sends more.
const EARLY_LIMIT: u32 = 1024;
/// The most 0-RTT data that a client sends, in bytes: one record that the server can skip.
pub const MOST_EARLY: usize = 1000;
/// The longest message, in bytes.
pub const LONGEST_MESSAGE: usize = 512 * 1024;
/// How many sessions are stored: more than other clients add between two connections of a client.
const SESSIONS: usize = 16 * 1024;

/// One of the server's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Whether the server stores sessions, instead of sending them in tickets. On these ports, it
    /// also accepts 0-RTT data, and answers the first ClientHello of TLS 1.3 with a HelloRetryRequest.
    pub stores: bool,
    /// Whether the timeout is short.
    pub short_timeout: bool,
}

impl Port {
    const ALL: [Self; 4] = [
        Self { stores: false, short_timeout: false },
        Self { stores: false, short_timeout: true },
        Self { stores: true, short_timeout: false },
        Self { stores: true, short_timeout: true },
    ];
}

/// The server's report of one connection, which may not be there yet.
#[derive(Debug)]
pub struct PendingReport {
    handshake: oneshot::Receiver<ServerOutcome>,
    application: oneshot::Receiver<Application>,
}

impl PendingReport {
    /// Waits for the outcome. Only an accepted handshake has an outcome of application data.
    pub async fn end(self) -> (ServerOutcome, Option<Application>) {
        let lost = |_| ServerOutcome::Unexpected("the server's task ended without a report".into());
        (self.handshake.await.unwrap_or_else(lost), self.application.await.ok())
    }
}

type Expecting =
    Arc<Mutex<HashMap<IpAddr, (oneshot::Sender<ServerOutcome>, oneshot::Sender<Application>)>>>;

/// A server that runs until it is stopped.
#[derive(Debug)]
pub struct Server {
    ports: Vec<(Port, SocketAddr)>,
    listeners: Vec<JoinHandle<()>>,
    expecting: Expecting,
    open: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server with `policy` on free ports.
    ///
    /// # Errors
    /// If no port is free, or a certificate cannot be used.
    pub async fn start(pki: &DemoPki, policy: Policy) -> Result<Self, Failure> {
        let policy = Arc::new(policy);
        let mut this = Self {
            ports: Vec::new(),
            listeners: Vec::new(),
            expecting: Expecting::default(),
            open: Arc::default(),
        };
        let (tickets, stores) = (Arc::new(tickets(pki)?), Arc::new(stores(pki)?));
        for port in Port::ALL {
            let config = if port.stores { &stores } else { &tickets };
            let patience = if port.short_timeout { SHORT_TIMEOUT } else { LONG_TIMEOUT };
            let acceptor = Acceptor::new(config.clone(), policy.clone());
            let service = Service {
                acceptor: acceptor.with_handshake_timeout(patience),
                patience,
                expecting: this.expecting.clone(),
                open: this.open.clone(),
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
            this.ports.push((port, listener.local_addr().map_err(failed)?));
            this.listeners.push(tokio::spawn(listen(listener, Arc::new(service))));
        }
        Ok(this)
    }

    /// The address of `port`.
    pub fn addr(&self, port: Port) -> SocketAddr {
        let known = self.ports.iter().find(|(known, _)| *known == port);
        // Each port of `Port::ALL` has an address; nothing listens on port 0.
        known.map_or((Ipv4Addr::LOCALHOST, 0).into(), |(_, addr)| *addr)
    }

    /// Requests a report of the connection of the client at `ip`.
    pub fn expect(&self, ip: Ipv4Addr) -> PendingReport {
        let (handshake, application) = (oneshot::channel(), oneshot::channel());
        let mut expecting = self.expecting.lock().unwrap_or_else(PoisonError::into_inner);
        expecting.insert(ip.into(), (handshake.0, application.0));
        PendingReport { handshake: handshake.1, application: application.1 }
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Stops accepting connections.
    pub async fn stop(&mut self) {
        for listener in self.listeners.drain(..) {
            listener.abort();
            let _ = listener.await;
        }
    }
}

/// The rules of the policy: by name and by offer; they require, request, or request leniently.
pub fn rules() -> [Rule; 4] {
    [
        Rule::when().server_name(Host::Admin.name()).require(STAFF),
        Rule::when().server_name(Host::Agents.name()).offered(true).require(AGENTS),
        Rule::when().server_name(Host::Lenient.name()).request_lenient(AGENTS),
        Rule::when().offered(true).request(AGENTS),
    ]
}

/// A policy with these rules, and `last` as the verdict if none matches.
///
/// # Errors
/// If an authority cannot be used.
pub fn policy(pki: &DemoPki, rules: [Rule; 4], last: Verdict) -> Result<Policy, Failure> {
    let builder = Policy::builder()
        .provider(tls::provider())
        .scope(STAFF, Anchors::from_roots(pki.staff.roots()?))
        .scope(AGENTS, Anchors::from_roots(pki.agents.roots()?));
    rules
        .into_iter()
        .fold(builder, |builder, rule| builder.rule(rule))
        .otherwise(last)
        .build()
        .map_err(failed)
}

fn tickets(pki: &DemoPki) -> Result<ServerConfig, Failure> {
    let mut config = tls::server_config(pki.server.certified_key()?, &[]).map_err(failed)?;
    config.ticketer = ring::Ticketer::new().map_err(failed)?;
    config.max_early_data_size = EARLY_LIMIT;
    Ok(config)
}

fn stores(pki: &DemoPki) -> Result<ServerConfig, Failure> {
    // No client sends a key share for this group at first.
    let provider = tls::provider_with(&[kx_group::SECP256R1]);
    let mut config =
        tls::server_config_with(provider, DEFAULT_VERSIONS, pki.server.certified_key()?, &[])
            .map_err(failed)?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    config.send_tls13_tickets = 1;
    config.max_early_data_size = EARLY_LIMIT;
    Ok(config)
}

fn failed(err: impl std::error::Error + 'static) -> Failure {
    Failure::Failed(format!("cannot start the server: {}", with_causes(&err)))
}

struct Service {
    acceptor: Acceptor<Arc<Policy>>,
    patience: Duration,
    expecting: Expecting,
    open: Arc<AtomicUsize>,
}

async fn listen(listener: TcpListener, service: Arc<Service>) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let service = service.clone();
                tokio::spawn(async move { service.serve(tcp, peer).await });
            }
            // Most likely no file descriptors are left: wait until some connections end.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Counts a connection as open until it is dropped.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    async fn serve(&self, tcp: TcpStream, peer: SocketAddr) {
        self.open.fetch_add(1, Ordering::SeqCst);
        let _open = Open(&self.open);
        let expected =
            self.expecting.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer.ip());
        let Some((handshake, application)) = expected else { return };
        let _ = tcp.set_nodelay(true);
        let mut stream = match self.acceptor.accept(tcp, peer).await {
            Ok(stream) => stream,
            Err(err) => {
                let _ = handshake.send(err.into());
                return;
            }
        };
        let connection = stream.get_mut().1;
        let mut early = Vec::new();
        if let Some(mut data) = connection.early_data() {
            let _ = data.read_to_end(&mut early);
        }
        let accepted = Accepted::of(connection, early.len());
        let _ = handshake
            .send(accepted.map_or_else(ServerOutcome::Unexpected, ServerOutcome::Accepted));
        let _ = application.send(match timeout(self.patience, serve(&mut stream)).await {
            Ok(Ok(bytes)) => Application::Echoed(bytes),
            Ok(Err(_)) => Application::Broken,
            Err(_) => Application::Idle,
        });
    }
}

/// Sends a message back, closes, and waits until the client closes.
async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<usize> {
    let bytes = echo(stream).await?;
    stream.shutdown().await?;
    match stream.read(&mut [0; 16]).await? {
        0 => Ok(bytes),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Sends a message back, with its length prefix of four bytes.
async fn echo(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<usize> {
    let length = stream.read_u32().await?;
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    if left > LONGEST_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.write_u32(length).await?;
    let mut chunk = [0; 16 * 1024];
    let mut bytes = 0;
    while left > 0 {
        let part = left.min(chunk.len());
        let read = stream.read(chunk.get_mut(..part).unwrap_or_default()).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        stream.write_all(chunk.get(..read).unwrap_or_default()).await?;
        left -= read;
        bytes += read;
    }
    Ok(bytes)
}
