//! The contexts that a connection has seen.

use rustls_ext_wire::authenticator::Contexts;

use crate::error::rext_error;
use crate::fence::{borrow_mut, bytes, fence, release};
use crate::refusal::Misuse;
use crate::scan::make;
use crate::status::{REXT_OK, rext_status};

/// The contexts of all authenticator requests on one connection: each is used in one request, by
/// either side (EA-3), and answered once (EA-11).
pub struct rext_contexts(Contexts<Vec<u8>>);

/// A use of a context, one of REXT_CONTEXT_....
pub type rext_context_use = i32;

/// Context: this side requests. Record it before the request is sent.
pub const REXT_CONTEXT_SENT: rext_context_use = 1;
/// Context: the peer requests. Record it when the request has been read.
pub const REXT_CONTEXT_RECEIVED: rext_context_use = 2;
/// Context: a server's authenticator without a request, on either side (EA-5).
pub const REXT_CONTEXT_SPONTANEOUS: rext_context_use = 3;
/// Context: the peer answers a request of this side. Record it before the answer is validated: an
/// invalid one uses up the request, too.
pub const REXT_CONTEXT_ANSWERED: rext_context_use = 4;
/// Context: this side answers a request of the peer. Record it before the answer is made.
pub const REXT_CONTEXT_ANSWER: rext_context_use = 5;

/// Makes the record of a new connection.
///
/// size: the memory for contexts in bytes; 0 for 1024. A context takes its length and 2 bytes more
/// until the record is freed: 1024 bytes are enough for 56 contexts of 16 bytes.
/// contexts: receives the record; not NULL. Free it with rext_contexts_free().
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK, REXT_ERR_MEMORY, or a mistake of the caller. After an error, the record that
/// is received is NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_contexts_new(
    size: usize,
    contexts: *mut *mut rext_contexts,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        let new = || {
            let size = if size == 0 { 1024 } else { size };
            let mut memory = Vec::new();
            memory.try_reserve_exact(size).map_err(|_| Misuse::Memory)?;
            memory.resize(size, 0);
            Ok(rext_contexts(Contexts::new(memory)))
        };
        // SAFETY: C callers must meet the documented requirements.
        unsafe { make(contexts, new) }
    })
}

/// Frees a record.
///
/// contexts: from rext_contexts_new(), which must not be used any more; with NULL, nothing happens.
///
/// Threads: any, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_contexts_free(contexts: *mut rext_contexts) {
    // SAFETY: C callers must meet the documented requirements.
    unsafe { release(contexts) }
}

/// Records a use of a context.
///
/// contexts: not NULL.
/// kind: the kind of use, one of REXT_CONTEXT_....
/// context, length: the context; NULL and 0 if it is empty.
/// error: receives the error; may be NULL.
///
/// Returns: REXT_OK; REXT_ERR_CONTEXT_REPEATED or REXT_ERR_CONTEXT_FULL for the first three uses:
/// do not send the request, make no authenticator, or refuse the authenticator;
/// REXT_ERR_CONTEXT_NOT_REQUESTED or REXT_ERR_CONTEXT_ANSWERED for the other two: refuse the
/// authenticator, or make none; REXT_ERR_VALUE for a context of more than 255 bytes; or another
/// mistake of the caller.
///
/// Threads: one at a time per record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rext_contexts_record(
    contexts: *mut rext_contexts,
    kind: rext_context_use,
    context: *const u8,
    length: usize,
    error: *mut rext_error,
) -> rext_status {
    fence!(error, {
        // SAFETY: C callers must meet the documented requirements.
        let context = unsafe { bytes(context, length) }?;
        // SAFETY: likewise.
        let contexts = &mut unsafe { borrow_mut(contexts) }?.0;
        match kind {
            REXT_CONTEXT_SENT => contexts.sent(context)?,
            REXT_CONTEXT_RECEIVED => contexts.received(context)?,
            REXT_CONTEXT_SPONTANEOUS => contexts.spontaneous(context)?,
            REXT_CONTEXT_ANSWERED => contexts.answered(context)?,
            REXT_CONTEXT_ANSWER => contexts.answer(context)?,
            _ => return Err(Misuse::Value("a use REXT_CONTEXT_...").into()),
        }
        Ok(REXT_OK)
    })
}
