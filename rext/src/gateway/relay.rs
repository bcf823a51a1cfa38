//! The way of a request through the gateway: checks, route, requirement, server behind, response.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use rustls_ext::http::server::{Caller, read_unread};
use rustls_ext::{metrics, with_causes};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::body::{ResponseBody, Shared, Trailers};
use super::config::Protocol;
use super::fields::Peer;
use super::outbound::Outbound;
use super::pool::Lease;
use super::rejection::{Rejection, status_of};
use super::routes::{NoRoute, Route};
use super::table::Table;
use super::upgrade::{Upgrade, UpgradeError, UpgradeRequest};
use super::upstream::{Answer, SendError};
use super::{Proxy, fields, health, lengths};
use crate::observe::{Observed, Upstream};

/// What the response depends on, of a client's request.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    peer: &'a Peer,
    version: Version,
    /// True if the client wants trailers, and hyper sends them to it.
    trailers: bool,
    /// True if the client waits before it sends the body.
    waits: bool,
    /// True if metrics or the access log have the server behind.
    is_observed: bool,
}

impl<'a> Asked<'a> {
    fn of(request: &Parts, peer: &'a Peer) -> Self {
        let Parts { version, headers: fields, .. } = request;
        let expectations = fields.get_all(header::EXPECT).into_iter();
        let mut waiting =
            expectations.filter(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let waits = waiting.next().is_some();
        let trailers = fields::accepts_trailers(fields);
        let is_observed = request.extensions.get::<Observed>().is_some();
        Self { peer, version: *version, trailers, waits, is_observed }
    }

    /// Returns true if trailers reach the client even if they are not announced.
    fn frames_trailers(&self) -> bool {
        !matches!(self.version, Version::HTTP_09 | Version::HTTP_10 | Version::HTTP_11)
    }
}

impl Proxy {
    /// Responds to a request. If a trusted proxy sent it, the extensions of the response contain the
    /// [`ClientAddress`](super::ClientAddress), for the access log.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Arc<Peer>,
    ) -> Result<Response<Body>, Infallible> {
        let table = self.table();
        let client = table
            .as_ref()
            .and_then(|table| table.fields.client_address(request.headers(), peer.addr()));
        let mut response = self.response_to(request, &peer, table).await;
        if let Some(client) = client {
            response.extensions_mut().insert(client);
        }
        Ok(response)
    }

    async fn response_to(
        &self,
        mut request: Request<Body>,
        peer: &Peer,
        table: Option<Arc<Table>>,
    ) -> Response<Body> {
        let upgrade = UpgradeRequest::take(&mut request);
        let (parts, body) = request.into_parts();
        let asked = Asked::of(&parts, peer);
        let checked = match upgrade {
            Ok(upgrade) => self.check(&parts, table).await.map(|checked| (checked, upgrade)),
            Err(err) => Err(Rejection::Upgrade(err)),
        };
        match checked {
            Ok((checked, upgrade)) => {
                let mut behind = None;
                let forwarding = self.forward(checked, upgrade, parts, body, asked, &mut behind);
                let answer = forwarding.await;
                let mut response =
                    answer.unwrap_or_else(|rejection| rejection.into_response_to(asked.version));
                if let Some(behind) = behind.filter(|_| asked.is_observed) {
                    response.extensions_mut().insert(behind);
                }
                response
            }
            Err(rejection) => {
                // Otherwise HTTP/1.1 clients that are still sending do not receive the response. A
                // body in an unknown coding cannot be read.
                if !matches!(rejection, Rejection::Coding) {
                    Box::pin(read_unread(&parts.headers, body)).await;
                }
                rejection.into_response_to(asked.version)
            }
        }
    }

    /// Checks that a request may be passed on, and finds its route.
    async fn check(
        &self,
        request: &Parts,
        table: Option<Arc<Table>>,
    ) -> Result<Checked, Rejection> {
        let mut table = table.ok_or(Rejection::NotReady)?;
        loop {
            if table.health.as_deref() == Some(request.uri.path()) {
                let draining = self.draining.load(Ordering::Relaxed);
                return Err(Rejection::Own(Box::new(health::respond(&request.method, draining))));
            }
            let checked = self.check_with(table.clone(), request).await?;
            // A client may take long to authenticate. The routes and the policy must be of one load.
            let now = self.table().ok_or(Rejection::NotReady)?;
            if Arc::ptr_eq(&table, &now) {
                return Ok(checked);
            }
            table = now;
        }
    }

    async fn check_with(&self, table: Arc<Table>, request: &Parts) -> Result<Checked, Rejection> {
        if request.method == Method::TRACE {
            return Err(Rejection::Method);
        }
        // Otherwise the server behind may read it as a path (RFC 9112 section 3.2.4).
        if request.uri.path() == "*" && request.method != Method::OPTIONS {
            return Err(Rejection::Ambiguous("the target * is for OPTIONS only"));
        }
        // Any other coding would be lost with the field (RFC 9112 section 6.1).
        let mut codings = request.headers.get_all(header::TRANSFER_ENCODING).into_iter();
        let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if codings.next().is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some() {
            return Err(Rejection::Coding);
        }
        let length = lengths::length_of(&request.headers).map_err(Rejection::Ambiguous)?;
        if length.is_some() && request.headers.contains_key(header::TRANSFER_ENCODING) {
            return Err(Rejection::TwoLengths);
        }
        let caller = Caller::of(&request.extensions)?;
        let path = request.uri.path();
        let checked = Checked::new(table, caller.host(), path)?;
        if let Some(route) = checked.route() {
            // The first refusal is the response.
            for scope in route.demands.of(path).map_err(NoRoute::Ambiguous)? {
                // Boxed, since it is large, and most requests need no scope.
                let asked = Box::pin(caller.ask(scope)).await;
                asked.inspect_err(|denied| metrics::denied(denied, Some(scope)))?;
            }
        }
        Ok(checked)
    }

    /// Passes a request on, and the response back.
    async fn forward(
        &self,
        checked: Checked,
        upgrade: Option<UpgradeRequest>,
        request: Parts,
        body: Body,
        asked: Asked<'_>,
        behind: &mut Option<Upstream>,
    ) -> Result<Response<Body>, Rejection> {
        let peer = asked.peer.addr();
        let route = checked.route().ok_or(Rejection::NotReady)?;
        let upgrade = upgrade.map(|upgrade| upgrade.allowed_by(&route.upgrades)).transpose();
        let upgrade =
            match (upgrade.map_err(Rejection::Upgrade)?.flatten(), route.upstreams.protocol()) {
                (Some(upgrade), Protocol::Http2) if upgrade.is_connect() => {
                    return Err(Rejection::Upgrade(UpgradeError::Http2));
                }
                // HTTP/2 has no upgrades (RFC 9113 section 8.6), and without one the request is complete.
                (_, Protocol::Http2) => None,
                (upgrade, Protocol::Http1) => upgrade,
            };
        let line = RequestLine(request.method.clone(), request.uri.clone());
        let mut parts = parts_for(&checked.table, route, request, asked)?;
        if let Some(upgrade) = &upgrade {
            upgrade.set_fields(&mut parts.headers);
        }
        // After an upgrade, the data belongs to the tunnel.
        let body = if upgrade.is_some() { Body::empty() } else { body };
        let mut request = Outbound::new(parts, Shared::new(body, checked.table.fields.clone()));
        let body = request.body().clone();
        let (upstream, sent) = {
            let sending = std::pin::pin!(route.upstreams.send(&mut request));
            self.in_time(sending, &body).await.map_err(|reason| {
                let status = StatusCode::GATEWAY_TIMEOUT;
                warn!(%peer, request = line.to_string(), reason, status = status.as_u16(), "no response");
                Rejection::Failed(status)
            })?
        };
        let url = upstream.url.clone();
        *behind = Some(upstream);
        let response = match sent {
            Ok(answer) => received(answer, upgrade, asked, &checked.table),
            Err(SendError::Busy) => Err((Rejection::Busy, SendError::Busy.to_string())),
            Err(err) => {
                let fault = body.fault().unwrap_or_else(|| (status_of(&err), with_causes(&err)));
                Err((Rejection::Failed(fault.0), fault.1))
            }
        };
        match response {
            Ok(response) => Ok(response),
            Err((rejection, reason)) => {
                let status = rejection.status().as_u16();
                warn!(%peer, upstream = %url, request = line.to_string(), reason, status,
                    "no response");
                if !body.has_begun() && !asked.waits {
                    Box::pin(read_unread(&HeaderMap::new(), body.take())).await;
                }
                Err(rejection)
            }
        }
    }

    /// Waits for a response for as long as the client makes progress with its body, and then for
    /// the idle timeout.
    async fn in_time<T>(
        &self,
        mut response: std::pin::Pin<&mut impl Future<Output = T>>,
        body: &Shared,
    ) -> Result<T, String> {
        loop {
            let deadline = body.last() + self.idle_timeout;
            match timeout_at(deadline, response.as_mut()).await {
                Ok(response) => return Ok(response),
                // The reader of the client's body has its own time limit.
                Err(_) if body.is_awaited() => tokio::select! {
                    response = response.as_mut() => return Ok(response),
                    () = body.no_longer_awaited() => {}
                },
                Err(_) if body.last() + self.idle_timeout > Instant::now() => {}
                Err(_) => {
                    let limit = self.idle_timeout;
                    return Err(format!("the server behind sent no response for {limit:?}"));
                }
            }
        }
    }
}

/// The method and the path of a request, for the log.
struct RequestLine(Method, Uri);

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1.path())
    }
}

/// Makes the head of the request for the server behind.
fn parts_for(
    table: &Table,
    route: &Route,
    mut parts: Parts,
    asked: Asked<'_>,
) -> Result<Parts, Rejection> {
    let host = host_of(&parts)?;
    // Before the proxy sets its own fields, since a client may name those in `Connection`.
    fields::remove_hop_by_hop(&mut parts.headers);
    table.fields.set_forwarded(&mut parts.headers, asked.peer, &host);
    table.certificates.apply(&mut parts);
    table.fields.set(&mut parts);
    fields::add_via(&mut parts.headers, parts.version);
    parts.headers.insert(header::HOST, host);
    lengths::join_equal(&mut parts.headers);
    if asked.trailers {
        parts.headers.insert(header::TE, HeaderValue::from_static("trailers"));
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    if route.upstreams.protocol() == Protocol::Http1 {
        join_cookies(&mut parts.headers);
    }
    // The server behind cannot use them.
    parts.extensions.clear();
    Ok(parts)
}

/// The host of a request, as its client wrote it.
fn host_of(parts: &Parts) -> Result<HeaderValue, Rejection> {
    let bad = || Rejection::Ambiguous("the request's target or host is invalid");
    match (parts.uri.authority(), parts.headers.get(header::HOST)) {
        (Some(authority), _) => HeaderValue::try_from(authority.as_str()).map_err(|_| bad()),
        (None, Some(host)) => Ok(host.clone()),
        // HTTP/1.0 without a host: the request is for the connection's server name.
        (None, None) => {
            let host = Caller::of(&parts.extensions)?.host().ok_or_else(bad)?;
            HeaderValue::try_from(host).map_err(|_| bad())
        }
    }
}

/// Joins the lines of `Cookie`: HTTP/2 and HTTP/3 split them, HTTP/1.1 has one line (RFC 9113
/// section 8.2.3).
fn join_cookies(fields: &mut HeaderMap) {
    let lines = fields.get_all(header::COOKIE).into_iter();
    let lines: Vec<&[u8]> = lines.map(HeaderValue::as_bytes).collect();
    if lines.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        fields.insert(header::COOKIE, joined);
    }
}

/// A request's route. The table is kept as long as the route is in use.
struct Checked {
    table: Arc<Table>,
    route: usize,
}

impl Checked {
    fn new(table: Arc<Table>, host: Option<&str>, path: &str) -> Result<Self, Rejection> {
        let route = table.routes.choose(host, path)?;
        Ok(Self { table, route })
    }

    fn route(&self) -> Option<&Route> {
        self.table.routes.get(self.route)
    }
}

/// Makes the response for the client, who may have asked for an upgrade, or returns why it cannot be
/// passed on.
fn received(
    answer: Answer,
    upgrade: Option<Upgrade>,
    asked: Asked<'_>,
    table: &Table,
) -> Result<Response<Body>, (Rejection, String)> {
    let Answer { response, connection, lease } = answer;
    // A tunnel keeps its place among the connections.
    let mut lease = Some(lease);
    let response = match upgrade {
        Some(upgrade) => match upgrade.finish(response, &mut lease) {
            Ok(Ok(switched)) => return Ok(switched),
            Ok(Err(response)) => response,
            Err(err) => return Err((Rejection::Upgrade(err), err.reason().to_owned())),
        },
        None => response,
    };
    let Some(lease) = lease else {
        return Err((Rejection::NotReady, "the connection is gone".to_owned()));
    };
    let answer = Answer { response, connection, lease };
    let bad = |reason: &str| (Rejection::Failed(StatusCode::BAD_GATEWAY), reason.to_owned());
    incoming(answer, asked, table).map_err(bad)
}

/// Makes the response for the client, or returns why it cannot be passed on.
fn incoming(
    answer: Answer,
    asked: Asked<'_>,
    table: &Table,
) -> Result<Response<Body>, &'static str> {
    let Answer { response, connection, lease } = answer;
    let (mut parts, body) = response.into_parts();
    if parts.status.is_informational() {
        // The gateway has not asked for an upgrade (RFC 9110 section 15.2.2).
        return Err("the server behind switched protocols without being asked");
    }
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).into_iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let coding = codings.next();
    if coding.is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some() {
        // It would be lost with the field.
        return Err("the server behind used a transfer coding other than chunked");
    }
    let length = parts.headers.contains_key(header::CONTENT_LENGTH);
    // RFC 9112 section 6.3: Transfer-Encoding decides, and such a connection is not used again.
    let has_both = coding.is_some() && length;
    if has_both {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    lengths::length_of(&parts.headers)?;
    lengths::join_equal(&mut parts.headers);
    let pool = lease.pool().clone();
    let lease = match connection {
        Some(connection) if !has_both => {
            lease.keep(connection);
            Lease::over(&pool)
        }
        _ => lease,
    };
    fields::remove_hop_by_hop(&mut parts.headers);
    fields::add_via(&mut parts.headers, parts.version);
    let trailers = if asked.frames_trailers() {
        Trailers::All
    } else if asked.trailers && asked.version == Version::HTTP_11 {
        if parts.headers.contains_key(header::TRAILER) && has_content(&parts.status, &body) {
            // Trailers need chunks.
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        Trailers::announced(&parts.headers)
    } else {
        Trailers::Dropped
    };
    parts.version = Version::HTTP_11;
    let body = ResponseBody::new(body, trailers, table.fields.clone(), lease);
    Ok(Response::from_parts(parts, Body::new(body)))
}

fn has_content(status: &StatusCode, body: &hyper::body::Incoming) -> bool {
    use hyper::body::Body as _;
    !matches!(status.as_u16(), 204 | 304) && !body.is_end_stream()
}
