use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};
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
        let (mut report, observer) = (AcceptReport::default(), Observer::default());
        let mut handshake = Handshake::over_tcp();
        let peer = peer.into();
        let span = HandshakeSpan::new(peer);
        let accepting = self.accept_observed(io, peer, &mut report, &observer);
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
        observer: &Observer,
    ) -> Result<TlsStream<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Deadline::after(self.handshake_timeout);
        let late = |_| AcceptError::Timeout(self.handshake_timeout);

        let setup = self.live.current();

        let acceptor = rustls::server::Acceptor::default();
        let mut lazy = LazyConfigAcceptor::new(acceptor, Beginning::of(io));
        let mut start = match deadline.limit(&mut lazy).await.map_err(late)? {
            Ok(start) => StartHandshake::from_parts(start.accepted, start.io.into_inner()),
            Err(err) => {
                let mut err = err.into();
                if let Some(io) = lazy.take_io() {
                    err = io.explain(err);
                    linger(io).await;
                }
                return Err(err);
            }
        };

        // The version comes first: it decides whether flags count at all (FLAGS-9).
        start.accepted.with_config(setup.config());
        let hello = start.client_hello();
        report.server_name = hello.server_name().map(str::to_owned);
        let decided = match deadline.limit(setup.policy().decide(&hello, peer)).await {
            Ok(decided) => decided,
            Err(_) => Err(PolicyTimeout(self.handshake_timeout).into()),
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

        let accept = start.into_stream(setup.config().clone()).into_fallible();
        // The remaining time may be too short for the alert.
        let deadline = match failure {
            Some(_) => Deadline::after(LINGER),
            None => deadline,
        };
        match (deadline.limit(accept).await.map_err(late), failure) {
            (Ok(Ok(stream)), None) => Ok(stream),
            (Ok(Err((err, io))), failure) => {
                linger(io).await;
                Err(failure.map_or_else(|| err.into(), AcceptError::Policy))
            }
            // A connection is never accepted without a decision.
            (Ok(Ok(_)) | Err(_), Some(failure)) => Err(AcceptError::Policy(failure)),
            (Err(late), None) => Err(late),
        }
    }
}

/// A deadline; none if it is later than the clock can represent.
#[derive(Clone, Copy, Debug)]
struct Deadline(Option<Instant>);

impl Deadline {
    fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    async fn limit<F: Future>(self, future: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            Some(deadline) => timeout_at(deadline, future).await,
            None => Ok(future.await),
        }
    }
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
