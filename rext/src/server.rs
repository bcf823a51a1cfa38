//! A server of HTTP/1.1, HTTP/2 and HTTP/3 under a policy, which `rext serve` and `rext gateway` share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use rustls_ext::alert_name;
use rustls_ext::http::Fingerprint;
use rustls_ext::http::server::{CallerLayer, ServerStream};
use rustls_ext::rustls::{AlertDescription, ServerConnection};
use rustls_ext::tokio::{AcceptError, AcceptReport, Acceptor, watch};
use rustls_ext::{Files, Live, LoadError, Policy, explain, subject_of, with_causes};
use tower::{Layer, Service};
use tracing::{Instrument, debug, debug_span, info, warn};

use crate::access_log::AccessLog;
use crate::debug_info::DebugInfo;
use crate::listener::{Client, PhaseReceiver, descriptors, proxy_protocol};
use crate::log::push_field;
use crate::observe::{self, Connections, Open, connection_refused};
use crate::ticket_keys::TicketSource;
use crate::{alerts, tls};
use command_line::Failure;

mod activity;
mod args;
mod connection;
mod framing;
mod held;
mod http3;
mod limits;
mod lingering;
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
use http3::{AltSvc, Http3};
use limits::TimeLimits;
use memory::{Budget, Memory, Shares};
use requests::Requests;
pub use setup::Loaded;
pub use timed::Stalled;
pub(crate) use tunnel::{Tunnel, TunnelEnd, Tunnels};
use verified::Reloads;

/// An application that responds to the requests of connections.
pub trait App: Send + Sync + 'static {
    /// Responds to the requests of one connection. Each request has a
    /// [`Caller`](rustls_ext::http::server::Caller).
    type Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static;

    /// Reads the policy file, and what else this application needs with the policy; for every load
    /// and reload.
    ///
    /// # Errors
    /// If a file cannot be used.
    fn load(&self, files: &mut Files, policy_file: Option<&Path>) -> Result<Loaded, LoadError> {
        setup::policy_only(files, policy_file)
    }

    /// The command of the command line, for `rext_build_info`.
    fn command(&self) -> &'static str {
        "serve"
    }

    /// Receives the loaded setup, before the first connection.
    fn started(&self, _: &Live) {}

    /// Learns that the server stops: it accepts no more connections, and ends the open ones.
    fn stopping(&self) {}

    /// Checks that the policy is suitable for this application.
    ///
    /// # Errors
    /// If the policy is not suitable.
    fn check(&self, _: &Policy) -> Result<(), Failure> {
        Ok(())
    }

    /// Returns how many connections it opens itself, at most, besides those of clients. Called after
    /// `started()`.
    fn connections(&self) -> usize {
        0
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
    observe::start(&args.observe, app.command()).await?;
    let log = AccessLog::open(&args.access_log)?;
    let app = Arc::new(app);
    let tickets = TicketSource::of(&args.tickets)?;
    let live = setup::load(args, tickets.clone(), app.clone())?;
    app.started(&live);
    tickets.begin().await;
    tokio::spawn(tickets.follow());
    let (listener, udp) = http3::bind(args).await?;
    let reloads = Reloads::new(args.end_unverified);
    let (on_signal, on_change) = (reloads.clone(), reloads.clone());
    tokio::spawn(setup::reload_on_signal(live.clone(), move || on_signal.announce())?);
    if let Some(every) = args.watch {
        let report = move |loaded| setup::report(loaded, || on_change.announce());
        tokio::spawn(watch(live.clone(), every, report));
    }
    let addr = listener.local_addr()?;
    let alt_svc = AltSvc::new(args.alt_svc_port, addr);
    let connections = Connections::new(log.clone());
    let own_connections = app.connections();
    let server = Server::new(args, live, app, reloads, connections, alt_svc.clone());
    let options = args.serve_options();
    let http3 =
        udp.map(|udp| Http3::new(&server, udp, alt_svc, listener.phase(), options.max_connections));
    let http3 = http3.transpose()?;
    listener.announce()?;
    info!(%addr, http3 = http3.is_some(), policy = ?args.policy, policy_file = ?args.policy_file,
        "serving");
    descriptors::check(options.max_connections, 1, own_connections);
    let connection = move |client: Client, phase| {
        let server = server.clone();
        let span = debug_span!("connection", peer = %client.peer, transport = "tcp");
        // A task is moved several times when it begins.
        Box::pin(async move { server.connection(client, phase).await }.instrument(span))
    };
    let tcp = listener.serve(options, connection);
    let served = match http3 {
        // HTTP/3 first, so that all responses offer it from the first one on.
        Some(http3) => tokio::join!(http3.serve(args.drain_timeout), tcp).0,
        None => {
            tcp.await;
            Ok(())
        }
    };
    if let Some(log) = log {
        log.finish().await;
    }
    served
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
    connections: Connections,
    alt_svc: AltSvc,
}

impl<A: App> Server<A> {
    fn new(
        args: &ServerArgs,
        live: Live,
        app: Arc<A>,
        reloads: Reloads,
        connections: Connections,
        alt_svc: AltSvc,
    ) -> Arc<Self> {
        let limits = TimeLimits {
            head: args.handshake_timeout,
            idle: args.idle_timeout,
            max_age: args.max_connection_age,
        };
        let acceptor = Acceptor::from_live(live.clone()).with_handshake_timeout(limits.head);
        let memory = Memory::new(mib(args.memory));
        let shares = Shares::of(mib(args.connection_memory));
        Arc::new(Self {
            app,
            live,
            acceptor,
            limits,
            memory,
            shares,
            reloads,
            connections,
            alt_svc,
        })
    }

    async fn connection(&self, client: Client, mut phase: PhaseReceiver) {
        let Client { tcp, peer, .. } = client;
        let _open = Open::connection("tcp");
        let _ = tcp.set_nodelay(true);
        let budget = match Budget::open(&self.memory, self.shares) {
            Ok(budget) => budget,
            Err(exhausted) => {
                connection_refused("memory");
                return warn!(%peer, reason = %exhausted, "connection refused");
            }
        };
        let reloads = self.reloads.since_now();
        // The state of a handshake is large. It is no part of the connection's task, which would be
        // moved when it begins, and have room for it to its end.
        let accepting = Box::pin(self.acceptor.accept_and_report(tcp, peer));
        let (stream, report) = tokio::select! {
            accepted = accepting => match accepted {
                (Ok(stream), report) => (stream, report),
                (Err(err), report) => return log_refusal(peer, &err, &report),
            },
            () = phase.stopping() => return,
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
                .with_budget(budget.clone())
                .with_observer(self.connections.connection(&info));
        let unverified = reloads.unverified(info.clone(), self.live.clone(), peer);
        let alt_svc = self.alt_svc.clone();
        let connection = Connection { io, is_h2, peer, requests, budget, alt_svc };
        let mut stopping = phase.clone();
        let begun = connection.begin(self.limits, phase);
        let mut served = pin!(begun.serve(unverified));
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = stopping.stopping() => {
                self.app.stopping();
                served.await
            }
        };
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
    let reason = connection.client_auth().and_then(|auth| auth.refusal()).map(explain);
    info!("{}", connected(info, report, reason.as_deref()));
}

/// The log line of a connection. It looks as if its values were fields of the event. Each connection has
/// one, and the formatting of each field would cost as much as half of this line. `reason` is why the
/// certificate was refused.
fn connected(info: &DebugInfo, report: &AcceptReport, reason: Option<&str>) -> String {
    // Enough for most, so that it is allocated once.
    let mut line = String::with_capacity(256);
    let resumed = if info.resumed { "true" } else { "false" };
    for part in [
        "connected peer=",
        &info.peer_text,
        " tls_version=",
        &info.tls_version,
        " resumed=",
        resumed,
    ] {
        line.push_str(part);
    }
    let (subject, sha256) = refused(report);
    for (name, value) in [
        ("server_name", report.server_name.as_deref()),
        ("decision", Some(info.decision)),
        ("scope", report.scope.as_deref()),
        ("status", Some(info.status)),
        ("verified_subject", info.verified_subject.as_deref()),
        ("refused_subject", subject.as_deref()),
        ("refused_sha256", sha256.as_deref()),
        ("reason", reason),
    ] {
        if let Some(value) = value {
            push_field(&mut line, name, value);
        }
    }
    line
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
    let mut reason = with_causes(err);
    if let AcceptError::OtherProtocol(protocol, _) = err {
        reason.push_str(proxy_protocol::hint(*protocol));
    }
    warn!(%peer, alert, from, server_name = report.server_name, scope = report.scope, subject,
        sha256, reason, "handshake failed");
}

/// Subject and SHA-256 fingerprint of the certificate that was refused.
fn refused(report: &AcceptReport) -> (Option<String>, Option<String>) {
    let certificate = report.refused.as_ref();
    (certificate.map(subject_of), certificate.map(|der| Fingerprint::sha256(der).to_string()))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use rustls_ext::rustls::Error;
    use rustls_ext::tokio::OtherProtocol;

    use super::*;

    /// The log line for this refusal, without its time.
    fn line(err: &AcceptError, report: &AcceptReport) -> String {
        let peer = "192.0.2.7:5".parse().unwrap();
        logged(|| log_refusal(peer, err, report))
    }

    /// What is logged, without the time and the end of the line.
    fn logged(log_it: impl FnOnce()) -> String {
        crate::log::tests::logged(true, log_it).trim().to_owned()
    }

    #[test]
    fn the_line_of_a_connection_looks_like_an_event_with_fields() {
        let mut report = AcceptReport::default();
        let mut info = DebugInfo {
            protocol: "".into(),
            tls_version: "TLSv1.3".into(),
            resumed: true,
            offered_by: "none",
            origins: vec![],
            flags_received: vec![],
            decision: "none",
            status: "not_asked",
            verified_subject: None,
            acknowledged: false,
            scope: None,
            peer: "192.0.2.7:5".parse().unwrap(),
            peer_text: "192.0.2.7:5".into(),
        };
        for reason in [None, Some("it has \x1b[31mexpired\nINFO forged \"=\u{202e}".to_owned())] {
            let (subject, sha256) = refused(&report);
            let with_fields = logged(|| {
                info!(peer = %info.peer, tls_version = %info.tls_version, resumed = info.resumed,
                    server_name = report.server_name, decision = info.decision,
                    scope = report.scope, status = info.status,
                    verified_subject = info.verified_subject, refused_subject = subject,
                    refused_sha256 = sha256, reason, "connected");
            });
            let ours = logged(|| info!("{}", connected(&info, &report, reason.as_deref())));
            assert_eq!(ours, with_fields);
            // All fields, with text that a peer can choose.
            report.server_name = Some("www.example".into());
            report.scope = Some("agents \"\n".into());
            report.refused = Some(vec![0x30, 0].into());
            info.verified_subject = Some("CN=\x1b]0;\u{7}\u{9b}x\\".into());
        }
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
                 not read; switch it off at the load balancer, or name its address in \
                 --proxy-protocol-from\"",
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
