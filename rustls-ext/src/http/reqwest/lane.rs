use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, header};
use reqwest::{Request, Response};
use rustls::client::ClientAuthOfferStatus;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::connections::Connections;
use super::error::Error;
use super::redirect;
use crate::http::client::Origin;

/// A reqwest client for one origin and one identity, or for all origins without an identity.
#[derive(Debug)]
pub(super) struct Lane {
    client: reqwest::Client,
    authenticated: Option<Authenticated>,
}

/// The additional data of a lane that has an identity.
#[derive(Debug)]
struct Authenticated {
    identity: Arc<str>,
    origin: Origin,
    connections: Connections,
    /// How long a request waits for the connection that the first one makes.
    connect_timeout: Duration,
    started: AtomicBool,
    /// True if there is a connection for others to share, or the first request has ended without
    /// one.
    connected: watch::Sender<bool>,
}

/// A response, and facts about its connection.
pub(super) struct Sent {
    pub(super) response: Response,
    pub(super) redirected: bool,
    pub(super) status: ClientAuthOfferStatus,
}

impl Lane {
    pub(super) fn plain(client: reqwest::Client) -> Self {
        Self { client, authenticated: None }
    }

    /// A lane with the identity of this name, for this origin, with these records of its
    /// connections.
    pub(super) fn authenticated(
        client: reqwest::Client,
        identity: Arc<str>,
        origin: Origin,
        connections: Connections,
        connect_timeout: Duration,
    ) -> Self {
        let (started, connected) = (AtomicBool::new(false), watch::Sender::new(false));
        let authenticated =
            Authenticated { identity, origin, connections, connect_timeout, started, connected };
        Self { client, authenticated: Some(authenticated) }
    }

    pub(super) async fn send(&self, request: Request) -> Result<Sent, Error> {
        match &self.authenticated {
            Some(authenticated) => authenticated.send(&self.client, request).await,
            None => {
                let (sent, redirected) = redirect::noting(self.client.execute(request)).await;
                let response = sent.map_err(|err| Error::of(err, None, false))?;
                Ok(Sent { response, redirected, status: ClientAuthOfferStatus::NotOffered })
            }
        }
    }
}

impl Authenticated {
    async fn send(&self, client: &reqwest::Client, mut request: Request) -> Result<Sent, Error> {
        // Otherwise a `Host` among the client's default fields would be used, even for another
        // host.
        if !request.headers().contains_key(header::HOST) {
            if let Ok(host) = HeaderValue::try_from(self.origin.authority()) {
                request.headers_mut().insert(header::HOST, host);
            }
        }
        // Requests that start at the same time would open a connection each, which HTTP/2 does not
        // need.
        let first = self.first_or_after(&mut request).await;
        Connections::sending(async {
            let (sent, redirected) =
                redirect::noting(self.run(first, client.execute(request))).await;
            match sent {
                Ok(response) => {
                    let status = self.connections.answered(response.extensions());
                    Ok(Sent { response, redirected, status })
                }
                Err(err) => {
                    let silent = self.connections.awaits_verdict(&err);
                    Err(Error::of(err, Some(self.identity.clone()), silent))
                }
            }
        })
        .await
    }

    /// Sends a request. If it is the first, others continue as soon as it has a connection.
    async fn run<F: Future>(&self, first: Option<First<'_>>, sending: F) -> F::Output {
        let mut sending = pin!(sending);
        poll_fn(|cx| {
            let polled = sending.as_mut().poll(cx);
            // reqwest's pool does not have the connection before this point.
            if let Some(first) = first.as_ref().filter(|_| self.connections.any()) {
                first.is_over();
            }
            polled
        })
        .await
    }

    /// Returns a guard if this is the first request. Otherwise waits until there is a connection,
    /// the first request has failed, or the time is up.
    async fn first_or_after(&self, request: &mut Request) -> Option<First<'_>> {
        if !self.started.swap(true, Ordering::AcqRel) {
            return Some(First(&self.connected));
        }
        let mut connected = self.connected.subscribe();
        if *connected.borrow_and_update() {
            return None;
        }
        let (since, limit) = (Instant::now(), request.timeout().copied());
        let wait = limit.map_or(self.connect_timeout, |limit| limit.min(self.connect_timeout));
        // It cannot fail, since the sender exists.
        let _ = timeout(wait, connected.wait_for(|connected| *connected)).await;
        if let Some(limit) = limit {
            // reqwest starts to measure the request's time now.
            *request.timeout_mut() = Some(limit.saturating_sub(since.elapsed()));
        }
        None
    }
}

/// The first request of a lane. When it ends, in any way, the others continue.
struct First<'a>(&'a watch::Sender<bool>);

impl First<'_> {
    fn is_over(&self) {
        self.0.send_if_modified(|over| !std::mem::replace(over, true));
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.is_over();
    }
}
