//! The contexts of a connection.

use rustls_ext_wire::authenticator::{ContextError, Contexts};

#[test]
fn ea_3_a_context_is_used_once_by_either_side() {
    type Add = fn(&mut Contexts<[u8; 64]>, &[u8]) -> Result<(), ContextError>;
    let ways: [Add; 3] = [Contexts::sent, Contexts::received, Contexts::spontaneous];
    for first in ways {
        for second in ways {
            let mut contexts = Contexts::new([0; 64]);
            assert_eq!(first(&mut contexts, b"a"), Ok(()));
            assert_eq!(second(&mut contexts, b"a"), Err(ContextError::Repeated));
            assert_eq!(second(&mut contexts, b"b"), Ok(()));
            assert_eq!(second(&mut contexts, b""), Ok(()), "the empty context is one, too");
            assert_eq!(first(&mut contexts, b""), Err(ContextError::Repeated));
            assert_eq!(first(&mut contexts, b"ab"), Ok(()), "no prefix counts");
        }
    }
}

#[test]
fn ea_3_a_context_stays_used_after_the_answer() {
    let mut contexts = Contexts::new([0; 64]);
    contexts.sent(b"ours").unwrap();
    contexts.received(b"theirs").unwrap();
    contexts.answered(b"ours").unwrap();
    contexts.answer(b"theirs").unwrap();
    for context in [&b"ours"[..], b"theirs"] {
        assert_eq!(contexts.sent(context), Err(ContextError::Repeated));
        assert_eq!(contexts.received(context), Err(ContextError::Repeated));
    }
}

#[test]
fn ea_3_more_requests_than_the_memory_can_record_are_refused() {
    let mut contexts = Contexts::new(vec![0; 8]);
    assert_eq!(contexts.received(b"1234567"), Err(ContextError::Full));
    assert_eq!(contexts.received(b"1234"), Ok(()));
    assert_eq!(contexts.received(b"5"), Err(ContextError::Full));
    assert_eq!(contexts.received(b""), Ok(()));
    assert_eq!(contexts.sent(b""), Err(ContextError::Repeated));
    assert_eq!(contexts.sent(b"6"), Err(ContextError::Full));
    // The recorded requests can still be answered.
    assert_eq!(contexts.answer(b"1234"), Ok(()));
    assert_eq!(contexts.answer(b""), Ok(()));

    let mut none = Contexts::new([0; 0]);
    assert_eq!(none.sent(b""), Err(ContextError::Full));
    assert_eq!(none.answered(b""), Err(ContextError::NotRequested));
}

#[test]
fn ea_3_contexts_have_up_to_255_bytes() {
    let mut contexts = Contexts::new(vec![0; 1024]);
    assert_eq!(contexts.received(&[1; 256]), Err(ContextError::TooLong));
    assert_eq!(contexts.received(&[1; 255]), Ok(()));
    assert_eq!(contexts.answer(&[1; 255]), Ok(()));
    assert_eq!(contexts.answer(&[1; 256]), Err(ContextError::NotRequested));
}

#[test]
fn ea_3_the_documented_memory_is_enough() {
    let mut contexts = Contexts::new([0; 1024]);
    for number in 0..56_u128 {
        contexts.sent(&number.to_be_bytes()).unwrap();
    }
    assert_eq!(contexts.sent(&56_u128.to_be_bytes()), Err(ContextError::Full));
}

#[test]
fn ea_11_a_request_is_answered_once() {
    let mut contexts = Contexts::new([0; 64]);
    contexts.sent(b"ours").unwrap();
    contexts.received(b"theirs").unwrap();
    contexts.spontaneous(b"neither").unwrap();
    for (context, of_ours, of_theirs) in [
        (&b"ours"[..], Ok(()), Err(ContextError::NotRequested)),
        (b"theirs", Err(ContextError::NotRequested), Ok(())),
        (b"neither", Err(ContextError::Answered), Err(ContextError::Answered)),
        (b"unknown", Err(ContextError::NotRequested), Err(ContextError::NotRequested)),
    ] {
        let mut answered = contexts.clone();
        assert_eq!(answered.answered(context), of_ours);
        if of_ours.is_ok() {
            assert_eq!(answered.answered(context), Err(ContextError::Answered));
            assert_eq!(answered.answer(context), Err(ContextError::Answered));
        }
        let mut answer = contexts.clone();
        assert_eq!(answer.answer(context), of_theirs);
        if of_theirs.is_ok() {
            assert_eq!(answer.answer(context), Err(ContextError::Answered));
            assert_eq!(answer.answered(context), Err(ContextError::Answered));
        }
    }
}
