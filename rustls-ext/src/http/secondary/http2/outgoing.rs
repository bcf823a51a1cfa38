use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::head::{self, Head, PartialHead};
use crate::wire::authenticator::Endpoint;

/// Where the filter is in the stream of this side, and what it writes itself.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// How many octets of a payload are still to come.
    left: u32,
    head: PartialHead,
    /// A header block is open.
    block: bool,
    own: Option<Box<Own>>,
}

/// What the filter writes itself, before anything else.
#[derive(Debug, Default)]
struct Own {
    octets: Vec<u8>,
    /// How many of `octets` were written.
    written: usize,
    /// The first SETTINGS are still to come, and get this entry.
    first_settings: Option<(Endpoint, [u8; 6])>,
    /// Each GOAWAY with an error gets this code.
    go_away: Option<u32>,
    /// The start of something that is to be changed.
    held: Vec<u8>,
}

impl Outgoing {
    /// Adds `entry` to the first SETTINGS.
    pub(super) fn new(endpoint: Endpoint, entry: [u8; 6]) -> Self {
        let first_settings = Some((endpoint, entry));
        Self {
            left: 0,
            head: PartialHead::default(),
            block: false,
            own: Some(Box::new(Own { first_settings, ..Own::default() })),
        }
    }

    /// From here on, each GOAWAY with an error gets this error code.
    pub(super) fn set_go_away(&mut self, code: u32) {
        self.own().go_away = Some(code);
    }

    /// Returns true if a frame of ours can stand here (SCC-13).
    pub(super) fn is_between_frames(&self) -> bool {
        let after_settings = self.own.as_ref().is_none_or(|own| own.first_settings.is_none());
        self.is_at_head() && !self.block && after_settings
    }

    /// Puts a frame on stream 0 here, to be written by [`poll_own`](Self::poll_own).
    pub(super) fn put(&mut self, kind: u8, payload: &[u8]) {
        let own = self.own();
        own.octets.extend_from_slice(&Head::write(kind, payload.len() as u32));
        own.octets.extend_from_slice(payload);
    }

    /// Writes what the filter writes itself. Nothing else may be written before it is ready.
    pub(super) fn poll_own<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(own) = &mut self.own else { return Poll::Ready(Ok(())) };
        while own.written < own.octets.len() {
            let rest = own.octets.get(own.written..).unwrap_or_default();
            match ready!(Pin::new(&mut *io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => own.written += written,
            }
        }
        own.octets = Vec::new();
        own.written = 0;
        if own.first_settings.is_none() && own.go_away.is_none() {
            self.own = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes octets that are to be changed, or that may have to be, and returns how many of these
    /// octets it took; `None` if it does not want them.
    ///
    /// # Errors
    /// If the first frame is not SETTINGS.
    pub(super) fn take(&mut self, octets: &[u8]) -> io::Result<Option<usize>> {
        if !self.is_at_head() {
            return Ok(None);
        }
        let Some(own) = self.own.as_deref_mut() else { return Ok(None) };
        let mut taken = 0;
        loop {
            let Some(needed) = own.needed()? else { return Ok(None) };
            let missing = needed - own.held.len();
            if missing == 0 {
                break;
            }
            let rest = octets.get(taken..).unwrap_or_default();
            let piece = rest.get(..missing).unwrap_or(rest);
            if piece.is_empty() {
                return Ok(Some(taken));
            }
            own.held.extend_from_slice(piece);
            taken += piece.len();
        }
        let mut held = std::mem::take(&mut own.held);
        if let Some((endpoint, entry)) = own.first_settings.take() {
            add(&mut held, preface(endpoint).len(), entry);
            own.octets.extend_from_slice(&held);
        } else if let Some(code) = own.go_away {
            set_code(&mut held, code);
            own.octets.extend_from_slice(&held);
            self.wrote(&held);
        }
        Ok(Some(taken))
    }

    /// No more comes: writes what was held back, as it is.
    pub(super) fn release(&mut self) {
        if let Some(own) = &mut self.own {
            own.octets.append(&mut own.held);
        }
    }

    /// Returns how many of the next octets belong to one frame: that of which a part was written,
    /// or the next one.
    pub(super) fn frame_end(&self, octets: &[u8]) -> usize {
        let (head, payload) = if self.left > 0 {
            (0, self.left)
        } else {
            let (used, head) = { self.head }.add(octets);
            (used, head.map_or(0, |head| head.length))
        };
        octets.len().min(head.saturating_add(payload as usize))
    }

    /// These octets of the writer were written.
    pub(super) fn wrote(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            let length = if self.left > 0 {
                let length = octets.len().min(self.left as usize);
                self.left -= length as u32;
                length
            } else {
                let (length, head) = self.head.add(octets);
                if let Some(head) = head {
                    self.left = head.length;
                    self.block = head.block().unwrap_or(self.block);
                }
                length
            };
            octets = octets.get(length..).unwrap_or_default();
        }
    }

    fn own(&mut self) -> &mut Own {
        self.own.get_or_insert_default()
    }

    fn is_at_head(&self) -> bool {
        self.left == 0 && self.head.is_empty()
    }
}

impl Own {
    /// Returns how many octets must be held, as far as this can be known; `None` if nothing is to
    /// be changed.
    fn needed(&self) -> io::Result<Option<usize>> {
        if let Some((endpoint, _)) = self.first_settings {
            let preface = preface(endpoint);
            let Some((start, frame)) = self.held.split_at_checked(preface.len()) else {
                return Ok(Some(preface.len()));
            };
            let Some(head) = frame.first_chunk().map(Head::parse) else {
                return Ok(Some(preface.len() + head::LENGTH));
            };
            let room = MOST_SETTINGS.checked_sub(head.length);
            if start != preface || !head.is_settings() || room.is_none() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "an HTTP/2 connection begins with SETTINGS, and something else was written",
                ));
            }
            return Ok(Some(preface.len() + head::LENGTH + head.length as usize));
        }
        let is_go_away = |head: Head| head.kind == head::GOAWAY && head.length >= 8;
        let head = self.held.first_chunk().map(Head::parse);
        let needed = head::LENGTH + if head.is_some_and(is_go_away) { 8 } else { 0 };
        Ok(self.go_away.map(|_| needed))
    }
}

/// The octets of settings to which another one is added: with it, they fit into any peer's limit.
const MOST_SETTINGS: u32 = *head::MAX_FRAME_SIZES.start() - 6;

/// Returns what is sent before the first frame.
fn preface(endpoint: Endpoint) -> &'static [u8] {
    match endpoint {
        Endpoint::Client => head::PREFACE,
        Endpoint::Server => &[],
    }
}

/// Adds an entry to SETTINGS that begin at `start`.
fn add(octets: &mut Vec<u8>, start: usize, entry: [u8; 6]) {
    octets.extend_from_slice(&entry);
    let length = octets.len().saturating_sub(start + head::LENGTH) as u32;
    let [_, a, b, c] = length.to_be_bytes();
    for (to, from) in octets.iter_mut().skip(start).zip([a, b, c]) {
        *to = from;
    }
}

/// Sets the code if this is the start of GOAWAY with an error.
fn set_code(octets: &mut [u8], code: u32) {
    // A frame of another type has only its head here.
    let Some(at) = octets.get_mut(head::LENGTH + 4..).and_then(<[u8]>::first_chunk_mut) else {
        return;
    };
    if u32::from_be_bytes(*at) != head::NO_ERROR {
        *at = code.to_be_bytes();
    }
}
