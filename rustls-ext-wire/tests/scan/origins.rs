//! The origin hint in a view: found by its number, and not checked by the scan.

use rustls_ext_wire::{CodePoints, Flaw, OriginHintError, Origins, Scan};

use crate::build::Hello;
use crate::corpus::view;

const BODY: &[u8] = b"\0\x16\0\x14spiffe://example.org";

#[test]
fn wio_2_a_malformed_list_does_not_make_a_client_hello_malformed() {
    let malformed = Hello::with(&[(0xffcb, b"\0\x16\0\x15spiffe://example.org")]).body();
    let view = view("origins", Scan::default().body(&malformed), malformed.len());
    let error = view.origins().unwrap_err();
    assert_eq!(error, OriginHintError::Malformed { flaw: Flaw::Truncated });
    assert_eq!((error.rule(), error.alert().code()), ("WIO-2", 50));
}

#[test]
fn code_points_select_the_extension_of_the_origin_hint() {
    let hello = Hello::with(&[(0xff40, BODY), (0xffcb, b"")]).body();
    let hint = |code_points: &CodePoints| {
        let view = view("origins", Scan::new(code_points).body(&hello), hello.len());
        assert_eq!(view.received().origin_hint, view.origin_hint());
        view.origin_hint()
    };
    let points = CodePoints::DEFAULT;
    assert_eq!(hint(&points), Some(&b""[..]));
    assert_eq!(hint(&points.with_origin_hint(0xff40).unwrap()), Some(BODY));
    assert_eq!(hint(&points.with_origin_hint(0xff41).unwrap()), None);
    assert_eq!(hint(&points.without_origin_hint()), None);

    let low = Hello::with(&[(63, BODY)]).body();
    let points = points.with_origin_hint(63).unwrap();
    let view = view("origins", Scan::new(&points).body(&low), low.len());
    assert_eq!(view.origins(), Ok(Some(Origins::decode(BODY).unwrap())));
}

#[test]
fn a_hello_without_the_extension_has_no_origins() {
    let hello = Hello::with(&[(62, BODY)]).body();
    let view = view("origins", Scan::default().body(&hello), hello.len());
    assert_eq!((view.origin_hint(), view.origins()), (None, Ok(None)));
}
