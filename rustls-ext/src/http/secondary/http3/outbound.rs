use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use h3::quic::{
    self, ConnectionErrorIncoming, SendStreamUnframed, StreamErrorIncoming, StreamId, WriteBuf,
};

use super::link::{Link, of_stream};
use super::settings::{announce, begins_control};
use super::varint::put_varint;

/// This side's control stream, which h3 and the [`Outbox`](crate::http::secondary::Outbox) write to.
#[derive(Debug)]
pub(super) struct Control<S>(Arc<Mutex<Sending<S>>>);

#[derive(Debug)]
struct Sending<S> {
    /// `None` until h3 begins the stream.
    stream: Option<S>,
    /// Ends with a whole frame, since h3 writes whole frames.
    unsent: BytesMut,
}

impl<S> Control<S> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Sending { stream: None, unsent: BytesMut::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Sending<S>> {
        // Nothing here can panic while this is locked, and a transport that did has failed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes frames of the outbox, once this side's SETTINGS are written.
    pub(super) fn poll_outbox<B: Buf>(
        &self,
        cx: &mut Context<'_>,
        link: &Link,
    ) -> Poll<Result<(), StreamErrorIncoming>>
    where
        S: SendStreamUnframed<B>,
    {
        let mut control = self.lock();
        ready!(control.poll_flush(cx))?;
        if control.stream.is_some() && link.outbox.is_pending() {
            for (frame, payload) in link.outbox.take() {
                put_varint(&mut control.unsent, link.kind(frame));
                put_varint(&mut control.unsent, payload.len() as u64);
                control.unsent.put_slice(&payload);
            }
        }
        control.poll_flush(cx)
    }
}

impl<S> Clone for Control<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Sending<S> {
    fn poll_flush<B: Buf>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>>
    where
        S: SendStreamUnframed<B>,
    {
        if let Some(stream) = &mut self.stream {
            while self.unsent.has_remaining() {
                ready!(stream.poll_send(cx, &mut self.unsent))?;
            }
            // Gives the memory back.
            self.unsent = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

/// A unidirectional stream that this side opens.
#[derive(Debug)]
pub struct Outbound<S> {
    id: StreamId,
    /// `None` if it is the control stream.
    stream: Option<S>,
    /// True until its type is written.
    is_new: bool,
    control: Control<S>,
    link: Arc<Link>,
}

impl<S> Outbound<S> {
    pub(super) fn new<B: Buf>(stream: S, control: Control<S>, link: Arc<Link>) -> Self
    where
        S: quic::SendStream<B>,
    {
        Self { id: stream.send_id(), stream: Some(stream), is_new: true, control, link }
    }

    /// If these first bytes make it the control stream, moves it to where the outbox is written to.
    fn begin<B: Buf>(&mut self, data: &mut WriteBuf<B>) -> Result<(), StreamErrorIncoming> {
        let Some(value) = self.link.announces() else { return Ok(()) };
        if begins_control(data.chunk()) {
            let bytes = data.copy_to_bytes(data.remaining());
            let setting = self.link.code_points().setting();
            let mut control = self.control.lock();
            control.unsent = announce(&bytes, setting, value).ok_or_else(no_settings)?;
            control.stream = self.stream.take();
        }
        Ok(())
    }
}

/// h3 closes the connection with this reason.
fn no_settings() -> StreamErrorIncoming {
    of_stream(ConnectionErrorIncoming::InternalError(
        "the control stream does not begin with SETTINGS".into(),
    ))
}

impl<B: Buf, S: SendStreamUnframed<B>> quic::SendStream<B> for Outbound<S> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.link.check_stream()?;
        let ready = match &mut self.stream {
            Some(stream) => stream.poll_ready(cx),
            None => self.control.lock().poll_flush(cx),
        };
        ready.map_err(|error| self.link.stream_ended(error))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        let mut data = data.into();
        if std::mem::take(&mut self.is_new) {
            self.begin(&mut data)?;
        }
        match &mut self.stream {
            Some(stream) => stream.send_data(data),
            None => {
                self.control.lock().unsent.put(data);
                Ok(())
            }
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        let mut control = self.control.lock();
        let stream = match &mut self.stream {
            Some(stream) => Some(stream),
            None => {
                ready!(control.poll_flush(cx))?;
                control.stream.as_mut()
            }
        };
        stream.map_or(Poll::Ready(Ok(())), |stream| stream.poll_finish(cx))
    }

    fn reset(&mut self, reset_code: u64) {
        let mut control = self.control.lock();
        if let Some(stream) = self.stream.as_mut().or(control.stream.as_mut()) {
            stream.reset(reset_code);
        }
    }

    fn send_id(&self) -> StreamId {
        self.id
    }
}

impl<S> Drop for Outbound<S> {
    fn drop(&mut self) {
        if self.stream.is_none() {
            // The peer learns from it, as without the outbox, that nothing follows.
            self.control.lock().stream = None;
        }
    }
}
