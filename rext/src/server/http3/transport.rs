//! quinn's connections for h3.
//!
//! h3-quinn is not used, since a request cannot be cancelled in order with it: its receiving half
//! panics in `stop_sending` while a read is pending; a half that is dropped tells the peer nothing,
//! or code 0, or that the message is complete; and there is no way to learn that the peer has
//! received all data, or that it does not want it any more. This transport has the [`Filter`] for
//! frames, too.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId};
use hyper::body::Bytes;
use quinn::{ConnectionError, VarInt};
use tokio::sync::Semaphore;

use super::fate::Fate;
use super::frames::Filter;
use super::stream::{BidiStream, RecvStream, SendStream};

type Accepting<T> = Pin<Box<dyn Future<Output = Result<T, ConnectionError>> + Send>>;

/// What the streams of a connection share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) connection: quinn::Connection,
    /// The memory for the heads of requests that have not arrived completely.
    pub(super) heads: Arc<Semaphore>,
    /// The requests that h3 has not resolved yet.
    requests: Mutex<HashMap<StreamId, Arc<Fate>>>,
}

impl Shared {
    /// The heads of requests take so many bytes together at most, until they are complete.
    pub(super) fn new(connection: quinn::Connection, heads: usize) -> Arc<Self> {
        let heads = Arc::new(Semaphore::new(heads));
        Arc::new(Self { connection, heads, requests: Mutex::default() })
    }

    /// Closes the connection, and returns the error for h3.
    pub(super) fn close(&self, code: Code, reason: &'static str) -> StreamErrorIncoming {
        self.connection.close(varint(code.value()), reason.as_bytes());
        let connection_error = ConnectionErrorIncoming::Undefined(Arc::new(Closed(code, reason)));
        StreamErrorIncoming::ConnectionErrorIncoming { connection_error }
    }

    /// Takes the fate of a request out.
    pub(super) fn take(&self, id: StreamId) -> Option<Arc<Fate>> {
        self.requests().remove(&id)
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<StreamId, Arc<Fate>>> {
        // Nothing can panic while this is locked.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why this side closed the connection.
#[derive(Debug)]
struct Closed(Code, &'static str);

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "closed with {}: {}", self.0, self.1)
    }
}

impl std::error::Error for Closed {}

/// A connection of quinn.
pub(super) struct Transport {
    shared: Arc<Shared>,
    requests: Accepting<(quinn::SendStream, quinn::RecvStream)>,
    unidirectional: Accepting<quinn::RecvStream>,
    opener: Opener,
}

impl Transport {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            requests: accept_bi(&shared.connection),
            unidirectional: accept_uni(&shared.connection),
            opener: Opener::new(shared.clone()),
            shared,
        }
    }
}

fn accept_bi(connection: &quinn::Connection) -> Accepting<(quinn::SendStream, quinn::RecvStream)> {
    let connection = connection.clone();
    Box::pin(async move { connection.accept_bi().await })
}

fn accept_uni(connection: &quinn::Connection) -> Accepting<quinn::RecvStream> {
    let connection = connection.clone();
    Box::pin(async move { connection.accept_uni().await })
}

impl quic::Connection<Bytes> for Transport {
    type RecvStream = RecvStream;
    type OpenStreams = Opener;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RecvStream, ConnectionErrorIncoming>> {
        let accepted = ready!(self.unidirectional.as_mut().poll(cx));
        self.unidirectional = accept_uni(&self.shared.connection);
        let stream = accepted.map_err(connection_error)?;
        let filter = Filter::unidirectional();
        Poll::Ready(RecvStream::new(stream, filter, self.shared.clone(), None))
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BidiStream, ConnectionErrorIncoming>> {
        let accepted = ready!(self.requests.as_mut().poll(cx));
        self.requests = accept_bi(&self.shared.connection);
        let (send, recv) = accepted.map_err(connection_error)?;
        let fate = Fate::of(&send);
        let (shared, filter) = (self.shared.clone(), Filter::request());
        let stream = BidiStream {
            recv: RecvStream::new(recv, filter, shared, Some(fate.clone()))?,
            send: SendStream::new(send, Some(fate.clone()))?,
        };
        self.shared.requests().insert(quic::RecvStream::recv_id(&stream), fate);
        Poll::Ready(Ok(stream))
    }

    fn opener(&self) -> Opener {
        Opener::new(self.shared.clone())
    }
}

impl quic::OpenStreams<Bytes> for Transport {
    type BidiStream = BidiStream;
    type SendStream = SendStream;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BidiStream, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<SendStream, StreamErrorIncoming>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.opener.close(code, reason);
    }
}

/// Opens the streams of the server: its control stream and those of QPACK.
pub(super) struct Opener {
    shared: Arc<Shared>,
    opening: Option<Accepting<quinn::SendStream>>,
}

impl Opener {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, opening: None }
    }
}

impl quic::OpenStreams<Bytes> for Opener {
    type BidiStream = BidiStream;
    type SendStream = SendStream;

    /// Fails: servers of HTTP/3 open no bidirectional streams (RFC 9114 section 6.1).
    fn poll_open_bidi(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<BidiStream, StreamErrorIncoming>> {
        let reason = "a server of HTTP/3 cannot open bidirectional streams";
        Poll::Ready(Err(StreamErrorIncoming::Unknown(reason.into())))
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<SendStream, StreamErrorIncoming>> {
        let opening = self.opening.get_or_insert_with(|| {
            let connection = self.shared.connection.clone();
            Box::pin(async move { connection.open_uni().await })
        });
        let opened = ready!(opening.as_mut().poll(cx));
        self.opening = None;
        let opened = opened.map_err(connection_error);
        let opened = opened.and_then(|stream| SendStream::new(stream, None));
        Poll::Ready(opened.map_err(|connection_error| {
            StreamErrorIncoming::ConnectionErrorIncoming { connection_error }
        }))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.shared.connection.close(varint(code.value()), reason);
    }
}

/// The code for quinn.
pub(super) fn varint(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

/// The error of a stream whose connection has ended.
pub(super) fn of_connection(err: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: connection_error(err) }
}

fn connection_error(err: ConnectionError) -> ConnectionErrorIncoming {
    match err {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        err => ConnectionErrorIncoming::Undefined(Arc::new(err)),
    }
}
