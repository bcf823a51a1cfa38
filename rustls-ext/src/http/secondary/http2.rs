//! The filter of an HTTP/2 connection, between TLS and an unmodified HTTP/2 library.
//!
//! | what this side reads | |
//! |---|---|
//! | heads of frames | looked at, to find the frames below and the ends of header blocks; the first bytes of a head that is not complete are held back, since it may be the head of one of our frames |
//! | SETTINGS | looked at: [`Exchange::setting`] and the limit of the [`Outbox`] |
//! | our two frames | taken out: the head for [`Exchange::head`], then the payload for [`Exchange::frame`] |
//! | everything else | read into the library's buffer and left there; it moves to the left if one of our frames was before it in the same read |
//! | the end, or an error | [`Exchange::closed`] |
//!
//! | what this side writes | |
//! |---|---|
//! | preface and first SETTINGS | copied whole, and written with our setting as the last one; an acknowledgement is for all settings of a frame, so the library does not notice |
//! | frames of the [`Outbox`] | written before the library's next frame that is not in a header block |
//! | everything else | written from the library's buffers, all at once; as long as a frame of the outbox waits, at most to the end of a frame |
//!
//! A frame of the outbox is written before an acknowledgement of SETTINGS that arrived after it was
//! queued, so a peer that lowers its limit still accepts it.
//!
//! # Idle connections
//! While the library waits for its peer, it does not write. So each poll keeps its waker in the
//! outbox, which wakes the library's task. h2 flushes at the end of each poll, which writes the
//! frame.
//!
//! # How a connection ends after an error
//! GOAWAY has the last stream that was processed, which only the library knows. So the filter makes
//! the library refuse what it reads next:
//!
//! | the library is | it reads | and sends |
//! |---|---|---|
//! | between two frames, also in a header block | a DATA frame on stream 0 | PROTOCOL_ERROR |
//! | inside a frame, the rest of which may never come | the error of its own decoder for a frame that is too long | FRAME_SIZE_ERROR |
//!
//! If [`ConnectionError::http2_code`] is another one, the filter changes it in the GOAWAY that the
//! library writes. The second row depends on how h2 is built, and the tests check it: if h2 did not
//! know the error, it would close the connection without GOAWAY.

mod head;
mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use self::incoming::{End, Incoming, Peer};
use self::outgoing::Outgoing;
use super::{ConnectionError, Exchange, Frame, HttpCodePoints, Outbox};
use crate::wire::authenticator::Endpoint;

/// A filter between TLS and an HTTP/2 library, which adds secondary certificates to the connection.
///
/// The library needs no change: it neither sees the frames of this extension, nor that its own
/// SETTINGS have one setting more. Use it for connections on which ALPN chose `h2`. If the
/// [`Exchange`] announces 0, nothing is changed, and exchange and outbox are closed at once.
///
/// One task must drive both directions, as h2 and hyper do: the task that polled last is woken when
/// the [`Outbox`] has something to send.
///
/// # Errors
/// A [`ConnectionError`] of the exchange or of the outbox ends the connection. The library sends
/// GOAWAY with [`http2_code`](ConnectionError::http2_code), and reports an error of its own;
/// [`Outbox::error`] returns the reason. After that, nothing of the peer reaches the library. A
/// write fails with [`io::ErrorKind::InvalidInput`] if the library does not begin with SETTINGS.
///
/// # Example
/// A server of hyper:
///
/// ```no_run
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// use http::{Request, Response};
/// use hyper::body::Incoming;
/// use hyper::service::service_fn;
/// use hyper_util::rt::{TokioExecutor, TokioIo};
/// use rustls_ext::http::secondary::{Exchange, Http2Filter, HttpCodePoints, Outbox};
/// use rustls_ext::wire::authenticator::Endpoint;
/// use tokio::io::{AsyncRead, AsyncWrite};
///
/// /// `exchange` sends its frames by `outbox`.
/// async fn serve<IO>(tls: IO, exchange: Arc<dyn Exchange>, outbox: Outbox) -> hyper::Result<()>
/// where
///     IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
/// {
///     let numbers = HttpCodePoints::DEFAULT;
///     let filter = Http2Filter::new(tls, Endpoint::Server, numbers, exchange, outbox.clone());
///     let service = service_fn(|_: Request<Incoming>| async {
///         Ok::<_, Infallible>(Response::new(String::from("hello")))
///     });
///     let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
///     let result = server.serve_connection(TokioIo::new(filter), service).await;
///     if let Some(error) = outbox.error() {
///         eprintln!("the connection ended: {error}");
///     }
///     result
/// }
/// ```
pub struct Http2Filter<IO> {
    io: IO,
    /// `None` if nothing is changed.
    state: Option<Box<State>>,
}

/// All but the stream.
///
/// Each connection has this, even if it never sends a frame, so it is small.
struct State {
    incoming: Incoming,
    outgoing: Outgoing,
    exchange: Arc<dyn Exchange>,
    outbox: Outbox,
    /// The waker that the outbox has. To compare it takes less time than to lock the outbox.
    waker: Option<Waker>,
}

impl<IO> Http2Filter<IO> {
    /// Makes the filter of a connection on which nothing has been sent or received after the TLS
    /// handshake. `endpoint` is this side.
    pub fn new(
        io: IO,
        endpoint: Endpoint,
        code_points: HttpCodePoints,
        exchange: Arc<dyn Exchange>,
        outbox: Outbox,
    ) -> Self {
        let announces = exchange.announces();
        if announces == 0 {
            outbox.close();
            exchange.closed();
            return Self::passing(io);
        }
        let ([a, b], [c, d, e, f]) = (code_points.setting().to_be_bytes(), announces.to_be_bytes());
        let state = State {
            incoming: Incoming::new(endpoint, code_points),
            outgoing: Outgoing::new(endpoint, [a, b, c, d, e, f]),
            exchange,
            outbox,
            waker: None,
        };
        Self { io, state: Some(Box::new(state)) }
    }

    /// A filter that changes nothing.
    pub(in crate::http) fn passing(io: IO) -> Self {
        Self { io, state: None }
    }

    /// Returns the stream below.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }
}

impl<IO: fmt::Debug> fmt::Debug for Http2Filter<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Http2Filter");
        let code_points = self.state.as_ref().map(|state| state.incoming.code_points());
        output.field("io", &self.io).field("code_points", &code_points);
        output.finish_non_exhaustive()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Http2Filter<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, state } = self.get_mut();
        let mut io = Pin::new(io);
        let state = match state {
            Some(state) if buf.remaining() > 0 => state,
            _ => return io.poll_read(cx, buf),
        };
        state.register(cx);
        loop {
            state.check_outbox();
            if let Some(octets) = state.incoming.give(buf.remaining()) {
                buf.put_slice(octets);
                return Poll::Ready(Ok(()));
            }
            match state.incoming.end() {
                Some(End::BetweenFrames) => return Poll::Ready(Ok(())),
                Some(End::WithinFrame) => return Poll::Ready(Err(frame_error())),
                None => {}
            }
            if let Some(rest) = state.incoming.rest_of_head() {
                let mut rest = ReadBuf::new(rest);
                let result = ready!(io.as_mut().poll_read(cx, &mut rest));
                let read = rest.filled().len();
                if state.is_over(&result, read) {
                    state.incoming.end_of_file();
                    result?;
                } else {
                    let result = state.head_continues(read);
                    state.fail_on(result);
                }
                continue;
            }
            let before = buf.filled().len();
            let result = ready!(io.as_mut().poll_read(cx, buf));
            let read = buf.filled_mut().get_mut(before..).unwrap_or_default();
            if state.is_over(&result, read.len()) {
                return Poll::Ready(result);
            }
            let (kept, result) = state.scan(read);
            buf.set_filled(before + kept);
            state.fail_on(result);
            // Nothing would mean the end of the stream.
            if kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Http2Filter<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { io, state } = self.get_mut();
        if let Some(state) = state {
            state.register(cx);
            ready!(state.poll_own(io, cx))?;
            let next = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            if let Some(taken) = state.outgoing.take(next)? {
                // If these octets cannot be written now, they are written at the next call.
                let _: Poll<()> = state.outgoing.poll_own(io, cx)?;
                return Poll::Ready(Ok(taken));
            }
            if state.outbox.is_pending() {
                // One frame at a time, to stop after it.
                let end = state.outgoing.frame_end(next);
                let next = next.get(..end).unwrap_or(next);
                let written = ready!(Pin::new(io).poll_write(cx, next))?;
                state.outgoing.wrote(next.get(..written).unwrap_or(next));
                return Poll::Ready(Ok(written));
            }
        }
        let written = match bufs {
            [buf] => ready!(Pin::new(io).poll_write(cx, buf))?,
            _ => ready!(Pin::new(io).poll_write_vectored(cx, bufs))?,
        };
        if let Some(state) = state {
            let mut left = written;
            for buf in bufs {
                let octets = buf.get(..left).unwrap_or(buf);
                state.outgoing.wrote(octets);
                left -= octets.len();
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, state } = self.get_mut();
        if let Some(state) = state {
            state.register(cx);
            ready!(state.poll_own(io, cx))?;
        }
        Pin::new(io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, state } = self.get_mut();
        if let Some(state) = state {
            state.register(cx);
            ready!(state.poll_own(io, cx))?;
            state.outgoing.release();
            ready!(state.outgoing.poll_own(io, cx))?;
            state.close();
        }
        Pin::new(io).poll_shutdown(cx)
    }
}

impl State {
    /// The task of `cx` is woken if the outbox has something to do.
    fn register(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            self.outbox.register(cx);
        }
    }

    /// Ends the connection if the outbox has an error.
    fn check_outbox(&mut self) {
        if self.incoming.end().is_some() || !self.outbox.is_pending() {
            return;
        }
        if let Some(error) = self.outbox.error() {
            self.fail(&error);
        }
    }

    /// Writes what the filter has to write, and the frames that wait, if they can stand here.
    fn poll_own<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.outgoing.poll_own(io, cx))?;
        if self.outbox.is_pending() && self.outgoing.is_between_frames() {
            let code_points = self.incoming.code_points();
            for (frame, payload) in self.outbox.take() {
                let kind = match frame {
                    Frame::AuthenticatorRequests => code_points.authenticator_requests(),
                    Frame::Certificate => code_points.certificate(),
                };
                self.outgoing.put(kind, &payload);
            }
            ready!(self.outgoing.poll_own(io, cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn scan(&mut self, data: &mut [u8]) -> (usize, Result<(), ConnectionError>) {
        let Self { exchange, outbox, incoming, .. } = self;
        incoming.scan(data, Peer { exchange: &**exchange, outbox })
    }

    fn head_continues(&mut self, octets: usize) -> Result<(), ConnectionError> {
        let Self { exchange, outbox, incoming, .. } = self;
        incoming.head_continues(octets, Peer { exchange: &**exchange, outbox })
    }

    fn fail_on(&mut self, result: Result<(), ConnectionError>) {
        if let Err(error) = result {
            self.fail(&error);
            self.outbox.fail(error);
        }
    }

    /// Ends the connection. The HTTP/2 library sends GOAWAY, whose error code the filter changes if
    /// it is not that of `error`.
    fn fail(&mut self, error: &ConnectionError) {
        let code = match self.incoming.fail() {
            End::BetweenFrames => head::PROTOCOL_ERROR,
            End::WithinFrame => head::FRAME_SIZE_ERROR,
        };
        if code != error.http2_code() {
            self.outgoing.set_go_away(error.http2_code());
        }
    }

    /// Returns true if nothing more can be read.
    fn is_over(&mut self, result: &io::Result<()>, read: usize) -> bool {
        let over = result.is_err() || read == 0;
        if over {
            self.close();
        }
        over
    }

    fn close(&mut self) {
        if self.outbox.close() {
            self.exchange.closed();
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}

/// The error with which h2's decoder of frames refuses a frame that is too long. After an error of
/// any other kind, h2 would close the connection without GOAWAY.
fn frame_error() -> io::Error {
    let mut decoder = LengthDelimitedCodec::builder().max_frame_length(0).new_codec();
    let refused = decoder.decode(&mut BytesMut::from(&[0, 0, 0, 1][..]));
    refused.err().unwrap_or_else(|| io::ErrorKind::InvalidData.into())
}
