use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::{AcceptError, AcceptReport, Acceptor, AsyncPolicy};
use crate::{Live, Policy};

/// A TCP listener that returns connections with completed TLS handshakes, each under the decision
/// of the policy.
///
/// Handshakes run concurrently, so that a slow client does not delay others. Each has a deadline,
/// and their number is limited; further clients wait in the operating system's queue. If a
/// handshake fails, the client gets an alert if one can be sent, and the failure is reported to
/// [`on_refusal`](Self::on_refusal), and with the feature `tracing` as an event. It is not an error
/// of the listener.
///
/// It implements the listener trait of `axum::serve` (features `axum` and `tokio`), and then also
/// requests certificates on open connections, if the policy has rules for that. Other servers call
/// its [`accept()`](Self::accept) in a loop, and wrap what it returns in a
/// `http::server::ServerStream` for that.
///
#[cfg_attr(feature = "axum", doc = "```no_run")]
#[cfg_attr(not(feature = "axum"), doc = "```text")]
/// use std::io;
///
/// use axum::{Router, routing::get};
/// use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
/// use rustls_ext::{Live, tokio::Listener};
///
/// async fn serve(live: Live) -> io::Result<()> {
///     let app = Router::new()
///         .route("/reports", get(|| async { "for agents" }).layer(RequireScope::new("agents")))
///         .layer(CallerLayer::new(live.clone()));
///     let listener = Listener::bind("[::]:443", live).await?;
///     axum::serve(listener, app.into_make_service_with_connect_info::<ConnectionInfo>()).await
/// }
/// ```
///
/// When the listener is dropped, as by the graceful shutdown of `axum::serve`, unfinished
/// handshakes are aborted: these connections have carried no requests yet.
pub struct Listener<P = Policy> {
    tcp: TcpListener,
    acceptor: Acceptor<P>,
    most: usize,
    handshakes: JoinSet<Option<Accepted>>,
    on_refusal: Arc<OnRefusal>,
    /// No connection is accepted until then.
    pause: Option<Pin<Box<Sleep>>>,
    #[cfg(feature = "axum")]
    options: crate::http::secondary::ServerOptions,
    /// The rules for open connections, which all connections share.
    #[cfg(feature = "axum")]
    hosts: std::sync::OnceLock<Arc<dyn crate::http::server::HostPolicy>>,
}

type Accepted = (TlsStream<TcpStream>, SocketAddr);
type OnRefusal = dyn Fn(RefusedConnection<'_>) + Send + Sync;

/// A connection that was not accepted, for a log or a counter.
#[derive(Debug)]
#[non_exhaustive]
pub struct RefusedConnection<'a> {
    /// The client's address.
    pub peer: SocketAddr,
    /// Why the handshake failed; [`with_causes`](crate::with_causes) makes a line of it.
    pub error: &'a AcceptError,
    /// Other facts about the connection.
    pub report: &'a AcceptReport,
}

/// How long to wait after the system fails to accept a connection: it probably has no file
/// descriptors left, and some connections may end meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

impl<P: AsyncPolicy + 'static> Listener<P> {
    /// The default limit for the number of concurrent handshakes.
    pub const DEFAULT_MAX_HANDSHAKES: usize = 256;

    /// Listens on this address, and accepts each connection under the setup that is current at the
    /// time.
    ///
    /// # Errors
    /// The errors of [`TcpListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs, live: impl Into<Live<P>>) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(addr).await?, Acceptor::from_live(live.into())))
    }

    /// Uses `acceptor` for the handshakes of the connections that `tcp` accepts.
    pub fn new(tcp: TcpListener, acceptor: Acceptor<P>) -> Self {
        Self {
            tcp,
            acceptor,
            most: Self::DEFAULT_MAX_HANDSHAKES,
            handshakes: JoinSet::new(),
            on_refusal: Arc::new(trace),
            pause: None,
            #[cfg(feature = "axum")]
            options: crate::http::secondary::ServerOptions::default(),
            #[cfg(feature = "axum")]
            hosts: std::sync::OnceLock::new(),
        }
    }

    /// Sets the limits for certificates that `axum::serve` requests on open connections.
    #[cfg(feature = "axum")]
    pub fn with_post_handshake_options(
        mut self,
        options: crate::http::secondary::ServerOptions,
    ) -> Self {
        self.options = options;
        self
    }

    #[cfg(feature = "axum")]
    pub(crate) fn hosts(
        &self,
        make: impl FnOnce(&Live<P>) -> Arc<dyn crate::http::server::HostPolicy>,
    ) -> Arc<dyn crate::http::server::HostPolicy> {
        self.hosts.get_or_init(|| make(self.live())).clone()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn post_handshake_options(&self) -> &crate::http::secondary::ServerOptions {
        &self.options
    }

    #[cfg(feature = "axum")]
    pub(crate) fn live(&self) -> &Live<P> {
        self.acceptor.live()
    }

    /// Limits the duration of a handshake, including the policy's decision. The default is
    /// [`Acceptor::DEFAULT_HANDSHAKE_TIMEOUT`].
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.acceptor = self.acceptor.with_handshake_timeout(timeout);
        self
    }

    /// Limits the number of concurrent handshakes; the minimum is one. The default is
    /// [`DEFAULT_MAX_HANDSHAKES`](Self::DEFAULT_MAX_HANDSHAKES).
    pub fn with_max_handshakes(mut self, most: usize) -> Self {
        self.most = most.max(1);
        self
    }

    /// Sets the callback for connections that are not accepted, in place of the default. It runs on
    /// the task of the handshake.
    ///
    /// ```
    /// use rustls_ext::{tokio::Listener, with_causes};
    ///
    /// fn logging(listener: Listener) -> Listener {
    ///     listener.on_refusal(|it| eprintln!("{}: {}", it.peer, with_causes(it.error)))
    /// }
    /// ```
    ///
    /// The default does nothing; with the feature `tracing`, it emits an event at level `INFO` with
    /// the fields `peer`, `server_name`, `scope` and `error`.
    pub fn on_refusal(
        mut self,
        call: impl Fn(RefusedConnection<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_refusal = Arc::new(call);
        self
    }

    /// Returns the local address.
    ///
    /// # Errors
    /// The errors of [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Returns the next connection whose handshake is complete, and its client's address.
    ///
    /// Handshakes begin only while a call of this method is waiting. Dropping the future does not
    /// lose any.
    pub async fn accept(&mut self) -> (TlsStream<TcpStream>, SocketAddr) {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted> {
        loop {
            match self.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Some(connection)))) => return Poll::Ready(connection),
                // A handshake that failed, or whose callback panicked.
                Poll::Ready(Some(_)) => continue,
                Poll::Ready(None) | Poll::Pending => {}
            }
            // The end of a handshake wakes this task.
            if self.handshakes.len() >= self.most {
                return Poll::Pending;
            }
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            match self.tcp.poll_accept(cx) {
                Poll::Ready(Ok((tcp, peer))) => self.begin(tcp, peer),
                Poll::Ready(Err(err)) if is_of_one_connection(&err) => {}
                Poll::Ready(Err(_)) => self.pause = Some(Box::pin(sleep(PAUSE))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn begin(&mut self, tcp: TcpStream, peer: SocketAddr) {
        let (acceptor, on_refusal) = (self.acceptor.clone(), self.on_refusal.clone());
        self.handshakes.spawn(async move {
            // Without it, small responses wait for acknowledgements. A failure does not matter.
            let _ = tcp.set_nodelay(true);
            match acceptor.accept_and_report(tcp, peer).await {
                (Ok(stream), _) => Some((stream, peer)),
                (Err(error), report) => {
                    on_refusal(RefusedConnection { peer, error: &error, report: &report });
                    None
                }
            }
        });
    }
}

impl<P> fmt::Debug for Listener<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("tcp", &self.tcp)
            .field("most", &self.most)
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}

/// The default callback for a connection that is not accepted.
fn trace(refused: RefusedConnection<'_>) {
    #[cfg(feature = "tracing")]
    tracing::info!(
        peer = %refused.peer,
        server_name = refused.report.server_name,
        scope = refused.report.scope,
        error = crate::with_causes(refused.error),
        "connection refused"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = refused;
}

/// Returns true if only one connection failed, so that the next may be available at once.
fn is_of_one_connection(err: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(err.kind(), Kind::ConnectionAborted | Kind::ConnectionRefused | Kind::ConnectionReset)
}
