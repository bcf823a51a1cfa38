use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::ConnectionError;

/// One of the two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// `AUTHENTICATOR_REQUESTS`, of servers.
    AuthenticatorRequests,
    /// `CERTIFICATE`, of clients.
    Certificate,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthenticatorRequests => "AUTHENTICATOR_REQUESTS",
            Self::Certificate => "CERTIFICATE",
        })
    }
}

/// One side of a connection: decides what to do about the peer's setting and frames.
///
/// The methods are called while the connection is read, so they must not block, and must not make
/// signatures.
pub trait Exchange: Send + Sync + 'static {
    /// Returns the value of the setting that this side announces in its first SETTINGS (SCC-1).
    ///
    /// If it is 0, there is no such setting, and the peer's frames are passed on as unknown ones.
    /// It does not change.
    fn announces(&self) -> u32;

    /// The peer announces this value. Called for each setting with the number, in order; and with
    /// `None` at the end of the peer's first SETTINGS if these do not have it.
    ///
    /// # Errors
    /// [`ConnectionError`] ends the connection.
    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError>;

    /// The head of a frame has arrived: `length` bytes of payload follow. `on_control` is false if
    /// it is on another stream than stream 0 or the control stream.
    ///
    /// All that can be refused without the payload is refused here, before memory is used for it.
    ///
    /// # Errors
    /// [`ConnectionError`] ends the connection.
    fn head(&self, frame: Frame, on_control: bool, length: u64) -> Result<(), ConnectionError>;

    /// The payload of the frame has arrived, whose head was accepted.
    ///
    /// # Errors
    /// [`ConnectionError`] ends the connection.
    fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError>;

    /// The connection has ended: nothing more is sent or received. May be called more than once.
    fn closed(&self);
}

/// The frames that one side wants to send on a connection. Clones share them.
///
/// The filter of the connection takes them out, between other frames (SCC-13).
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// True if there is something to do, so that the lock need not be taken for each poll.
    pending: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<(Frame, Vec<u8>)>,
    /// The peer's limit for a payload in bytes, if it is not the default.
    max_frame: Option<usize>,
    waker: Option<Waker>,
    error: Option<Box<ConnectionError>>,
    closed: bool,
}

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The connection has ended, or is about to.
    Closed,
    /// The payload is longer than the peer accepts (SCC-12).
    TooLong {
        /// The longest payload that the peer accepts, in bytes.
        most: usize,
    },
    /// Too many frames wait to be sent (SCC-12).
    Full,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection has ended"),
            Self::TooLong { most } => write!(f, "the peer accepts frames of {most} bytes at most"),
            Self::Full => f.write_str("too many frames wait to be sent"),
        }
    }
}

impl std::error::Error for SendError {}

/// `SETTINGS_MAX_FRAME_SIZE` before a peer sends another value (RFC 9113 section 6.5.2). HTTP/3 has
/// no such setting, and the same limit is used.
const MAX_FRAME: usize = 16_384;

/// How many frames may wait.
const MAX_WAITING: usize = 16;

impl Outbox {
    /// Makes an empty one, for one connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a frame, as soon as the connection can.
    ///
    /// # Errors
    /// [`SendError`] if it cannot be sent; it is not kept then.
    pub fn send(&self, frame: Frame, payload: Vec<u8>) -> Result<(), SendError> {
        let mut state = self.lock();
        let most = state.max_frame.unwrap_or(MAX_FRAME);
        if state.closed || state.error.is_some() {
            return Err(SendError::Closed);
        }
        if payload.len() > most {
            return Err(SendError::TooLong { most });
        }
        if state.frames.len() >= MAX_WAITING {
            return Err(SendError::Full);
        }
        state.frames.push_back((frame, payload));
        self.wake(state);
        Ok(())
    }

    /// Ends the connection, because the peer broke the rules. Frames that wait are dropped.
    pub fn fail(&self, error: ConnectionError) {
        let mut state = self.lock();
        if state.closed || state.error.is_some() {
            return;
        }
        state.error = Some(Box::new(error));
        state.frames.clear();
        self.wake(state);
    }

    /// Returns why this side ended the connection, if it did.
    pub fn error(&self) -> Option<ConnectionError> {
        self.lock().error.as_deref().cloned()
    }

    /// Returns the longest payload that the peer accepts now, in bytes.
    pub fn longest(&self) -> usize {
        self.lock().max_frame.unwrap_or(MAX_FRAME)
    }

    /// Returns true if there are frames to send or an error, without a lock.
    pub(super) fn is_pending(&self) -> bool {
        self.0.pending.load(Ordering::Acquire)
    }

    /// Takes the frames that wait.
    pub(super) fn take(&self) -> VecDeque<(Frame, Vec<u8>)> {
        let mut state = self.lock();
        self.0.pending.store(state.error.is_some(), Ordering::Release);
        std::mem::take(&mut state.frames)
    }

    /// Keeps the waker of the task that drives the connection; it is woken when there is something
    /// to do.
    pub(super) fn register(&self, cx: &Context<'_>) {
        match &mut self.lock().waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Sets the longest payload that the peer accepts, in bytes.
    pub(super) fn set_max_frame(&self, most: usize) {
        self.lock().max_frame = (most != MAX_FRAME).then_some(most);
    }

    /// Nothing more is sent.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.frames = VecDeque::new();
        state.waker = None;
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        self.0.pending.store(true, Ordering::Release);
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while this is locked.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
