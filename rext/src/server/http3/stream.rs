use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use hyper::body::{Buf, Bytes};
use quinn::{ReadError, StoppedError, VarInt, WriteError};

use super::fate::Fate;
use super::frames::{Filter, Problem};
use super::transport::{Shared, of_connection, varint};

/// How much data h3 gets at a time at most, in bytes.
const CHUNK: usize = 64 * 1024;

/// The stream of a request.
pub(super) struct BidiStream {
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
}

/// A stream, or half of one, that the client sends.
pub(super) struct RecvStream {
    stream: quinn::RecvStream,
    id: StreamId,
    filter: Filter,
    ready: VecDeque<Bytes>,
    /// True if there is nothing more to read.
    ended: bool,
    shared: Arc<Shared>,
    /// `None` if it is not the stream of a request.
    fate: Option<Arc<Fate>>,
}

impl RecvStream {
    pub(super) fn new(
        stream: quinn::RecvStream,
        filter: Filter,
        shared: Arc<Shared>,
        fate: Option<Arc<Fate>>,
    ) -> Result<Self, ConnectionErrorIncoming> {
        let id = stream_id(stream.id())?;
        Ok(Self { stream, id, filter, ready: VecDeque::new(), ended: false, shared, fate })
    }

    fn read(&mut self, chunk: &Bytes) -> Result<(), StreamErrorIncoming> {
        let (shared, fate) = (&self.shared, &self.fate);
        let reserve = |length| {
            let (Some(fate), Ok(length)) = (fate, u32::try_from(length)) else { return true };
            let memory = shared.heads.clone().try_acquire_many_owned(length);
            memory.map(|memory| fate.keep(memory)).is_ok()
        };
        let read = self.filter.read(chunk, &mut self.ready, reserve);
        read.map_err(|problem| self.fail(problem))
    }

    fn fail(&self, problem: Problem) -> StreamErrorIncoming {
        match problem {
            Problem::Connection(code, reason) => self.shared.close(code, reason),
            Problem::NoMemory => StreamErrorIncoming::Unknown(
                "the heads of this connection's requests take too much memory".into(),
            ),
        }
    }
}

impl quic::RecvStream for RecvStream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Ok(Some(bytes)));
            }
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            // The future has no state that would be lost with it.
            let chunk = pin!(self.stream.read_chunk(CHUNK, true)).poll(cx);
            match ready!(chunk) {
                Ok(Some(chunk)) => self.read(&chunk.bytes)?,
                Ok(None) => {
                    self.ended = true;
                    self.filter.end().map_err(|problem| self.fail(problem))?;
                }
                Err(err) => {
                    self.ended = true;
                    return Poll::Ready(Err(read_error(err)));
                }
            }
        }
    }

    fn stop_sending(&mut self, code: u64) {
        self.ended = true;
        // It fails if there is nothing to stop any more.
        let _ = self.stream.stop(varint(code));
    }

    fn recv_id(&self) -> StreamId {
        self.id
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        if let Some(fate) = &self.fate {
            if !self.ended {
                quic::RecvStream::stop_sending(self, fate.clone().receive_code());
            }
            self.shared.take(self.id);
        }
    }
}

fn read_error(err: ReadError) -> StreamErrorIncoming {
    match err {
        ReadError::Reset(code) => {
            StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }
        }
        ReadError::ConnectionLost(err) => of_connection(err),
        err => StreamErrorIncoming::Unknown(Box::new(err)),
    }
}

type Delivered = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send>>;

/// A stream, or half of one, that this side sends.
pub(super) struct SendStream {
    stream: quinn::SendStream,
    id: StreamId,
    writing: Option<WriteBuf<Bytes>>,
    wrote: bool,
    end: End,
    /// `None` if it is not the stream of a request.
    fate: Option<Arc<Fate>>,
}

enum End {
    /// There may be more data.
    Open,
    /// Waiting until the client has received everything.
    Finished(Delivered),
    /// Everything is received, or the stream is reset.
    Closed,
}

impl SendStream {
    pub(super) fn new(
        stream: quinn::SendStream,
        fate: Option<Arc<Fate>>,
    ) -> Result<Self, ConnectionErrorIncoming> {
        let id = stream_id(stream.id())?;
        Ok(Self { stream, id, writing: None, wrote: false, end: End::Open, fate })
    }
}

impl quic::SendStream<Bytes> for SendStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        if let Some(data) = &mut self.writing {
            while data.has_remaining() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, data.chunk()));
                data.advance(written.map_err(write_error)?);
            }
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            let reason = "data is sent before the stream is ready";
            return Err(StreamErrorIncoming::Unknown(reason.into()));
        }
        self.wrote = true;
        if let Some(fate) = self.fate.as_ref().filter(|fate| !fate.has_begun()) {
            fate.answered_by_h3();
        }
        self.writing = Some(data.into());
        Ok(())
    }

    /// Ready when the client has received everything, so that the connection can be closed.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        loop {
            match &mut self.end {
                End::Open => {
                    if let Err(err) = self.stream.finish() {
                        return Poll::Ready(Err(StreamErrorIncoming::Unknown(Box::new(err))));
                    }
                    self.end = End::Finished(Box::pin(self.stream.stopped()));
                }
                End::Finished(delivered) => {
                    let delivered = ready!(delivered.as_mut().poll(cx));
                    self.end = End::Closed;
                    return Poll::Ready(match delivered {
                        Ok(None) => Ok(()),
                        Ok(Some(code)) => Err(terminated(code)),
                        Err(StoppedError::ConnectionLost(err)) => Err(of_connection(err)),
                        Err(err) => Err(StreamErrorIncoming::Unknown(Box::new(err))),
                    });
                }
                End::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    fn reset(&mut self, code: u64) {
        self.end = End::Closed;
        // It fails if the stream has ended already.
        let _ = self.stream.reset(varint(code));
    }

    fn send_id(&self) -> StreamId {
        self.id
    }
}

impl quic::SendStreamUnframed<Bytes> for SendStream {
    fn poll_send<D: Buf>(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut D,
    ) -> Poll<Result<usize, StreamErrorIncoming>> {
        ready!(quic::SendStream::poll_ready(self, cx))?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf.chunk()));
        let written = written.map_err(write_error)?;
        buf.advance(written);
        Poll::Ready(Ok(written))
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        let (Some(fate), End::Open) = (&self.fate, &self.end) else { return };
        if self.wrote && !fate.has_begun() {
            // The whole response of h3.
            let _ = self.stream.finish();
        } else {
            let code = fate.send_code();
            quic::SendStream::reset(self, code);
        }
    }
}

fn write_error(err: WriteError) -> StreamErrorIncoming {
    match err {
        WriteError::Stopped(code) => terminated(code),
        WriteError::ConnectionLost(err) => of_connection(err),
        err => StreamErrorIncoming::Unknown(Box::new(err)),
    }
}

fn terminated(code: VarInt) -> StreamErrorIncoming {
    StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }
}

/// Every identifier of QUIC is one of h3.
fn stream_id(id: quinn::StreamId) -> Result<StreamId, ConnectionErrorIncoming> {
    let too_large = |_| ConnectionErrorIncoming::InternalError("invalid stream identifier".into());
    StreamId::try_from(VarInt::from(id).into_inner()).map_err(too_large)
}

impl quic::RecvStream for BidiStream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.recv.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.recv.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.recv.recv_id()
    }
}

impl quic::SendStream<Bytes> for BidiStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

impl quic::BidiStream<Bytes> for BidiStream {
    type SendStream = SendStream;
    type RecvStream = RecvStream;

    fn split(self) -> (SendStream, RecvStream) {
        (self.send, self.recv)
    }
}
