use std::collections::VecDeque;
use std::error::Error as StdError;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Extensions;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use rustls::client::ClientAuthOfferStatus;
use tower_layer::Layer;
use tower_service::Service;

use crate::causes;
use crate::http::client::{Confined, Request};

/// How many handshakes of a lane are remembered. reqwest does not limit connections in use.
const MOST: usize = 256;

tokio::task_local! {
    /// The last connection that was made for the request that is being sent.
    static MADE: Mutex<Option<Handshake>>;
}

/// Remembers the handshakes of a lane, each with its connection.
///
/// reqwest exposes neither its connections nor their TLS. But its requests make their connections
/// themselves, a layer around its connector sees when each is made, and both errors and responses
/// of hyper-util contain the addresses of their connection.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    certificate: Arc<Confined>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    handshakes: Mutex<VecDeque<(Ends, Handshake)>>,
    /// True if there was a connection.
    any: AtomicBool,
}

/// The local and the remote address of a connection.
type Ends = (SocketAddr, SocketAddr);

/// A handshake of a lane.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    /// How the server requested the certificate; `None` if it did not, for example in a resumed
    /// session.
    request: Option<Request>,
    /// How many tickets the lane had received before.
    tickets: u64,
    /// True if a response has arrived since.
    answered: bool,
}

impl Connections {
    pub(super) fn new(certificate: Arc<Confined>) -> Self {
        Self { certificate, shared: Arc::default() }
    }

    /// Returns true if there was a connection.
    pub(super) fn any(&self) -> bool {
        self.shared.any.load(Ordering::Acquire)
    }

    /// Sends a request so that the connections that it makes are recorded as its own.
    pub(super) async fn sending<F: Future>(sending: F) -> F::Output {
        MADE.scope(Mutex::default(), sending).await
    }

    /// The outcome of the offer on the connection of this response, from its extensions.
    pub(super) fn answered(&self, response: &Extensions) -> ClientAuthOfferStatus {
        let handshake = ends(response.get()).and_then(|ends| {
            let mut handshakes = lock(&self.shared.handshakes);
            let (_, handshake) = handshakes.iter_mut().find(|(known, _)| *known == ends)?;
            handshake.answered = true;
            Some(*handshake)
        });
        match handshake.or_else(made).and_then(|handshake| handshake.request) {
            Some(Request::Acknowledging) => ClientAuthOfferStatus::Acknowledged,
            Some(Request::Plain) => ClientAuthOfferStatus::AskedWithoutAcknowledgement,
            None => ClientAuthOfferStatus::Offered,
        }
    }

    /// Returns true if the server requested the certificate on the connection on which this error
    /// happened, and has sent nothing since. Call it within [`Self::sending`].
    pub(super) fn awaits_verdict(&self, error: &(dyn StdError + 'static)) -> bool {
        let handshake = match connection_of(error) {
            Some(ends) => {
                let handshakes = lock(&self.shared.handshakes);
                handshakes.iter().find(|(known, _)| *known == ends).map(|(_, known)| *known)
            }
            // The connection ended before a request was sent: this request made it.
            None => made(),
        };
        handshake.is_some_and(|handshake| {
            handshake.request.is_some()
                && !handshake.answered
                // A server sends tickets after it has accepted the certificate.
                && handshake.tickets == self.certificate.tickets()
        })
    }

    fn note(&self, connection: &Connected, request: Option<Request>, tickets: u64) {
        let handshake = Handshake { request, tickets, answered: false };
        // Not set if the request went to another connection and this one was made nevertheless.
        let _ = MADE.try_with(|made| *lock(made) = Some(handshake));
        let mut extensions = Extensions::new();
        connection.get_extras(&mut extensions);
        if let Some(ends) = ends(extensions.get()) {
            let mut handshakes = lock(&self.shared.handshakes);
            // A port may be used again.
            handshakes.retain(|(known, _)| *known != ends);
            if handshakes.len() >= MOST {
                handshakes.pop_front();
            }
            handshakes.push_back((ends, handshake));
        }
        self.shared.any.store(true, Ordering::Release);
    }
}

/// The last connection that was made for the request that is being sent.
fn made() -> Option<Handshake> {
    MADE.try_with(|made| *lock(made)).ok().flatten()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing can panic while one of these is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ends(info: Option<&HttpInfo>) -> Option<Ends> {
    info.map(|info| (info.local_addr(), info.remote_addr()))
}

/// The connection on which an error happened, if it was already used for requests.
fn connection_of(error: &(dyn StdError + 'static)) -> Option<Ends> {
    let mut errors = causes(error).filter_map(|error| error.downcast_ref());
    let info = errors.find_map(legacy::Error::connect_info)?;
    let mut extensions = Extensions::new();
    info.get_extras(&mut extensions);
    ends(extensions.get())
}

/// A layer around reqwest's connector.
impl<S> Layer<S> for Connections {
    type Service = Connecting<S>;

    fn layer(&self, connector: S) -> Connecting<S> {
        Connecting { connector, connections: self.clone() }
    }
}

/// reqwest's connector, which also records the connections that it makes.
#[derive(Clone)]
pub(super) struct Connecting<S> {
    connector: S,
    connections: Connections,
}

// reqwest's own types are not public.
impl<S, To> Service<To> for Connecting<S>
where
    S: Service<To, Response: Connection, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, to: To) -> Self::Future {
        let (connecting, connections) = (self.connector.call(to), self.connections.clone());
        let before = connections.certificate.tickets();
        Box::pin(async move {
            let (connection, request) = Confined::noting_request(connecting).await;
            let connection = connection?;
            connections.note(&connection.connected(), request, before);
            Ok(connection)
        })
    }
}
