//! The demo's server: HTTP/1.1, HTTP/2 and HTTP/3 with the demo's policy, and a report of each handshake.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls_ext::http::secondary::ServerOptions;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, ServerStream};
use rustls_ext::rustls::ServerConfig;
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::rustls::time_provider::TimeProvider;
use rustls_ext::tokio::{AcceptError, Acceptor};
use rustls_ext::{Anchors, Policy, PostHandshake, Rule, Verdict};
use rustls_ext::{alert_name, with_causes};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::counted::{CountedConnection, CountedConnections};
use super::recorded::{HandshakeReport, RecordingPolicy, answer};
use super::{ADMIN, AGAIN, AGENTS, APP, COM, DemoPki, GREETED, LOGIN, ORG, PARTNER, http3};
use crate::count_io::CountIo;
use command_line::Failure;
use rext_cli::debug_info::Verified;
use rext_cli::tls;

/// A server that runs until the runtime ends.
#[derive(Debug)]
pub struct Server {
    /// Its TCP address.
    pub addr: SocketAddr,
    /// Its QUIC address.
    pub quic: SocketAddr,
    /// The TCP connections, with their flights.
    pub connections: CountedConnections,
    /// How many QUIC connections there have been.
    pub quic_connections: Arc<AtomicU32>,
    /// A report of each handshake that has ended.
    pub reports: UnboundedReceiver<HandshakeReport>,
    /// The clock for proofs on open connections.
    pub clock: Clock,
    latest: Latest,
}

/// The latest connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest(Arc<Mutex<Option<ConnectionInfo>>>);

impl Latest {
    pub(super) fn set(&self, info: ConnectionInfo) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(info);
    }
}

impl Server {
    /// Returns the latest connection whose handshake has succeeded.
    pub fn latest(&self) -> Option<ConnectionInfo> {
        self.latest.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A clock that can be put forward, so that nobody has to wait.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Puts the clock forward.
    pub fn two_hours_later(&self) {
        self.0.fetch_add(2 * 3600, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let ahead = Duration::from_secs(self.0.load(Ordering::SeqCst));
        let now = Duration::from_secs(UnixTime::now().as_secs());
        Some(UnixTime::since_unix_epoch(now + ahead))
    }
}

/// Starts the server on free ports of the loopback interface.
///
/// # Errors
/// If no port is free, or a certificate cannot be used.
pub async fn start(pki: &DemoPki) -> Result<Server, Failure> {
    let failed = |err: &(dyn std::error::Error + 'static)| {
        Failure::Failed(format!("cannot start the server: {}", with_causes(err)))
    };
    let mut config = tls::server_config(pki.server.certified_key()?, &[tls::H2, tls::HTTP1])
        .map_err(|err| failed(&err))?;
    // The server sends tickets right after the handshake, so they would count as part of it.
    config.send_tls13_tickets = 0;
    let policy = policy(pki).map_err(|err| failed(&*err))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|err| failed(&err))?;
    let addr = listener.local_addr().map_err(|err| failed(&err))?;
    let (sender, reports) = unbounded_channel();
    let policy = Arc::new(policy);
    let (connections, latest, clock) =
        (CountedConnections::default(), Latest::default(), Clock::default());
    config.time_provider = Arc::new(clock.clone());
    let (quic, quic_connections) =
        http3::start(&config, &policy, &sender, &latest).map_err(|err| failed(&*err))?;
    let shared =
        Shared { config: Arc::new(config), policy, reports: sender, latest: latest.clone() };
    tokio::spawn(accept(listener, shared, connections.clone()));
    Ok(Server { addr, quic, connections, quic_connections, reports, clock, latest })
}

fn policy(pki: &DemoPki) -> Result<Policy, Box<dyn std::error::Error>> {
    let workloads = &pki.workloads;
    Ok(Policy::builder()
        .provider(tls::provider())
        .scope("staff", Anchors::from_roots(pki.staff.roots()?))
        .scope("agents", Anchors::from_roots(pki.agents.roots()?))
        .scope("partners", Anchors::from_roots(pki.agents.roots()?).without_names())
        .scope("example.org", Anchors::from_roots(workloads.org.roots()?).with_trust_domain(ORG)?)
        .scope("example.com", Anchors::from_roots(workloads.com.roots()?).with_trust_domain(COM)?)
        .rule(Rule::when().origin(ORG).require("example.org"))
        .rule(Rule::when().origin(COM).require("example.com"))
        .rule(Rule::when().server_name(ADMIN).require("staff"))
        .rule(Rule::when().server_name(LOGIN).request_lenient("staff"))
        .rule(Rule::when().server_name(AGENTS).offered(true).require("agents"))
        .rule(Rule::when().offered(true).request("agents"))
        .otherwise(Verdict::None)
        .post_handshake(PostHandshake::when_needed("agents").host(APP))
        .post_handshake(PostHandshake::when_needed("staff").host(APP))
        .post_handshake(PostHandshake::at_once("agents").host(GREETED))
        .post_handshake(PostHandshake::when_needed("agents").host(AGAIN).ask_again_after(HOUR))
        .post_handshake(PostHandshake::when_needed("partners").host(PARTNER))
        .build()?)
}

const HOUR: Duration = Duration::from_secs(3600);

/// What connections share.
#[derive(Clone)]
struct Shared {
    config: Arc<ServerConfig>,
    policy: Arc<Policy>,
    reports: UnboundedSender<HandshakeReport>,
    latest: Latest,
}

async fn accept(listener: TcpListener, shared: Shared, connections: CountedConnections) {
    while let Ok((tcp, peer)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let (tcp, whole) = CountIo::new(tcp);
        let wire = connections.add(whole);
        tokio::spawn(serve(tcp, wire, peer, shared.clone()));
    }
}

async fn serve(
    tcp: CountIo<TcpStream>,
    wire: CountedConnection,
    peer: SocketAddr,
    Shared { config, policy, reports, latest }: Shared,
) {
    let (io, counter) = CountIo::new(tcp);
    let noted = Arc::new(OnceLock::new());
    let (rules, noting) = (policy.clone(), RecordingPolicy { policy, noted: noted.clone() });
    let accepted = Acceptor::new(config.clone(), noting).accept(io, peer).await;
    let count = counter.stop();
    let noted = noted.get().copied().unwrap_or_default();
    match accepted {
        Err(err) => {
            let _ = reports.send(HandshakeReport::refused(noted, refusal(&err), Some(count)));
        }
        Ok(stream) => {
            let connection = stream.get_ref().1;
            let verified = Verified::of(connection);
            let report =
                HandshakeReport::accepted(connection.client_auth(), verified.clone(), Some(count));
            let _ = reports.send(report);
            let is_h2 = connection.alpn_protocol() == Some(tls::H2);
            let (hosts, options) = (Arc::new(rules.clone()), ServerOptions::default());
            let (stream, info) = ServerStream::with_hosts(stream, peer, &config, hosts, &options);
            latest.set(info.clone());
            let layer = CallerLayer::new(rules).with_connection(info);
            let service = service_fn(move |request: Request<Incoming>| {
                wire.answers();
                let layer = layer.clone();
                async move {
                    let answer = answer(&layer, &request.into_parts().0).await;
                    Ok::<_, Infallible>(answer.map(Full::<Bytes>::from))
                }
            });
            let http = if is_h2 {
                auto::Builder::new(TokioExecutor::new()).http2_only()
            } else {
                auto::Builder::new(TokioExecutor::new()).http1_only()
            };
            // The client reports errors of the exchange.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        }
    }
}

fn refusal(err: &AcceptError) -> String {
    let by_server = match err {
        AcceptError::Tls(tls) | AcceptError::OtherProtocol(_, tls) => tls.alert_sent(),
        _ => None,
    };
    match (err.alert_received(), by_server) {
        (Some(alert), _) => format!("{} from client", alert_name(alert)),
        (None, Some(alert)) => format!("{} from server", alert_name(alert)),
        (None, None) => with_causes(err),
    }
}
