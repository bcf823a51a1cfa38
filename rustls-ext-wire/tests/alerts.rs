//! The names of alerts.

use rustls_ext_wire::Alert;

#[test]
fn each_alert_has_the_name_of_its_number() {
    for (alert, code, name) in [
        (Alert::UNEXPECTED_MESSAGE, 10, "unexpected_message"),
        (Alert::RECORD_OVERFLOW, 22, "record_overflow"),
        (Alert::ILLEGAL_PARAMETER, 47, "illegal_parameter"),
        (Alert::DECODE_ERROR, 50, "decode_error"),
        (Alert::UNSUPPORTED_EXTENSION, 110, "unsupported_extension"),
    ] {
        assert_eq!((alert.code(), alert.name()), (code, name));
        assert_eq!(Alert::name_of(code), Some(name));
    }
}

#[test]
fn a_name_belongs_to_one_number() {
    let mut names: Vec<_> = (0..=u8::MAX).filter_map(Alert::name_of).collect();
    assert_eq!(names.len(), 35);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 35);
}
