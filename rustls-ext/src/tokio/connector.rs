use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::refusal::Refusal;
use super::stream::ClientStream;
use super::transport::Transport;
use crate::tls_error;

/// Connects to TLS servers, and distinguishes refusals, including late ones, from other failures.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use rustls_ext::rustls::ClientConfig;
/// use rustls_ext::tokio::{Connector, Refusal};
/// use rustls_ext::with_causes;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// async fn time_of_day(config: Arc<ClientConfig>) -> std::io::Result<String> {
///     let tcp = tokio::net::TcpStream::connect("time.example.com:443").await?;
///     let name = "time.example.com".try_into().expect("a DNS name");
///     let mut stream = Connector::new(config).connect(name, tcp).await?;
///     let mut answer = String::new();
///     stream.write_all(b"now?\n").await?;
///     stream.read_to_string(&mut answer).await?;
///     Ok(answer)
/// }
///
/// # async fn example(config: Arc<ClientConfig>) {
/// if let Err(err) = time_of_day(config).await {
///     match Refusal::in_chain(&err) {
///         Some(refusal) if refusal.is_about_certificate() => eprintln!("renew it: {refusal}"),
///         _ => eprintln!("try again later: {}", with_causes(&err)),
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    alpn: Option<Vec<Vec<u8>>>,
    alert_timeout: Duration,
}

impl Connector {
    /// The default limit for waiting for a server's last alert.
    pub const DEFAULT_ALERT_TIMEOUT: Duration = Duration::from_secs(1);

    /// Connects with `config`.
    pub fn new(config: Arc<ClientConfig>) -> Self {
        Self { config, alpn: None, alert_timeout: Self::DEFAULT_ALERT_TIMEOUT }
    }

    /// Offers these application protocols (RFC 7301) instead of those of the config.
    pub fn with_alpn(mut self, protocols: Vec<Vec<u8>>) -> Self {
        self.alpn = Some(protocols);
        self
    }

    /// Sets how long to wait for an alert with the reason, after writing has failed.
    ///
    /// With TCP this wait is not needed: the alert has arrived by then, or never will. Other
    /// transports may lose one direction before the other.
    pub fn with_alert_timeout(mut self, timeout: Duration) -> Self {
        self.alert_timeout = timeout;
        self
    }

    /// Connects to the server `name` over `io`.
    ///
    /// There is no time limit: use [`tokio::time::timeout`]. On failure, `io` is closed; pass
    /// `&mut io` to keep it.
    ///
    /// # Errors
    /// A [`Refusal`] if the server sent an alert; a [`rustls::Error`] for any other fault in the
    /// data that the server sent, and for a `name` that cannot be used; otherwise the error of
    /// `io`. Under TLS 1.2 a server checks the client's certificate within the handshake, so no
    /// refusal is late there. A handshake that breaks off is not reported as a likely refusal.
    pub async fn connect<IO>(
        &self,
        name: ServerName<'static>,
        io: IO,
    ) -> io::Result<ClientStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.connect_with(name, io, |_| ()).await
    }

    /// Connects like [`connect()`](Self::connect), after `prepare` has changed the connection.
    ///
    /// `prepare` can write 0-RTT data with [`ClientConnection::early_data`]. The data is sent with
    /// the ClientHello. [`ClientConnection::is_early_data_accepted`] of the stream tells whether
    /// the server accepted it; if not, send it again.
    ///
    /// # Errors
    /// As for [`Connector::connect`].
    pub async fn connect_with<IO>(
        &self,
        name: ServerName<'static>,
        io: IO,
        prepare: impl FnOnce(&mut ClientConnection),
    ) -> io::Result<ClientStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let io = Transport::new(io, self.alert_timeout);
        let connector = TlsConnector::from(self.config.clone());
        let connect = match &self.alpn {
            None => connector.connect_with(name, io, prepare),
            Some(alpn) => connector.with_alpn(alpn.clone()).connect_with(name, io, prepare),
        };
        let mut stream = ClientStream::new(connect.await.map_err(refused)?);
        // Bytes that did not reach the server must not count as sent.
        match stream.alert_if_write_failed().await {
            Some(err) => Err(err),
            None => Ok(stream),
        }
    }
}

impl From<Arc<ClientConfig>> for Connector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self::new(config)
    }
}

/// The error that ended a handshake, as a refusal if it is one.
fn refused(err: io::Error) -> io::Error {
    match tls_error(&err) {
        Some(Error::AlertReceived(alert)) => {
            io::Error::new(err.kind(), Refusal::new(*alert, false))
        }
        _ => err,
    }
}
