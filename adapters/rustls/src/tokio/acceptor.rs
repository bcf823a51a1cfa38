use std::future::Future;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_ext_wire::{Alert, Answer, ClientHello, Scan};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::error::AcceptError;
use super::gate::{First, Gate};
use super::stream::TlsStream;
use super::watched::Watched;
use crate::client_auth::ClientAuth;
use crate::{ByOffer, Refusal};

/// Accepts TLS connections, and decides for each whether its client is asked for a certificate.
///
/// Clones share the [`ByOffer`], also when it is replaced.
#[derive(Clone, Debug)]
pub struct Acceptor {
    current: Arc<RwLock<Arc<ByOffer>>>,
    handshake_timeout: Duration,
}

impl Acceptor {
    /// The default limit for the duration of a handshake.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// Accepts connections with the configs and decisions of `by_offer`.
    pub fn new(by_offer: ByOffer) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(by_offer))),
            handshake_timeout: Self::DEFAULT_HANDSHAKE_TIMEOUT,
        }
    }

    /// Limits the duration of a handshake.
    ///
    /// `Duration::MAX` means no limit.
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Accepts new connections with `by_offer` from now on, in all clones of this acceptor.
    ///
    /// To keep the sessions of clients, use the session storage and the ticketer of the old config in
    /// the new one. Their certificates are verified by the new scopes when they resume.
    pub fn replace(&self, by_offer: ByOffer) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_offer);
    }

    /// Returns what new connections are accepted with.
    pub fn current(&self) -> Arc<ByOffer> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Accepts a connection.
    ///
    /// If this fails, an alert with the reason has been sent where one could be, with time for it
    /// to arrive; `io` is closed.
    ///
    /// # Errors
    /// See [`AcceptError`]. An error does not affect other connections.
    pub async fn accept<IO>(&self, mut io: IO) -> Result<TlsStream<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Deadline::after(self.handshake_timeout);
        let late = |_| AcceptError::Timeout(self.handshake_timeout);
        let by_offer = self.current();

        let begun = deadline.limit(begin(&by_offer, &mut io)).await.map_err(late)?;
        let Begun { auth, config, gate } = match begun {
            Ok(begun) => begun,
            Err(err) => return Err(refuse(io, err).await),
        };
        let accept = TlsAcceptor::from(config).accept(Watched::new(io, gate)).into_fallible();
        match deadline.limit(accept).await.map_err(late)? {
            Ok(tls) => Ok(TlsStream::new(tls, auth)),
            Err((err, watched)) => {
                let (io, refused) = watched.into_parts();
                let err = refused.map_or_else(|| err.into(), AcceptError::SecondHello);
                Err(refuse(io, err).await)
            }
        }
    }
}

/// A connection whose first ClientHello was decided on.
struct Begun {
    auth: ClientAuth,
    config: Arc<ServerConfig>,
    gate: Gate,
}

/// Reads the first ClientHello, and decides.
async fn begin<IO>(by_offer: &ByOffer, io: &mut IO) -> Result<Begun, AcceptError>
where
    IO: AsyncRead + Unpin,
{
    // As long as rustls' own limit.
    let mut scanner = by_offer.scan().scanner(vec![0; Scan::LONGEST]);
    let mut held = Vec::new();
    let (decided, length) = loop {
        held.reserve(2048);
        if io.read_buf(&mut held).await? == 0 {
            return Err(if held.is_empty() {
                AcceptError::Closed
            } else {
                io::Error::from(io::ErrorKind::UnexpectedEof).into()
            });
        }
        match scanner.peek(&held) {
            Answer::Hello { hello, length } => break (decide(by_offer, &hello), length),
            Answer::Incomplete { .. } => {}
            Answer::NotTls(what) => return Err(AcceptError::NotTls(what)),
            Answer::Malformed(error) => return Err(AcceptError::Refused(Refusal::Hello(error))),
        }
    };
    let (auth, config, first) = decided.map_err(AcceptError::Refused)?;
    Ok(Begun { auth, config, gate: Gate::new(first, scanner, held, length) })
}

fn decide(
    by_offer: &ByOffer,
    hello: &ClientHello<'_>,
) -> Result<(ClientAuth, Arc<ServerConfig>, First), Refusal> {
    let (auth, config) = by_offer.on_client_hello(hello.body())?;
    Ok((auth, config, First::of(by_offer, hello).map_err(Refusal::Offer)?))
}

/// Sends the alert that belongs to `err`, unless rustls has sent its own, and closes the connection.
async fn refuse<IO>(mut io: IO, err: AcceptError) -> AcceptError
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(alert) = err.alert() {
        // Nothing is encrypted before the last ClientHello is accepted.
        let _ = timeout(LINGER, io.write_all(&record(alert))).await;
    }
    linger(io).await;
    err
}

/// A fatal alert in a record of its own (RFC 8446 sections 5.1 and 6).
fn record(alert: Alert) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, alert.code()]
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
