//! Secondary certificates over an unmodified h3.
//!
//! [`Http3`] is between h3 and its transport: it implements the transport traits of [`h3::quic`]
//! over those of any transport, such as h3-quinn, and is given to h3's builders. h3 does not see
//! the setting and the two frames:
//!
//! | stream | from h3 to the peer | from the peer to h3 |
//! |---|---|---|
//! | control stream | adds the setting to SETTINGS, and frames of the [`Outbox`] between h3's frames | gives the setting and the two frames to the [`Exchange`] |
//! | request streams | no change | gives the heads of the two frames to the [`Exchange`], which refuses them (SCC-5, SCC-8) |
//! | other streams | no change | no change |
//!
//! If [`Exchange::announces`] is 0, nothing is changed or read on any stream.
//!
//! # Example
//! A server over quinn:
//! ```no_run
//! use std::sync::Arc;
//!
//! use rustls_ext::http::secondary::{Exchange, Http3, HttpCodePoints, Outbox};
//!
//! # async fn respond(
//! #     resolver: h3::server::RequestResolver<Http3<h3_quinn::Connection>, bytes::Bytes>,
//! # ) {}
//! async fn serve(
//!     connection: quinn::Connection,
//!     exchange: Arc<dyn Exchange>,
//!     outbox: Outbox, // the one that `exchange` sends with
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let transport = h3_quinn::Connection::new(connection);
//!     let transport = Http3::new(transport, HttpCodePoints::DEFAULT, exchange, outbox);
//!     let mut connection = h3::server::builder().build(transport).await?;
//!     while let Some(resolver) = connection.accept().await? {
//!         tokio::spawn(respond(resolver));
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Who drives it
//! The control streams are read and written by the task that drives h3: the one that calls
//! `accept()` on servers, and `poll_close()` or `wait_idle()` on clients. So a server must not wait
//! for a certificate in the task that calls `accept()`: requests are answered in tasks of their own,
//! as in the example.
//!
//! Streams of QUIC arrive in any order: a request may arrive before the client's SETTINGS. Until
//! [`Exchange::setting`] is called, it is not known whether the client supports this.
//!
//! # Errors
//! If the peer breaks a rule, the connection is closed at once, with the
//! [code](super::ConnectionError::http3_code) and the text of the [`ConnectionError`]. All
//! operations of h3 on it fail from then on with an `Undefined` error that contains it, and
//! [`Outbox::error`] returns it. When the connection has ended for any reason, or h3's driver is
//! dropped, [`Exchange::closed`] is called.
//!
//! [`ConnectionError`]: super::ConnectionError
//!
//! # Differences from HTTP/2
//! * A setting that is twice in SETTINGS is an error (RFC 9114 section 7.2.4).
//! * There is one SETTINGS frame on a connection, so no setting changes later.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{
    self, ConnectionErrorIncoming, OpenStreams as _, SendStreamUnframed, StreamErrorIncoming,
};

use self::link::Link;
use self::outbound::Control;
use super::{Exchange, HttpCodePoints, Outbox};

mod frames;
mod inbound;
mod link;
mod outbound;
mod settings;
mod varint;

pub use inbound::Inbound;
pub use outbound::Outbound;

/// A QUIC connection for h3 that sends and receives secondary certificates.
///
/// `C` is the connection of the transport, for example `h3_quinn::Connection`. `B` is the type of
/// the data that h3 sends.
pub struct Http3<C, B = Bytes>
where
    C: quic::Connection<B>,
    B: Buf,
{
    connection: C,
    control: Control<C::SendStream>,
    link: Arc<Link>,
}

impl<C, B> Http3<C, B>
where
    C: quic::Connection<B>,
    C::OpenStreams: Send + 'static,
    B: Buf,
{
    /// Makes the transport for one connection of h3, client or server, from another transport.
    ///
    /// Frames of `outbox` are sent after this side's SETTINGS.
    pub fn new(
        connection: C,
        code_points: HttpCodePoints,
        exchange: Arc<dyn Exchange>,
        outbox: Outbox,
    ) -> Self {
        let mut opener = connection.opener();
        let close = Box::new(move |code: Code, reason: &[u8]| opener.close(code, reason));
        let link = Arc::new(Link::new(code_points, exchange, outbox, close));
        Self { connection, control: Control::new(), link }
    }
}

impl<C, B> Http3<C, B>
where
    C: quic::Connection<B>,
    C::SendStream: SendStreamUnframed<B>,
    B: Buf,
{
    /// Does what the exchange wants: writes frames, or closes the connection.
    ///
    /// h3's driver calls this before it waits, so its task is woken when there is more to do.
    fn poll_outbox(&mut self, cx: &mut Context<'_>) -> Result<(), ConnectionErrorIncoming> {
        self.link.check()?;
        self.link.outbox.register(cx);
        if self.link.outbox.is_pending() {
            if let Some(error) = self.link.outbox.error() {
                return Err(self.link.refuse(error));
            }
        }
        match self.control.poll_outbox(cx, &self.link) {
            Poll::Ready(Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error })) => {
                Err(self.link.ended(connection_error))
            }
            // The peer may not stop the control stream (RFC 9114 section 6.2.1).
            Poll::Ready(Err(error)) => {
                Err(self.link.fail(Code::H3_CLOSED_CRITICAL_STREAM, Arc::new(error)))
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }
}

impl<C, B> quic::Connection<B> for Http3<C, B>
where
    C: quic::Connection<B>,
    C::SendStream: SendStreamUnframed<B>,
    B: Buf,
{
    type RecvStream = Inbound<C::RecvStream>;
    type OpenStreams = OpenStreams<C::OpenStreams, C::SendStream>;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::RecvStream, ConnectionErrorIncoming>> {
        self.poll_outbox(cx)?;
        let stream = ready!(self.connection.poll_accept_recv(cx));
        let stream = stream.map_err(|error| self.link.ended(error))?;
        Poll::Ready(Ok(Inbound::unidirectional(stream, self.link.clone())))
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, ConnectionErrorIncoming>> {
        self.link.check()?;
        let stream = ready!(self.connection.poll_accept_bidi(cx));
        let stream = stream.map_err(|error| self.link.ended(error))?;
        Poll::Ready(Ok(Inbound::request(stream, self.link.clone())))
    }

    fn opener(&self) -> Self::OpenStreams {
        OpenStreams {
            opener: self.connection.opener(),
            control: self.control.clone(),
            link: self.link.clone(),
        }
    }
}

impl<C, B> quic::OpenStreams<B> for Http3<C, B>
where
    C: quic::Connection<B>,
    C::SendStream: SendStreamUnframed<B>,
    B: Buf,
{
    type BidiStream = Inbound<C::BidiStream>;
    type SendStream = Outbound<C::SendStream>;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
        poll_open_bidi(&mut self.connection, &self.link, cx)
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
        poll_open_send(&mut self.connection, &self.control, &self.link, cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.link.close(code, reason);
    }
}

impl<C, B> Drop for Http3<C, B>
where
    C: quic::Connection<B>,
    B: Buf,
{
    fn drop(&mut self) {
        self.link.end();
    }
}

impl<C, B> fmt::Debug for Http3<C, B>
where
    C: quic::Connection<B>,
    B: Buf,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http3").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Opens streams of a connection.
#[derive(Debug)]
pub struct OpenStreams<O, S> {
    opener: O,
    control: Control<S>,
    link: Arc<Link>,
}

impl<O: Clone, S> Clone for OpenStreams<O, S> {
    fn clone(&self) -> Self {
        Self { opener: self.opener.clone(), control: self.control.clone(), link: self.link.clone() }
    }
}

impl<O, S, B> quic::OpenStreams<B> for OpenStreams<O, S>
where
    O: quic::OpenStreams<B, SendStream = S>,
    S: SendStreamUnframed<B>,
    B: Buf,
{
    type BidiStream = Inbound<O::BidiStream>;
    type SendStream = Outbound<S>;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
        poll_open_bidi(&mut self.opener, &self.link, cx)
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
        poll_open_send(&mut self.opener, &self.control, &self.link, cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.link.close(code, reason);
    }
}

fn poll_open_bidi<O: quic::OpenStreams<B>, B: Buf>(
    opener: &mut O,
    link: &Arc<Link>,
    cx: &mut Context<'_>,
) -> Poll<Result<Inbound<O::BidiStream>, StreamErrorIncoming>> {
    link.check_stream()?;
    let stream = ready!(opener.poll_open_bidi(cx)).map_err(|error| link.stream_ended(error))?;
    Poll::Ready(Ok(Inbound::request(stream, link.clone())))
}

fn poll_open_send<O: quic::OpenStreams<B>, B: Buf>(
    opener: &mut O,
    control: &Control<O::SendStream>,
    link: &Arc<Link>,
    cx: &mut Context<'_>,
) -> Poll<Result<Outbound<O::SendStream>, StreamErrorIncoming>> {
    link.check_stream()?;
    let stream = ready!(opener.poll_open_send(cx)).map_err(|error| link.stream_ended(error))?;
    Poll::Ready(Ok(Outbound::new(stream, control.clone(), link.clone())))
}
