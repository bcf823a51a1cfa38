//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use h3::error::Code;
use h3::server::RequestResolver;
use http::{Request, Response};
use hyper::body::Bytes;
use rustls_ext::authenticator::Endpoint;
use rustls_ext::http::secondary::{
    ConnectionError, Exchange, Frame, Outbox, ServerExchange, ServerOptions,
};
use rustls_ext::http::server::{CallerLayer, ConnectionInfo};
use rustls_ext::quic::{HandshakeData, alert_received, alert_sent};
use rustls_ext::{Live, LoadError, Setup, alert_name, explain, with_causes};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tower::{Layer, Service};
use tracing::{debug, info, warn};

use super::exchange::{Exchanges, Unanswered};
use super::transport::{Shared, Transport, varint};
use super::{Http3Server, Layered};
use crate::debug_info::DebugInfo;
use crate::listener::PhaseReceiver;
use crate::observe::{Open, connection_refused};
use crate::server::activity::CloseReason;
use crate::server::connection::{Ended, expired};
use crate::server::limits::TimeLimits;
use crate::server::memory::Budget;
use crate::server::requests::Requests;
use crate::server::{App, Server};

/// The maximum size of a request's head, in bytes.
const MAX_HEAD: u64 = 64 * 1024;
/// How many requests of a connection may fail before they are passed to the application. h3 keeps
/// something for each.
const MAX_FAILED: u32 = 1000;
/// How many further requests the first GOAWAY allows: all that a client can have sent before it
/// receives the frame.
const UNDERWAY: usize = 1 << 20;

/// The longest wait for GOAWAY.
const LONGEST: Duration = Duration::from_secs(1);

type H3 = h3::server::Connection<Layered, Bytes>;
type Accepted = Result<Option<RequestResolver<Layered, Bytes>>, h3::error::ConnectionError>;

impl<A: App> Http3Server<A> {
    /// Serves a connection until it ends. `established` is dropped when the handshake is complete.
    pub(super) async fn connection<T>(
        &self,
        incoming: quinn::Incoming,
        established: T,
        mut stop: PhaseReceiver,
    ) {
        let peer = incoming.remote_address();
        let _open = Open::connection("quic");
        let (setup, config) = match self.configs.for_peer(peer) {
            Ok(config) => config,
            Err(err) => {
                warn!(%peer, reason = with_causes(&err), "HTTP/3 connection refused: the files in use \
                    do not allow QUIC");
                return incoming.refuse();
            }
        };
        let Server { app, live, limits, memory, shares, reloads, connections, .. } = &*self.server;
        let budget = match Budget::open(memory, *shares) {
            Ok(budget) => budget,
            Err(exhausted) => {
                connection_refused("memory");
                warn!(%peer, reason = %exhausted, "connection refused");
                return incoming.refuse();
            }
        };
        let (limit, reloads) = (limits.head, reloads.since_now());
        let handshake = async { incoming.accept_with(config)?.await };
        let connection = tokio::select! {
            accepted = timeout(limit, handshake) => match accepted {
                Ok(Ok(connection)) => connection,
                Ok(Err(err)) => return log_refusal(peer, &err),
                Err(_) => {
                    let reason = format!("no complete handshake within {limit:?}");
                    return warn!(%peer, protocol = "HTTP/3", reason, "handshake failed");
                }
            },
            () = stop.stopping() => return,
        };
        drop(established);
        let Some(handshake) = HandshakeData::from_quinn(connection.handshake_data()) else {
            return;
        };
        let debug_info = DebugInfo::over_quic(&handshake, peer);
        log_connection(&handshake, &debug_info);
        let info = ConnectionInfo::from_quic(&handshake, peer);
        let callers = CallerLayer::new(live.clone()).with_connection(info.clone());
        let service = callers.layer(app.service(&debug_info));
        let server_name = handshake.server_name.as_deref();
        let requests = Requests::new(service, peer, server_name, limits.idle)
            .with_budget(budget.clone())
            .with_observer(connections.connection(&info));
        let shared = Shared::new(connection.clone(), shares.fixed);
        let transport = match layered(&shared, &handshake, &info, &setup, live) {
            Ok(transport) => transport,
            Err(err) => return warn!(%peer, reason = with_causes(&err), "connection ended"),
        };
        let mut builder = h3::server::builder();
        builder.max_field_section_size(MAX_HEAD).send_grease(false);
        // It waits until the client lets it open its control stream.
        let server = match timeout(limit, builder.build(transport)).await {
            Ok(Ok(server)) => server,
            Ok(Err(err)) => return debug!(%peer, err = %with_causes(&err), "connection failed"),
            Err(_) => return warn!(%peer, "no control stream is allowed within {limit:?}"),
        };
        let exchanges = Exchanges { requests, shared, peer, head: limit };
        let unverified = reloads.unverified(info.clone(), live.clone(), peer);
        let ended = Serving::new(server, exchanges, *limits, budget).run(stop, unverified).await;
        match info.secondary_error() {
            Some(err) => {
                warn!(%peer, reason = %err, "connection ended: the client broke a rule of \
                    certificates on open connections");
            }
            None => ended.log(peer),
        }
    }
}

/// The transport for h3, which can request certificates on the open connection if the policy does.
fn layered(
    shared: &Arc<Shared>,
    handshake: &HandshakeData,
    info: &ConnectionInfo,
    setup: &Setup,
    live: &Live,
) -> Result<Layered, LoadError> {
    let options = ServerOptions::default();
    let points = options.code_points();
    let transport = Transport::new(shared.clone());
    if !setup.policy().has_post_handshake() {
        return Ok(Layered::new(transport, points, Arc::new(Silent), Outbox::new()));
    }
    let exporters = handshake.exporters(Endpoint::Client, |output, label, context| {
        shared.connection.export_keying_material(output, label, context)
    });
    let exporters = exporters.map_err(LoadError::new)?;
    let hosts = Arc::new(live.clone());
    let exchange = ServerExchange::attach(info, exporters, setup.config(), hosts, options);
    let outbox = exchange.outbox().clone();
    Ok(Layered::new(transport, points, exchange, outbox))
}

/// Requests no certificates: all bytes are passed on.
struct Silent;

impl Exchange for Silent {
    fn announces(&self) -> u32 {
        0
    }

    fn setting(&self, _: Option<u64>) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn head(&self, _: Frame, _: bool, _: u64) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn frame(&self, _: Frame, _: Vec<u8>) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn closed(&self) {}
}

/// A connection that is being served.
struct Serving<S> {
    h3: H3,
    exchanges: Exchanges<S>,
    limits: TimeLimits,
    unsent: Unsent,
    /// The requests that are not finished. They are dropped with the connection.
    open: JoinSet<Result<(), Unanswered>>,
    /// How many requests failed before they were passed to the application.
    failed: u32,
    /// True if the response to the request that finished last was reset.
    was_reset: bool,
    phase: Phase,
}

/// ```text
///          stop, maximum age, idle          three round trips             no request is open
///   Open ──────────────────────────▶ Closing ───────────────▶ Closed ────────────────▶ the end
///            GOAWAY for later ones            GOAWAY for this one
/// ```
#[derive(Debug)]
enum Phase {
    Open,
    /// The client has been told to send no further requests, and may not know yet.
    Closing(Pin<Box<Sleep>>),
    /// Further requests are rejected.
    Closed,
}

impl<S> Serving<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    fn new(h3: H3, exchanges: Exchanges<S>, limits: TimeLimits, budget: Arc<Budget>) -> Self {
        let unsent = Unsent { bytes: 0, budget };
        let (open, failed, was_reset, phase) = (JoinSet::new(), 0, false, Phase::Open);
        Self { h3, exchanges, limits, unsent, open, failed, was_reset, phase }
    }

    /// Serves the connection until it ends. At `stop`, and when `unverified` is ready, it ends as
    /// soon as its requests are finished.
    async fn run(mut self, mut stop: PhaseReceiver, unverified: impl Future<Output = ()>) -> Ended {
        let (peer, limits) = (self.exchanges.peer, self.limits);
        let activity = self.exchanges.requests.activity().clone();
        let (mut expired, mut unverified) = (pin!(expired(limits.max_age)), pin!(unverified));
        let mut verified = true;
        loop {
            if matches!(self.phase, Phase::Closed) && self.open.is_empty() {
                if self.was_reset {
                    sleep(self.round_trip()).await;
                }
                return Ended::Closed;
            }
            let is_open = matches!(self.phase, Phase::Open);
            tokio::select! {
                accepted = self.h3.accept() => match self.accept(accepted) {
                    Some(ended) => return ended,
                    None => continue,
                },
                Some(finished) = self.open.join_next(), if !self.open.is_empty() => {
                    match self.finished(&finished.unwrap_or(Ok(()))) {
                        Some(ended) => return ended,
                        None => continue,
                    }
                }
                () = elapsed(&mut self.phase) => {
                    self.reject_further().await;
                    continue;
                }
                _ = stop.ended(), if is_open => {}
                () = &mut expired, if is_open => debug!(%peer, "connection reached its maximum age"),
                () = &mut unverified, if verified => verified = false,
                reason = activity.close_reason(limits.head) => match reason {
                    CloseReason::Idle => {
                        debug!(%peer, "no further request within {:?}", limits.idle);
                    }
                    CloseReason::Cancelled => {
                        self.close(Code::H3_EXCESSIVE_LOAD, "too many requests were cancelled");
                        return Ended::Limit(reason, limits.idle);
                    }
                    CloseReason::NoRequest => return Ended::Limit(reason, limits.head),
                    CloseReason::Stalled | CloseReason::NotClosed => {
                        return Ended::Limit(reason, limits.idle);
                    }
                },
            }
            if is_open {
                activity.stop();
                self.finish().await;
            }
        }
    }

    /// Begins a request. Returns the end of the connection if there is none.
    fn accept(&mut self, accepted: Accepted) -> Option<Ended> {
        match accepted {
            // Dropping it rejects it.
            Ok(Some(resolver)) if matches!(self.phase, Phase::Closed) => drop(resolver),
            Ok(Some(resolver)) => {
                self.unsent.hold();
                self.open.spawn(self.exchanges.clone().run(resolver));
            }
            // The client sends no further requests.
            Ok(None) => self.phase = Phase::Closed,
            Err(err) if err.is_h3_no_error() => return Some(Ended::Closed),
            Err(err) => return Some(Ended::Failed(err.into())),
        }
        None
    }

    /// Records the end of a request. Returns the end of the connection if too many have failed.
    fn finished(&mut self, finished: &Result<(), Unanswered>) -> Option<Ended> {
        if self.open.is_empty() {
            self.unsent.release();
        }
        self.was_reset = finished.is_err();
        if let Err(Unanswered::NoRequest) = finished {
            self.failed += 1;
        }
        (self.failed > MAX_FAILED).then(|| {
            let reason = "too many requests had no valid head";
            self.close(Code::H3_EXCESSIVE_LOAD, reason);
            Ended::Failed(reason.into())
        })
    }

    /// Tells the client to send no further requests on this connection (RFC 9114 section 5.2).
    /// Those that it has sent already are answered.
    async fn finish(&mut self) {
        let wait = 3 * self.exchanges.shared.connection.rtt();
        self.phase = Phase::Closing(Box::pin(sleep(wait.min(LONGEST))));
        self.go_away(UNDERWAY).await;
    }

    /// From now on, further requests are rejected, so that the client can send them elsewhere.
    async fn reject_further(&mut self) {
        self.phase = Phase::Closed;
        self.go_away(1).await;
        // A connection without requests is closed next.
        sleep(self.round_trip()).await;
    }

    /// How long to wait before the connection is closed, since what is not sent then is lost: GOAWAY, and
    /// the resets of streams.
    fn round_trip(&self) -> Duration {
        self.exchanges.shared.connection.rtt().min(LONGEST)
    }

    /// Sends GOAWAY, unless the client does not take it.
    async fn go_away(&mut self, further: usize) {
        // If the connection has failed, `accept()` fails, too.
        let _ = timeout(LONGEST, self.h3.shutdown(further)).await;
    }

    fn close(&self, code: Code, reason: &str) {
        self.exchanges.shared.connection.close(varint(code.value()), reason.as_bytes());
    }
}

/// The data for the client that quinn keeps. It is counted as a whole while a request is open.
struct Unsent {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Unsent {
    fn hold(&mut self) {
        if self.bytes == 0 {
            self.bytes = self.budget.shares().unsent;
            self.budget.hold(self.bytes);
        }
    }

    fn release(&mut self) {
        if self.bytes > 0 {
            self.budget.release(self.bytes);
            self.bytes = 0;
        }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.release();
    }
}

/// Waits until the client knows that it must send no further requests.
async fn elapsed(phase: &mut Phase) {
    match phase {
        Phase::Closing(wait) => wait.as_mut().await,
        Phase::Open | Phase::Closed => std::future::pending().await,
    }
}

fn log_connection(handshake: &HandshakeData, info: &DebugInfo) {
    let auth = handshake.client_auth();
    let refusal = auth.and_then(|auth| auth.refusal()).map(explain);
    let scope = auth.and_then(|auth| auth.decision().demand()).map(|demand| demand.scope());
    info!(peer = %info.peer, tls_version = %info.tls_version, protocol = "HTTP/3",
        resumed = info.resumed, server_name = handshake.server_name, decision = info.decision, scope,
        status = info.status, verified_subject = info.verified_subject, reason = refusal, "connected");
}

fn log_refusal(peer: SocketAddr, err: &quinn::ConnectionError) {
    let (alert, from) = match (alert_sent(err), alert_received(err)) {
        (Some(alert), _) => (Some(alert), Some("server")),
        (None, Some(alert)) => (Some(alert), Some("client")),
        (None, None) => (None, None),
    };
    let alert = alert.map(|alert| tracing::field::display(alert_name(alert)));
    warn!(%peer, alert, from, protocol = "HTTP/3", reason = with_causes(err), "handshake failed");
}
