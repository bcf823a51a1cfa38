//! The body of `tls_flags`: what is taken is what would be written, and nothing else is.

use rustls_ext_wire::{Alert, CodePoints, FlagSet, Message, check as permit};

/// See the module.
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
                judge(message, &flags);
            }
        }
    }
}

/// Whether the length is right, and the last byte has a flag (FLAGS-1, FLAGS-2, FLAGS-3).
pub(crate) fn well_formed(body: &[u8]) -> bool {
    match body {
        [declared, .., last] => usize::from(*declared) == body.len() - 1 && *last != 0,
        _ => false,
    }
}

/// What may stand somewhere may also do so beside less, and answers may not go beyond questions.
fn judge(message: Message, flags: &FlagSet) {
    let points = CodePoints::DEFAULT;
    let alone = permit(message, flags, &FlagSet::EMPTY, &points);
    let answering = permit(message, flags, flags, &points);
    assert!(alone.is_err() || answering.is_ok());
    if let Err(violation) = answering {
        assert!(flags.contains(violation.flag()));
        assert_eq!((violation.message(), violation.alert()), (message, Alert::ILLEGAL_PARAMETER));
    }
}
