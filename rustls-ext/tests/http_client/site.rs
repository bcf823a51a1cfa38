//! A server that records its connections and requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use rustls::server::ClientAuthDecision;
use rustls_ext::http::Challenge;
use rustls_ext::tokio::{Acceptor, BoxError, HelloInfo, PolicyFn, policy_fn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A connection, as the server saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub server_name: Option<String>,
    pub offered: bool,
    pub asked: bool,
    /// The certificate of which the client proved possession.
    pub certificate: Option<CertificateDer<'static>>,
    /// Why the connection was not accepted.
    pub error: Option<String>,
    /// True if it has ended.
    pub closed: bool,
}

/// A request, as the server saw it.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The number of its connection.
    pub connection: usize,
    pub certificate: Option<CertificateDer<'static>>,
    pub version: Version,
    pub method: Method,
    /// The host in `:authority`, or in the `Host` field.
    pub host: String,
    pub path: String,
    pub authorization: Option<HeaderValue>,
    pub body: Bytes,
}

/// A server's response.
pub struct Answer {
    response: Response<Full<Bytes>>,
    end: AfterResponse,
    /// When it is sent.
    hold: Option<Arc<Notify>>,
}

/// What happens to the connection.
enum AfterResponse {
    Open,
    Close,
    Cut,
}

pub fn say(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    Answer { response, end: AfterResponse::Open, hold: None }
}

/// No response: the connection is cut.
pub fn cut() -> Answer {
    Answer { end: AfterResponse::Cut, ..say(StatusCode::OK, "") }
}

/// 401 with this challenge.
pub fn challenge(challenge: &Challenge) -> Answer {
    say(StatusCode::UNAUTHORIZED, "who are you?")
        .with(WWW_AUTHENTICATE, challenge.to_value().unwrap())
}

impl Answer {
    pub fn with(mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.response.headers_mut().append(name, value);
        self
    }

    /// Announces the end of the connection: in this response over HTTP/1.1, by GOAWAY over HTTP/2.
    pub fn and_close(mut self) -> Self {
        self.end = AfterResponse::Close;
        self
    }

    /// Delays the response until it is released.
    pub fn held_by(mut self, hold: &Arc<Notify>) -> Self {
        self.hold = Some(hold.clone());
        self
    }
}

pub type Handle = dyn Fn(&ReceivedRequest) -> Answer + Send + Sync;
type Decide = dyn Fn(&HelloInfo) -> ClientAuthDecision + Send + Sync;
type Decided = std::future::Ready<Result<ClientAuthDecision, BoxError>>;
type Policy = PolicyFn<Box<dyn Fn(HelloInfo, Option<SocketAddr>) -> Decided + Send + Sync>>;

pub struct Site {
    acceptor: Option<Acceptor<Policy>>,
    handle: Box<Handle>,
    seen: Mutex<Vec<Seen>>,
    asked: Mutex<Vec<ReceivedRequest>>,
    /// How many more connections are cut right after the handshake.
    cuts: AtomicUsize,
    /// Notified after each new event.
    changed: Notify,
}

impl Site {
    /// Over TLS if there is a config for it.
    pub fn new(
        tls: Option<rustls::ServerConfig>,
        decide: impl Fn(&HelloInfo) -> ClientAuthDecision + Send + Sync + 'static,
        handle: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        let decide: Arc<Decide> = Arc::new(decide);
        let policy =
            move |hello: HelloInfo, _: Option<SocketAddr>| std::future::ready(Ok(decide(&hello)));
        let policy: Policy = policy_fn(Box::new(policy));
        Arc::new(Self {
            acceptor: tls.map(|tls| Acceptor::new(tls.into(), policy)),
            handle: Box::new(handle),
            seen: Mutex::default(),
            asked: Mutex::default(),
            cuts: AtomicUsize::new(0),
            changed: Notify::new(),
        })
    }

    /// Cuts the next connection on which a client authenticates right after the handshake.
    pub fn cut_next(&self) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until there was a request for this path with a certificate, or without one.
    pub async fn arrival(&self, path: &str, with_certificate: bool) {
        let is = |asked: &ReceivedRequest| {
            asked.path == path && asked.certificate.is_some() == with_certificate
        };
        self.until(|| self.asked().iter().any(is)).await;
    }

    /// Waits until all existing authenticated connections have ended.
    pub async fn end_of_authenticated(&self) {
        let is_over = |seen: &Seen| seen.closed || seen.certificate.is_none();
        self.until(|| self.seen().iter().all(is_over)).await;
    }

    async fn until(&self, it_is_so: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if it_is_so() {
                return;
            }
            changed.await;
        }
    }

    /// The connections so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<ReceivedRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// The path of each request so far, with the number of its connection.
    pub fn paths(&self) -> Vec<(usize, String)> {
        self.asked().into_iter().map(|asked| (asked.connection, asked.path)).collect()
    }

    fn note(&self, connection: usize, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap()[connection]);
        self.changed.notify_waiters();
    }

    /// Serves connections to this port of the loopback interface.
    pub async fn listen(self: &Arc<Self>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = self.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(site.clone().serve(tcp));
            }
        });
        port
    }

    /// Serves one connection.
    pub async fn serve(self: Arc<Self>, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(Seen::default());
            seen.len() - 1
        };
        match &self.acceptor {
            None => self.clone().http(number, None, io).await,
            Some(acceptor) => match acceptor.accept(io, None).await {
                Err(err) => self.note(number, |seen| seen.error = Some(err.to_string())),
                Ok(tls) => {
                    let connection = tls.get_ref().1;
                    let auth = connection.client_auth().unwrap();
                    let certificates = connection.peer_certificates().unwrap_or_default();
                    let certificate = certificates.first().map(|der| der.clone().into_owned());
                    self.note(number, |seen| {
                        seen.server_name = connection.server_name().map(str::to_owned);
                        seen.offered = auth.offered();
                        seen.asked = auth.decision().demand().is_some();
                        seen.certificate.clone_from(&certificate);
                    });
                    let (order, one_less) = (Ordering::SeqCst, |cuts: usize| cuts.checked_sub(1));
                    if certificate.is_none()
                        || self.cuts.fetch_update(order, order, one_less).is_err()
                    {
                        self.clone().http(number, certificate, tls).await;
                    }
                }
            },
        }
        self.note(number, |seen| seen.closed = true);
    }

    async fn http(
        self: Arc<Self>,
        connection: usize,
        certificate: Option<CertificateDer<'static>>,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) {
        let (closing, cut) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (last, cutting) = (closing.clone(), cut.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (site, certificate) = (self.clone(), certificate.clone());
            let (last, cutting) = (last.clone(), cutting.clone());
            async move {
                let (parts, body) = request.into_parts();
                let authority = parts.uri.authority().map(|authority| authority.as_str());
                let host = parts.headers.get(http::header::HOST).map(|host| host.to_str().unwrap());
                let asked = ReceivedRequest {
                    connection,
                    certificate,
                    version: parts.version,
                    method: parts.method,
                    host: authority.or(host).unwrap().to_owned(),
                    path: parts.uri.path().to_owned(),
                    authorization: parts.headers.get(AUTHORIZATION).cloned(),
                    body: body.collect().await.unwrap().to_bytes(),
                };
                let answer = (site.handle)(&asked);
                site.asked.lock().unwrap().push(asked);
                site.changed.notify_waiters();
                if let Some(hold) = &answer.hold {
                    hold.notified().await;
                }
                match answer.end {
                    AfterResponse::Open => {}
                    AfterResponse::Close => last.notify_one(),
                    AfterResponse::Cut => {
                        cutting.notify_one();
                        std::future::pending().await
                    }
                }
                Ok::<_, Infallible>(answer.response)
            }
        });
        let http = auto::Builder::new(TokioExecutor::new());
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            _ = &mut connection => {}
            () = closing.notified() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
            () = cut.notified() => {}
        }
    }
}
