//! The demo's server: HTTP/2 and HTTP/3 under the demo's policy, with a report of every handshake.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::rustls::server::{
    ClientAuth, ClientAuthDecision, ClientAuthPolicy, ClientAuthStatus, ClientHello,
};
use rustls_ext::rustls::{Error, ServerConfig};
use rustls_ext::tokio::{AcceptError, Acceptor, AsyncPolicy, BoxError};
use rustls_ext::{Anchors, Policy, Rule, Verdict};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{ADMIN, AGENTS, Cast, http3};
use crate::count_io::{Count, CountIo};
use crate::debug_info::Verified;
use crate::{Failure, alerts, tls};

/// A server that runs as long as the runtime.
#[derive(Debug)]
pub struct Server {
    /// Where it listens with TCP.
    pub addr: SocketAddr,
    /// Where it listens with QUIC.
    pub quic: SocketAddr,
    /// What it has to say about each handshake, when that has ended.
    pub reports: UnboundedReceiver<Report>,
}

/// What the server knows of a handshake that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether the client offered to authenticate.
    pub offered: bool,
    /// Whether it was asked for a certificate.
    pub asked: bool,
    /// Whether its offer was acknowledged; not known of a handshake that failed.
    pub acknowledged: Option<bool>,
    /// Who the client proved to be.
    pub verified: Option<Verified>,
    /// What ended the handshake, and who sent it.
    pub refused: Option<String>,
    /// What the handshake took, over TCP.
    pub count: Option<Count>,
}

impl Report {
    pub(super) fn accepted(
        auth: Option<&ClientAuth>,
        verified: Option<Verified>,
        count: Option<Count>,
    ) -> Self {
        Self {
            offered: auth.is_some_and(|auth| auth.offered()),
            asked: auth.is_some_and(|auth| auth.status() != ClientAuthStatus::NotAsked),
            acknowledged: auth.map(|auth| auth.acknowledged()),
            verified,
            refused: None,
            count,
        }
    }

    pub(super) fn refused(noted: Noted, by: String, count: Option<Count>) -> Self {
        Self {
            offered: noted.offered,
            asked: noted.asked,
            acknowledged: None,
            verified: None,
            refused: Some(by),
            count,
        }
    }
}

/// Start the server on free ports of the loopback interface.
///
/// # Errors
/// If there are none, or the cast is unusable.
pub async fn start(cast: &Cast) -> Result<Server, Failure> {
    let failed = |err: &dyn std::fmt::Display| Failure::Failed(format!("no server: {err}"));
    let mut config =
        tls::server_config(cast.server.certified_key()?, &[tls::H2]).map_err(|err| failed(&err))?;
    // Tickets follow the handshake at once, and would be counted as part of it.
    config.send_tls13_tickets = 0;
    let policy = policy(cast).map_err(|err| failed(&err))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|err| failed(&err))?;
    let addr = listener.local_addr().map_err(|err| failed(&err))?;
    let (sender, reports) = unbounded_channel();
    let policy = Arc::new(policy);
    let quic = http3::start(&config, &policy, &sender).map_err(|err| failed(&err))?;
    tokio::spawn(accept(listener, Arc::new(config), policy, sender));
    Ok(Server { addr, quic, reports })
}

fn policy(cast: &Cast) -> Result<Policy, Box<dyn std::error::Error>> {
    Ok(Policy::builder()
        .provider(tls::provider())
        .scope("staff", Anchors::store(cast.staff.roots()?))
        .scope("agents", Anchors::store(cast.agents.roots()?))
        .rule(Rule::when().server_name(ADMIN).require("staff"))
        .rule(Rule::when().server_name(AGENTS).offered(true).require("agents"))
        .rule(Rule::when().offered(true).request("agents"))
        .otherwise(Verdict::None)?)
}

async fn accept(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    policy: Arc<Policy>,
    reports: UnboundedSender<Report>,
) {
    while let Ok((tcp, peer)) = listener.accept().await {
        tokio::spawn(serve(tcp, peer, config.clone(), policy.clone(), reports.clone()));
    }
}

async fn serve(
    tcp: TcpStream,
    peer: SocketAddr,
    config: Arc<ServerConfig>,
    policy: Arc<Policy>,
    reports: UnboundedSender<Report>,
) {
    let _ = tcp.set_nodelay(true);
    let (io, counter) = CountIo::new(tcp);
    let noted = Arc::new(OnceLock::new());
    let noting = Noting { policy, noted: noted.clone() };
    let accepted = Acceptor::new(config, noting).accept(io, peer).await;
    let count = counter.stop();
    let noted = noted.get().copied().unwrap_or_default();
    match accepted {
        Err(err) => {
            let _ = reports.send(Report::refused(noted, refusal(&err), Some(count)));
        }
        Ok(stream) => {
            let connection = stream.get_ref().1;
            let verified = Verified::of(connection);
            let report = Report::accepted(connection.client_auth(), verified.clone(), Some(count));
            let _ = reports.send(report);
            let service = service_fn(|request| {
                let (status, text) = answer(&request, verified.as_ref());
                let mut response = Response::new(Full::<Bytes>::from(text));
                *response.status_mut() = status;
                std::future::ready(Ok::<_, Infallible>(response))
            });
            // What fails now fails at the client, too, and is seen there.
            let _ = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }
}

/// A connection serves any host name of its certificate, so each request is looked at: one for a
/// host name whose scope its connection was not asked for goes to another connection (RFC 9110
/// section 15.5.20).
pub(super) fn answer<B>(request: &Request<B>, client: Option<&Verified>) -> (StatusCode, String) {
    let is_staff = client.is_some_and(|client| client.scope == "staff");
    match request.uri().host() == Some(ADMIN) && !is_staff {
        true => (StatusCode::MISDIRECTED_REQUEST, "not on this connection\n".to_owned()),
        false => (
            StatusCode::OK,
            match client {
                Some(client) => format!("hello {} of {}\n", client.subject, client.scope),
                None => "hello\n".to_owned(),
            },
        ),
    }
}

/// The demo's policy, and a note of what it saw and said, which outlives a handshake that fails.
#[derive(Debug)]
pub(super) struct Noting {
    pub(super) policy: Arc<Policy>,
    pub(super) noted: Arc<OnceLock<Noted>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noted {
    pub(super) offered: bool,
    pub(super) asked: bool,
}

impl Noting {
    fn note(&self, hello: &ClientHello<'_>, peer: Option<IpAddr>) -> ClientAuthDecision {
        let decision = Policy::decide(&self.policy, hello, peer);
        let _ = self
            .noted
            .set(Noted { offered: hello.offers_client_auth(), asked: decision.demand().is_some() });
        decision
    }
}

impl ClientAuthPolicy for Noting {
    fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        Ok(self.note(hello, None))
    }
}

impl AsyncPolicy for Noting {
    async fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: SocketAddr,
    ) -> Result<ClientAuthDecision, BoxError> {
        Ok(self.note(hello, Some(peer.ip())))
    }
}

fn refusal(err: &AcceptError) -> String {
    let by_server = match err {
        AcceptError::Tls(tls) => alerts::sent_for(tls),
        _ => None,
    };
    match (err.alert_received(), by_server) {
        (Some(alert), _) => format!("{} from client", alerts::name(alert)),
        (None, Some(alert)) => format!("{} from server", alerts::name(alert)),
        (None, None) => err.to_string(),
    }
}
