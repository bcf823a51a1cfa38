//! A server that requests certificates on open connections, and records what happens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ClientAuthDecision;
use rustls::server::danger::ClientCertVerifier;
use rustls_ext::authenticator::{
    Endpoint, Exporters, Proof, Request as CertificateRequest, ValidateError,
};
use rustls_ext::http::Challenge;
use rustls_ext::http::secondary::{
    ConnectionError, Exchange, Frame, Http2Filter, HttpCodePoints, Outbox,
};
use rustls_ext::tokio::{Acceptor, HelloInfo, policy_fn};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::common::provider;

/// A certificate that a page needs.
#[derive(Clone)]
pub struct Need {
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// The extensions of the request besides the verifier's.
    pub request: Option<CertificateRequest>,
    pub challenge: Option<Challenge>,
}

/// What a server does.
pub struct Site {
    pub tls: Arc<ServerConfig>,
    /// The decision for clients that offer a certificate.
    pub decision: ClientAuthDecision,
    /// The value of the setting: 1, or 0 for a server that does not take part.
    pub announces: u32,
    pub code_points: HttpCodePoints,
    /// What each page needs.
    pub needs: Box<Needs>,
    /// Requested of each client as soon as it has announced that it can answer.
    pub at_once: Option<Need>,
    /// Pages after whose request the server announces the end of the connection.
    pub closing: Option<&'static str>,
    /// Pages that wait for this.
    pub held: Option<(&'static str, Arc<Notify>)>,
    /// A page whose first response is a challenge, although the server has the certificate by then.
    pub challenged_once: Option<&'static str>,
    pub grpc: Option<Grpc>,
    pub log: Arc<Log>,
}

pub type Needs = dyn Fn(&str) -> Option<Need> + Send + Sync;
pub type Grpc = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What has happened.
#[derive(Default)]
pub struct Log {
    pub connections: Mutex<Vec<Connection>>,
    /// The HTTP requests, with the numbers of their connections.
    pub pages: Mutex<Vec<(usize, String)>>,
    pub arrived: Notify,
}

/// A connection, as the server saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    /// The certificate of the handshake.
    pub handshake: Option<CertificateDer<'static>>,
    /// The value of the client's setting.
    pub setting: Option<u64>,
    /// The answers to the requests for certificates; `None` for an empty authenticator.
    pub answers: Vec<Option<CertificateDer<'static>>>,
    /// Why the handshake failed.
    pub error: Option<String>,
}

impl Log {
    /// How many connections there were.
    pub fn count(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    pub fn connection(&self, number: usize) -> Connection {
        self.connections.lock().unwrap()[number].clone()
    }

    pub fn pages(&self) -> Vec<(usize, String)> {
        self.pages.lock().unwrap().clone()
    }

    /// Waits for a request of this page.
    pub async fn arrival(&self, path: &str) {
        loop {
            let arrived = self.arrived.notified();
            if self.pages().iter().any(|(_, page)| page == path) {
                return;
            }
            arrived.await;
        }
    }

    /// Waits for an answer on this connection.
    pub async fn answer(&self, number: usize) {
        loop {
            let arrived = self.arrived.notified();
            if !self.connection(number).answers.is_empty() {
                return;
            }
            arrived.await;
        }
    }

    fn note(&self, number: usize, change: impl FnOnce(&mut Connection)) {
        change(&mut self.connections.lock().unwrap()[number]);
    }
}

/// Serves TLS for one connection: the stream, or `None` if the handshake failed.
pub async fn accept(
    tls: &Arc<ServerConfig>,
    decision: &ClientAuthDecision,
    io: DuplexStream,
) -> Result<TlsStream<DuplexStream>, String> {
    let decision = decision.clone();
    let policy = policy_fn(move |hello: HelloInfo, _: Option<SocketAddr>| {
        let decision = if hello.offered { decision.clone() } else { ClientAuthDecision::None };
        ready(Ok(decision))
    });
    Acceptor::new(tls.clone(), policy).accept(io, None).await.map_err(|error| error.to_string())
}

impl Site {
    pub async fn serve(self: Arc<Self>, io: DuplexStream) {
        let number = {
            let mut connections = self.log.connections.lock().unwrap();
            connections.push(Connection::default());
            connections.len() - 1
        };
        let tls = match accept(&self.tls, &self.decision, io).await {
            Ok(tls) => tls,
            Err(error) => return self.log.note(number, |seen| seen.error = Some(error)),
        };
        let connection = tls.get_ref().1;
        let handshake = connection.peer_certificates().and_then(<[_]>::first).cloned();
        self.log.note(number, |seen| seen.handshake = handshake.map(CertificateDer::into_owned));
        let exporters = Exporters::for_sender(connection, Endpoint::Client);
        if connection.alpn_protocol() != Some(b"h2") {
            let service = service_fn(|request| self.clone().page(number, None, request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
            return;
        }
        let Some(exporters) = exporters.ok().filter(|_| self.announces > 0) else {
            return self.http2(number, None, tls).await;
        };
        let asking = Arc::new(Asking {
            site: self.clone(),
            number,
            exporters,
            outbox: Outbox::new(),
            waiting: Mutex::default(),
        });
        let (outbox, end) = (asking.outbox.clone(), Endpoint::Server);
        let tls = Http2Filter::new(tls, end, self.code_points, asking.clone(), outbox);
        self.http2(number, Some(asking), tls).await;
    }

    async fn http2(
        self: Arc<Self>,
        number: usize,
        asking: Option<Arc<Asking>>,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) {
        let closing = Arc::new(Notify::new());
        let last = closing.clone();
        let site = self.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            if site.closing == Some(request.uri().path()) {
                last.notify_one();
            }
            site.clone().page(number, asking.clone(), request)
        });
        let http = http2::Builder::new(TokioExecutor::new());
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            _ = &mut connection => {}
            () = closing.notified() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn page(
        self: Arc<Self>,
        number: usize,
        asking: Option<Arc<Asking>>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path().to_owned();
        self.log.pages.lock().unwrap().push((number, path.clone()));
        self.log.arrived.notify_waiters();
        if let Some((held, release)) = &self.held {
            if *held == path {
                release.notified().await;
            }
        }
        if let Some(need) = (self.needs)(&path) {
            if !self.has(number, &need) {
                if let Some(asking) =
                    asking.filter(|_| self.log.connection(number).setting > Some(0))
                {
                    asking.ask(&need).await.unwrap();
                }
            }
            let first = self.log.pages().iter().filter(|(_, page)| *page == path).count() == 1;
            let challenged = first && self.challenged_once == Some(&path);
            if challenged || !self.has(number, &need) {
                let mut response = say(StatusCode::UNAUTHORIZED, "who are you?");
                if let Some(challenge) = &need.challenge {
                    let challenge = challenge.to_value().unwrap();
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
                return Ok(response);
            }
        }
        match &self.grpc {
            Some(grpc) if request.headers().contains_key(CONTENT_TYPE) => {
                grpc.clone().oneshot(request.map(Body::new)).await
            }
            _ => Ok(say(StatusCode::OK, "welcome")),
        }
    }

    /// Whether this connection has a certificate that the need's verifier accepts.
    fn has(&self, number: usize, need: &Need) -> bool {
        let Connection { handshake, answers, .. } = self.log.connection(number);
        let verifies = |certificate: &CertificateDer<'_>| {
            need.verifier.verify_client_cert(certificate, &[], UnixTime::now()).is_ok()
        };
        handshake.iter().chain(answers.iter().flatten()).any(verifies)
    }
}

fn say(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(text)));
    *response.status_mut() = status;
    response
}

/// Requests certificates on one connection.
struct Asking {
    site: Arc<Site>,
    number: usize,
    exporters: Exporters,
    outbox: Outbox,
    waiting: Mutex<VecDeque<Waiting>>,
}

/// A request without an answer, with the verifier for it.
type Waiting = (CertificateRequest, Arc<dyn ClientCertVerifier>, oneshot::Sender<()>);

impl Asking {
    fn ask(&self, need: &Need) -> oneshot::Receiver<()> {
        let request = match &need.request {
            Some(request) => request.clone(),
            None => CertificateRequest::for_verifier(&*need.verifier, &provider()).unwrap(),
        };
        let (tell, answered) = oneshot::channel();
        let frame = super::raw::list(&[request.bytes()]);
        let mut waiting = self.waiting.lock().unwrap();
        waiting.push_back((request, need.verifier.clone(), tell));
        self.outbox.send(Frame::AuthenticatorRequests, frame).unwrap();
        answered
    }
}

impl Exchange for Asking {
    fn announces(&self) -> u32 {
        self.site.announces
    }

    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
        self.site.log.note(self.number, |seen| seen.setting = value);
        if let Some(need) = self.site.at_once.as_ref().filter(|_| value > Some(0)) {
            drop(self.ask(need));
        }
        Ok(())
    }

    fn head(&self, frame: Frame, on_control: bool, _: u64) -> Result<(), ConnectionError> {
        assert_eq!((frame, on_control), (Frame::Certificate, true));
        Ok(())
    }

    fn frame(&self, _: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
        let (request, verifier, tell) = self.waiting.lock().unwrap().pop_front().unwrap();
        let proof =
            request.validate(&self.exporters, &payload, |message, certificate, signature| {
                verifier.verify_tls13_signature(message, certificate, signature)
            });
        let answer = match proof {
            Ok(Proof::Possession(possession)) => Some(possession.chain()[0].clone()),
            Ok(Proof::Declined) => None,
            Err(ValidateError::Authenticator(error)) => {
                return Err(ConnectionError::Authenticator(error));
            }
            Err(_) => return Err(ConnectionError::Signature),
        };
        self.site.log.note(self.number, |seen| seen.answers.push(answer));
        self.site.log.arrived.notify_waiters();
        let _ = tell.send(());
        Ok(())
    }

    fn closed(&self) {
        self.waiting.lock().unwrap().clear();
    }
}
