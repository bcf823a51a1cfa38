//! The contexts that a connection has seen.

use core::fmt;

use crate::rules;

/// The contexts of all authenticator requests on one connection: each is used in one request, by
/// either side (EA-3), and answered once (EA-11).
///
/// They are kept until the connection ends, in the memory that the caller provides: an array, a
/// `Vec` or a slice. A context takes its length and 2 bytes more; [`ContextError::Full`] if there
/// is no room. 1024 bytes are enough for 56 contexts of 16 bytes.
///
/// ```
/// use rustls_ext_wire::authenticator::{ContextError, Contexts};
///
/// let mut contexts = Contexts::new([0; 1024]);
/// contexts.sent(b"sixteen at least")?;
/// assert_eq!(contexts.received(b"sixteen at least"), Err(ContextError::Repeated));
/// contexts.answered(b"sixteen at least")?;
/// assert_eq!(contexts.answered(b"sixteen at least"), Err(ContextError::Answered));
/// # Ok::<(), ContextError>(())
/// ```
#[derive(Clone)]
pub struct Contexts<B> {
    /// For each context a [`State`], its length, and its bytes.
    memory: B,
    used: usize,
}

/// The state of a context.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// This side has requested, and waits for the answer.
    Sent = 1,
    /// The peer has requested, and waits for the answer.
    Received = 2,
    Answered = 3,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Contexts<B> {
    /// Makes an empty record that uses this memory.
    #[must_use]
    pub const fn new(memory: B) -> Self {
        Self { memory, used: 0 }
    }

    /// Records a request of this side. Call it before the request is sent.
    ///
    /// # Errors
    /// [`ContextError`] if the context was used before or cannot be recorded: do not send it.
    pub fn sent(&mut self, context: &[u8]) -> Result<(), ContextError> {
        self.add(context, State::Sent)
    }

    /// Records a request of the peer. Call it when the request has been parsed.
    ///
    /// # Errors
    /// [`ContextError`] if the context was used before or cannot be recorded: make no authenticator
    /// (EA-3).
    pub fn received(&mut self, context: &[u8]) -> Result<(), ContextError> {
        self.add(context, State::Received)
    }

    /// Records a server's authenticator without a request, on either side (EA-5).
    ///
    /// # Errors
    /// [`ContextError`] if the context was used before or cannot be recorded: do not send the
    /// authenticator, or refuse it.
    pub fn spontaneous(&mut self, context: &[u8]) -> Result<(), ContextError> {
        self.add(context, State::Answered)
    }

    /// Records that the peer answers a request of this side, with a full or an empty authenticator.
    /// Call it before the answer is validated: an invalid one uses up the request, too.
    ///
    /// # Errors
    /// [`ContextError`] if there was no such request or it has been answered: refuse the
    /// authenticator (EA-11).
    pub fn answered(&mut self, context: &[u8]) -> Result<(), ContextError> {
        self.use_up(context, State::Sent)
    }

    /// Records that this side answers a request of the peer, with a full or an empty authenticator.
    /// Call it before the answer is made.
    ///
    /// # Errors
    /// [`ContextError`] if there was no such request or it has been answered: make no authenticator
    /// (EA-11).
    pub fn answer(&mut self, context: &[u8]) -> Result<(), ContextError> {
        self.use_up(context, State::Received)
    }

    fn add(&mut self, context: &[u8], state: State) -> Result<(), ContextError> {
        let length = u8::try_from(context.len()).map_err(|_| ContextError::TooLong)?;
        if self.find(context).is_some() {
            return Err(ContextError::Repeated);
        }
        let end = self.used + 2 + context.len();
        let room = self.memory.as_mut().get_mut(self.used..end).ok_or(ContextError::Full)?;
        let [kind, size, bytes @ ..] = room else { return Err(ContextError::Full) };
        (*kind, *size) = (state as u8, length);
        bytes.copy_from_slice(context);
        self.used = end;
        Ok(())
    }

    fn use_up(&mut self, context: &[u8], from: State) -> Result<(), ContextError> {
        let at = self.find(context).ok_or(ContextError::NotRequested)?;
        match self.memory.as_mut().get_mut(at) {
            Some(state) if *state == from as u8 => {
                *state = State::Answered as u8;
                Ok(())
            }
            Some(state) if *state == State::Answered as u8 => Err(ContextError::Answered),
            _ => Err(ContextError::NotRequested), // the other side's
        }
    }

    /// The position of a context's state.
    fn find(&self, context: &[u8]) -> Option<usize> {
        let mut rest = self.memory.as_ref().get(..self.used)?;
        while let [_, length, after @ ..] = rest {
            let (found, next) = after.split_at_checked(usize::from(*length))?;
            if found == context {
                return Some(self.used - rest.len());
            }
            rest = next;
        }
        None
    }
}

impl<B> fmt::Debug for Contexts<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts").field("used", &self.used).finish_non_exhaustive()
    }
}

/// Why a context cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextError {
    /// The context was used before on this connection (EA-3).
    Repeated,
    /// The context has more than 255 bytes (EA-3).
    TooLong,
    /// The memory is full: this connection has had too many requests (EA-3).
    Full,
    /// There was no request with this context (EA-11).
    NotRequested,
    /// The request has been answered (EA-11).
    Answered,
}

impl ContextError {
    /// Returns the broken rule: see [`rules::find`](crate::rules::find).
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Repeated | Self::TooLong | Self::Full => rules::EA_3.id,
            Self::NotRequested | Self::Answered => rules::EA_11.id,
        }
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeated => "the context was used before on this connection",
            Self::TooLong => "the context has more than 255 bytes",
            Self::Full => "this connection has had too many authenticator requests",
            Self::NotRequested => "no authenticator request had this context",
            Self::Answered => "the authenticator request has been answered already",
        })?;
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for ContextError {}
