//! The phases of a server's life, as its connections see them.

use http::{HeaderValue, Response, StatusCode, header};
use tokio::sync::watch;

/// A phase of a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It accepts connections.
    Serving,
    /// The program ends: idle connections are closed at once.
    Stopping,
    /// A new process accepts connections in place of this one. Clients do not expect the server to be
    /// away, so connections end only where no request can be lost: in HTTP/1.1 after a response that
    /// says so, in HTTP/2 by GOAWAY.
    Replaced,
}

/// Receives the phase.
#[derive(Clone, Debug)]
pub(crate) struct PhaseReceiver(watch::Receiver<Phase>);

impl PhaseReceiver {
    /// Makes a receiver, and the sender for its phases, which begin with [`Phase::Serving`].
    pub(crate) fn channel() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (sender, Self(receiver))
    }

    /// Waits until the server no longer accepts connections, and returns why.
    pub(crate) async fn ended(&mut self) -> Phase {
        let phase = self.0.wait_for(|phase| *phase != Phase::Serving).await;
        // The sender is kept as long as there are connections.
        phase.map_or(Phase::Stopping, |phase| *phase)
    }

    /// Waits until the program ends. Connections that have not begun are closed then.
    pub(crate) async fn stopping(&mut self) {
        let _ = self.0.wait_for(|phase| *phase == Phase::Stopping).await;
    }

    /// Waits until an HTTP connection is to be shut down by hyper, which closes it at once if it is
    /// idle, or if nothing was received (HTTP/2: no preface). `first_request` waits for its first
    /// request.
    pub(crate) async fn end_of(&mut self, is_h2: bool, first_request: impl Future<Output = ()>) {
        if self.ended().await == Phase::Stopping {
            return;
        }
        tokio::select! {
            // Then a GOAWAY lets the client finish its requests, and send no further ones.
            () = first_request, if is_h2 => {}
            // HTTP/1.1 has no such message: see `mark_last()`.
            () = self.stopping() => {}
        }
    }

    /// Marks a response as the last one of an HTTP/1.1 connection (RFC 9112 section 9.6) if a new
    /// process has replaced this one.
    pub(crate) fn mark_last<B>(&self, is_h2: bool, response: &mut Response<B>) {
        if is_h2 || response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        if *self.0.borrow() == Phase::Replaced {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }
}
