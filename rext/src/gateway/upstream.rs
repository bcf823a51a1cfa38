//! The servers behind, and sending requests to them.
//!
//! A request is sent again only if nothing of it was processed: its connection was closed before it
//! was written, no connection could be opened, or an HTTP/2 server refused its stream (RFC 9113
//! section 8.7). And only if none of its body has been read.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use rustls_ext::causes;
use tokio::time::Instant;
use tracing::warn;

use super::body::RequestBody;
use super::config::Protocol;
use super::connect::{ConnectError, Sender};
use super::outbound::Outbound;
use super::pool::{Lease, NoConnection, Pool};
use crate::observe::{self, UpstreamRequest};

/// How long a server behind is avoided after no connection could be opened, if there are others.
const AVOIDED: Duration = Duration::from_secs(10);
/// How often a request is sent to one server behind at most.
const ATTEMPTS: usize = 4;

/// The servers behind of one route.
#[derive(Debug)]
pub(super) struct Upstreams {
    all: Vec<Upstream>,
    next: AtomicUsize,
}

/// A server behind.
#[derive(Debug)]
pub(super) struct Upstream {
    uri: Uri,
    /// The same as text, for metrics and logs.
    url: Arc<str>,
    protocol: Protocol,
    pool: Arc<Pool>,
    avoided_until: Mutex<Option<Instant>>,
}

/// The response of a server behind.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    /// The connection, if it is one of HTTP/1.1.
    pub(super) connection: Option<http1::SendRequest<RequestBody>>,
    pub(super) lease: Lease,
}

/// Why there is no response.
#[derive(Debug)]
pub(super) enum SendError {
    /// All connections are in use.
    Busy,
    /// A connection could not be opened.
    Connect(ConnectError),
    /// The exchange failed.
    Exchange(hyper::Error),
    /// The request cannot be sent in this protocol.
    Invalid,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("all connections to the server behind are in use"),
            Self::Connect(err) => err.fmt(f),
            Self::Exchange(_) => f.write_str("the exchange with the server behind failed"),
            Self::Invalid => f.write_str("the request's target or host cannot be passed on"),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect(err) => err.source(),
            Self::Exchange(err) => Some(err),
            Self::Busy | Self::Invalid => None,
        }
    }
}

impl SendError {
    /// The outcome of the request, for metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Connect(_) => "connect_failed",
            Self::Exchange(_) => "failed",
            Self::Invalid => "other",
        }
    }
}

impl From<NoConnection> for SendError {
    fn from(err: NoConnection) -> Self {
        match err {
            NoConnection::Busy => Self::Busy,
            NoConnection::Failed(err) => Self::Connect(err),
        }
    }
}

impl Upstreams {
    /// Returns the maximum number of open connections to all of them.
    pub(super) fn max_connections(&self) -> usize {
        let all = self.all.iter().map(|upstream| upstream.pool.max_connections());
        all.fold(0, usize::saturating_add)
    }

    pub(super) fn new(all: Vec<Upstream>) -> Arc<Self> {
        Arc::new(Self { all, next: AtomicUsize::new(0) })
    }

    /// The protocol of all of them.
    pub(super) fn protocol(&self) -> Protocol {
        self.all.first().map(|upstream| upstream.protocol).unwrap_or_default()
    }

    /// Sends a request to the next server behind, or to another one if no connection to that one
    /// can be had. Also returns the part of the server that it was sent to last.
    pub(super) async fn send(
        &self,
        request: &mut Outbound,
    ) -> (observe::Upstream, Result<Answer, SendError>) {
        let (mut part, mut result) = (observe::Upstream::default(), Err(SendError::Busy));
        let (first, all);
        let in_turn = match &*self.all {
            [only] => {
                first = [only];
                &first[..]
            }
            _ => {
                all = self.in_turn();
                &*all
            }
        };
        for upstream in in_turn {
            let observed = UpstreamRequest::begin(&upstream.url);
            result = upstream.send(request).await;
            part = match &result {
                Ok(answer) => observed.responded(answer.response.status()),
                Err(err) => observed.failed(err.outcome()),
            };
            match &result {
                Err(SendError::Connect(err)) => {
                    upstream.avoid();
                    if self.all.len() > 1 {
                        warn!(upstream = %upstream.url, err = %rustls_ext::with_causes(err),
                            "no connection: another server behind is used for {AVOIDED:?}");
                    }
                }
                Err(SendError::Busy) => {}
                _ => break,
            }
        }
        (part, result)
    }

    /// Returns all, beginning with the one whose turn it is; those that are avoided come last.
    fn in_turn(&self) -> Vec<&Upstream> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        let (before, after) = self.all.split_at(first);
        let mut all: Vec<_> = after.iter().chain(before).collect();
        if all.len() > 1 {
            let now = Instant::now();
            all.sort_by_key(|upstream| upstream.is_avoided(now));
        }
        all
    }
}

impl Upstream {
    pub(super) fn new(uri: Uri, protocol: Protocol, pool: Arc<Pool>) -> Self {
        let url = uri.to_string().into();
        Self { uri, url, protocol, pool, avoided_until: Mutex::default() }
    }

    fn avoid(&self) {
        let mut until = self.avoided_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + AVOIDED);
    }

    fn is_avoided(&self, now: Instant) -> bool {
        let until = *self.avoided_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }

    async fn send(&self, request: &mut Outbound) -> Result<Answer, SendError> {
        let mut attempt = 1;
        loop {
            let checkout = self.pool.checkout().await?;
            let lease = checkout.lease;
            let (err, is_unprocessed) = match checkout.sender {
                Sender::Http1(sender) => match over_http1(sender, request).await? {
                    Ok((response, sender)) => {
                        return Ok(Answer { response, connection: Some(sender), lease });
                    }
                    Err(unsent) => unsent,
                },
                Sender::Http2(sender) => match over_http2(sender, request, &self.uri).await? {
                    Ok(response) => return Ok(Answer { response, connection: None, lease }),
                    Err((err, is_unprocessed)) => {
                        if !is_refused(&err) {
                            lease.retire();
                        }
                        (err, is_unprocessed)
                    }
                },
            };
            if !is_unprocessed || attempt == ATTEMPTS || request.body().has_begun() {
                return Err(SendError::Exchange(err));
            }
            attempt += 1;
            observe::retried(&self.url);
        }
    }
}

/// The outcome of one attempt: the response, or the error, and whether the request may be sent
/// again.
type Attempt<T> = Result<Result<T, (hyper::Error, bool)>, SendError>;

async fn over_http1(
    mut sender: http1::SendRequest<RequestBody>,
    request: &mut Outbound,
) -> Attempt<(Response<Incoming>, http1::SendRequest<RequestBody>)> {
    let message = request.take_http1().ok_or(SendError::Invalid)?;
    Ok(match sender.try_send_request(message).await {
        Ok(response) => Ok((response, sender)),
        Err(mut err) => {
            let unsent = err.take_message().map(|message| request.put_back(message)).is_some();
            Err((err.into_error(), unsent))
        }
    })
}

async fn over_http2(
    mut sender: http2::SendRequest<RequestBody>,
    request: &Outbound,
    upstream: &Uri,
) -> Attempt<Response<Incoming>> {
    let message = request.http2(upstream).ok_or(SendError::Invalid)?;
    Ok(match sender.try_send_request(message).await {
        Ok(response) => Ok(response),
        Err(mut err) => {
            let is_unsent = err.take_message().is_some();
            let err = err.into_error();
            let is_unprocessed = is_unsent || is_refused(&err) || is_beyond_goaway(&err);
            Err((err, is_unprocessed))
        }
    })
}

fn h2_error<'a>(err: &'a (dyn Error + 'static)) -> Option<&'a h2::Error> {
    causes(err).find_map(|err| err.downcast_ref())
}

/// Returns true if the server refused the stream before it processed anything.
fn is_refused(err: &hyper::Error) -> bool {
    h2_error(err).is_some_and(|err| {
        err.is_reset() && err.is_remote() && err.reason() == Some(h2::Reason::REFUSED_STREAM)
    })
}

/// Returns true if the server shut the connection down gracefully, and the stream is not one that it
/// has processed. After another reason than NO_ERROR, h2 reports the same error for all streams.
fn is_beyond_goaway(err: &hyper::Error) -> bool {
    h2_error(err).is_some_and(|err| {
        err.is_go_away() && err.is_remote() && err.reason() == Some(h2::Reason::NO_ERROR)
    })
}
