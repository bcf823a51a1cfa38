//! A client whose answers the test chooses.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request as HttpRequest, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::sign::CertifiedKey;
use rustls_ext::authenticator::{Endpoint, Exporters, Request};
use rustls_ext::http::secondary::{
    ConnectionError, Exchange, Frame, Http2Filter, HttpCodePoints, Outbox,
};
use rustls_ext::wire::secondary::Requests;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use crate::common::{CertAndKey, provider};

/// Makes the payloads of CERTIFICATE frames in answer to a request.
pub type Answers = Arc<dyn Fn(&Request, &Exporters) -> Vec<Vec<u8>> + Send + Sync>;

/// Answers with the first of these certificates that fits the request, or declines.
pub fn with(identities: &[&CertAndKey]) -> Answers {
    let keys: Vec<_> = identities.iter().map(|identity| key(identity)).collect();
    Arc::new(move |request, exporters| {
        let fitting = keys.iter().find(|key| request.accepts(key).is_ok());
        vec![match fitting {
            Some(key) => request.authenticate(exporters, key).unwrap(),
            None => request.decline(exporters).unwrap(),
        }]
    })
}

/// Never answers.
pub fn silent() -> Answers {
    Arc::new(|_, _| Vec::new())
}

/// Changes what a client with this certificate sends.
pub fn changed(
    identity: &CertAndKey,
    change: impl Fn(Vec<u8>) -> Vec<Vec<u8>> + Send + Sync + 'static,
) -> Answers {
    let key = key(identity);
    Arc::new(move |request, exporters| change(request.authenticate(exporters, &key).unwrap()))
}

/// Answers with this certificate, although it is from none of the authorities in the request.
pub fn forced(identity: &CertAndKey) -> Answers {
    let key = key(identity);
    Arc::new(move |request, exporters| {
        use rustls_ext::wire::authenticator as wire;
        let signer = key.key.choose_scheme(&request.schemes()).unwrap();
        let chain: Vec<&[u8]> = key.cert.iter().map(|der| der.as_ref()).collect();
        let mut buffer = vec![0; 16 * 1024];
        let parsed = wire::Request::parse(Endpoint::Server, request.bytes()).unwrap();
        let scheme = signer.scheme().into();
        let sign = |message: &[u8]| signer.sign(message);
        vec![parsed.authenticate(exporters, &chain, scheme, sign, &mut buffer).unwrap().to_vec()]
    })
}

pub fn key(identity: &CertAndKey) -> CertifiedKey {
    CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider()).unwrap()
}

/// The client's side of a connection.
pub struct Client {
    exporters: Exporters,
    outbox: Outbox,
    answers: Answers,
    number: u32,
    requests: Mutex<Vec<Request>>,
    setting: Mutex<Vec<Option<u64>>>,
}

impl Client {
    pub fn new(exporters: Exporters, outbox: Outbox, answers: Answers, number: u32) -> Self {
        let (requests, setting) = (Mutex::default(), Mutex::default());
        Self { exporters, outbox, answers, number, requests, setting }
    }

    /// The requests that have arrived.
    pub fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The settings of the server.
    pub fn settings(&self) -> Vec<Option<u64>> {
        self.setting.lock().unwrap().clone()
    }

    /// Answers the last request in this way.
    pub fn answer(&self, answers: &Answers) {
        let request = self.requests.lock().unwrap().last().unwrap().clone();
        for payload in answers(&request, &self.exporters) {
            self.send(Frame::Certificate, payload);
        }
    }

    pub fn exporters(&self) -> &Exporters {
        &self.exporters
    }

    pub fn send(&self, frame: Frame, payload: Vec<u8>) {
        self.outbox.send(frame, payload).unwrap();
    }
}

impl Exchange for Client {
    fn announces(&self) -> u32 {
        self.number
    }

    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
        self.setting.lock().unwrap().push(value);
        Ok(())
    }

    fn head(&self, _: Frame, _: bool, _: u64) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
        assert_eq!(frame, Frame::AuthenticatorRequests);
        for request in Requests::parse(&payload).unwrap() {
            let request = Request::parse(Endpoint::Server, request.bytes()).unwrap();
            let answers = (self.answers)(&request, &self.exporters);
            self.requests.lock().unwrap().push(request);
            for payload in answers {
                self.send(Frame::Certificate, payload);
            }
        }
        Ok(())
    }

    fn closed(&self) {}
}

/// A connection of a client.
pub struct Connection {
    pub client: Arc<Client>,
    pub sender: http2::SendRequest<Body>,
    ended: JoinHandle<hyper::Result<()>>,
}

/// A response: its status and its text.
pub type Answer = (StatusCode, String);

impl Connection {
    /// Begins HTTP/2. The client announces this number; with 0, it does not take part.
    pub async fn open<IO>(tls: TlsStream<IO>, number: u32, answers: Answers) -> Self
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let outbox = Outbox::new();
        let exporters = Exporters::for_sender(tls.get_ref().1, Endpoint::Client).unwrap();
        let client = Arc::new(Client::new(exporters, outbox.clone(), answers, number));
        let points = HttpCodePoints::DEFAULT;
        let filter = Http2Filter::new(tls, Endpoint::Client, points, client.clone(), outbox);
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(filter)).await.unwrap();
        Self { client, sender, ended: tokio::spawn(connection) }
    }

    pub async fn try_get(&self, host: &str, path: &str) -> hyper::Result<Answer> {
        let mut sender = self.sender.clone();
        sender.ready().await?;
        let request = HttpRequest::get(format!("https://{host}{path}"));
        let body = Body::new(Empty::<Bytes>::new());
        let response = sender.send_request(request.body(body).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((parts.status, String::from_utf8(body.to_vec()).unwrap()))
    }

    pub async fn get(&self, host: &str, path: &str) -> Answer {
        self.try_get(host, path).await.unwrap()
    }

    /// The status of a page of `www.example`.
    pub async fn status(&self, path: &str) -> StatusCode {
        self.get("www.example", path).await.0
    }

    /// The code of the server's GOAWAY that ended the connection.
    pub async fn goaway(self) -> String {
        let error = self.ended.await.unwrap().unwrap_err();
        let text = format!("{error:?}");
        let codes = ["PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "ENHANCE_YOUR_CALM", "NO_ERROR"];
        assert!(text.contains("GoAway") && text.contains("Remote"), "{text}");
        codes.into_iter().find(|code| text.contains(code)).unwrap_or(&text).to_owned()
    }

    /// Waits for the end of the connection, without an error.
    pub async fn end(self) {
        drop(self.sender);
        self.ended.await.unwrap().unwrap();
    }
}
