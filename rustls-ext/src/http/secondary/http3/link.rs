use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use h3::error::Code;
use h3::quic::{ConnectionErrorIncoming, StreamErrorIncoming};

use crate::http::secondary::{ConnectionError, Exchange, Frame, HttpCodePoints, Outbox};

type Close = dyn FnMut(Code, &[u8]) + Send;

/// What the streams of a connection share.
pub(super) struct Link {
    exchange: Arc<dyn Exchange>,
    pub(super) outbox: Outbox,
    code_points: HttpCodePoints,
    announces: u32,
    close: Mutex<Box<Close>>,
    /// Why this side closed the connection.
    error: OnceLock<Arc<dyn Error + Send + Sync>>,
    /// True if the peer has opened its control stream.
    has_control: AtomicBool,
}

impl Link {
    pub(super) fn new(
        code_points: HttpCodePoints,
        exchange: Arc<dyn Exchange>,
        outbox: Outbox,
        close: Box<Close>,
    ) -> Self {
        Self {
            announces: exchange.announces(),
            exchange,
            outbox,
            code_points,
            close: Mutex::new(close),
            error: OnceLock::new(),
            has_control: AtomicBool::new(false),
        }
    }

    /// Returns the value that this side announces, or `None` if all bytes are passed on unread.
    pub(super) fn announces(&self) -> Option<u32> {
        (self.announces > 0).then_some(self.announces)
    }

    pub(super) fn exchange(&self) -> &dyn Exchange {
        &*self.exchange
    }

    pub(super) fn code_points(&self) -> &HttpCodePoints {
        &self.code_points
    }

    /// Returns which of the two frames has this type.
    pub(super) fn frame(&self, kind: u64) -> Option<Frame> {
        let code_points = &self.code_points;
        [
            (code_points.authenticator_requests(), Frame::AuthenticatorRequests),
            (code_points.certificate(), Frame::Certificate),
        ]
        .into_iter()
        .find_map(|(number, frame)| (u64::from(number) == kind).then_some(frame))
    }

    /// Returns the type of the frame.
    pub(super) fn kind(&self, frame: Frame) -> u64 {
        u64::from(match frame {
            Frame::AuthenticatorRequests => self.code_points.authenticator_requests(),
            Frame::Certificate => self.code_points.certificate(),
        })
    }

    /// Returns true for the first control stream. The peer may have one, and h3 refuses others.
    pub(super) fn is_first_control(&self) -> bool {
        !self.has_control.swap(true, Ordering::Relaxed)
    }

    /// Fails after this side has closed the connection because of an error.
    pub(super) fn check(&self) -> Result<(), ConnectionErrorIncoming> {
        self.error.get().map_or(Ok(()), |error| Err(undefined(error)))
    }

    /// The same for an operation on a stream.
    pub(super) fn check_stream(&self) -> Result<(), StreamErrorIncoming> {
        self.check().map_err(of_stream)
    }

    /// Closes the connection because of the peer's behavior, and returns the error for h3.
    pub(super) fn refuse(&self, error: ConnectionError) -> ConnectionErrorIncoming {
        self.outbox.fail(error.clone());
        self.fail(error.http3_code().into(), Arc::new(error))
    }

    /// Closes the connection, and returns the error for h3, which does not close it again.
    pub(super) fn fail(
        &self,
        code: Code,
        error: Arc<dyn Error + Send + Sync>,
    ) -> ConnectionErrorIncoming {
        if self.error.set(error.clone()).is_ok() {
            self.call_close(code, error.to_string().as_bytes());
        }
        undefined(self.error.get().unwrap_or(&error))
    }

    /// Closes the connection as h3 wants it, unless it is closed because of an error.
    pub(super) fn close(&self, code: Code, reason: &[u8]) {
        if self.error.get().is_none() {
            self.call_close(code, reason);
        }
    }

    fn call_close(&self, code: Code, reason: &[u8]) {
        // Nothing here can panic while this is locked, and a transport that did has failed.
        self.close.lock().unwrap_or_else(PoisonError::into_inner)(code, reason);
        self.end();
    }

    /// Nothing more is sent or received.
    pub(super) fn end(&self) {
        self.outbox.close();
        self.exchange.closed();
    }

    /// Passes on an error of the transport, which means that the connection has ended.
    pub(super) fn ended(&self, error: ConnectionErrorIncoming) -> ConnectionErrorIncoming {
        self.end();
        error
    }

    /// Passes on an error of a stream, which may mean that the connection has ended.
    pub(super) fn stream_ended(&self, error: StreamErrorIncoming) -> StreamErrorIncoming {
        if let StreamErrorIncoming::ConnectionErrorIncoming { .. } = error {
            self.end();
        }
        error
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("announces", &self.announces)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// h3 passes this error on to the application, and does nothing else because of it.
fn undefined(error: &Arc<dyn Error + Send + Sync>) -> ConnectionErrorIncoming {
    ConnectionErrorIncoming::Undefined(error.clone())
}

pub(super) fn of_stream(connection_error: ConnectionErrorIncoming) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error }
}
