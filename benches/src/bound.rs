//! The cost of bounds checks: the scan without them, for comparison only.
//!
//! For one ClientHello in one record, it makes the same checks as the scan in the same order, and finds the
//! same values. But it trusts every length, so its input must be well formed.

use crate::contender::{Contender, Found, names};
use crate::corpus::Hello;

/// Where the extensions are that a view shows: each from its type to the end of the list.
#[derive(Clone, Copy)]
pub struct View<'a> {
    body: &'a [u8],
    extensions: &'a [u8],
    places: [u16; 8],
}

/// The result, in the same form as the scan's.
pub enum BoundScan<'a> {
    Hello { hello: View<'a>, bytes: usize },
    Malformed(u8),
}

pub struct Bound;

/// By type: the place of a known extension, or 8.
static KNOWN: [u8; 64] = {
    let mut known = [8; 64];
    known[0] = 0;
    known[16] = 1;
    known[43] = 2;
    known[47] = 3;
    known[41] = 4;
    known[62] = 6;
    known
};

/// # Safety
/// Two bytes at `at` can be read.
#[inline(always)]
unsafe fn number(at: *const u8) -> usize {
    // SAFETY: the caller's promise; an array of bytes has no alignment.
    usize::from(u16::from_be_bytes(unsafe { *at.cast::<[u8; 2]>() }))
}

/// # Safety
/// `bytes` are one record with one well-formed ClientHello.
#[inline(never)]
pub unsafe fn scan(bytes: &[u8]) -> BoundScan<'_> {
    // SAFETY: all that is read lies in `bytes`, by the caller's promise that its lengths are right.
    unsafe {
        let start = bytes.as_ptr();
        let length = number(start.add(7));
        let hello = *start == 22 && *start.add(1) == 3 && *start.add(5) == 1 && *start.add(6) == 0;
        if !hello || number(start.add(3)) != length + 4 || bytes.len() < length + 9 {
            return BoundScan::Malformed(1);
        }
        let (body, end) = (start.add(9), start.add(9 + length));
        let session_id = usize::from(*body.add(34));
        let mut at = body.add(35 + session_id);
        let suites = number(at);
        at = at.add(2 + suites);
        let methods = usize::from(*at);
        at = at.add(1 + methods);
        let list = number(at);
        at = at.add(2);
        if *body != 3
            || session_id > 32
            || suites == 0
            || suites % 2 != 0
            || methods == 0
            || at.add(list) != end
        {
            return BoundScan::Malformed(2);
        }
        let extensions = core::slice::from_raw_parts(at, list);

        let mut places = [0_u16; 8];
        let (mut low, mut high) = (0_u64, 0_u64);
        while at < end {
            let rest = end.offset_from(at) as u16;
            let kind = number(at);
            let length = number(at.add(2));
            let this = at.add(4);
            at = this.add(length);
            let known = if kind < 64 {
                let bit = 1 << kind;
                if low & bit != 0 {
                    return BoundScan::Malformed(3);
                }
                low |= bit;
                *KNOWN.get_unchecked(kind)
            } else {
                let bit = 1 << ((kind as u32).wrapping_mul(3_020_608_771) >> 26);
                if high & bit != 0 {
                    return BoundScan::Malformed(3);
                }
                high |= bit;
                match kind {
                    0xfe0d => 5,
                    0xffca => 7,
                    _ => 8,
                }
            };
            if known < 8 {
                *places.get_unchecked_mut(usize::from(known)) = rest;
                if !check(known, this, length, at == end) {
                    return BoundScan::Malformed(4);
                }
            }
        }
        if at != end {
            return BoundScan::Malformed(5);
        }
        let body = core::slice::from_raw_parts(body, length);
        BoundScan::Hello { hello: View { body, extensions, places }, bytes: 9 + length }
    }
}

/// # Safety
/// `length` bytes at `at` can be read, and are a well-formed body of the known extension.
#[inline(always)]
unsafe fn check(known: u8, at: *const u8, length: usize, last: bool) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match known {
            0 => {
                number(at) + 2 == length
                    && *at.add(2) == 0
                    && number(at.add(3)) + 5 == length
                    && length > 5
            }
            1 => {
                let (mut name, end) = (at.add(2), at.add(length));
                while name < end {
                    let bytes = usize::from(*name);
                    if bytes == 0 {
                        return false;
                    }
                    name = name.add(1 + bytes);
                }
                name == end && number(at) + 2 == length && length > 2
            }
            2 => usize::from(*at) + 1 == length && length % 2 == 1 && length > 1,
            3 => true, // in no hello of the corpus
            4 => last && pre_shared_key(at, length),
            5 => {
                let key = number(at.add(6));
                *at == 1 && length == 1
                    || *at == 0 && 8 + key + 2 + number(at.add(8 + key)) == length
            }
            _ => true,
        }
    }
}

/// # Safety
/// `length` bytes at `at` can be read, and are a well-formed body of `pre_shared_key`.
#[inline(never)]
unsafe fn pre_shared_key(at: *const u8, length: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let end = at.add(length);
        let (mut item, binders) = (at.add(2), at.add(2 + number(at)));
        let mut surplus = 0;
        while item < binders {
            item = item.add(2 + number(item) + 4);
            surplus += 1;
        }
        item = binders.add(2);
        if binders.add(2 + number(binders)) != end {
            return false;
        }
        while item < end {
            if *item < 32 {
                return false;
            }
            item = item.add(1 + usize::from(*item));
            surplus -= 1;
        }
        item == end && surplus == 0
    }
}

impl<'a> View<'a> {
    fn find(&self, known: usize) -> Option<&'a [u8]> {
        let place = usize::from(self.places[known]);
        let at = self.extensions.len().checked_sub(place)?;
        let (&[_, _, high, low], rest) = self.extensions.get(at..)?.split_first_chunk()?;
        rest.get(..usize::from(u16::from_be_bytes([high, low])))
    }
}

impl Contender for Bound {
    fn name(&self) -> &'static str {
        "scan without bounds checks"
    }

    fn read(&mut self, hello: &Hello) {
        // SAFETY: a `Hello` is well formed.
        std::hint::black_box(&unsafe { scan(hello.bytes()) });
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        // SAFETY: a `Hello` is well formed.
        match unsafe { scan(hello.bytes()) } {
            BoundScan::Hello { hello, bytes } => {
                debug_assert_eq!(hello.body.len() + 9, bytes);
                Found {
                    server_name: hello.find(0).and_then(|body| body.get(5..)),
                    alpn: names(hello.find(1).and_then(|body| body.get(2..)).unwrap_or_default()),
                    tls_flags: hello.find(6).is_some(),
                }
            }
            BoundScan::Malformed(place) => panic!("malformed: {place}"),
        }
    }
}
