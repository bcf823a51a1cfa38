use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU32;
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
    /// True if there is something to do. Most polls read this, and do not take the lock.
    pending: AtomicBool,
    /// True once there was a frame to send.
    has_sent: AtomicBool,
    state: Mutex<State>,
}

/// Each connection has this, even if it never sends a frame, so it is small.
#[derive(Debug, Default)]
struct State {
    to_do: Option<Box<ToDo>>,
    waker: Option<Waker>,
    /// The peer's limit for a payload in bytes, if it is not the default.
    max_frame: Option<NonZeroU32>,
    closed: bool,
}

#[derive(Debug, Default)]
struct ToDo {
    frames: VecDeque<(Frame, Vec<u8>)>,
    error: Option<ConnectionError>,
}

impl State {
    fn error(&self) -> Option<&ConnectionError> {
        self.to_do.as_ref()?.error.as_ref()
    }
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
const MAX_FRAME: u32 = 16_384;

/// How many frames may wait.
const MAX_WAITING: usize = 16;

impl State {
    fn longest(&self) -> usize {
        self.max_frame.map_or(MAX_FRAME, NonZeroU32::get) as usize
    }
}

// The filters take the frames out.
#[cfg_attr(not(any(feature = "tokio", feature = "h3")), allow(dead_code))]
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
        let most = state.longest();
        if state.closed || state.error().is_some() {
            return Err(SendError::Closed);
        }
        if payload.len() > most {
            return Err(SendError::TooLong { most });
        }
        let frames = &mut state.to_do.get_or_insert_default().frames;
        if frames.len() >= MAX_WAITING {
            return Err(SendError::Full);
        }
        frames.push_back((frame, payload));
        // Before `pending`: the task that sends the frame sees it.
        self.0.has_sent.store(true, Ordering::Release);
        self.wake(state);
        Ok(())
    }

    /// Ends the connection, because the peer broke the rules. Frames that wait are dropped.
    pub fn fail(&self, error: ConnectionError) {
        let mut state = self.lock();
        if state.closed || state.error().is_some() {
            return;
        }
        state.to_do = Some(Box::new(ToDo { error: Some(error), ..ToDo::default() }));
        self.wake(state);
    }

    /// Returns why this side ended the connection, if it did.
    pub fn error(&self) -> Option<ConnectionError> {
        self.lock().error().cloned()
    }

    /// Returns the longest payload that the peer accepts now, in bytes.
    pub fn longest(&self) -> usize {
        self.lock().longest()
    }

    /// Returns true if there are frames to send or an error, without a lock.
    pub(super) fn is_pending(&self) -> bool {
        self.0.pending.load(Ordering::Acquire)
    }

    /// Returns true if there has been a frame to send, without a lock.
    #[cfg(feature = "tokio")]
    pub(in crate::http) fn has_sent(&self) -> bool {
        self.0.has_sent.load(Ordering::Acquire)
    }

    /// Takes the frames that wait.
    pub(super) fn take(&self) -> VecDeque<(Frame, Vec<u8>)> {
        let mut state = self.lock();
        if state.error().is_some() {
            return VecDeque::new();
        }
        self.0.pending.store(false, Ordering::Release);
        state.to_do.take().map(|to_do| to_do.frames).unwrap_or_default()
    }

    /// Keeps the waker of the task that drives the connection; it is woken when there is something
    /// to do.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let waker = Some(cx.waker().clone());
        let before = std::mem::replace(&mut self.lock().waker, waker);
        // Without the lock, since this may drop a task that closes the outbox.
        drop(before);
    }

    /// Sets the longest payload that the peer accepts, in bytes.
    #[cfg(feature = "tokio")]
    pub(super) fn set_max_frame(&self, most: u32) {
        self.lock().max_frame = NonZeroU32::new(most).filter(|most| most.get() != MAX_FRAME);
    }

    /// Nothing more is sent. Returns true at the first call.
    pub(super) fn close(&self) -> bool {
        let mut state = self.lock();
        let is_first = !std::mem::replace(&mut state.closed, true);
        if state.error().is_none() {
            state.to_do = None;
            self.0.pending.store(false, Ordering::Release);
        }
        let waker = state.waker.take();
        drop(state);
        drop(waker);
        is_first
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_takes_little_memory() {
        // With the two counters of `Arc`.
        assert_eq!(size_of::<Outbox>() + size_of::<Shared>() + 2 * size_of::<usize>(), 72);
    }
}
