//! The body of `tls_flags`: it is accepted exactly if it is the one that the codec would write.

use rustls_ext_wire::{Alert, CodePoints, FlagSet, Message, check as permit};

/// Checks the properties of this module for any body.
pub fn check(body: &[u8]) {
    let well_formed = well_formed(body);
    match FlagSet::decode(body) {
        Err(error) => {
            assert!(!well_formed);
            assert_eq!(error.alert(), Alert::ILLEGAL_PARAMETER);
            assert!(["FLAGS-2", "FLAGS-3"].contains(&error.rule()));
        }
        Ok(flags) => {
            assert!(well_formed);
            assert_eq!(flags.body(), Some(body));
            let mut again = FlagSet::EMPTY;
            for flag in flags.iter() {
                assert!(flags.contains(flag));
                assert!(again.insert(flag));
            }
            assert_eq!(again, flags);
            for &message in Message::ALL {
                assert_consistent(message, &flags);
            }
        }
    }
}

/// Returns true if the length is correct, and the last byte has a flag (FLAGS-1, FLAGS-2, FLAGS-3).
pub(crate) fn well_formed(body: &[u8]) -> bool {
    match body {
        [declared, .., last] => usize::from(*declared) == body.len() - 1 && *last != 0,
        _ => false,
    }
}

/// Asserts that flags which are allowed unsolicited are also allowed as an answer, and that a
/// violation names one of the flags.
fn assert_consistent(message: Message, flags: &FlagSet) {
    let points = CodePoints::DEFAULT;
    let alone = permit(message, flags, &FlagSet::EMPTY, &points);
    let answering = permit(message, flags, flags, &points);
    assert!(alone.is_err() || answering.is_ok());
    if let Err(violation) = answering {
        assert!(flags.contains(violation.flag()));
        assert_eq!((violation.message(), violation.alert()), (message, Alert::ILLEGAL_PARAMETER));
    }
}
