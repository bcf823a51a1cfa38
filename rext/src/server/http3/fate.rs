use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use h3::error::Code;
use tokio::sync::OwnedSemaphorePermit;

type Stopped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What becomes of the stream of a request if its halves are dropped before their ends: the codes
/// that the client receives (RFC 9114 section 8.1), so that it knows whether it may send the request
/// again.
///
/// The stream begins with `H3_REQUEST_REJECTED`: nothing was done about the request yet.
pub(super) struct Fate {
    /// The code that stops the client's body.
    receive: AtomicU64,
    /// The code that resets the response.
    send: AtomicU64,
    begun: AtomicBool,
    /// Memory for heads that have not arrived completely.
    memory: Mutex<Vec<OwnedSemaphorePermit>>,
    /// Ends when the client does not want the response any more, or has received it.
    stopped: Mutex<Option<Stopped>>,
}

impl Fate {
    pub(super) fn of(stream: &quinn::SendStream) -> Arc<Self> {
        let rejected = Code::H3_REQUEST_REJECTED.value();
        let stopped = stream.stopped();
        let stopped: Stopped = Box::pin(async move {
            let _ = stopped.await;
        });
        Arc::new(Self {
            receive: rejected.into(),
            send: rejected.into(),
            begun: false.into(),
            memory: Mutex::default(),
            stopped: Mutex::new(Some(stopped)),
        })
    }

    /// The request is passed to the application: from now on, the rest of its body may be unneeded,
    /// and a response that does not end is an error of this side.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
        self.set(Code::H3_NO_ERROR, Code::H3_INTERNAL_ERROR);
    }

    /// The request is malformed (RFC 9114 section 4.1.2).
    pub(super) fn malformed(&self) {
        self.begun.store(true, Ordering::Relaxed);
        self.set(Code::H3_MESSAGE_ERROR, Code::H3_MESSAGE_ERROR);
    }

    /// h3 sends a whole response before the request begins: 431. The rest of the request is not
    /// needed.
    pub(super) fn answered_by_h3(&self) {
        self.receive.store(Code::H3_NO_ERROR.value(), Ordering::Relaxed);
    }

    fn set(&self, receive: Code, send: Code) {
        self.receive.store(receive.value(), Ordering::Relaxed);
        self.send.store(send.value(), Ordering::Relaxed);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn receive_code(&self) -> u64 {
        self.receive.load(Ordering::Relaxed)
    }

    pub(super) fn send_code(&self) -> u64 {
        self.send.load(Ordering::Relaxed)
    }

    /// Keeps this memory until the head is complete, or the request has ended.
    pub(super) fn keep(&self, memory: OwnedSemaphorePermit) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }

    /// Gives up all memory that was kept.
    pub(super) fn release(&self) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until the client does not want the response any more, has received it, or is gone.
    pub(super) async fn stopped(&self) {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        match stopped {
            Some(stopped) => stopped.await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fate")
            .field("receive", &self.receive)
            .field("send", &self.send)
            .finish_non_exhaustive()
    }
}
