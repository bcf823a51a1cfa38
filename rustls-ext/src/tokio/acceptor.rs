use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::beginning::Beginning;
use super::error::AcceptError;
use super::policy::AsyncPolicy;
use super::report::{AcceptReport, Observer};
use super::span::HandshakeSpan;
use crate::record::Handshake;
use crate::{Live, Policy, Setup};

/// Accepts TLS connections, each under the decision of an [`AsyncPolicy`].
#[derive(Debug)]
pub struct Acceptor<P = Policy> {
    live: Live<P>,
    handshake_timeout: Duration,
}

impl<P> Clone for Acceptor<P> {
    fn clone(&self) -> Self {
        Self { live: self.live.clone(), handshake_timeout: self.handshake_timeout }
    }
}

impl<P: AsyncPolicy> Acceptor<P> {
    /// The default limit for the duration of a handshake.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// Accepts connections with `config`, and decides with `policy`.
    ///
    /// A policy in `config` itself is not used.
    pub fn new(config: Arc<ServerConfig>, policy: P) -> Self {
        Self::from_live(Setup::new(config, policy).into())
    }

    /// Accepts each connection under the setup that is current at the time.
    pub fn from_live(live: Live<P>) -> Self {
        Self { live, handshake_timeout: Self::DEFAULT_HANDSHAKE_TIMEOUT }
    }

    #[cfg(feature = "axum")]
    pub(super) fn live(&self) -> &Live<P> {
        &self.live
    }

    /// Limits the duration of a handshake, including the policy's decision.
    ///
    /// `Duration::MAX` means no limit.
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Accepts the connection of the client at `peer`; `None` if it has no address, for example
    /// over a Unix domain socket. If the policy has rules on addresses, connections without an
    /// address are refused.
    ///
    /// If this fails, an alert with the reason has been sent where one could be, with time for it
    /// to arrive; `io` is closed.
    ///
    /// # Errors
    /// See [`AcceptError`]. An error does not affect other connections.
    pub async fn accept<IO>(
        &self,
        io: IO,
        peer: impl Into<Option<SocketAddr>>,
    ) -> Result<TlsStream<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_and_report(io, peer).await.0
    }

    /// Accepts like [`accept()`](Self::accept), and also returns data for a log: the server name
    /// and the scope of the connection, and the certificate that was refused, even if the handshake
    /// continued without it.
    ///
    /// With the feature `tracing`, the handshake is in the span `handshake` of the level `DEBUG`, with the
    /// fields `peer`, `server_name`, `scope` and `error`.
    ///
    /// # Errors
    /// As for [`accept()`](Self::accept).
    pub async fn accept_and_report<IO>(
        &self,
        io: IO,
        peer: impl Into<Option<SocketAddr>>,
    ) -> (Result<TlsStream<IO>, AcceptError>, AcceptReport)
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut report, mut observer) = (AcceptReport::default(), Observer::default());
        let mut handshake = Handshake::over_tcp();
        let peer = peer.into();
        let span = HandshakeSpan::new(peer);
        let accepting = self.accept_observed(io, peer, &mut report, &mut observer);
        let accepted = span.around(accepting).await;
        span.ended(accepted.as_ref().err(), &report);
        let refusal = match &accepted {
            Ok(stream) => stream.get_ref().1.client_auth().and_then(|auth| auth.refusal()),
            Err(AcceptError::Tls(error)) => Some(error),
            Err(_) => None,
        };
        report.refused = refusal.and_then(|error| observer.refused(error));
        match &accepted {
            Ok(stream) => {
                let tls = stream.get_ref().1;
                let resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
                handshake.accepted(tls.client_auth(), tls.protocol_version(), resumed);
            }
            Err(error) => handshake.not_accepted(error, report.scope.as_deref()),
        }
        (accepted, report)
    }

    async fn accept_observed<IO>(
        &self,
        io: IO,
        peer: Option<SocketAddr>,
        report: &mut AcceptReport,
        observer: &mut Observer,
    ) -> Result<TlsStream<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        // One timer for all steps: most of them have to wait.
        let mut timeout = pin!(timer(self.handshake_timeout));
        let late = |Late| AcceptError::Timeout(self.handshake_timeout);

        let setup = self.live.current();
        // In blocks, so that the state of one step needs no memory in the next one.
        let (mut accept, failure) = {
            let mut start = hello(io, timeout.as_mut()).await.map_err(late)??;

            // The version comes first: it decides whether flags count at all (FLAGS-9).
            start.accepted.with_config(setup.config());
            let decided = {
                let hello = start.client_hello();
                report.server_name = hello.server_name().map(str::to_owned);
                limit(timeout.as_mut(), pin!(setup.policy().decide(&hello, peer))).await
            };
            let decided = match decided {
                Ok(decided) => decided,
                Err(Late) => Err(PolicyTimeout(self.handshake_timeout).into()),
            };
            // If the policy fails, the failure goes through rustls, so that the client gets an alert.
            let (decision, failure) = match decided {
                Ok(decision) => {
                    report.scope = decision.demand().map(|demand| demand.scope().to_owned());
                    (Ok(observer.observe(decision)), None)
                }
                Err(err) => {
                    let error = rustls::Error::General("the policy failed".into());
                    (Err(error), Some(err))
                }
            };
            start.accepted.decide(decision);
            (start.into_stream(setup.config().clone()).into_fallible(), failure)
        };
        // The remaining time may be too short for the alert.
        if failure.is_some() {
            timeout.set(timer(LINGER));
        }
        // Not in one match: what is matched on would be kept while the connection lingers.
        let (err, io) = match limit(timeout, Pin::new(&mut accept)).await {
            Ok(Err(failed)) => failed,
            // A connection is never accepted without a decision.
            Ok(Ok(stream)) => return failure.map_or(Ok(stream), |it| Err(AcceptError::Policy(it))),
            Err(over) => return Err(failure.map_or_else(|| late(over), AcceptError::Policy)),
        };
        linger(io).await;
        Err(failure.map_or_else(|| err.into(), AcceptError::Policy))
    }
}

/// Reads the ClientHello.
async fn hello<IO>(
    io: IO,
    timeout: Pin<&mut Option<Sleep>>,
) -> Result<Result<StartHandshake<IO>, AcceptError>, Late>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let acceptor = rustls::server::Acceptor::default();
    let mut lazy = LazyConfigAcceptor::new(acceptor, Beginning::of(io));
    let err = match limit(timeout, Pin::new(&mut lazy)).await? {
        Ok(start) => {
            let io = start.io.into_inner();
            return Ok(Ok(StartHandshake::from_parts(start.accepted, io)));
        }
        Err(err) => err,
    };
    let mut err = err.into();
    if let Some(io) = lazy.take_io() {
        err = io.explain(err);
        linger(io).await;
    }
    Ok(Err(err))
}

/// The deadline has passed.
struct Late;

/// A timer that several futures use in turn; none if it would end later than the clock can represent.
fn timer(time: Duration) -> Option<Sleep> {
    Instant::now().checked_add(time).map(sleep_until)
}

/// Waits for `future`, which takes precedence if it is ready when the time is over.
fn limit<F: Future>(
    mut timer: Pin<&mut Option<Sleep>>,
    mut future: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, Late>> {
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let Some(timer) = timer.as_mut().as_pin_mut() else { return Poll::Pending };
        // A future that has used up the task's budget does not stop the timer.
        pin!(unconstrained(timer)).poll(cx).map(|()| Err(Late))
    })
}

/// The policy took longer than the limit for the whole handshake.
#[derive(Debug)]
struct PolicyTimeout(Duration);

impl fmt::Display for PolicyTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no decision within the handshake timeout of {:?}", self.0)
    }
}

impl StdError for PolicyTimeout {}

/// How long to wait for the peer after the last data, such as an alert.
const LINGER: Duration = Duration::from_secs(1);

/// Closes a connection so that the peer can read the last data, such as an alert.
///
/// Closing a socket that has unread bytes resets the connection, and the reset overtakes the data
/// that was sent. So this closes the writing side, and reads until the peer closes its side, too:
/// for at most one second and 256 KiB.
pub async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    const LIMIT: u64 = 256 * 1024;
    let _ = timeout(LINGER, async {
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(LIMIT), &mut tokio::io::sink()).await
    })
    .await;
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    fn size_of_future<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_state_of_a_handshake_is_not_kept_for_several_steps_at_once() {
        let size = size_of_future(|(acceptor, io): (&'static Acceptor, TcpStream)| {
            acceptor.accept_and_report(io, None)
        });
        let connection = size_of::<TlsStream<TcpStream>>();
        assert!(size < 4 * connection, "{size} bytes, for a connection of {connection}");
    }
}
