//! s2n-tls: `s2n_client_hello_parse_message`, which allocates, and its look-up of extensions.

use std::hint::black_box;
use std::ptr;
use std::sync::Once;

use s2n_tls_sys::{
    s2n_client_hello, s2n_client_hello_free, s2n_client_hello_get_extension_by_id,
    s2n_client_hello_has_extension, s2n_client_hello_parse_message, s2n_init,
    s2n_tls_extension_type,
};

use crate::contender::{Contender, Found, names};
use crate::corpus::Hello;

use super::bodies;
use super::parser::{Parsed, Parser};

/// The longest extension.
const LONGEST: usize = 0xffff;

pub(super) struct S2n {
    buffer: Box<[u8; LONGEST]>,
}

impl S2n {
    pub(super) fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: no other thread is there that could read the environment.
            unsafe { std::env::set_var("S2N_DONT_MLOCK", "1") };
            // SAFETY: this is the first time.
            assert_eq!(unsafe { s2n_init() }, 0);
        });
        Self { buffer: Box::new([0; LONGEST]) }
    }
}

/// A hello that was parsed, and is freed.
struct Parsed(*mut s2n_client_hello);

impl Parsed {
    /// Reads a ClientHello; `None` when it is malformed.
    fn new(message: &[u8]) -> Option<Self> {
        let length = u32::try_from(message.len()).expect("a hello is short");
        // SAFETY: the message is copied.
        let parsed = unsafe { s2n_client_hello_parse_message(message.as_ptr(), length) };
        (!parsed.is_null()).then_some(Self(parsed))
    }

    fn has(&self, number: u16) -> bool {
        let mut exists = false;
        // SAFETY: the hello is not freed yet.
        let done = unsafe { s2n_client_hello_has_extension(self.0, number, &raw mut exists) };
        done == 0 && exists
    }

    /// Copies the body of an extension.
    fn extension<'a>(
        &self,
        kind: s2n_tls_extension_type::Type,
        buffer: &'a mut [u8; LONGEST],
    ) -> Option<&'a [u8]> {
        // SAFETY: the hello is not freed yet, and no more is written than the buffer has.
        let length = unsafe {
            s2n_client_hello_get_extension_by_id(self.0, kind, buffer.as_mut_ptr(), 0xffff)
        };
        buffer.get(..usize::try_from(length).ok().filter(|length| *length > 0)?)
    }
}

impl Drop for Parsed {
    fn drop(&mut self) {
        // SAFETY: the hello was made by `s2n_client_hello_parse_message`, and is not used again.
        unsafe { s2n_client_hello_free(&raw mut self.0) };
        self.0 = ptr::null_mut();
    }
}

/// Where in the hello a copy came from.
fn within<'a>(hello: &'a Hello, copy: &[u8]) -> Option<&'a [u8]> {
    let at = hello.bytes().windows(copy.len()).position(|bytes| bytes == copy)?;
    hello.bytes().get(at..at + copy.len())
}

impl Contender for S2n {
    fn name(&self) -> &'static str {
        "s2n-tls"
    }

    fn read(&mut self, hello: &Hello) {
        black_box(&Parsed::new(hello.message()).expect("a hello"));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let parsed = Parsed::new(hello.message()).expect("a hello");
        let mut found = Found { tls_flags: parsed.has(62), ..Found::default() };
        let kind = s2n_tls_extension_type::SERVER_NAME;
        if let Some(body) = parsed.extension(kind, &mut self.buffer) {
            found.server_name = bodies::server_name(body).and_then(|name| within(hello, name));
        }
        let kind = s2n_tls_extension_type::ALPN;
        if let Some(body) = parsed.extension(kind, &mut self.buffer) {
            let list = within(hello, body).and_then(|body| body.get(2..));
            found.alpn = names(list.unwrap_or_default());
        }
        found
    }
}

impl Parser for S2n {
    fn name(&self) -> &'static str {
        "s2n-tls"
    }

    fn parse(&mut self, message: &[u8]) -> Option<Parsed> {
        let parsed = Parsed::new(message)?;
        let mut seen = Parsed { tls_flags: parsed.has(62), ..Parsed::default() };
        let kind = s2n_tls_extension_type::SERVER_NAME;
        if let Some(body) = parsed.extension(kind, &mut self.buffer) {
            seen.server_name = bodies::server_name(body).map(<[u8]>::to_vec);
        }
        let kind = s2n_tls_extension_type::ALPN;
        if let Some(body) = parsed.extension(kind, &mut self.buffer) {
            seen.alpn = bodies::alpn(body);
        }
        Some(seen)
    }
}
