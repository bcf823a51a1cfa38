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

use super::{AcceptError, Acceptor, TlsStream};
use crate::ByOffer;

/// A TCP listener that returns connections with completed TLS handshakes, each under the decision
/// of its [`ByOffer`].
///
/// Handshakes run concurrently, so that a slow client does not delay others. Each has a deadline,
/// and their number is limited; further clients wait in the operating system's queue. If a
/// handshake fails, the client gets an alert if one can be sent, and the failure is reported to
/// [`on_refusal`](Self::on_refusal). It is not an error of the listener.
///
/// It implements the listener trait of `axum::serve` (feature `axum`), with
/// [`ConnectionInfo`](super::ConnectionInfo) for `into_make_service_with_connect_info`. Other servers
/// call its [`accept()`](Self::accept) in a loop.
///
/// When the listener is dropped, as by the graceful shutdown of `axum::serve`, unfinished
/// handshakes are aborted: these connections have carried no requests yet.
pub struct Listener {
    tcp: TcpListener,
    acceptor: Acceptor,
    most: usize,
    handshakes: JoinSet<Option<Accepted>>,
    on_refusal: Arc<OnRefusal>,
    /// No connection is accepted until then.
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
    /// Why the handshake failed.
    pub error: &'a AcceptError,
}

/// How long to wait after the system fails to accept a connection: it probably has no file
/// descriptors left, and some connections may end meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

impl Listener {
    /// The default limit for the number of concurrent handshakes.
    pub const DEFAULT_MAX_HANDSHAKES: usize = 256;

    /// Listens on this address, and accepts connections with `by_offer`.
    ///
    /// # Errors
    /// The errors of [`TcpListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs, by_offer: ByOffer) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(addr).await?, Acceptor::new(by_offer)))
    }

    /// Uses `acceptor` for the handshakes of the connections that `tcp` accepts.
    pub fn new(tcp: TcpListener, acceptor: Acceptor) -> Self {
        Self {
            tcp,
            acceptor,
            most: Self::DEFAULT_MAX_HANDSHAKES,
            handshakes: JoinSet::new(),
            on_refusal: Arc::new(|_| {}),
            pause: None,
        }
    }

    /// Limits the duration of a handshake. The default is
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

    /// Sets the callback for connections that are not accepted. It runs on the task of the
    /// handshake. The default does nothing.
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
            match acceptor.accept(tcp).await {
                Ok(stream) => Some((stream, peer)),
                Err(error) => {
                    on_refusal(RefusedConnection { peer, error: &error });
                    None
                }
            }
        });
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("tcp", &self.tcp)
            .field("most", &self.most)
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}

/// Returns true if only one connection failed, so that the next may be available at once.
fn is_of_one_connection(err: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(err.kind(), Kind::ConnectionAborted | Kind::ConnectionRefused | Kind::ConnectionReset)
}
