//! Telling the server behind a reverse proxy who its client is: the fields `Client-Cert` and
//! `Client-Cert-Chain` (RFC 9440).
//!
//! These fields have no word for a scope. So a proxy says of which scopes it passes certificates
//! on, and whoever is authenticated in another one is nobody to the server behind it.

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

/// The field with the client's own certificate.
pub const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// The field with the rest of its chain.
pub const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// The value of `Client-Cert` for this certificate: a byte sequence (RFC 9440 section 2.2).
pub fn client_cert(certificate: &CertificateDer<'_>) -> Option<HeaderValue> {
    let item = ItemSerializer::new().bare_item(RefBareItem::ByteSequence(certificate)).finish();
    HeaderValue::try_from(item).ok()
}

/// The value of `Client-Cert-Chain` for the chain that `chain` begins: a list of byte sequences,
/// the client's own certificate, `chain`'s first, not among them (RFC 9440 section 2.3). `None` if
/// there are no others.
pub fn client_cert_chain(chain: &[CertificateDer<'_>]) -> Option<HeaderValue> {
    let mut list = ListSerializer::new();
    for certificate in chain.iter().skip(1) {
        let _ = list.bare_item(RefBareItem::ByteSequence(certificate));
    }
    HeaderValue::try_from(list.finish()?).ok()
}

/// Remove both fields, however often they are there and in whatever case they were written.
///
/// So are names that differ only in characters that are neither letters nor digits, as
/// `client_cert` and `client.cert`: servers that hand fields on as variables, as CGI does (RFC 3875
/// section 4.1.18), may not tell these apart.
pub fn strip(headers: &mut HeaderMap) {
    remove_where(headers, |name| name == CLIENT_CERT || name == CLIENT_CERT_CHAIN);
}

/// Remove all lines of the fields for whose [folded](fold) names this is true.
pub fn remove_where(headers: &mut HeaderMap, mut unwanted: impl FnMut(&str) -> bool) {
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| unwanted(&fold(name.as_str()))).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// A field name in lower case, with a hyphen in place of each character that is neither a letter nor
/// a digit.
///
/// Names that fold alike may be the same field to a server behind a proxy.
pub fn fold(name: &str) -> Cow<'_, str> {
    let is_plain = |c: u8| c == b'-' || c.is_ascii_digit() || c.is_ascii_lowercase();
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let folded = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    Cow::Owned(name.chars().map(folded).collect())
}

/// Puts the certificates of callers that are authenticated in certain scopes into their requests,
/// and removes whatever they themselves say in these fields, from trailers, too.
///
/// Requests must come through a [`CallerLayer`](super::server::CallerLayer) first, or the server
/// behind knows nobody; and what removes the fields that `Connection` names (RFC 9110 section 7.6.1)
/// must stand before this, lest a client has these removed.
#[derive(Clone, Debug)]
pub struct ClientCertLayer {
    scopes: Arc<[String]>,
    chain: bool,
}

impl ClientCertLayer {
    /// Pass on the certificates of callers that are authenticated in one of these scopes.
    pub fn new(scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), chain: false }
    }

    /// Pass on the whole chain that the client has sent, rather than its own certificate alone.
    pub fn with_chain(mut self) -> Self {
        self.chain = true;
        self
    }

    /// Remove what the client says, and say what is known of it, for proxies that do not use tower.
    ///
    /// To be done after removing the fields that `Connection` names, lest a client names these.
    /// Trailers need a [`strip`] of their own.
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
    /// A body without the fields of this module among its trailers.
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
