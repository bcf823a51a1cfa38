//! A server on a free port of the loopback interface, its clients, and what an exchange learns.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::error::{ConnectionError as H3Error, StreamError};
use h3::quic::ConnectionErrorIncoming;
use h3::server::RequestResolver;
use http::{Request, Response};
use quinn::Endpoint;
use rustls::version::TLS13;
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::secondary::{
    ConnectionError, Exchange, Frame, Http3, HttpCodePoints, Outbox,
};
use rustls_ext::quic::{QuicClientConfig, QuicServerConfig};
use rustls_ext::wire::secondary::RequestsError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::common::Pki;

pub type Transport = Http3<h3_quinn::Connection>;
pub type Opener = <Transport as h3::quic::Connection<Bytes>>::OpenStreams;

/// The longest payload that an exchange accepts, in bytes.
pub const MAX_FRAME: u64 = 16_384;

/// A payload that an exchange refuses.
pub const FORGED: &[u8] = b"forged";

/// What an exchange has learned from its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Setting(Option<u64>),
    Frame(Frame, Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// An exchange with the rules that need no TLS.
pub struct Recorder {
    role: Role,
    announces: u32,
    /// The last value of the peer's setting, if there was one.
    setting: watch::Sender<Option<u64>>,
    events: mpsc::UnboundedSender<Event>,
    closed: watch::Sender<bool>,
}

impl Exchange for Recorder {
    fn announces(&self) -> u32 {
        self.announces
    }

    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
        if let (Role::Client, Some(value @ 2..)) = (self.role, value) {
            return Err(ConnectionError::BadSetting { value });
        }
        self.setting.send_replace(value);
        let _ = self.events.send(Event::Setting(value));
        Ok(())
    }

    fn head(&self, frame: Frame, on_control: bool, length: u64) -> Result<(), ConnectionError> {
        if !on_control {
            return Err(ConnectionError::OnStream(frame));
        }
        if self.setting.borrow().is_none_or(|value| value == 0) {
            return Err(ConnectionError::NotAnnounced(frame));
        }
        match (self.role, frame) {
            (Role::Server, Frame::AuthenticatorRequests) => Err(ConnectionError::RequestsOfClient),
            (Role::Client, Frame::Certificate) => Err(ConnectionError::UnexpectedCertificate),
            _ if length > MAX_FRAME => Err(ConnectionError::TooLong { frame, length }),
            _ => Ok(()),
        }
    }

    fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
        if frame == Frame::AuthenticatorRequests && payload.is_empty() {
            return Err(ConnectionError::Requests(RequestsError::Empty));
        }
        if payload == FORGED {
            return Err(ConnectionError::Signature);
        }
        let _ = self.events.send(Event::Frame(frame, payload));
        Ok(())
    }

    fn closed(&self) {
        self.closed.send_replace(true);
    }
}

/// One side of a connection.
pub struct Side {
    exchange: Arc<Recorder>,
    pub outbox: Outbox,
    events: mpsc::UnboundedReceiver<Event>,
    closed: watch::Receiver<bool>,
}

impl Side {
    pub fn new(role: Role, announces: u32) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let closed = watch::Sender::new(false);
        let exchange = Recorder {
            role,
            announces,
            setting: watch::Sender::new(None),
            events: sender,
            closed: closed.clone(),
        };
        Self {
            exchange: Arc::new(exchange),
            outbox: Outbox::new(),
            events,
            closed: closed.subscribe(),
        }
    }

    pub fn transport(&self, connection: quinn::Connection) -> Transport {
        Http3::new(
            h3_quinn::Connection::new(connection),
            HttpCodePoints::DEFAULT,
            self.exchange.clone(),
            self.outbox.clone(),
        )
    }

    pub async fn event(&mut self) -> Event {
        self.events.recv().await.unwrap()
    }

    pub fn no_event(&mut self) {
        assert_eq!(self.events.try_recv().ok(), None);
    }

    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until the exchange learns that the connection has ended.
    pub async fn closed(&mut self) {
        self.closed.wait_for(|closed| *closed).await.unwrap();
    }
}

/// A server's endpoint and its clients' one.
pub struct Site {
    server: Endpoint,
    clients: Endpoint,
    client_config: quinn::ClientConfig,
}

impl Site {
    pub fn new() -> Self {
        let pki = Pki::new();
        let mut tls = pki.server_config(&[&TLS13]);
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let crypto = Arc::new(QuicServerConfig::try_from(tls).unwrap());
        let config = quinn::ServerConfig::with_crypto(crypto);
        let mut tls = pki.client_config(None, ClientAuthOffer::default(), &[&TLS13]);
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let crypto = Arc::new(QuicClientConfig::try_from(tls).unwrap());
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            server: Endpoint::server(config, loopback).unwrap(),
            clients: Endpoint::client(loopback).unwrap(),
            client_config: quinn::ClientConfig::new(crypto),
        }
    }

    /// A new connection, at the client and at the server.
    pub async fn connect(&self) -> (quinn::Connection, quinn::Connection) {
        let addr = self.server.local_addr().unwrap();
        let connecting =
            self.clients.connect_with(self.client_config.clone(), addr, "localhost").unwrap();
        let accepted = async { self.server.accept().await.unwrap().await.unwrap() };
        let (client, server) = tokio::join!(connecting, accepted);
        (client.unwrap(), server)
    }
}

/// A server of h3, which runs until its connection ends.
pub struct Server {
    pub task: JoinHandle<Option<H3Error>>,
    shutdown: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Server {
    /// Over any transport, with or without [`Http3`].
    pub fn start<C>(transport: C) -> Self
    where
        C: h3::quic::Connection<Bytes> + Send + 'static,
        C::SendStream: Send,
        C::RecvStream: Send,
        C::BidiStream: Send + 'static,
    {
        let (shutdown, orders) = mpsc::unbounded_channel();
        Self { task: tokio::spawn(serve(transport, orders)), shutdown }
    }

    /// Sends GOAWAY, which allows no more requests, and waits until it is written.
    pub async fn shutdown(&self) {
        let (written, done) = oneshot::channel();
        self.shutdown.send(written).unwrap();
        done.await.unwrap();
    }
}

async fn serve<C>(
    transport: C,
    mut orders: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) -> Option<H3Error>
where
    C: h3::quic::Connection<Bytes> + Send + 'static,
    C::SendStream: Send,
    C::RecvStream: Send,
    C::BidiStream: Send + 'static,
{
    let mut connection = match h3::server::builder().build(transport).await {
        Ok(connection) => connection,
        Err(err) => return Some(err),
    };
    loop {
        tokio::select! {
            request = connection.accept() => match request {
                Ok(Some(resolver)) => {
                    tokio::spawn(echo(resolver));
                }
                Ok(None) => return None,
                Err(err) => return Some(err),
            },
            Some(written) = orders.recv() => {
                connection.shutdown(0).await.unwrap();
                written.send(()).unwrap();
            }
        }
    }
}

/// Sends the body of the request back.
async fn echo<C>(resolver: RequestResolver<C, Bytes>) -> Result<(), StreamError>
where
    C: h3::quic::Connection<Bytes>,
{
    let (_, mut stream) = resolver.resolve_request().await?;
    stream.send_response(Response::new(())).await?;
    while let Some(mut data) = stream.recv_data().await? {
        stream.send_data(data.copy_to_bytes(data.remaining())).await?;
    }
    stream.finish().await
}

/// A client of h3, which runs until its connection ends.
pub struct Client<O: h3::quic::OpenStreams<Bytes>> {
    pub requests: h3::client::SendRequest<O, Bytes>,
    pub driver: JoinHandle<H3Error>,
}

impl<O: h3::quic::OpenStreams<Bytes>> Client<O> {
    /// Over any transport, with or without [`Http3`].
    pub async fn start<C>(transport: C) -> Self
    where
        C: h3::quic::Connection<Bytes, OpenStreams = O> + Send + 'static,
        C::SendStream: Send,
        C::RecvStream: Send,
    {
        let (mut driver, requests) = h3::client::builder().build(transport).await.unwrap();
        Self { requests, driver: tokio::spawn(async move { driver.wait_idle().await }) }
    }

    /// Begins a request, and waits for the response, whose body has not arrived.
    pub async fn open(&mut self) -> Result<Open<O>, StreamError> {
        let request = Request::post("https://localhost/").body(()).unwrap();
        let mut stream = self.requests.send_request(request).await?;
        assert_eq!(stream.recv_response().await?.status(), 200);
        Ok(Open(stream))
    }

    /// Sends a request with this body, and returns the body of the response.
    pub async fn post(&mut self, body: &[u8]) -> Result<Vec<u8>, StreamError> {
        self.open().await?.echo(body).await
    }
}

/// A request whose body has not been sent.
pub struct Open<O: h3::quic::OpenStreams<Bytes>>(h3::client::RequestStream<O::BidiStream, Bytes>);

impl<O: h3::quic::OpenStreams<Bytes>> Open<O> {
    /// Sends this body, and returns the one of the response.
    pub async fn echo(mut self, body: &[u8]) -> Result<Vec<u8>, StreamError> {
        for piece in body.chunks(1000) {
            self.0.send_data(Bytes::copy_from_slice(piece)).await?;
        }
        self.0.finish().await?;
        let mut answer = Vec::new();
        while let Some(mut data) = self.0.recv_data().await? {
            answer.extend(data.copy_to_bytes(data.remaining()));
        }
        Ok(answer)
    }
}

/// The error of this crate that h3 passes on.
pub fn cause(err: &H3Error) -> &ConnectionError {
    let H3Error::Remote { 0: ConnectionErrorIncoming::Undefined(cause), .. } = err else {
        panic!("{err:?}");
    };
    cause.downcast_ref().unwrap_or_else(|| panic!("{err:?}"))
}
