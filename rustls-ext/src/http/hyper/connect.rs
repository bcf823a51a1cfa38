use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use http::Uri;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tower_service::Service;

use super::activity::{Activity, Monitored};
use super::error::{BoxError, ConnectError};
use super::open::{Open, Secondary};
use super::replay::RequestBody;
use crate::authenticator::{Endpoint, Exporters};
use crate::http::client::{ClientIdentity, Limits, Origin, ResponseContext};
use crate::http::secondary::{ConnectionError, Http2Filter};
use crate::tokio::{ConnectionOutcome, Connector, Refusal};

/// The transport of TLS, or of HTTP without TLS.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Io>, BoxError>> + Send>>;

/// A connector of hyper-util of any type.
#[derive(Clone)]
pub(super) struct Connect(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>);

impl Connect {
    pub(super) fn new<C>(connector: C) -> Self
    where
        C: Service<Uri, Future: Send, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        C::Response: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        Self(Arc::new(move |uri| {
            let mut connector = connector.clone();
            Box::pin(async move {
                poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
                let io = connector.call(uri).await.map_err(Into::into)?;
                Ok(Box::new(TokioIo::new(io)) as Box<dyn Io>)
            })
        }))
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").finish_non_exhaustive()
    }
}

/// How the connections of a lane are made.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) connect: Connect,
    pub(super) origin: Origin,
    /// `None` for connections without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The identity with which the connections authenticate.
    pub(super) identity: Option<Arc<ClientIdentity>>,
    /// True if they present a certificate, which must not be sent unencrypted.
    pub(super) confidential: bool,
    /// How requests for certificates on open connections are answered, if they are.
    pub(super) secondary: Option<Arc<Secondary>>,
    pub(super) limits: Limits,
}

/// Sends requests on a connection.
pub(super) enum Sender<B> {
    Http1(http1::SendRequest<B>),
    Http2(http2::SendRequest<B>),
}

/// A connection.
pub(super) struct Connection<B> {
    pub(super) sender: Sender<B>,
    pub(super) about: Arc<About>,
}

/// ResponseContext about a connection.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) context: ResponseContext,
    /// How the connection ended at the TLS level, if it has.
    pub(super) outcome: ConnectionOutcome,
    /// Whether anything is received on it, over HTTP/2.
    pub(super) activity: Arc<Activity>,
    /// What was shown on the open connection, where something may be.
    pub(super) open: Option<Arc<Open>>,
}

impl About {
    /// Returns true if an identity was proved on a connection that was reserved for none.
    pub(super) fn has_moved(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.proved().is_some())
    }

    /// Why the client ended the connection, if it did.
    pub(super) fn error(&self) -> Option<ConnectionError> {
        self.open.as_ref()?.error()
    }
}

impl Recipe {
    pub(super) async fn connect<B: RequestBody>(&self) -> Result<Connection<B>, ConnectError> {
        let limit = self.limits.connect_timeout;
        timeout(limit, self.connect_without_timeout())
            .await
            .unwrap_or(Err(ConnectError::Timeout(limit)))
    }

    async fn connect_without_timeout<B: RequestBody>(&self) -> Result<Connection<B>, ConnectError> {
        // It was made from a URI.
        let uri = self.origin.to_string().parse::<Uri>();
        let uri = uri.map_err(|err| ConnectError::Transport(err.into()))?;
        let io = (self.connect.0)(uri).await.map_err(ConnectError::Transport)?;
        let Some(tls) = &self.tls else {
            return self.http1(io, About::default()).await;
        };
        let bad_name = || ConnectError::BadName(self.origin.host().into());
        let name = self.origin.server_name().ok_or_else(bad_name)?;
        let stream = Connector::new(tls.clone()).connect(name, io).await.map_err(|err| {
            match Refusal::in_chain(&err) {
                Some(refusal) => ConnectError::Refused(refusal.clone()),
                None => ConnectError::Tls(err),
            }
        })?;
        let connection = stream.get_ref().1;
        let tls_version = connection.protocol_version();
        if self.confidential && tls_version != Some(ProtocolVersion::TLSv1_3) {
            return Err(ConnectError::NotConfidential);
        }
        let status = connection.client_auth_status();
        let context = ResponseContext { status, tls_version, ..ResponseContext::default() };
        let is_http2 = connection.alpn_protocol() == Some(b"h2");
        let (outcome, activity) = (stream.outcome(), Arc::default());
        if !is_http2 {
            return self.http1(stream, About { context, outcome, activity, open: None }).await;
        }
        let open = self.open(connection);
        let stream = Monitored::new(stream, &activity);
        match open {
            None => self.http2(stream, About { context, outcome, activity, open: None }).await,
            Some((open, exporters)) => {
                let stream = Http2Filter::new(
                    stream,
                    Endpoint::Client,
                    open.code_points(),
                    open.exchange(exporters),
                    open.outbox().clone(),
                );
                let open = Some(open);
                self.http2(stream, About { context, outcome, activity, open }).await
            }
        }
    }

    /// The server may request certificates on this connection: it uses TLS 1.3, and an identity may
    /// be shown to the server.
    fn open(&self, connection: &ClientConnection) -> Option<(Arc<Open>, Exporters)> {
        let only = self.identity.as_ref();
        let secondary = self.secondary.as_ref()?;
        if !secondary.is_for(&self.origin, only.map(|only| &**only)) {
            return None;
        }
        let exporters = Exporters::for_sender(connection, Endpoint::Client).ok()?;
        Some((Open::new(secondary, &self.origin, only), exporters))
    }

    // The tasks of connections end when there are no more requests and all responses have been
    // read. Requests that wait for a response get the error of their task.

    async fn http2<B: RequestBody>(
        &self,
        io: impl Io + 'static,
        about: About,
    ) -> Result<Connection<B>, ConnectError> {
        let started = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.limits.keep_alive_interval)
            .keep_alive_timeout(self.limits.keep_alive_timeout)
            .handshake(TokioIo::new(io))
            .await;
        let (sender, connection) = started.map_err(|err| failed(&about, err))?;
        tokio::spawn(connection);
        Ok(Connection { sender: Sender::Http2(sender), about: Arc::new(about) })
    }

    async fn http1<B: RequestBody>(
        &self,
        io: impl Io + 'static,
        about: About,
    ) -> Result<Connection<B>, ConnectError> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(io)).await.map_err(|err| failed(&about, err))?;
        tokio::spawn(connection);
        // It is not ready before the task has run, and would be treated as busy. If it never becomes
        // ready, its first request gets the error.
        let _ = sender.ready().await;
        Ok(Connection { sender: Sender::Http1(sender), about: Arc::new(about) })
    }
}

fn failed(about: &About, err: hyper::Error) -> ConnectError {
    match about.outcome.refusal() {
        Some(refusal) => ConnectError::Refused(refusal.clone()),
        None => ConnectError::Http(err),
    }
}
