//! `tls_flags` and CARE, whose bodies are checked by the methods of the view, not by the scan.

use rustls_ext_wire::{
    CareError, CodePoints, Flag, FlagSet, FlagsError, Offer, Scan, ServerNegotiation, Version,
};

use crate::build::Hello;
use crate::corpus::view;

#[test]
fn flags_9_malformed_flags_do_not_make_a_client_hello_malformed() {
    let hello = Hello::with(&[(62, &[1, 0])]).body();
    let hello = view("flags", Scan::default().body(&hello), hello.len());
    assert_eq!(hello.flags(), Err(FlagsError::NoFlagSet));
}

#[test]
fn care_1_a_body_that_is_not_empty_is_illegal_parameter() {
    let scan = Scan::default();
    let care = CodePoints::DEFAULT.care().unwrap();
    let empty = Hello::with(&[(care, &[])]).body();
    assert_eq!(view("care", scan.body(&empty), empty.len()).care(), Ok(true));
    let three = Hello::with(&[(care, &[1, 2, 3])]).body();
    let error = view("care", scan.body(&three), three.len()).care().unwrap_err();
    assert_eq!(error, CareError::NotEmpty { length: 3 });
    assert_eq!((error.rule(), error.alert().code()), ("CARE-1", 47));
    assert_eq!(
        error.to_string(),
        "client_authentication_request must be empty, but has 3 bytes (CARE-1)"
    );
}

#[test]
fn code_points_select_the_extension_of_the_flags() {
    let body = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let flags = Ok(Some(FlagSet::single(Flag::REQUEST_CLIENT_AUTH)));
    let hello = Hello::with(&[(0xfe01, &body)]).body();
    let experiment = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    assert_eq!(view("", Scan::new(&experiment).body(&hello), hello.len()).flags(), flags);
    assert_eq!(view("", Scan::default().body(&hello), hello.len()).flags(), Ok(None));
}

#[test]
fn code_points_select_the_extension_of_care() {
    let hello = Hello::with(&[(0xffc0, &[]), (0xffca, &[])]).body();
    let care = |code_points: &CodePoints| {
        view("care", Scan::new(code_points).body(&hello), hello.len()).received().care
    };
    assert_eq!(care(&CodePoints::DEFAULT), Some(&[][..]));
    assert_eq!(care(&CodePoints::DEFAULT.with_care(0xffc0).unwrap()), Some(&[][..]));
    assert_eq!(care(&CodePoints::DEFAULT.with_care(0xffc1).unwrap()), None);
    assert_eq!(care(&CodePoints::DEFAULT.without_care()), None);

    let low = Hello::with(&[(63, &[])]).body();
    let points = CodePoints::DEFAULT.with_care(63).unwrap();
    let low = view("care", Scan::new(&points).body(&low), low.len());
    assert_eq!(low.received().care, Some(&[][..]));
}

#[test]
fn a_scan_provides_the_offer_to_a_negotiation() {
    for offer in [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH] {
        let mut extensions: Vec<(u16, &[u8])> = vec![];
        if offer.has_flag() {
            extensions.push((62, &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        }
        if offer.has_care() {
            extensions.push((0xffca, &[]));
        }
        let hello = Hello::with(&extensions).body();
        let received = view("offer", Scan::default().body(&hello), hello.len()).received();
        let mut server = ServerNegotiation::new(CodePoints::DEFAULT);
        server.on_client_hello(Version::Tls13, received).unwrap();
        assert_eq!(server.offer(), offer);
    }
}
