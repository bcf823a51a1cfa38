//! One connection over TCP, from its handshake to its end.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use http::{Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_ext::with_causes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tower::Service;
use tracing::{debug, warn};

use super::activity::{Activity, CloseReason};
use super::framing::{Framing, LengthTwice};
use super::held::HeldBody;
use super::http3::AltSvc;
use super::limits::{self, TimeLimits};
use super::lingering::{Dropped, Lingering};
use super::memory::Budget;
use super::paced::Paced;
use super::requests::Requests;
use super::serving::Serving;
use super::tunnel::{EndTunnels, Tunnels};
use crate::listener::PhaseReceiver;

/// A connection whose handshake is complete.
#[derive(Debug)]
pub(super) struct Connection<IO, S> {
    pub(super) io: IO,
    /// True if it uses HTTP/2, false for HTTP/1.1.
    pub(super) is_h2: bool,
    pub(super) peer: SocketAddr,
    pub(super) requests: Requests<S>,
    pub(super) budget: Arc<Budget>,
    pub(super) alt_svc: AltSvc,
}

/// What the responses of a connection share.
#[derive(Debug)]
struct Shared {
    budget: Arc<Budget>,
    alt_svc: AltSvc,
    phase: PhaseReceiver,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As it should.
    Closed,
    /// With an error of the network, or since the client broke a rule of HTTP.
    Failed(BoxError),
    /// A limit was reached, in this time.
    Limit(CloseReason, Duration),
}

impl<IO, S> Connection<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    /// Begins to serve the connection.
    pub(super) fn begin(self, limits: TimeLimits, phase: PhaseReceiver) -> Begun<IO> {
        let Self { io, is_h2, peer, requests, budget, alt_svc } = self;
        let activity = requests.activity().clone();
        let (io, dropped) = Lingering::new(io, is_h2);
        let connection = Connection { io, is_h2, peer, requests, budget, alt_svc };
        let tunnels = EndTunnels(Tunnels::new(&activity, limits.idle));
        let served = connection.http(limits, tunnels.0.clone(), phase.clone());
        Begun { http: Http { peer, is_h2, activity, tunnels, limits, phase, served }, dropped }
    }

    /// Makes the HTTP server. The handshake has negotiated the protocol, so it need not be guessed.
    fn http(
        self,
        limits: TimeLimits,
        tunnels: Tunnels,
        phase: PhaseReceiver,
    ) -> Pin<Box<dyn Serving + Send>> {
        let Self { io, is_h2, requests, budget, alt_svc, .. } = self;
        let shares = budget.shares();
        let (io, heads) = Framing::new(io, !is_h2);
        let shared = Arc::new(Shared { budget, alt_svc, phase });
        let service = service_fn(move |mut request: Request<Incoming>| {
            if may_upgrade(&request) {
                request.extensions_mut().insert(tunnels.clone());
            }
            if heads.next_is_ambiguous() {
                request.extensions_mut().insert(LengthTwice);
            }
            let (response, shared) = (requests.respond(request), shared.clone());
            async move {
                let mut response = response.await;
                shared.phase.mark_last(is_h2, &mut response);
                shared.alt_svc.set(response.headers_mut());
                Ok::<_, Infallible>(response.map(|mut body| {
                    let underway = body.take_underway();
                    HeldBody::new(body, shared.budget.clone(), underway)
                }))
            }
        });
        let io = TokioIo::new(Paced::new(io, is_h2));
        if is_h2 {
            Box::pin(limits::http2(limits, shares).serve_connection(io, service))
        } else {
            Box::pin(limits::http1(limits).serve_connection(io, service).with_upgrades())
        }
    }
}

/// A connection that is being served.
pub(super) struct Begun<IO> {
    http: Http,
    dropped: Dropped<IO>,
}

impl<IO: AsyncRead + Unpin> Begun<IO> {
    /// Serves the connection until it ends. When its phase ends it, and when `unverified` is ready, it ends as
    /// soon as its requests are finished; its tunnels end at once when `unverified` is ready, and at
    /// the maximum age.
    pub(super) async fn serve(self, unverified: impl Future<Output = ()>) -> Ended {
        let Self { http, dropped } = self;
        let (is_h2, activity) = (http.is_h2, http.activity.clone());
        let ended = http.serve(unverified).await;
        if is_h2 && matches!(ended, Ended::Closed) {
            // Boxed, so that the state of a connection has no room for it.
            Box::pin(dropped.read_to_end(activity.last())).await;
        }
        ended
    }
}

/// The HTTP of a connection. The connection itself is no part of the future that serves it: that would be
/// moved with it, and have room for it several times.
struct Http {
    peer: SocketAddr,
    is_h2: bool,
    activity: Activity,
    tunnels: EndTunnels,
    limits: TimeLimits,
    phase: PhaseReceiver,
    served: Pin<Box<dyn Serving + Send>>,
}

impl Http {
    /// Serves it, without waiting until the client has received everything.
    async fn serve(self, unverified: impl Future<Output = ()>) -> Ended {
        let Self { peer, is_h2, activity, tunnels, limits, mut phase, mut served } = self;
        let (mut expired, mut unverified) = (pin!(expired(limits.max_age)), pin!(unverified));
        // An HTTP/1.1 connection may become a tunnel, which has its own idle timeout.
        let (mut is_http, mut stopping, mut verified) = (true, false, true);
        loop {
            tokio::select! {
                ended = served.as_mut(), if is_http => match ended {
                    Ok(()) => {
                        is_http = false;
                        continue;
                    }
                    Err(err) => return Ended::Failed(err.into()),
                },
                () = tunnels.0.closed(), if !is_http => return Ended::Closed,
                () = phase.end_of(is_h2, activity.first_request()), if !stopping => {}
                () = &mut expired, if !stopping => {
                    debug!(%peer, "connection reached its maximum age");
                    tunnels.0.end();
                }
                () = &mut unverified, if verified => {
                    verified = false;
                    tunnels.0.end();
                }
                reason = activity.close_reason(limits.head), if is_http => match reason {
                    CloseReason::Idle => {
                        debug!(%peer, "no further request within {:?}", limits.idle);
                    }
                    CloseReason::Cancelled => {
                        served.as_mut().shut_down();
                        // Sends the GOAWAY, if the client reads.
                        poll_fn(|cx| Poll::Ready(served.as_mut().poll(cx).is_ready())).await;
                        return Ended::Limit(reason, limits.idle);
                    }
                    CloseReason::NoRequest => return Ended::Limit(reason, limits.head),
                    CloseReason::Stalled | CloseReason::NotClosed => {
                        return Ended::Limit(reason, limits.idle);
                    }
                },
            }
            if !stopping {
                stopping = true;
                activity.stop();
                if is_http {
                    served.as_mut().shut_down();
                }
            }
        }
    }
}

/// Returns true if a request may ask for an upgrade.
fn may_upgrade<B>(request: &Request<B>) -> bool {
    *request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}

impl Ended {
    /// Logs the end of a connection.
    pub(super) fn log(&self, peer: SocketAddr) {
        match self {
            Self::Closed => {}
            Self::Failed(err) => debug!(%peer, err = %with_causes(&**err), "connection failed"),
            Self::Limit(..) => warn!(%peer, "{self}"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("connection closed"),
            Self::Failed(_) => f.write_str("connection failed"),
            Self::Limit(CloseReason::NoRequest, limit) => {
                write!(f, "no request within {limit:?}")
            }
            Self::Limit(CloseReason::Cancelled, _) => {
                f.write_str("connection ended: the client cancelled too many requests")
            }
            Self::Limit(CloseReason::NotClosed, limit) => write!(
                f,
                "connection ended: the client did not close it within {limit:?} after it was told to"
            ),
            Self::Limit(CloseReason::Idle | CloseReason::Stalled, limit) => {
                write!(f, "no data was read or written for {limit:?}")
            }
        }
    }
}

/// Returns when a connection that begins now has reached its maximum age, if there is one.
///
/// It returns up to a tenth earlier, at random, so that clients that connect together do not all
/// reconnect together.
pub(super) async fn expired(max_age: Option<Duration>) {
    match max_age {
        Some(age) => sleep(age.mul_f64(1.0 - 0.1 * fastrand::f64())).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
