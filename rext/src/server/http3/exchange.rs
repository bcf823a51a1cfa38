//! One request and its response.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::BoxError;
use axum::body::Body;
use h3::server::{RequestResolver, RequestStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes};
use rustls_ext::with_causes;
use tokio::time::timeout;
use tower::Service;
use tracing::debug;

use super::Layered;
use super::body::RequestBody;
use super::fate::Fate;
use super::stream::{BidiStream, SendStream};
use super::transport::Shared;
use crate::server::requests::{Requests, ServedBody};
use rustls_ext::http::secondary::http3::Inbound;

/// Fields that have no meaning in HTTP/3, and make a request malformed (RFC 9114 section 4.2).
const CONNECTION_FIELDS: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// What the requests of a connection share.
#[derive(Clone)]
pub(super) struct Exchanges<S> {
    pub(super) requests: Requests<S>,
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    /// The time limit for a request's head.
    pub(super) head: Duration,
}

/// Why a request got no complete response.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It was not passed to the application.
    NoRequest,
    /// The client cancelled it, or the response could not be sent to its end.
    NoResponse,
}

impl<S> Exchanges<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    /// Reads a request, and sends the response.
    pub(super) async fn run(
        self,
        resolver: RequestResolver<Layered, Bytes>,
    ) -> Result<(), Unanswered> {
        let Self { requests, shared, peer, head } = self;
        let Ok(resolved) = timeout(head, resolver.resolve_request()).await else {
            debug!(%peer, "no complete request head within {head:?}");
            return Err(Unanswered::NoRequest);
        };
        let (request, stream) = resolved.map_err(|err| {
            debug!(%peer, err = %with_causes(&err), "request refused");
            Unanswered::NoRequest
        })?;
        let (fate, is_head) = (shared.take(stream.id()), *request.method() == Method::HEAD);
        let (request, stream, fate) =
            begin(request, stream, fate, head).await.map_err(|reason| {
                debug!(%peer, reason, "request refused");
                Unanswered::NoRequest
            })?;
        let response = requests.respond(request);
        drop(requests);
        let answered = async { send(stream, response.await, is_head).await };
        let sent = tokio::select! {
            sent = answered => sent,
            () = fate.stopped() => Err("the client cancelled the request".into()),
        };
        sent.map_err(|err| {
            debug!(%peer, err = %with_causes(&*err), "no complete response was sent");
            Unanswered::NoResponse
        })
    }
}

type Begun = (Request<RequestBody>, RequestStream<SendStream, Bytes>, Arc<Fate>);

/// Checks a request, and makes its body.
async fn begin(
    request: Request<()>,
    stream: RequestStream<Inbound<BidiStream>, Bytes>,
    fate: Option<Arc<Fate>>,
    limit: Duration,
) -> Result<Begun, &'static str> {
    let fate = fate.ok_or("its stream is not known")?;
    let length = check(&request).inspect_err(|_| fate.malformed())?;
    // From here on, the connection's budget counts the head.
    fate.release();
    fate.begin();
    let (send, receive) = stream.split();
    let mut body = RequestBody::new(receive, length, fate.clone());
    if length.is_none() && has_no_body(request.method()) {
        let _ = timeout(limit, body.wait_for_first()).await;
    }
    Ok((request.map(|()| body), send, fate))
}

/// Requests with these methods rarely have a body, and a server behind may refuse one. The end of
/// the stream, which says that there is none, may arrive after the head.
fn has_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS)
}

/// Checks that the head is not malformed (RFC 9114 sections 4.1.2 and 4.2), as far as h3 has not done
/// it. Returns the content length.
fn check(request: &Request<()>) -> Result<Option<u64>, &'static str> {
    let fields = request.headers();
    if CONNECTION_FIELDS.iter().any(|name| fields.contains_key(*name)) {
        return Err("it has a field that is about the connection");
    }
    if fields.get_all(header::TE).iter().any(|te| !te.as_bytes().eq_ignore_ascii_case(b"trailers"))
    {
        return Err("TE has another value than trailers");
    }
    let mut length = None;
    for value in fields.get_all(header::CONTENT_LENGTH) {
        let digits = value.as_bytes();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let value = value.to_str().ok().filter(|_| is_number).and_then(|text| text.parse().ok());
        match (value, length) {
            (None, _) => return Err("Content-Length is not a number"),
            (Some(one), Some(other)) if one != other => {
                return Err("there are several values of Content-Length");
            }
            _ => length = value,
        }
    }
    Ok(length)
}

/// Sends a response, and waits until the client has received it.
async fn send(
    mut stream: RequestStream<SendStream, Bytes>,
    response: Response<ServedBody>,
    is_head: bool,
) -> Result<(), BoxError> {
    let (mut parts, body) = response.into_parts();
    complete(&mut parts.headers, &body, is_head || parts.status.is_informational());
    stream.send_response(Response::from_parts(parts, ())).await?;
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await.filter(|_| !is_head).transpose()? {
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => stream.send_data(data).await?,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    stream.send_trailers(trailers).await?;
                    break;
                }
            }
        }
    }
    // The request is unfinished until the body is dropped.
    Ok(stream.finish().await?)
}

/// Removes the fields of other versions of HTTP, and adds those that are usually there.
fn complete(fields: &mut HeaderMap, body: &ServedBody, has_no_body: bool) {
    for name in CONNECTION_FIELDS {
        fields.remove(name);
    }
    if !has_no_body && !fields.contains_key(header::CONTENT_LENGTH) {
        if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
            fields.insert(header::CONTENT_LENGTH, length.into());
        }
    }
    if !fields.contains_key(header::DATE) {
        let date = httpdate::fmt_http_date(SystemTime::now());
        if let Ok(date) = HeaderValue::try_from(date) {
            fields.insert(header::DATE, date);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn request(fields: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in fields {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        request
    }

    #[test]
    fn fields_about_the_connection_and_ambiguous_lengths_are_malformed() {
        for (fields, expected) in [
            (&[][..], Ok(None)),
            (&[("content-length", "5"), ("te", "trailers")], Ok(Some(5))),
            (&[("content-length", "5"), ("content-length", "5")], Ok(Some(5))),
            (
                &[("content-length", "5"), ("content-length", "6")],
                Err("there are several values of Content-Length"),
            ),
            (&[("content-length", "+5")], Err("Content-Length is not a number")),
            (&[("content-length", "5, 5")], Err("Content-Length is not a number")),
            (&[("content-length", "")], Err("Content-Length is not a number")),
            (&[("te", "gzip")], Err("TE has another value than trailers")),
            (&[("connection", "close")], Err("it has a field that is about the connection")),
            (
                &[("transfer-encoding", "chunked")],
                Err("it has a field that is about the connection"),
            ),
        ] {
            assert_eq!(check(&request(fields)), expected, "{fields:?}");
        }
    }
}
