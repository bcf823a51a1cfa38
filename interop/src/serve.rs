//! `interop serve`: HTTP under a policy, for as long as it is wanted.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls_ext::Live;
use rustls_ext::tokio::{AcceptError, Acceptor, watch};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::cli::ServeArgs;
use crate::debug_info::DebugInfo;
use crate::{Failure, alerts, emit, tls};

mod setup;

/// How many connections there may be at a time; others wait to be accepted.
const MOST_CONNECTIONS: usize = 1024;
/// How long connections may take to end when the server is told to.
const DRAIN: Duration = Duration::from_secs(5);
/// How often an idle HTTP/2 client must show that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Do what `interop serve` says, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Nothing that a client does is an error.
pub async fn run(args: &ServeArgs) -> Result<(), Failure> {
    let live = setup::load(args)?;
    let cannot =
        |err| Failure::option("--listen", args.listen, format_args!("cannot listen there: {err}"));
    let listener = TcpListener::bind(args.listen).await.map_err(cannot)?;
    let stop = stop_signal()?;
    tokio::spawn(setup::reload_on_signal(live.clone())?);
    if let Some(every) = args.watch {
        tokio::spawn(watch(live.clone(), every, setup::report));
    }
    let addr = listener.local_addr().map_err(cannot)?;
    emit(format!("listening on {addr}\n"));
    info!(%addr, policy = ?args.policy, policy_file = ?args.policy_file, "serving");
    let server = Server::new(live, args.handshake_timeout);
    server.run(listener, stop).await;
    Ok(())
}

/// A server, with all that its connections share.
struct Server {
    acceptor: Acceptor,
    patience: Duration,
}

impl Server {
    fn new(live: Live, patience: Duration) -> Arc<Self> {
        let acceptor = Acceptor::live(live).with_handshake_timeout(patience);
        Arc::new(Self { acceptor, patience })
    }

    /// Serve whom `listener` accepts, each on a task of its own, until `stop`; then drain.
    async fn run(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            match accepted {
                Ok((tcp, peer)) => {
                    let (server, watcher) = (self.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        server.connection(tcp, peer, watcher).await;
                        drop(place);
                    });
                }
                Err(err) => {
                    // Out of descriptors, most likely: let some connections end.
                    warn!(%err, "cannot accept");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        info!(connections = graceful.count(), "stopping");
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            warn!("some connections did not end in time");
        }
    }

    async fn connection(&self, tcp: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let _ = tcp.set_nodelay(true);
        let stream = match self.acceptor.accept(tcp, peer).await {
            Ok(stream) => stream,
            Err(err) => return log_refusal(peer, &err),
        };
        let connection = stream.get_ref().1;
        let info = DebugInfo::of(connection, peer);
        let is_h2 = connection.alpn_protocol() == Some(tls::H2);
        info!(%peer, tls_version = %info.tls_version, resumed = info.resumed,
            decision = info.decision, status = info.status,
            verified_subject = info.verified_subject, "connected");

        // The handshake has said which protocol it is, so it need not be guessed.
        let mut http = match is_h2 {
            true => auto::Builder::new(TokioExecutor::new()).http2_only(),
            false => auto::Builder::new(TokioExecutor::new()).http1_only(),
        };
        http.http1().timer(TokioTimer::new()).header_read_timeout(self.patience);
        http.http2().timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE);

        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn(|request| {
            asked.store(true, Ordering::Relaxed);
            std::future::ready(Ok::<_, Infallible>(answer(&info, &request)))
        });
        // Neither protocol has a limit of its own until the first octets are there.
        let silent = async {
            sleep(self.patience).await;
            if asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let served = http.serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            ended = watcher.watch(served) => if let Err(err) = ended {
                debug!(%peer, %err, "connection failed");
            },
            () = silent => warn!(%peer, "no request within {:?}", self.patience),
        }
    }
}

fn log_refusal(peer: SocketAddr, err: &AcceptError) {
    let (alert, from) = match err {
        AcceptError::Tls(tls) => match err.alert_received() {
            Some(alert) => (Some(alert), "client"),
            None => (alerts::sent_for(tls), "server"),
        },
        _ => (None, ""),
    };
    match alert {
        Some(alert) => {
            warn!(%peer, alert = %alerts::name(alert), from, reason = %err, "handshake failed");
        }
        None => warn!(%peer, reason = %err, "handshake failed"),
    }
}

fn answer(info: &DebugInfo, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => {
            (StatusCode::OK, "text/plain", "GET /debug tells what is known of you\n".into())
        }
        (&Method::GET | &Method::HEAD, "/debug") => {
            let info = DebugInfo { protocol: format!("{:?}", request.version()), ..info.clone() };
            match serde_json::to_string(&info) {
                Ok(json) => (StatusCode::OK, "application/json", json + "\n"),
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", String::new()),
            }
        }
        (_, "/" | "/debug") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".into()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "not found\n".into()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// Ends with the first Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |err| Failure::Failed(format!("cannot listen for signals: {err}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends with the first Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
