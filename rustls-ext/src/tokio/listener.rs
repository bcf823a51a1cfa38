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

/// A TCP listener whose connections come with their TLS handshakes done, each under the decision of
/// the policy.
///
/// Handshakes run side by side, so that a slow client holds up nobody else. Each has a deadline, and
/// there are at most so many at a time; the operating system keeps further clients waiting. A client
/// whose handshake fails got an alert where one could be sent, and is reported to
/// [`on_refusal`](Self::on_refusal), and with the feature `tracing` as an event; it is no error of the
/// listener's.
///
/// It is a listener for `axum::serve` (features `axum` and `tokio`), and its
/// [`accept()`](Self::accept) serves any other loop:
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
/// When it is dropped, as by the graceful shutdown of `axum::serve`, handshakes that are not done
/// are given up: nothing has been asked on these connections.
pub struct Listener<P = Policy> {
    tcp: TcpListener,
    acceptor: Acceptor<P>,
    most: usize,
    handshakes: JoinSet<Option<Accepted>>,
    on_refusal: Arc<OnRefusal>,
    /// Until when no connection is accepted.
    pause: Option<Pin<Box<Sleep>>>,
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
    /// What else is known of it.
    pub report: &'a AcceptReport,
}

/// How long to wait where the system gives no connection: it has no descriptors left, most likely,
/// and some connections may end.
const PAUSE: Duration = Duration::from_millis(100);

impl<P: AsyncPolicy + 'static> Listener<P> {
    /// How many handshakes there may be at a time unless one says otherwise.
    pub const DEFAULT_MAX_HANDSHAKES: usize = 256;

    /// Listen there, and accept each connection under what is current at the time.
    ///
    /// # Errors
    /// Those of [`TcpListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs, live: impl Into<Live<P>>) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(addr).await?, Acceptor::from_live(live.into())))
    }

    /// Have this acceptor do the handshakes of what `tcp` accepts.
    pub fn new(tcp: TcpListener, acceptor: Acceptor<P>) -> Self {
        Self {
            tcp,
            acceptor,
            most: Self::DEFAULT_MAX_HANDSHAKES,
            handshakes: JoinSet::new(),
            on_refusal: Arc::new(trace),
            pause: None,
        }
    }

    /// Give a handshake this long, the policy's decision included. The default is
    /// [`Acceptor::DEFAULT_HANDSHAKE_TIMEOUT`].
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.acceptor = self.acceptor.with_handshake_timeout(timeout);
        self
    }

    /// Have at most so many handshakes at a time, and at least one. The default is
    /// [`DEFAULT_MAX_HANDSHAKES`](Self::DEFAULT_MAX_HANDSHAKES).
    pub fn with_max_handshakes(mut self, most: usize) -> Self {
        self.most = most.max(1);
        self
    }

    /// Call this for each connection that is not accepted, in place of the default. It runs on the
    /// task of the handshake.
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

    /// Where it listens.
    ///
    /// # Errors
    /// Those of [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection whose handshake is complete, and its client's address.
    ///
    /// Handshakes begin only while somebody waits here. To drop the future loses none of them.
    pub async fn accept(&mut self) -> (TlsStream<TcpStream>, SocketAddr) {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted> {
        loop {
            match self.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Some(connection)))) => return Poll::Ready(connection),
                // One that failed, or whose callback panicked.
                Poll::Ready(Some(_)) => continue,
                Poll::Ready(None) | Poll::Pending => {}
            }
            // One that ends wakes this up.
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
            // Without it, small answers wait for acknowledgements. It does not matter if it fails.
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

/// What is done with a connection that is not accepted, unless the user says otherwise.
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

/// Whether it is the connection that failed, and the next may be there already.
fn is_of_one_connection(err: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(err.kind(), Kind::ConnectionAborted | Kind::ConnectionRefused | Kind::ConnectionReset)
}
