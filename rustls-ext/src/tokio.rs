//! An acceptor for tokio that asks a policy before the handshake goes on.
//!
//! What comes out is the stream of an unmodified `tokio-rustls`, for hyper, axum or whatever else
//! takes one.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{ClientAuthDecision, ClientAuthPolicy, ClientHello};
use rustls::{AlertDescription, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{Live, LoadError, Policy, Setup};

/// Why a policy could not decide. The connection is then closed: nobody is let in by accident.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Decides, for each connection, whether its client is asked for a certificate; may take its time.
pub trait AsyncPolicy: Send + Sync {
    /// Decide for the client at `peer` that sent `hello`.
    ///
    /// The TLS version is not chosen yet: `hello` shows an offer even where TLS 1.2 follows, in
    /// which it would not count (FLAGS-9).
    fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: SocketAddr,
    ) -> impl Future<Output = Result<ClientAuthDecision, BoxError>> + Send;
}

impl AsyncPolicy for Policy {
    async fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: SocketAddr,
    ) -> Result<ClientAuthDecision, BoxError> {
        Ok(self.decide(hello, Some(peer.ip())))
    }
}

impl<P: AsyncPolicy> AsyncPolicy for Arc<P> {
    fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: SocketAddr,
    ) -> impl Future<Output = Result<ClientAuthDecision, BoxError>> + Send {
        P::decide(self, hello, peer)
    }
}

/// What a [`ClientHello`] says, on its own feet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HelloInfo {
    /// The server name (RFC 6066), in lower case.
    pub server_name: Option<String>,
    /// The application protocols (RFC 7301), most wanted first.
    pub alpn: Vec<Vec<u8>>,
    /// Whether the client offers to authenticate.
    pub offered: bool,
    /// The distinguished names in `certificate_authorities` (RFC 8446 section 4.2.4), in DER.
    pub certificate_authorities: Vec<Vec<u8>>,
}

impl From<&ClientHello<'_>> for HelloInfo {
    fn from(hello: &ClientHello<'_>) -> Self {
        Self {
            server_name: hello.server_name().map(str::to_owned),
            alpn: hello.alpn().map(|list| list.map(<[u8]>::to_vec).collect()).unwrap_or_default(),
            offered: hello.offers_client_auth(),
            certificate_authorities: hello
                .certificate_authorities()
                .unwrap_or_default()
                .iter()
                .map(|name| name.as_ref().to_vec())
                .collect(),
        }
    }
}

/// A function as a policy.
///
/// ```
/// use rustls_ext::rustls::server::ClientAuthDecision;
/// use rustls_ext::tokio::policy_fn;
///
/// let nobody = policy_fn(|_hello, _peer| async { Ok(ClientAuthDecision::None) });
/// # let _ = nobody;
/// ```
pub fn policy_fn<F, Fut>(decide: F) -> PolicyFn<F>
where
    F: Fn(HelloInfo, SocketAddr) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ClientAuthDecision, BoxError>> + Send,
{
    PolicyFn(decide)
}

/// The policy that [`policy_fn`] makes.
#[derive(Clone, Debug)]
pub struct PolicyFn<F>(F);

impl<F, Fut> AsyncPolicy for PolicyFn<F>
where
    F: Fn(HelloInfo, SocketAddr) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ClientAuthDecision, BoxError>> + Send,
{
    fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: SocketAddr,
    ) -> impl Future<Output = Result<ClientAuthDecision, BoxError>> + Send {
        (self.0)(hello.into(), peer)
    }
}

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
    /// How long a handshake may take unless one says otherwise.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// Accept with `config`, and decide with `policy`.
    ///
    /// A policy in `config` itself is not asked.
    pub fn new(config: Arc<ServerConfig>, policy: P) -> Self {
        Self::live(Setup::new(config, policy).into())
    }

    /// Accept each connection under what is current at the time.
    pub fn live(live: Live<P>) -> Self {
        Self { live, handshake_timeout: Self::DEFAULT_HANDSHAKE_TIMEOUT }
    }

    /// Give a handshake this long, the policy's decision included.
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Accept the connection of the client at `peer`.
    ///
    /// When this fails, an alert that says why has been sent where one could be, and time been
    /// given for it to arrive; `io` is closed.
    ///
    /// # Errors
    /// See [`AcceptError`]. None of them says anything about other connections.
    pub async fn accept<IO>(&self, io: IO, peer: SocketAddr) -> Result<TlsStream<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Instant::now() + self.handshake_timeout;
        let late = |_| AcceptError::Timeout(self.handshake_timeout);

        let setup = self.live.current();

        let acceptor = rustls::server::Acceptor::default()
            .with_client_auth_code_points(setup.config().client_auth_code_points);
        let mut lazy = LazyConfigAcceptor::new(acceptor, io);
        let start = match timeout_at(deadline, &mut lazy).await.map_err(late)? {
            Ok(start) => start,
            Err(err) => {
                if let Some(io) = lazy.take_io() {
                    linger(io).await;
                }
                return Err(err.into());
            }
        };

        let hello = start.client_hello();
        let decided =
            timeout_at(deadline, setup.policy().decide(&hello, peer)).await.map_err(late)?;
        // What the policy could not decide goes through rustls, so that its client gets an alert.
        let (decision, failure) = match decided {
            Ok(decision) => (Some(decision), None),
            Err(err) => (None, Some(err)),
        };
        let mut config = ServerConfig::clone(setup.config());
        config.client_auth_policy = Some(Arc::new(Decided(decision)));

        let accept = start.into_stream(Arc::new(config)).into_fallible();
        match timeout_at(deadline, accept).await.map_err(late)? {
            Ok(stream) => Ok(stream),
            Err((err, io)) => {
                linger(io).await;
                Err(failure.map_or_else(|| err.into(), AcceptError::Policy))
            }
        }
    }
}

/// A decision that was made outside; `None` if that failed.
///
/// It cannot go stale: rustls refuses a second ClientHello that differs in what the policy saw.
#[derive(Debug)]
struct Decided(Option<ClientAuthDecision>);

impl ClientAuthPolicy for Decided {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, rustls::Error> {
        self.0.clone().ok_or_else(|| rustls::Error::General("the policy could not decide".into()))
    }
}

/// Loads `live` again whenever its files have changed, and says what came of that to `report`.
///
/// Looks every `every`, and loads when two looks in a row see the same change, so that files which
/// are just being written are left alone. Contents are compared, so it does not matter how files
/// are replaced, nor on which file system they are. What cannot be loaded is reported once, and
/// tried again when a file changes.
///
/// Never ends by itself. Files are read on tokio's threads for blocking work.
pub async fn watch<P: Send + Sync + 'static>(
    live: Live<P>,
    every: Duration,
    mut report: impl FnMut(Result<Arc<Setup<P>>, LoadError>),
) {
    let mut before = None;
    loop {
        sleep(every).await;
        let looking = live.clone();
        // It fails only if the runtime ends, or a load panics, which is not the end of the watch.
        let Ok(now) = spawn_blocking(move || looking.changes()).await else { continue };
        if now.is_none() || now != before {
            before = now;
            continue;
        }
        before = None;
        let loading = live.clone();
        report(match spawn_blocking(move || loading.reload()).await {
            Ok(loaded) => loaded,
            Err(panicked) => Err(panicked.into()),
        });
    }
}

/// Lets the peer read the alert that was sent.
///
/// Closing a socket with unread octets in it resets the connection, and the reset overtakes the
/// alert. So what the peer still sends is read, within limits, until it closes.
async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    const LIMIT: u64 = 256 * 1024;
    const TIME: Duration = Duration::from_secs(1);
    let _ = timeout(TIME, async {
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(LIMIT), &mut tokio::io::sink()).await
    })
    .await;
}

/// Why a connection was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The client said nothing, or too little, in this time.
    Timeout(Duration),
    /// The policy could not decide.
    Policy(BoxError),
    /// The handshake failed.
    Tls(rustls::Error),
    /// The connection failed.
    Io(io::Error),
}

impl AcceptError {
    /// The alert that the client sent, if that is what ended the handshake.
    pub fn alert_received(&self) -> Option<AlertDescription> {
        match self {
            Self::Tls(rustls::Error::AlertReceived(alert)) => Some(*alert),
            _ => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(err: io::Error) -> Self {
        match err.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => Self::Tls(tls.clone()),
            None => Self::Io(err),
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(time) => write!(f, "no complete handshake within {time:?}"),
            Self::Policy(err) => write!(f, "the policy could not decide: {err}"),
            Self::Tls(rustls::Error::AlertReceived(alert)) => {
                write!(f, "the client ended the handshake with alert {alert:?}")
            }
            Self::Tls(err) => write!(f, "refused: {err}"),
            Self::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the client hung up during the handshake")
            }
            Self::Io(err) => write!(f, "connection failed: {err}"),
        }
    }
}

impl StdError for AcceptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Timeout(_) => None,
            Self::Policy(err) => Some(&**err),
            Self::Tls(err) => Some(err),
            Self::Io(err) => Some(err),
        }
    }
}
