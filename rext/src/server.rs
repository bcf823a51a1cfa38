//! A server of HTTP/1.1 and HTTP/2 under a policy, which `rext serve` and `rext gateway` share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::IntoResponse;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_ext::alert_name;
use rustls_ext::http::Fingerprint;
use rustls_ext::http::server::{CallerLayer, Denied, ServerStream};
use rustls_ext::rustls::{AlertDescription, ServerConnection};
use rustls_ext::tokio::{AcceptError, AcceptReport, Acceptor, watch};
use rustls_ext::{Files, Live, LoadError, Policy, explain, subject_of, with_causes};
use tokio::net::TcpStream;
use tokio::sync::watch as signal;
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt};
use tracing::{debug, info, warn};

use crate::debug_info::DebugInfo;
use crate::listener::Listener;
use crate::{alerts, tls};
use command_line::Failure;

mod activity;
mod args;
mod serving;
mod setup;
mod timed;
mod tunnel;

use activity::{Activity, CloseReason};
pub use args::{GroupName, PolicyName, ServerArgs};
use framing::Framing;
use serving::Serving;
pub use setup::Loaded;
pub use timed::Stalled;
use timed::timed;
use tunnel::EndTunnels;
pub(crate) use tunnel::{Tunnel, TunnelEnd, Tunnels};

/// The maximum number of open connections; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// The maximum number of concurrent requests on an HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// The maximum size of a request's head, in bytes.
const MAX_HEAD: u32 = 64 * 1024;
/// How often the server pings an idle HTTP/2 client.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

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
    let live = setup::load(args, app.clone())?;
    app.started(&live);
    let listener = Listener::bind(args.listen).await?;
    tokio::spawn(setup::reload_on_signal(live.clone())?);
    if let Some(every) = args.watch {
        tokio::spawn(watch(live.clone(), every, setup::report));
    }
    let addr = listener.announce()?;
    info!(%addr, policy = ?args.policy, policy_file = ?args.policy_file, "serving");
    let server = Server::new(args, live, app);
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
    handshake_timeout: Duration,
    idle: Duration,
    max_age: Option<Duration>,
}

impl<A: App> Server<A> {
    fn new(args: &ServerArgs, live: Live, app: Arc<A>) -> Arc<Self> {
        let handshake_timeout = args.handshake_timeout;
        let acceptor = Acceptor::from_live(live.clone()).with_handshake_timeout(handshake_timeout);
        let (idle, max_age) = (args.idle_timeout, args.max_connection_age);
        Arc::new(Self { app, live, acceptor, handshake_timeout, idle, max_age })
    }

    async fn connection(&self, tcp: TcpStream, peer: SocketAddr, mut stop: signal::Receiver<()>) {
        let _ = tcp.set_nodelay(true);
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
        let service = self.app.service(&debug_info);
        let (stream, info) = ServerStream::new(stream, peer, &self.live);
        let secondary = info.clone();
        let service = CallerLayer::new(self.live.clone()).with_connection(info).layer(service);

        let (io, heads) = Framing::new(stream, !is_h2);
        let activity = Activity::new();
        let (idle, shared) = (self.idle, activity.clone());
        let tunnels = EndTunnels(Tunnels::new(&activity, idle));
        let opens_tunnels = tunnels.0.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (underway, activity) = (shared.begin(), shared.clone());
            let mut request = request.map(|body| timed(body, idle, &activity, None));
            request.extensions_mut().insert(opens_tunnels.clone());
            let (host, server_name) = (host(&request), report.server_name.clone());
            let ambiguous = heads.next_is_ambiguous();
            let service = service.clone();
            async move {
                let mut response = if ambiguous {
                    framing::refuse(request).await
                } else {
                    service.oneshot(request).await?
                };
                // The layer's response has an empty body.
                let denied = response.extensions().get::<Denied>().cloned();
                if let Some(denied) = denied.filter(|_| response.body().is_end_stream()) {
                    let status = denied.status().as_u16();
                    info!(%peer, status, host, server_name, reason = denied.to_string(),
                        "request refused");
                    response = denied.into_response();
                }
                Ok::<_, Infallible>(
                    response.map(|body| timed(body, idle, &activity, Some(underway))),
                )
            }
        });
        let mut expired = pin!(expired(self.max_age));
        // The handshake has negotiated the protocol, so it need not be guessed.
        let io = TokioIo::new(io);
        let mut served: Pin<Box<dyn Serving + Send>> = if is_h2 {
            Box::pin(self.http2().serve_connection(io, service))
        } else {
            Box::pin(self.http1().serve_connection(io, service).with_upgrades())
        };
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = served.as_mut() => {
                    if let Some(err) = secondary.secondary_error() {
                        warn!(%peer, reason = %err, "connection ended: the client broke a rule of certificates \
                            on open connections");
                    } else if let Err(err) = ended {
                        debug!(%peer, err = %with_causes(&err), "connection failed");
                    }
                    // An HTTP/1.1 connection may have become a tunnel, which has its own idle timeout.
                    tokio::select! {
                        () = tunnels.0.closed() => return,
                        () = &mut expired, if !stopping => {}
                    }
                    debug!(%peer, "connection reached its maximum age");
                    tunnels.0.end();
                    return tunnels.0.closed().await;
                }
                _ = stop.changed(), if !stopping => {
                    stopping = true;
                    self.app.stopping();
                    served.as_mut().shut_down();
                }
                () = &mut expired, if !stopping => {
                    debug!(%peer, "connection reached its maximum age");
                    stopping = true;
                    tunnels.0.end();
                    served.as_mut().shut_down();
                }
                () = activity.stalled(self.idle), if stopping => {
                    return warn!(%peer, "connection did not end: no data was read or written for {:?}",
                        2 * self.idle);
                }
                reason = activity.close_reason(self.handshake_timeout, self.idle), if !stopping => match reason {
                    CloseReason::NoRequest => return warn!(%peer, "no request within {:?}", self.handshake_timeout),
                    CloseReason::Stalled => {
                        return warn!(%peer, "no data was read or written for {:?}", self.idle);
                    }
                    CloseReason::Idle => {
                        debug!(%peer, "no further request within {:?}", self.idle);
                        stopping = true;
                        served.as_mut().shut_down();
                    }
                },
            }
        }
    }
}

impl<A> Server<A> {
    fn http1(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.handshake_timeout)
            .max_buf_size(MAX_HEAD as usize);
        http
    }

    fn http2(&self) -> http2::Builder<TokioExecutor> {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .max_header_list_size(MAX_HEAD)
            .max_concurrent_streams(MAX_STREAMS)
            // WebSocket (RFC 8441). Applications refuse other protocols.
            .enable_connect_protocol();
        http
    }
}

/// Returns when a connection that begins now has reached its maximum age, if there is one.
///
/// It returns up to a tenth earlier, at random, so that clients that connect together do not all
/// reconnect together.
async fn expired(max_age: Option<Duration>) {
    match max_age {
        Some(age) => sleep(age.mul_f64(1.0 - 0.1 * fastrand::f64())).await,
        None => std::future::pending().await,
    }
}

/// The host that a request is for, as its client wrote it.
fn host<B>(request: &Request<B>) -> Option<String> {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    authority.or_else(|| {
        let line = request.headers().get(header::HOST)?;
        Some(String::from_utf8_lossy(line.as_bytes()).into_owned())
    })
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
