//! What is wrong, for those who want to say or send it.

use core::ffi::c_char;
use core::fmt::{self, Write};

use crate::refusal::Refusal;
use crate::status::rext_status;

/// What is wrong. The caller makes room for it, and it is written only when the function that it is
/// passed to answers with an error.
///
/// It owns nothing, so there is nothing to free, and it may be copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rext_error {
    /// The number with which the function answered.
    pub status: rext_status,
    /// The TLS alert that is to end the connection (RFC 8446 section 6); 0 when none is due, since
    /// it is a mistake of the caller, or since the peer does not speak TLS.
    pub alert: u8,
    /// The rule that the peer breaks, such as "FLAGS-3" or "RFC 8446 4.2.11", NUL-terminated; empty
    /// when it is none of the peer's.
    pub rule: [c_char; 27],
    /// One line for a log, in ASCII, NUL-terminated.
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

/// Words as C has them; what does not fit is cut off.
fn text<const N: usize>(words: &dyn fmt::Display) -> [c_char; N] {
    let mut text = Text { room: [0; N], length: 0 };
    let _ = write!(text, "{words}"); // it never fails
    text.room
}

/// ASCII that ends in a zero at least.
struct Text<const N: usize> {
    room: [c_char; N],
    length: usize,
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        let room = self.room.get_mut(self.length..N - 1).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(words.bytes()) {
            *to = if from.is_ascii() { from as c_char } else { b'?' as c_char };
            self.length += 1;
        }
        Ok(())
    }
}
