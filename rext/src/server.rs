//! A server of HTTP/1.1 and HTTP/2 under a policy, which `rext serve` and `rext gateway` share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use rustls_ext::alert_name;
use rustls_ext::http::Fingerprint;
use rustls_ext::http::server::{CallerLayer, ServerStream};
use rustls_ext::rustls::{AlertDescription, ServerConnection};
use rustls_ext::tokio::{AcceptError, AcceptReport, Acceptor, watch};
use rustls_ext::{Live, Policy, explain, subject_of, with_causes};
use tokio::net::TcpStream;
use tokio::sync::watch as signal;
use tower::{Layer, Service};
use tracing::{debug, info, warn};

use crate::debug_info::DebugInfo;
use crate::listener::Listener;
use crate::{alerts, tls};
use command_line::Failure;

mod activity;
mod args;
mod connection;
mod held;
mod limits;
mod memory;
mod paced;
mod requests;
mod serving;
mod setup;
mod timed;
mod tunnel;
mod verified;

pub use args::{GroupName, PolicyName, ServerArgs};
use connection::Connection;
use limits::TimeLimits;
use memory::{Budget, Memory, Shares};
use requests::Requests;
pub use timed::Stalled;
pub(crate) use tunnel::{Tunnel, TunnelEnd, Tunnels};
use verified::Reloads;

/// The maximum number of open connections; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// An application that responds to the requests of connections.
pub trait App: Send + Sync + 'static {
    /// Responds to the requests of one connection. Each request has a
    /// [`Caller`](rustls_ext::http::server::Caller).
    type Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static;

    /// Checks that the policy is suitable for this application.
    ///
    /// # Errors
    /// If the policy is not suitable.
    fn check(&self, _: &Policy) -> Result<(), Failure> {
        Ok(())
    }

    /// Makes the service for a connection whose handshake is complete, over TCP or QUIC.
    fn service(&self, info: &DebugInfo) -> Self::Service;
}

/// Serves `app` with these options, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Misbehaviour of clients is no error.
pub async fn run(args: &ServerArgs, app: impl App) -> Result<(), Failure> {
    args.check()?;
    let app = Arc::new(app);
    let checking = app.clone();
    let live = setup::load(args, move |policy| checking.check(policy))?;
    let listener = Listener::bind(args.listen).await?;
    let reloads = Reloads::new(args.end_unverified);
    let (on_signal, on_change) = (reloads.clone(), reloads.clone());
    tokio::spawn(setup::reload_on_signal(live.clone(), move || on_signal.announce())?);
    if let Some(every) = args.watch {
        let report = move |loaded| setup::report(loaded, || on_change.announce());
        tokio::spawn(watch(live.clone(), every, report));
    }
    let addr = listener.announce()?;
    info!(%addr, policy = ?args.policy, policy_file = ?args.policy_file, "serving");
    let server = Server::new(args, live, app, reloads);
    let connection = |tcp, peer, stop| {
        let server = server.clone();
        async move { server.connection(tcp, peer, stop).await }
    };
    listener.serve(MAX_CONNECTIONS, args.drain_timeout, connection).await;
    Ok(())
}

/// A server, with the data that its connections share.
struct Server<A> {
    app: Arc<A>,
    live: Live,
    acceptor: Acceptor,
    limits: TimeLimits,
    memory: Arc<Memory>,
    shares: Shares,
    reloads: Reloads,
}

impl<A: App> Server<A> {
    fn new(args: &ServerArgs, live: Live, app: Arc<A>, reloads: Reloads) -> Arc<Self> {
        let limits = TimeLimits {
            head: args.handshake_timeout,
            idle: args.idle_timeout,
            max_age: args.max_connection_age,
        };
        let acceptor = Acceptor::from_live(live.clone()).with_handshake_timeout(limits.head);
        let memory = Memory::new(mib(args.memory));
        let shares = Shares::of(mib(args.connection_memory));
        Arc::new(Self { app, live, acceptor, limits, memory, shares, reloads })
    }

    async fn connection(&self, tcp: TcpStream, peer: SocketAddr, mut stop: signal::Receiver<()>) {
        let _ = tcp.set_nodelay(true);
        let budget = match Budget::open(&self.memory, self.shares) {
            Ok(budget) => budget,
            Err(exhausted) => return warn!(%peer, reason = %exhausted, "connection refused"),
        };
        let reloads = self.reloads.from_now();
        let (stream, report) = tokio::select! {
            accepted = self.acceptor.accept_and_report(tcp, peer) => match accepted {
                (Ok(stream), report) => (stream, report),
                (Err(err), report) => return log_refusal(peer, &err, &report),
            },
            _ = stop.changed() => return,
        };
        let connection = stream.get_ref().1;
        let is_h2 = connection.alpn_protocol() == Some(tls::H2);
        let debug_info = DebugInfo::of(connection, peer);
        log_connection(connection, &debug_info, &report);
        let (io, info) = ServerStream::new(stream, peer, &self.live);
        let callers = CallerLayer::new(self.live.clone()).with_connection(info.clone());
        let service = callers.layer(self.app.service(&debug_info));
        let requests =
            Requests::new(service, peer, report.server_name.as_deref(), self.limits.idle)
                .with_budget(budget.clone());
        let unverified = reloads.unverified(info.clone(), self.live.clone(), peer);
        let connection = Connection { io, is_h2, peer, requests, budget };
        let ended = connection.serve(self.limits, stop, unverified).await;
        match info.secondary_error() {
            Some(err) => {
                warn!(%peer, reason = %err, "connection ended: the client broke a rule of \
                certificates on open connections")
            }
            None => ended.log(peer),
        }
    }
}

/// Returns this many MiB in bytes.
fn mib(number: u32) -> usize {
    usize::try_from(u64::from(number) * 1024 * 1024).unwrap_or(usize::MAX)
}

// Text that a peer can choose is logged as a `str`, which is quoted and escaped, so that it cannot
// forge a field or a line.

fn log_connection(connection: &ServerConnection, info: &DebugInfo, report: &AcceptReport) {
    let refusal = connection.client_auth().and_then(|auth| auth.refusal()).map(explain);
    let (refused_subject, refused_sha256) = refused(report);
    info!(peer = %info.peer, tls_version = %info.tls_version, resumed = info.resumed,
        server_name = report.server_name, decision = info.decision, scope = report.scope,
        status = info.status, verified_subject = info.verified_subject, refused_subject,
        refused_sha256, reason = refusal, "connected");
}

fn log_refusal(peer: SocketAddr, err: &AcceptError, report: &AcceptReport) {
    if let AcceptError::Closed = err {
        return debug!(%peer, reason = with_causes(err), "no handshake");
    }
    let (alert, from) = match (err.alert_received(), err) {
        (Some(alert), _) => (Some(alert_name(alert)), "client"),
        (None, AcceptError::Tls(tls) | AcceptError::OtherProtocol(_, tls)) => {
            (alerts::name_of_sent(tls), "server")
        }
        (None, AcceptError::Policy(_)) => {
            (Some(alert_name(AlertDescription::InternalError)), "server")
        }
        _ => (None, ""),
    };
    let from = alert.as_ref().map(|_| from);
    let alert = alert.map(tracing::field::display);
    let (subject, sha256) = refused(report);
    warn!(%peer, alert, from, server_name = report.server_name, scope = report.scope, subject,
        sha256, reason = with_causes(err), "handshake failed");
}

/// Subject and SHA-256 fingerprint of the certificate that was refused.
fn refused(report: &AcceptReport) -> (Option<String>, Option<String>) {
    let certificate = report.refused.as_ref();
    (certificate.map(subject_of), certificate.map(|der| Fingerprint::sha256(der).to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Mutex;
    use std::time::Duration;

    use rustls_ext::rustls::Error;
    use rustls_ext::tokio::OtherProtocol;
    use tracing::level_filters::LevelFilter;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The log line for this refusal, without its time.
    fn line(err: &AcceptError, report: &AcceptReport) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(LevelFilter::DEBUG)
            .with_target(false)
            .with_ansi(false)
            .without_time()
            .finish();
        let peer = "192.0.2.7:5".parse().unwrap();
        tracing::subscriber::with_default(subscriber, || log_refusal(peer, err, report));
        let line = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        line.trim().to_owned()
    }

    #[test]
    fn a_port_probe_is_no_warning_and_each_refusal_is_logged_with_its_alert() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let corrupt = Error::InvalidMessage(rustls_ext::rustls::InvalidMessage::InvalidContentType);
        for (err, expected) in [
            (
                AcceptError::Closed,
                "DEBUG no handshake peer=192.0.2.7:5 \
                 reason=\"the client closed the connection before it sent anything\"",
            ),
            (
                AcceptError::Tls(Error::DecryptError),
                "WARN handshake failed peer=192.0.2.7:5 alert=bad_record_mac|decrypt_error from=\"server\" \
                 reason=\"refused: cannot decrypt peer's message\"",
            ),
            (
                AcceptError::Policy("the directory is down\nINFO forged".into()),
                "WARN handshake failed peer=192.0.2.7:5 alert=internal_error from=\"server\" \
                 reason=\"the policy failed: the directory is down\\nINFO forged\"",
            ),
            (
                AcceptError::OtherProtocol(OtherProtocol::ProxyProtocol, corrupt),
                "WARN handshake failed peer=192.0.2.7:5 alert=decode_error from=\"server\" \
                 reason=\"the connection begins with the PROXY protocol, which this server does \
                 not read; switch it off at the load balancer\"",
            ),
            (
                AcceptError::Tls(Error::AlertReceived(AlertDescription::UnknownCA)),
                "WARN handshake failed peer=192.0.2.7:5 alert=unknown_ca from=\"client\" \
                 reason=\"the client ended the handshake with alert UnknownCA\"",
            ),
            (
                AcceptError::Timeout(Duration::from_secs(10)),
                "WARN handshake failed peer=192.0.2.7:5 \
                 reason=\"no complete handshake within 10s\"",
            ),
            (
                AcceptError::Io(reset),
                "WARN handshake failed peer=192.0.2.7:5 \
                 reason=\"connection failed: connection reset\"",
            ),
        ] {
            assert_eq!(line(&err, &AcceptReport::default()), expected);
        }
    }
}
