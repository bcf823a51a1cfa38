//! One request and its response: counted, and written to the access log when it has ended.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use axum::body::{Body, HttpBody};
use http::{Method, Request, Response, StatusCode, Version, header};
use rustls_ext::http::server::{ConnectionInfo, Denied};
use rustls_ext::metrics::is_enabled;

use super::counted::{Counted, Recorded, Tally};
use super::table::{ABORTED, ERRORS, RECEIVED_BYTES, REQUEST_SECONDS, REQUESTS, SENT_BYTES, class};
use super::{Open, Upstream};
use crate::access_log::{AccessLog, Entry, Head};
use crate::gateway::ClientAddress;

/// Why a request was refused, if not by a [`Denied`]: in the extensions of its response, for the
/// access log.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) Cow<'static, str>);

/// Observes the connections of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    log: Option<AccessLog>,
}

impl Connections {
    /// `log` gets a line for each request.
    pub(crate) fn new(log: Option<AccessLog>) -> Self {
        Self { log }
    }

    /// Returns the observer of one connection; `None` if nothing is recorded.
    pub(crate) fn connection(&self, info: &ConnectionInfo) -> Option<Observer> {
        let connection = Connection { info: info.clone(), log: self.log.clone() };
        (self.log.is_some() || is_enabled()).then(|| Observer(Arc::new(connection)))
    }
}

/// Observes the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Observer(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    info: ConnectionInfo,
    log: Option<AccessLog>,
}

/// Among the extensions of a request that is observed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed;

/// A request without a response.
#[derive(Debug)]
pub(crate) struct Exchange(Option<Box<Record>>);

/// The data about a request and its response. It is recorded when this is dropped.
#[derive(Debug)]
pub(super) struct Record {
    connection: Arc<Connection>,
    _open: Open,
    began: Instant,
    time: SystemTime,
    protocol: &'static str,
    is_head: bool,
    /// Only for the access log.
    head: Option<Head>,
    received: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
    status: Option<StatusCode>,
    /// The length of the response's body, if it is known.
    length: Option<u64>,
    is_complete: bool,
    reason: Option<String>,
    client: Option<ClientAddress>,
    upstream: Option<Upstream>,
}

impl Observer {
    /// Begins to observe a request; with no observer, nothing is recorded.
    pub(crate) fn begin<B>(
        this: Option<&Self>,
        mut request: Request<B>,
    ) -> (Request<Counted<B>>, Exchange) {
        let record = this.map(|observer| Box::new(Record::new(&observer.0, &request)));
        if record.is_some() {
            request.extensions_mut().insert(Observed);
        }
        let tally = record
            .as_ref()
            .map(|it| Tally::new(&RECEIVED_BYTES, "").with_total(it.received.clone()));
        (request.map(|body| Counted::new(body, tally)), Exchange(record))
    }
}

impl Exchange {
    /// Observes the body of the response, until it ends or is dropped.
    pub(crate) fn respond(self, mut response: Response<Body>) -> Response<Body> {
        let Some(mut record) = self.0 else { return response };
        let extensions = response.extensions_mut();
        record.upstream = extensions.remove();
        record.client = extensions.remove();
        let refused = extensions.remove().map(|Refused(reason)| reason.into_owned());
        record.reason = extensions.get::<Denied>().map(Denied::to_string).or(refused);
        record.status = Some(response.status());
        let body = response.body();
        record.length = body.size_hint().exact().or_else(|| {
            response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
        });
        let has_none = matches!(response.status().as_u16(), 100..=199 | 204 | 304);
        if record.is_head || has_none || body.is_end_stream() {
            record.completed();
        }
        let tally = Tally::new(&SENT_BYTES, "").with_total(record.sent.clone());
        response.map(|body| Body::new(Recorded::new(body, tally, record)))
    }
}

impl Record {
    fn new<B>(connection: &Arc<Connection>, request: &Request<B>) -> Self {
        let protocol = match request.version() {
            Version::HTTP_10 => "1.0",
            Version::HTTP_11 => "1.1",
            Version::HTTP_2 => "2",
            Version::HTTP_3 => "3",
            _ => "other",
        };
        Self {
            connection: connection.clone(),
            _open: Open::request(protocol),
            began: Instant::now(),
            time: SystemTime::now(),
            protocol,
            is_head: request.method() == Method::HEAD,
            head: connection.log.as_ref().map(|log| log.head(request)),
            received: Arc::default(),
            sent: Arc::default(),
            status: None,
            length: None,
            is_complete: false,
            reason: None,
            client: None,
            upstream: None,
        }
    }

    /// Records that the whole response was passed to the connection.
    pub(super) fn completed(&mut self) {
        self.is_complete = true;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let sent = self.sent.load(Ordering::Relaxed);
        // HTTP/1.1 does not read a body beyond its Content-Length.
        let is_complete = self.is_complete || self.length.is_some_and(|length| sent >= length);
        let is_complete = is_complete && self.status.is_some();
        let took = self.began.elapsed();
        let status = self.status.map_or("none", |status| class(status.as_u16()));
        REQUESTS.add(1, &[self.protocol, status]);
        REQUEST_SECONDS.observe(took.as_secs_f64(), &[self.protocol]);
        if let Some(status) = self.status.filter(|status| status.as_u16() >= 400) {
            ERRORS.add(1, &[status.as_str()]);
        }
        if !is_complete {
            let phase = if self.status.is_some() { "in_response" } else { "before_response" };
            ABORTED.add(1, &[phase]);
        }
        let (Some(log), Some(head)) = (&self.connection.log, self.head.take()) else { return };
        log.write(&Entry {
            time: self.time,
            took,
            head,
            protocol: self.protocol,
            connection: &self.connection.info,
            client: self.client,
            status: self.status.map(|status| status.as_u16()),
            is_complete,
            received: self.received.load(Ordering::Relaxed),
            sent,
            reason: self.reason.take(),
            upstream: self.upstream.take(),
        });
    }
}
