//! Clients that answer requests for certificates on their open HTTP/2 or HTTP/3 connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_line::Failure;
use h3::client::SendRequest;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::ClientAuthOffer;
use rustls_ext::authenticator::{Endpoint, Exporters, Request as CertificateRequest};
use rustls_ext::http::secondary::{
    Answer as Sent, ChooseCertificate, ClientExchange, ClientLimits, Http2Filter, HttpCodePoints,
    Outbox,
};
use rustls_ext::quic::HandshakeData;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::subject_of;
use rustls_ext::tokio::Connector;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DemoPki;
use super::cases::Certificate;
use super::client_view::failed;
use super::clients::{config, identity};
use super::frames::{FrameCount, RoundTripCounter};
use super::http3::{self, Transport};
use rext_cli::tls;

/// The timeout for a response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client with one connection, over unmodified hyper.
pub(super) struct OpenClient {
    origin: String,
    sender: http2::SendRequest<Empty<Bytes>>,
    answers: Answers,
    round_trips: RoundTripCounter,
}

/// An answer to a request for a certificate.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// With the certificate of this subject.
    Shown(String),
    /// Without one.
    Declined,
}

type Answers = Arc<Mutex<Vec<Answer>>>;

impl OpenClient {
    /// Connects without an offer. The client answers with the first of these certificates that the
    /// server's request accepts; without a list, it does not take part.
    pub(super) async fn connect(
        pki: &DemoPki,
        certificates: Option<&[Certificate]>,
        host: &'static str,
        addr: SocketAddr,
    ) -> Result<Self, Failure> {
        let config = config(pki, ClientAuthOffer::default(), None, tls::H2)?;
        let name = ServerName::try_from(host).map_err(failed)?;
        let tcp = TcpStream::connect(addr).await.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        let stream = Connector::new(Arc::new(config)).connect(name, tcp).await.map_err(failed)?;
        let exporters =
            Exporters::for_sender(stream.get_ref().1, Endpoint::Client).map_err(failed)?;

        let (exchange, outbox, answers) = exchange(pki, certificates, exporters)?;
        let (stream, round_trips) = FrameCount::new(stream);
        let points = HttpCodePoints::DEFAULT;
        let stream = Http2Filter::new(stream, Endpoint::Client, points, exchange, outbox);
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        let origin = format!("https://{host}:{}", addr.port());
        Ok(Self { origin, sender, answers, round_trips })
    }

    /// Requests a page, reads the response, and returns its status code.
    pub(super) async fn get(&mut self, path: &str) -> Result<u16, Failure> {
        let request = Request::get(format!("{}{path}", self.origin));
        let request = request.body(Empty::new()).map_err(failed)?;
        let response = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let status = response.status().as_u16();
            response.into_body().collect().await?;
            Ok(status)
        };
        let response: Result<u16, hyper::Error> =
            timeout(TIMEOUT, response).await.map_err(failed)?;
        response.map_err(failed)
    }

    /// The answers so far.
    pub(super) fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The round trips since the handshake.
    pub(super) fn round_trips(&self) -> u32 {
        self.round_trips.so_far()
    }
}

/// A client with one HTTP/3 connection, over unmodified h3 and quinn.
pub(super) struct Http3Client {
    origin: String,
    sender: SendRequest<<Transport as h3::quic::Connection<Bytes>>::OpenStreams, Bytes>,
    answers: Answers,
}

impl Http3Client {
    /// The same as [`OpenClient::connect`].
    pub(super) async fn connect(
        pki: &DemoPki,
        certificates: Option<&[Certificate]>,
        host: &'static str,
        addr: SocketAddr,
    ) -> Result<Self, Failure> {
        let config = config(pki, ClientAuthOffer::default(), None, tls::H3)?;
        let connecting = timeout(TIMEOUT, http3::connecting(config, host, addr)?);
        let connection = connecting.await.map_err(failed)?.map_err(failed)?;
        let handshake = HandshakeData::from_quinn(connection.handshake_data())
            .ok_or_else(|| Failure::Failed("the handshake has no data".into()))?;
        let exporters = http3::exporters(&connection, &handshake).map_err(failed)?;
        let (exchange, outbox, answers) = exchange(pki, certificates, exporters)?;
        let transport = http3::transport(connection, exchange, outbox);
        let (mut driver, sender) = h3::client::new(transport).await.map_err(failed)?;
        tokio::spawn(async move { driver.wait_idle().await });
        let origin = format!("https://{host}:{}", addr.port());
        Ok(Self { origin, sender, answers })
    }

    /// Requests a page, reads the response, and returns its status code.
    pub(super) async fn get(&mut self, path: &str) -> Result<u16, Failure> {
        let request = Request::get(format!("{}{path}", self.origin)).body(()).map_err(failed)?;
        let response = async {
            let mut stream = self.sender.send_request(request).await?;
            stream.finish().await?;
            let status = stream.recv_response().await?.status();
            while stream.recv_data().await?.is_some() {}
            Ok(status.as_u16())
        };
        let response: Result<u16, h3::error::StreamError> =
            timeout(TIMEOUT, response).await.map_err(failed)?;
        response.map_err(failed)
    }

    /// The answers so far.
    pub(super) fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The client's side of a connection. It answers with the first of these certificates that the
/// server's request accepts; without a list, it does not take part.
fn exchange(
    pki: &DemoPki,
    certificates: Option<&[Certificate]>,
    exporters: Exporters,
) -> Result<(Arc<ClientExchange>, Outbox, Answers), Failure> {
    let keys = certificates.unwrap_or_default().iter();
    let keys = keys.map(|certificate| identity(pki, *certificate)).collect::<Result<_, _>>()?;
    let mut limits = ClientLimits::default();
    if certificates.is_none() {
        limits.outstanding = 0;
    }
    let (answers, outbox) = (Answers::default(), Outbox::new());
    let chooser = Chooser { keys, answers: answers.clone() };
    let run = |work| drop(tokio::task::spawn_blocking(work));
    let exchange = ClientExchange::new(exporters, chooser, outbox.clone(), limits, run);
    Ok((Arc::new(exchange), outbox, answers))
}

struct Chooser {
    keys: Vec<Arc<CertifiedKey>>,
    answers: Answers,
}

impl ChooseCertificate for Chooser {
    fn choose(&self, request: &CertificateRequest) -> Option<Arc<CertifiedKey>> {
        self.keys.iter().find(|key| request.accepts(key).is_ok()).cloned()
    }

    fn answering(&self, _: &CertificateRequest, sent: &Sent) {
        let answer = match sent {
            Sent::Shown(key) => Answer::Shown(key.cert.first().map(subject_of).unwrap_or_default()),
            _ => Answer::Declined,
        };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }
}
