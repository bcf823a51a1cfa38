//! OpenSSL: three methods to request a client certificate.
#![allow(unsafe_code)]

use ::openssl::ssl::{SslOptions, SslRef};
use ::openssl::x509::X509VerifyResult;
use foreign_types::ForeignTypeRef;

const OK: X509VerifyResult = X509VerifyResult::OK;

/// The client's request, before the server requests a certificate.
const REQUEST: &[u8] = b"GET /account HTTP/1.1\r\nHost: localhost\r\n\r\n";

ssl!(openssl);

mod sys {
    use std::ffi::c_int;

    use openssl_sys::{SSL, SSL_CTX};

    unsafe extern "C" {
        pub(super) fn SSL_CTX_set_post_handshake_auth(context: *mut SSL_CTX, value: c_int);
        pub(super) fn SSL_verify_client_post_handshake(connection: *mut SSL) -> c_int;
        pub(super) fn SSL_renegotiate(connection: *mut SSL) -> c_int;
    }
}

fn groups(context: &mut SslContextBuilder) {
    context.set_groups_list("X25519:P-256").expect("a group");
}

pub(super) fn mutual(pki: &Pki) -> Box<dyn Ends> {
    Box::new(Mutual::new(pki))
}

/// Post-handshake authentication after the client's request (RFC 8446 section 4.6.2), which HTTP/2
/// forbids (RFC 8740).
pub(super) fn post_handshake(pki: &Pki) -> Box<dyn Ends> {
    let (client, server) = contexts(pki, SslVersion::TLS1_3);
    // SAFETY: the context lives.
    unsafe { sys::SSL_CTX_set_post_handshake_auth(client.as_ptr(), 1) };
    Box::new(Later {
        client: client.build(),
        server: server.build(),
        ask: |server| {
            // SAFETY: the connection lives.
            unsafe { sys::SSL_verify_client_post_handshake(server.as_ptr()) }
        },
    })
}

/// Renegotiation after the client's request, as with HTTP/1.1.
pub(super) fn renegotiation(pki: &Pki) -> Box<dyn Ends> {
    let (client, mut server) = contexts(pki, SslVersion::TLS1_2);
    // Otherwise the second handshake would resume the first session, without a request.
    server.set_options(SslOptions::NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    Box::new(Later {
        client: client.build(),
        server: server.build(),
        ask: |server| {
            // SAFETY: the connection lives.
            unsafe { sys::SSL_renegotiate(server.as_ptr()) }
        },
    })
}

/// Requires a certificate in every further handshake.
fn insist(server: &SslRef) {
    let mode = openssl_sys::SSL_VERIFY_PEER | openssl_sys::SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    // SAFETY: the connection lives.
    unsafe { openssl_sys::SSL_set_verify(server.as_ptr(), mode, None) };
}

/// A client that gets a certificate request after its HTTP request.
struct Later {
    client: SslContext,
    server: SslContext,
    ask: fn(&SslRef) -> i32,
}

impl Ends for Later {
    fn shake(&mut self) -> Cost {
        let mut it = Connection::new(&self.client, &self.server);
        loop {
            it.turn(|it| it.client.connect());
            // As early as possible: together with its Finished.
            if it.client.ssl().is_init_finished() {
                it.turn(|it| it.client.ssl_write(REQUEST)).expect("room for a request");
            }
            it.count();
            let requested = it.turn(|it| {
                it.server.accept()?;
                it.server.ssl_read(&mut [0; 64])
            });
            if let Some(length) = requested {
                assert_eq!(length, REQUEST.len());
                break;
            }
            it.count();
        }
        insist(it.server.ssl());
        assert_eq!((self.ask)(it.server.ssl()), 1);
        it.turn(|it| it.server.do_handshake());
        it.count();
        loop {
            let before = it.cost.bytes;
            assert!(it.turn(|it| it.client.ssl_read(&mut [0; 64])).is_none());
            it.count();
            assert!(it.cost.bytes > before, "the client sends nothing");
            assert!(it.turn(|it| it.server.ssl_read(&mut [0; 64])).is_none());
            if it.server.ssl().peer_certificate().is_some() {
                return it.done();
            }
            it.count();
        }
    }
}
