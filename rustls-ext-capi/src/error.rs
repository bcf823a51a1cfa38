//! The details of an error, for logs and alerts.

use core::ffi::c_char;
use core::fmt::{self, Write};

use crate::refusal::Refusal;
use crate::status::rext_status;

/// The details of an error. The caller provides the struct; a function writes it only if it returns
/// an error.
///
/// It owns nothing, so it need not be freed, and it may be copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_error {
    /// The status that the function returned.
    pub status: rext_status,
    /// The TLS alert to send (RFC 8446 section 6); 0 for none: the error is a mistake of the
    /// caller, the peer does not use TLS, or the fault is in a message that the application
    /// carries.
    pub alert: u8,
    /// The rule that the peer broke, such as "FLAGS-3" or "RFC 8446 4.2.11", NUL-terminated; empty
    /// if the peer broke none.
    pub rule: [c_char; 27],
    /// A description for logs: one line of ASCII, NUL-terminated.
    pub message: [c_char; 224],
}

impl rext_error {
    pub(crate) fn of(refusal: &Refusal) -> Self {
        Self {
            status: refusal.status(),
            alert: refusal.alert().map_or(0, |alert| alert.code()),
            rule: text(&refusal.rule()),
            message: text(refusal),
        }
    }
}

/// A value as a C string of at most `N - 1` characters; a longer one is truncated.
fn text<const N: usize>(value: &dyn fmt::Display) -> [c_char; N] {
    let mut text = Text { room: [0; N], length: 0 };
    let _ = write!(text, "{value}"); // `Text` never fails
    text.room
}

/// A buffer of ASCII characters that always ends in NUL.
struct Text<const N: usize> {
    room: [c_char; N],
    length: usize,
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = self.room.get_mut(self.length..N - 1).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(piece.bytes()) {
            *to = if from.is_ascii() { from as c_char } else { b'?' as c_char };
            self.length += 1;
        }
        Ok(())
    }
}
