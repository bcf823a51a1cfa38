//! BoringSSL: `SSL_parse_client_hello`, and its look-up of extensions.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

use boring_sys::{
    SSL, SSL_CLIENT_HELLO, SSL_CTX_free, SSL_CTX_new, SSL_early_callback_ctx_extension_get,
    SSL_free, SSL_new, SSL_parse_client_hello, TLS_method,
};

use crate::contender::{Contender, Found, names};
use crate::corpus::Hello;

use super::bodies;
use super::parser::{Parsed, Parser};

pub(super) struct BoringSsl {
    ssl: *mut SSL,
}

impl BoringSsl {
    pub(super) fn new() -> Self {
        // SAFETY: a connection holds its context by a count; what is null is not used.
        unsafe {
            let context = SSL_CTX_new(TLS_method());
            assert!(!context.is_null());
            let ssl = SSL_new(context);
            assert!(!ssl.is_null());
            SSL_CTX_free(context);
            Self { ssl }
        }
    }

    /// Reads the body of a ClientHello; `None` when it is malformed.
    fn parse(&self, body: &[u8]) -> Option<SSL_CLIENT_HELLO> {
        let mut parsed = MaybeUninit::uninit();
        // SAFETY: the connection lives, and `parsed` is written to if one is returned.
        unsafe {
            let done =
                SSL_parse_client_hello(self.ssl, parsed.as_mut_ptr(), body.as_ptr(), body.len());
            (done == 1).then(|| parsed.assume_init())
        }
    }
}

/// The body of an extension of a hello that was parsed.
fn extension<'a>(_body: &'a [u8], parsed: &SSL_CLIENT_HELLO, number: u16) -> Option<&'a [u8]> {
    let (mut body, mut length) = (ptr::null(), 0);
    // SAFETY: `parsed` points into the bytes of the hello, and so do `body` and `length` when one
    // is returned.
    unsafe {
        let found =
            SSL_early_callback_ctx_extension_get(parsed, number, &raw mut body, &raw mut length);
        (found == 1).then(|| std::slice::from_raw_parts(body, length))
    }
}

impl Contender for BoringSsl {
    fn name(&self) -> &'static str {
        "BoringSSL"
    }

    fn read(&mut self, hello: &Hello) {
        black_box(&self.parse(hello.body()).expect("a hello"));
    }

    fn find<'a>(&mut self, hello: &'a Hello) -> Found<'a> {
        let body = hello.body();
        let parsed = self.parse(body).expect("a hello");
        let alpn = extension(body, &parsed, 16).and_then(|body| body.get(2..));
        Found {
            server_name: extension(body, &parsed, 0).and_then(bodies::server_name),
            alpn: names(alpn.unwrap_or_default()),
            tls_flags: extension(body, &parsed, 62).is_some(),
        }
    }
}

impl Parser for BoringSsl {
    fn name(&self) -> &'static str {
        "BoringSSL"
    }

    fn parse(&mut self, message: &[u8]) -> Option<Parsed> {
        let body = message.get(4..)?;
        let parsed = self.parse(body)?;
        let extension = |number| extension(body, &parsed, number);
        Some(Parsed {
            server_name: extension(0).and_then(bodies::server_name).map(<[u8]>::to_vec),
            alpn: extension(16).map(bodies::alpn).unwrap_or_default(),
            tls_flags: extension(62).is_some(),
            read: None,
        })
    }
}

impl Drop for BoringSsl {
    fn drop(&mut self) {
        // SAFETY: nobody else has the connection.
        unsafe { SSL_free(self.ssl) };
    }
}
