//! Requests in the form in which a server behind receives them.

use std::sync::Arc;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri, Version, header};

use super::body::{RequestBody, Shared, Trailers};

/// A request for a server behind. It can be sent again if it was not processed.
#[derive(Debug)]
pub(super) struct Outbound {
    /// `None` while it is being sent over HTTP/1.1, and afterwards.
    parts: Option<Parts>,
    body: Arc<Shared>,
    announced: Trailers,
}

impl Outbound {
    /// `parts` has the fields for HTTP/1.1, with a `Host` and no field that is for one connection
    /// only.
    pub(super) fn new(parts: Parts, body: Arc<Shared>) -> Self {
        let announced = Trailers::announced(&parts.headers);
        Self { parts: Some(parts), body, announced }
    }

    pub(super) fn body(&self) -> &Arc<Shared> {
        &self.body
    }

    /// Takes the request for HTTP/1.1, with its target in origin-form.
    pub(super) fn take_http1(&mut self) -> Option<Request<RequestBody>> {
        let mut parts = self.parts.take()?;
        let target = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        parts.version = Version::HTTP_11;
        self.set_framing(&mut parts.headers);
        Some(Request::from_parts(parts, self.body.reader(self.announced.clone())))
    }

    /// Puts back a request that was not sent.
    pub(super) fn put_back(&mut self, request: Request<RequestBody>) {
        self.parts = Some(request.into_parts().0);
    }

    /// Makes the request for HTTP/2.
    pub(super) fn http2(&self, upstream: &Uri) -> Option<Request<RequestBody>> {
        let mut parts = self.parts.clone()?;
        let host = parts.headers.remove(header::HOST)?;
        parts.headers.remove(header::CONNECTION);
        parts.headers.remove(header::TRANSFER_ENCODING);
        let mut uri = http::uri::Parts::default();
        uri.scheme = upstream.scheme().cloned();
        uri.authority = Some(host.to_str().ok()?.parse().ok()?);
        let target = parts.uri.path_and_query().cloned();
        uri.path_and_query = Some(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        parts.uri = Uri::from_parts(uri).ok()?;
        parts.version = Version::HTTP_2;
        Some(Request::from_parts(parts, self.body.reader(Trailers::All)))
    }

    /// hyper sends no body of unknown length with GET and HEAD, and no trailers after a
    /// `Content-Length`, unless the field is there.
    fn set_framing(&self, headers: &mut HeaderMap) {
        if self.body.is_empty() {
            return;
        }
        let has_trailers = headers.contains_key(header::TRAILER);
        if has_trailers || !headers.contains_key(header::CONTENT_LENGTH) {
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}
