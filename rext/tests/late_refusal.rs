//! Refusals after the client's handshake: from a raw server, which sends data before it refuses, and
//! through HTTP libraries, which drop the reason of a failure.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use raw_peer::{Peer, ServerConfig};
use rext_cli::tls;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::DEFAULT_VERSIONS;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::tokio::{ClientStream, ConnectionOutcome, Connector, End, Refusal};
use test_pki::Authority;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadBuf, duplex,
};
use tokio::net::{TcpListener, TcpStream};

const CERTIFICATE_UNKNOWN: u8 = 46;
const TEXT: &str = "the server refused the client's certificate: certificate_unknown, \
                    after the client's handshake";

fn name() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

/// A raw server that requests a certificate, and a client that has one, with the protocols `alpn`.
fn setting(alpn: &[&[u8]]) -> (Peer, Connector) {
    let authority = Authority::new("CA").unwrap();
    let mut server = ServerConfig::new(authority.server(&["localhost"]).unwrap().for_raw());
    server.ask_certificate = true;
    server.alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let key = authority.client("client").unwrap().certified_key().unwrap();
    let (roots, offer) = (authority.roots().unwrap(), ClientAuthOffer::flag());
    let client = tls::client_config(roots, Some(key), offer, DEFAULT_VERSIONS, alpn).unwrap();
    (Peer::server(server), Connector::new(Arc::new(client)))
}

/// Runs the handshake of a raw server, which sends `data` before it receives the client's certificate.
async fn handshake(peer: &mut Peer, io: &mut (impl AsyncRead + AsyncWrite + Unpin), data: &[u8]) {
    let mut buf = [0; 4096];
    let mut data = Some(data);
    while !peer.is_complete() {
        let read = io.read(&mut buf).await.unwrap();
        assert_ne!(read, 0);
        peer.read(&buf[..read]).unwrap();
        if let Some(data) = data.take_if(|data| !data.is_empty()) {
            for chunk in data.chunks(16 * 1024) {
                peer.send_data(chunk).unwrap();
            }
        }
        io.write_all(&peer.take_output()).await.unwrap();
    }
}

fn refusal(peer: &mut Peer) -> Vec<u8> {
    peer.send_alert(2, CERTIFICATE_UNKNOWN).unwrap();
    peer.take_output()
}

/// A client's connection to a server that has sent `data` and will refuse the client; the server's
/// socket and state.
async fn start(data: &[u8]) -> (ClientStream<DuplexStream>, DuplexStream, Peer) {
    let (mut peer, connector) = setting(&[]);
    let (near, mut far) = duplex(4 * 1024 * 1024);
    let (stream, ()) =
        tokio::join!(connector.connect(name(), near), handshake(&mut peer, &mut far, data));
    (stream.unwrap(), far, peer)
}

async fn write_on(stream: &mut ClientStream<DuplexStream>) -> io::Error {
    loop {
        if let Err(err) = stream.write_all(&[b'x'; 1024]).await {
            return err;
        }
    }
}

#[track_caller]
fn assert_refused(err: &io::Error) {
    assert!(Refusal::in_chain(err).is_some(), "{err:?}");
    assert_eq!(err.to_string(), TEXT);
}

#[tokio::test]
async fn data_before_the_alert_can_be_read_after_a_write_has_failed() {
    let (mut stream, mut far, mut peer) = start(b"welcome").await;
    far.write_all(&refusal(&mut peer)).await.unwrap();
    drop(far);
    assert_refused(&write_on(&mut stream).await);
    let mut data = Vec::new();
    assert_refused(&stream.read_to_end(&mut data).await.unwrap_err());
    assert_eq!(data, b"welcome");
}

#[tokio::test]
async fn data_before_the_alert_is_read_before_it() {
    for size in [1, 7, 4096] {
        let (stream, mut far, mut peer) = start(b"welcome").await;
        // The alert is in the same bytes as more data.
        peer.send_data(b" to you").unwrap();
        far.write_all(&refusal(&mut peer)).await.unwrap();
        let mut stream = BufReader::with_capacity(size, stream);
        let mut data = Vec::new();
        assert_refused(&stream.read_to_end(&mut data).await.unwrap_err());
        assert_eq!(data, b"welcome to you");
    }
}

#[tokio::test]
async fn more_data_than_the_buffer_holds_is_not_lost() {
    let sent = vec![b'w'; 1024 * 1024];
    let (mut stream, mut far, mut peer) = start(&sent).await;
    far.write_all(&refusal(&mut peer)).await.unwrap();
    drop(far);
    // The alert is behind more data than is buffered: the write fails without it, and reading finds
    // it.
    let err = write_on(&mut stream).await;
    assert_eq!((err.kind(), Refusal::in_chain(&err)), (io::ErrorKind::BrokenPipe, None));
    assert_eq!(stream.outcome().get(), None);
    let mut data = Vec::new();
    assert_refused(&stream.read_to_end(&mut data).await.unwrap_err());
    assert!(data == sent);
    assert_refused(&write_on(&mut stream).await);
}

#[tokio::test]
async fn a_connection_that_breaks_after_data_is_not_reported_as_refused() {
    let (mut stream, far, _) = start(b"welcome").await;
    drop(far);
    let broken = Some(&End::Io(io::ErrorKind::BrokenPipe));
    assert_eq!(write_on(&mut stream).await.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(stream.outcome().get(), broken);
    let mut data = Vec::new();
    let err = stream.read_to_end(&mut data).await.unwrap_err();
    assert_eq!((err.kind(), &data[..]), (io::ErrorKind::BrokenPipe, &b"welcome"[..]));
    assert_eq!(stream.outcome().get(), broken);
}

/// A connection for hyper's client, with a handle that has the outcome after a failure.
struct Tls(ClientStream<TcpStream>);

impl Connection for Tls {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.0.outcome());
        match self.0.get_ref().1.alpn_protocol() {
            Some(tls::H2) => connected.negotiated_h2(),
            _ => connected,
        }
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Sends a POST of `size` bytes by hyper's pooling client, which reqwest uses, too.
async fn post(connector: Connector, addr: SocketAddr, size: usize) -> ConnectionOutcome {
    let connector = tower::service_fn(move |_: Uri| {
        let connector = connector.clone();
        Box::pin(async move {
            let stream = connector.connect(name(), TcpStream::connect(addr).await?).await?;
            Ok::<_, io::Error>(TokioIo::new(Tls(stream)))
        })
    });
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let body = Full::new(Bytes::from(vec![b'x'; size]));
    let request = Request::post("https://localhost/").body(body).unwrap();
    let err = client.request(request).await.unwrap_err();
    let mut extras = Extensions::new();
    err.connect_info().unwrap().get_extras(&mut extras);
    extras.remove().unwrap()
}

#[tokio::test]
async fn the_handle_has_the_refusal_that_the_http_error_lacks() {
    for alpn in [tls::H2, tls::HTTP1] {
        for size in [0, 4 * 1024 * 1024] {
            let (mut peer, connector) = setting(&[alpn]);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let addr = listener.local_addr().unwrap();
            let server = async {
                let (mut tcp, _) = listener.accept().await.unwrap();
                handshake(&mut peer, &mut tcp, b"").await;
                // The request has begun and is not read, so closing the socket resets it.
                tcp.readable().await.unwrap();
                tcp.write_all(&refusal(&mut peer)).await.unwrap();
            };
            let (outcome, ()) = tokio::join!(post(connector, addr, size), server);
            assert_eq!(outcome.get().unwrap().to_string(), TEXT);
        }
    }
}
