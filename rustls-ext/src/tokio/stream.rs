use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use rustls::client::ClientAuthOfferStatus;
use rustls::{ClientConnection, Error, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::refusal::{ConnectionOutcome, End, LikelyRefusal, Refusal};
use super::transport::{Transport, is_gone};
use crate::tls_error;

/// A client's TLS stream that reports the server's last alert when a read or a write fails.
///
/// The [module](super) describes its errors. Application data that arrived before the end can still
/// be read after writing has failed. Until it has been read, up to 8 MiB can be written and are
/// discarded, unless the server has sent an alert: an HTTP server may have responded before it read
/// the whole request, and libraries that get a write error do not look for the response.
#[derive(Debug)]
pub struct ClientStream<IO> {
    tls: TlsStream<Transport<IO>>,
    outcome: ConnectionOutcome,
    /// Application data that was read while looking for an alert.
    kept: VecDeque<u8>,
    /// The error that follows that data.
    error: Option<io::Error>,
    /// True if there was any application data.
    received_data: bool,
    /// How many written bytes were discarded.
    lost: usize,
    /// The tasks that read, and that wait for the last alert. `tls` itself keeps only the latest
    /// task.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How much application data is kept, in bytes. An alert after more data than that is not found.
const MOST_KEPT: usize = 256 * 1024;

/// How many bytes can be written and discarded. A program that only writes must get an error at
/// some point.
const MOST_LOST: usize = 8 * 1024 * 1024;

impl<IO> ClientStream<IO> {
    /// Returns the transport and the TLS connection.
    pub fn get_ref(&self) -> (&IO, &ClientConnection) {
        let (io, connection) = self.tls.get_ref();
        (io.get_ref(), connection)
    }

    /// Returns the transport and the TLS connection. This stream does not see data that is read
    /// from either of them directly.
    pub fn get_mut(&mut self) -> (&mut IO, &mut ClientConnection) {
        let (io, connection) = self.tls.get_mut();
        (io.get_mut(), connection)
    }

    /// Returns a handle that tells how the connection ended, once it has.
    pub fn outcome(&self) -> ConnectionOutcome {
        self.outcome.clone()
    }

    /// Converts `err` to the end of the connection that it describes.
    fn end(&self, err: &io::Error) -> End {
        let connection = self.tls.get_ref().1;
        match tls_error(err) {
            Some(Error::AlertReceived(alert)) => {
                End::Refused(Refusal::new(*alert, !connection.is_handshaking()))
            }
            Some(err) => End::Tls(err.clone()),
            None => match err.kind() {
                kind if self.awaits_certificate_check() && breaks_off(kind) => {
                    End::LikelyRefused(LikelyRefusal::new(kind))
                }
                kind => End::Io(kind),
            },
        }
    }

    /// Returns true if the server may still be checking the client's certificate, or its absence.
    fn awaits_certificate_check(&self) -> bool {
        let connection = self.tls.get_ref().1;
        let asked = matches!(
            connection.client_auth_status(),
            ClientAuthOfferStatus::Acknowledged
                | ClientAuthOfferStatus::AskedWithoutAcknowledgement
        );
        asked
            && connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && connection.tls13_tickets_received() == 0
            && !self.received_data
    }

    /// Records that the connection has ended with `err`, and returns this crate's error for it.
    fn ended(&mut self, err: io::Error) -> io::Error {
        // TLS stops at an alert, which may follow data in the same bytes.
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = self.tls.get_mut().1.reader().read(&mut chunk) {
            self.keep(chunk.get(..read).unwrap_or_default());
        }
        let end = self.end(&err);
        let err = match &end {
            End::LikelyRefused(refusal) => io::Error::new(refusal.kind, *refusal),
            end => end.lasting_error().unwrap_or(err),
        };
        self.outcome.set(end);
        err
    }

    fn keep(&mut self, data: &[u8]) {
        self.received_data = true;
        self.kept.extend(data);
    }

    /// Why nothing more can be written.
    fn failure(&mut self) -> io::Error {
        self.tls.get_mut().0.failure().unwrap_or_else(|| ErrorKind::BrokenPipe.into())
    }

    fn lasting_error(&self) -> Option<io::Error> {
        self.outcome.get().and_then(End::lasting_error)
    }
}

/// Returns true for errors of a connection whose peer did not close it cleanly.
fn breaks_off(kind: ErrorKind) -> bool {
    is_gone(kind) || kind == ErrorKind::UnexpectedEof
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ClientStream<IO> {
    pub(super) fn new(tls: TlsStream<Transport<IO>>) -> Self {
        Self {
            tls,
            outcome: ConnectionOutcome::default(),
            kept: VecDeque::new(),
            error: None,
            received_data: false,
            lost: 0,
            reader: None,
            writer: None,
        }
    }

    /// Returns the reason if nothing more can be written.
    pub(super) async fn alert_if_write_failed(&mut self) -> Option<io::Error> {
        if self.tls.get_ref().0.has_failed() {
            Some(poll_fn(|cx| self.poll_last_alert(cx)).await)
        } else {
            None
        }
    }

    /// Looks for the server's last alert when nothing more can be written.
    fn poll_last_alert(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        note(&mut self.writer, cx);
        let mut chunk = [0; 4096];
        loop {
            if let Some(err) = self.lasting_error() {
                return Poll::Ready(err);
            }
            if self.kept.len() >= MOST_KEPT {
                return Poll::Ready(self.failure());
            }
            let mut chunk = ReadBuf::new(&mut chunk);
            match ready!(self.poll_read_for_all(&mut chunk)) {
                Ok(()) if !chunk.filled().is_empty() => self.keep(chunk.filled()),
                Ok(()) => {
                    self.outcome.set(End::Closed);
                    return Poll::Ready(self.failure());
                }
                Err(err) => return Poll::Ready(self.ended(err)),
            }
        }
    }

    /// Reads, and wakes all waiting tasks when there is more to read.
    fn poll_read_for_all(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let all = [&self.reader, &self.writer].into_iter().flatten().cloned().collect();
        let waker = Waker::from(Arc::new(All(all)));
        Pin::new(&mut self.tls).poll_read(&mut Context::from_waker(&waker), buf)
    }

    /// The result of a write or a flush, given the `outcome` that TLS returned.
    fn poll_wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if !self.tls.get_ref().0.has_failed() {
            return outcome.map_err(|err| self.ended(err));
        }
        let failure = ready!(self.poll_last_alert(cx));
        let may_be_read = !self.kept.is_empty() && self.lasting_error().is_none();
        match outcome {
            Poll::Ready(Ok(done)) if may_be_read && self.lost < MOST_LOST => Poll::Ready(Ok(done)),
            _ => Poll::Ready(Err(failure)),
        }
    }

    /// The same for a write, whose bytes are counted if they are discarded.
    fn poll_wrote_bytes(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll_wrote(cx, outcome))?;
        if self.tls.get_ref().0.has_failed() {
            self.lost = self.lost.saturating_add(written);
        }
        Poll::Ready(Ok(written))
    }
}

/// Remembers the task to wake.
fn note(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(known) => known.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

/// Several wakers as one.
struct All(Vec<Waker>);

impl Wake for All {
    fn wake(self: Arc<Self>) {
        self.0.iter().for_each(Waker::wake_by_ref);
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.kept.is_empty() && this.error.is_none() {
            if let Some(err) = this.lasting_error() {
                return Poll::Ready(Err(err));
            }
            note(&mut this.reader, cx);
            let before = buf.filled().len();
            let read = ready!(if this.tls.get_ref().0.has_failed() {
                this.poll_read_for_all(buf)
            } else {
                Pin::new(&mut this.tls).poll_read(cx, buf)
            });
            match read {
                Ok(()) => {
                    this.received_data |= buf.filled().len() > before;
                    if buf.filled().len() == before && buf.remaining() > 0 {
                        this.outcome.set(End::Closed);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(err) => this.error = Some(this.ended(err)),
            }
        }
        if this.kept.is_empty() {
            return Poll::Ready(this.error.take().map_or(Ok(()), Err));
        }
        let read = this.kept.read(buf.initialize_unfilled())?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.tls).poll_write(cx, buf);
        this.poll_wrote_bytes(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.tls).poll_write_vectored(cx, bufs);
        this.poll_wrote_bytes(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.tls).poll_flush(cx);
        this.poll_wrote(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.tls).poll_shutdown(cx);
        this.poll_wrote(cx, outcome)
    }
}
