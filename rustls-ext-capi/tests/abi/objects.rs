//! The lifetimes of objects.

use std::ptr::{null, null_mut};

use rext::*;

use crate::no_hello;

const HELLO: &[u8] = include_bytes!("../../../rustls-ext-wire/corpus/rustls-ring+flag.bin");

/// Makes an object, which must succeed.
fn made<T>(make: impl FnOnce(*mut *mut T) -> rext_status) -> *mut T {
    let mut object = null_mut();
    assert_eq!(make(&mut object), REXT_OK);
    assert!(!object.is_null());
    object
}

#[test]
fn a_scanner_outlives_its_scan_and_its_view_the_scanner() {
    let mut buffer = vec![0; 1024];
    // SAFETY: all pointers are valid, and meet the documented requirements.
    unsafe {
        let scan = made(|scan| rext_scan_new(null(), 512, scan, null_mut()));
        let (data, length) = (buffer.as_mut_ptr(), buffer.len());
        let scanner = made(|to| rext_scanner_new(scan, data, length, to, null_mut()));
        rext_scan_free(scan);

        let (first, rest) = HELLO.split_at(100);
        let (mut hello, mut count) = (no_hello(), 0);
        let feed = |bytes: &[u8], hello: *mut rext_hello, count: *mut usize| {
            rext_scanner_feed(scanner, bytes.as_ptr(), bytes.len(), hello, count, null_mut())
        };
        // The bytes are freed after each call: the scanner must have copied what it needs.
        let (first, rest) = (first.to_vec(), rest.to_vec());
        assert_eq!(feed(&first, &mut hello, &mut count), REXT_INCOMPLETE);
        drop(first);
        assert_eq!(count, rest.len());
        assert_eq!(feed(&rest, &mut hello, &mut count), REXT_OK);
        drop(rest);
        assert_eq!(count, HELLO.len());
        rext_scanner_free(scanner);

        let copy = hello;
        assert_eq!(rext_hello_has_flag(&copy, 80, null_mut()), REXT_YES);
    }
    assert!(buffer.iter().any(|byte| *byte != 0));
}

#[test]
fn client_and_server_negotiate_an_accepted_offer() {
    // SAFETY: all pointers are valid, and meet the documented requirements.
    unsafe {
        let offer = REXT_OFFER_FLAG | REXT_OFFER_CARE;
        let client = made(|client| rext_client_new(offer, null(), client, null_mut()));
        let server = made(|server| rext_server_new(null(), server, null_mut()));

        let (mut flags, mut care) = (rext_flags { body: [0; 256] }, 0);
        assert_eq!(
            rext_client_hello(client, REXT_TLS13, &mut flags, &mut care, null_mut()),
            REXT_OK
        );
        let mut body = rext_bytes { data: null(), length: 0 };
        assert_eq!(rext_flags_body(&flags, &mut body), REXT_YES);
        let empty = rext_bytes { data: null(), length: 0 };
        let tls13 = REXT_TLS13;
        let status = rext_server_on_client_hello(server, tls13, &body, &empty, null(), null_mut());
        assert_eq!((status, rext_server_offer(server)), (REXT_OK, offer));

        assert_eq!(rext_server_asks(server, REXT_ASKS_BECAUSE_OFFERED), REXT_OK);
        assert_eq!(rext_server_acknowledgement(server, &mut flags), REXT_OK);
        assert_eq!(rext_flags_body(&flags, &mut body), REXT_YES);
        let asked = REXT_CERTIFICATE_REQUEST;
        assert_eq!(
            rext_client_on(client, asked, tls13, &body, null(), null(), null_mut()),
            REXT_OK
        );
        assert_eq!(rext_client_status_of(client), REXT_CLIENT_ACKNOWLEDGED);
        rext_client_free(client);
        rext_server_free(server);
    }
}

#[test]
fn a_session_record_borrows_its_scope() {
    let mut room = [0; REXT_SESSION_LONGEST];
    let scope = rext_bytes { data: b"agents".as_ptr(), length: 6 };
    let session = rext_session { scope, authenticated_at: 7, authenticated: 1 };
    let (mut written, mut again) = (0, session);
    again.authenticated_at = 0;
    // SAFETY: all pointers are valid.
    unsafe {
        let (data, length) = (room.as_mut_ptr(), room.len());
        assert_eq!(rext_session_encode(&session, data, length, &mut written), REXT_OK);
        assert_eq!(rext_session_decode(room.as_ptr(), written, &mut again), REXT_OK);
        assert_eq!(again.authenticated_at, 7);
        assert!(room.as_ptr_range().contains(&again.scope.data));
        let result = rext_resumption_check(REXT_DEMAND_REQUIRE, &scope, 0, &again);
        assert_eq!(result, REXT_RESUMPTION_IF_VERIFIED);
    }
}
