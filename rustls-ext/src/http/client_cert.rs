//! Passing the client's certificate from a reverse proxy to the server behind it: the fields
//! `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
//!
//! These fields do not contain a scope. So a proxy is configured with the scopes whose certificates
//! it passes on. Clients that are authenticated in other scopes appear unauthenticated to the
//! server behind it.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use rustls::pki_types::CertificateDer;
use sfv::{ItemSerializer, ListSerializer, RefBareItem};
use tower_layer::Layer;
use tower_service::Service;

use super::server::{Caller, Identity};

/// The field that contains the client's own certificate.
pub const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// The field that contains the rest of its chain.
pub const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// Returns the value of `Client-Cert` for this certificate: a byte sequence (RFC 9440 section 2.2).
pub fn client_cert(certificate: &CertificateDer<'_>) -> Option<HeaderValue> {
    let item = ItemSerializer::new().bare_item(RefBareItem::ByteSequence(certificate)).finish();
    HeaderValue::try_from(item).ok()
}

/// Returns the value of `Client-Cert-Chain` for a client's chain: a list of byte sequences without
/// the first certificate of `chain`, the client's own (RFC 9440 section 2.3). `None` if there are
/// no others.
pub fn client_cert_chain(chain: &[CertificateDer<'_>]) -> Option<HeaderValue> {
    let mut list = ListSerializer::new();
    for certificate in chain.iter().skip(1) {
        let _ = list.bare_item(RefBareItem::ByteSequence(certificate));
    }
    HeaderValue::try_from(list.finish()?).ok()
}

/// Removes both fields, however often they occur and in any case.
///
/// Also removes names that differ only in characters that are neither letters nor digits, such as
/// `client_cert` and `client.cert`: servers that pass fields on as variables, as CGI does (RFC 3875
/// section 4.1.18), may not distinguish these.
pub fn strip(headers: &mut HeaderMap) {
    remove_where(headers, |name| name == CLIENT_CERT || name == CLIENT_CERT_CHAIN);
}

/// Removes all lines of the fields for whose [folded](fold) names `unwanted` returns true.
pub fn remove_where(headers: &mut HeaderMap, mut unwanted: impl FnMut(&str) -> bool) {
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| unwanted(&fold(name.as_str()))).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Returns a field name in lower case, with a hyphen in place of each character that is neither a
/// letter nor a digit.
///
/// A server behind a proxy may treat names with the same result as the same field.
pub fn fold(name: &str) -> Cow<'_, str> {
    let is_plain = |c: u8| c == b'-' || c.is_ascii_digit() || c.is_ascii_lowercase();
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let folded = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    Cow::Owned(name.chars().map(folded).collect())
}

/// A layer that adds the certificates of callers to their requests, if they are authenticated in
/// certain scopes, and removes these fields of the client, from trailers, too.
///
/// Requests must come through a [`CallerLayer`](super::server::CallerLayer) first, or all clients
/// appear unauthenticated to the server behind. The layer that removes the fields named by
/// `Connection` (RFC 9110 section 7.6.1) must come before this one. Otherwise a client could make
/// it remove these fields.
#[derive(Clone, Debug)]
pub struct ClientCertLayer {
    scopes: Arc<[String]>,
    chain: bool,
}

impl ClientCertLayer {
    /// Passes on the certificates of callers that are authenticated in one of these scopes.
    pub fn new(scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), chain: false }
    }

    /// Passes on the whole chain that the client sent, rather than only its own certificate.
    pub fn with_chain(mut self) -> Self {
        self.chain = true;
        self
    }

    /// Removes the client's own fields and adds the verified ones, for proxies that do not use
    /// tower.
    ///
    /// Call it after the fields that `Connection` names are removed, otherwise a client could name
    /// these. Trailers need a separate [`strip`].
    pub fn apply(&self, request: &mut Parts) {
        let Parts { headers, extensions, .. } = request;
        strip(headers);
        let caller = Caller::of(extensions).ok();
        let identity =
            |caller| self.scopes.iter().find_map(|scope| Caller::identity(caller, scope));
        let Some(identity) = caller.and_then(identity) else { return };
        let Some(value) = identity.chain().first().and_then(client_cert) else { return };
        headers.insert(CLIENT_CERT, value);
        if let Some(value) = self.chain_of(&identity) {
            headers.insert(CLIENT_CERT_CHAIN, value);
        }
    }

    fn chain_of(&self, identity: &Identity) -> Option<HeaderValue> {
        self.chain.then(|| client_cert_chain(identity.chain())).flatten()
    }
}

impl<S> Layer<S> for ClientCertLayer {
    type Service = WithClientCert<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithClientCert { layer: self.clone(), inner }
    }
}

/// The service of a [`ClientCertLayer`].
#[derive(Clone, Debug)]
pub struct WithClientCert<S> {
    layer: ClientCertLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for WithClientCert<S>
where
    S: Service<Request<Stripped<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        self.layer.apply(&mut parts);
        self.inner.call(Request::from_parts(parts, Stripped { body }))
    }
}

pin_project! {
    /// A body whose trailers do not contain the fields of this module.
    #[derive(Clone, Debug, Default)]
    pub struct Stripped<B> {
        #[pin]
        body: B,
    }
}

impl<B: Body> Body for Stripped<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut frame = ready!(self.project().body.poll_frame(cx));
        if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()?.trailers_mut())
        {
            strip(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
