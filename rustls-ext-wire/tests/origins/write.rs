//! Writing the extension.

use std::error::Error;

use rustls_ext_wire::{
    MAX_ORIGIN_BYTES, OriginError, Origins, WriteOriginsError, write_origin_hint,
};

use crate::body;

#[test]
fn wio_2_what_is_written_is_the_list() {
    let origins = ["spiffe://example.org", "wimse://x"];
    let mut buffer = [0xff; MAX_ORIGIN_BYTES];
    assert_eq!(write_origin_hint(origins, &mut buffer), Ok(&body(&origins)[..]));
    // As they were given
    let owned = vec!["SPIFFE://Example%2Eorg".to_owned()];
    assert_eq!(write_origin_hint(&owned, &mut buffer), Ok(&body(&owned)[..]));
}

#[test]
fn wio_2_an_empty_list_is_not_written() {
    let error = write_origin_hint::<&str>([], &mut [0; 64]).unwrap_err();
    assert_eq!(error, WriteOriginsError::Empty);
    assert_eq!(error.to_string(), "the list of origins is empty");
}

#[test]
fn wio_3_a_string_that_is_no_origin_is_not_written() {
    let list = ["spiffe://example.org", "spiffe://example.org/", "?"];
    let error = write_origin_hint(list, &mut [0; 256]).unwrap_err();
    let path = OriginError::Path;
    assert_eq!(error, WriteOriginsError::NotAnOrigin { index: 1, error: path });
    assert_eq!(error.to_string(), "number 2 of the list cannot be sent");
    assert_eq!(error.source().unwrap().to_string(), path.to_string());
}

#[test]
fn wio_8_more_than_16_origins_are_not_written() {
    let mut buffer = [0; MAX_ORIGIN_BYTES];
    let sixteen = ["s://a"; 16];
    let written = write_origin_hint(sixteen, &mut buffer).unwrap();
    assert_eq!(Origins::decode(written).unwrap().ignored(), 0);
    let error = write_origin_hint(["s://a"; 17], &mut buffer).unwrap_err();
    assert_eq!(error, WriteOriginsError::TooMany);
    assert_eq!(error.to_string(), "there are more than 16 origins: servers ignore the rest");
}

#[test]
fn wio_8_more_than_4096_bytes_are_not_written() {
    let long = |length: usize| format!("s://{}", "a".repeat(length - 4));
    let mut buffer = [0; 2 * MAX_ORIGIN_BYTES];
    let fits = [long(2000), long(4096 - 2 - 2002 - 2)];
    let written = write_origin_hint(&fits, &mut buffer).unwrap();
    assert_eq!((written.len(), Origins::decode(written).unwrap().ignored()), (4096, 0));
    let longer = [long(2000), long(4096 - 2 - 2002 - 2 + 1)];
    let error = write_origin_hint(&longer, &mut buffer).unwrap_err();
    assert_eq!(error, WriteOriginsError::TooLong);
    let text = "the list of origins has more than 4096 bytes: servers ignore the rest";
    assert_eq!(error.to_string(), text);
    // Whatever the buffer is
    assert_eq!(write_origin_hint(&longer, &mut []), Err(WriteOriginsError::TooLong));
}

#[test]
fn a_buffer_that_is_too_short_is_reported_with_the_length() {
    let origins = ["spiffe://example.org", "wimse://x"];
    let needed = body(&origins).len();
    for length in 0..needed {
        let error = write_origin_hint(origins, &mut vec![0; length]).unwrap_err();
        assert_eq!(error, WriteOriginsError::NoRoom { needed });
    }
    assert_eq!(write_origin_hint(origins, &mut vec![0; needed]).unwrap().len(), needed);
    let text = "the buffer is too short: the list of origins has 35 bytes";
    assert_eq!(WriteOriginsError::NoRoom { needed }.to_string(), text);
}
