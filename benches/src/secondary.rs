//! HTTP/2 connections on which no certificate is requested, with and without the feature: a client and a server in
//! one thread, over TLS, through memory or over loopback.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_ext::authenticator::{Endpoint, Exporters};
use rustls_ext::http::secondary::{
    ClientExchange, ClientLimits, Http2Filter, HttpCodePoints, Outbox,
};
use rustls_ext::http::server::ServerStream;
use rustls_ext::{Anchors, Live, Policy, PostHandshake, Setup, Verdict};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::handshake::{Pki, SERVER_NAME};

/// The group of downloads, by time and by instructions: per KiB, and per byte.
pub const DOWNLOAD: &str = "HTTP/2 download over TLS";
/// The group of downloads, by the processor's time per KiB.
pub const DOWNLOAD_CPU: &str = "HTTP/2 download over TLS, processor time";
/// The group of idle connections.
pub const IDLE: &str = "memory of an idle HTTP/2 connection";

/// The clients of idle connections, with their settings.
pub const CLIENTS: [(&str, &[(u16, u32)]); 2] = [
    ("a client that announces nothing", &[]),
    ("a client that answers requests", &[(HttpCodePoints::DEFAULT.setting(), 1)]),
];

/// The name of a row in [`IDLE`]. If `on`, the server can request certificates on the connection.
pub fn idle_name(client: &str, on: bool) -> String {
    format!("{client}, {}", if on { "on" } else { "off" })
}

/// A server, and the config of its clients.
pub struct Site {
    runtime: Runtime,
    live: Live,
    client: Arc<ClientConfig>,
    /// Certificates may be requested on open connections.
    requests: bool,
}

impl Site {
    /// # Panics
    /// If it cannot be made.
    pub fn new(pki: &Pki, requests: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(pki.authority.clone().into()).expect("an authority");
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let policy = Policy::builder()
            .provider(provider.clone())
            .scope("agents", Anchors::from_roots(roots.clone()))
            .otherwise(Verdict::None);
        let policy = if requests {
            policy.post_handshake(PostHandshake::when_needed("agents"))
        } else {
            policy
        };
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(
                vec![pki.server.certificate.clone().into()],
                PrivatePkcs8KeyDer::from(pki.server.key.clone()).into(),
            )
            .expect("an identity");
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"h2".to_vec()];
        let setup = Setup::new(server, policy.build().expect("a policy")).with_alpn(["h2"]);
        Self {
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
            live: Live::from(setup),
            client: client.into(),
            requests,
        }
    }

    /// Makes an idle connection of hyper's server, whose client sends these settings.
    ///
    /// # Panics
    /// If the server does not take part in what the client expects.
    pub fn idle(&self, settings: &[(u16, u32)]) -> client::TlsStream<DuplexStream> {
        self.runtime.block_on(async {
            let (client, server) = duplex(1 << 16);
            let (mut client, server) = self.connect(client, server).await;
            tokio::spawn(serve(ServerStream::new(server, None, &self.live).0));
            let payload = settings.iter().flat_map(|(number, value)| {
                number.to_be_bytes().into_iter().chain(value.to_be_bytes())
            });
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            bytes.extend([0, 0, 6 * settings.len() as u8, SETTINGS, 0, 0, 0, 0, 0]);
            bytes.extend(payload);
            // An acknowledgement of the server's settings, and a ping: after its answer, the server has
            // nothing left to do.
            bytes.extend([0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]);
            bytes.extend([0, 0, 8, PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            client.write_all(&bytes).await.expect("a server that reads");
            let mut announced = false;
            loop {
                let mut head = [0; 9];
                client.read_exact(&mut head).await.expect("a frame");
                let mut payload = [0; 256];
                let payload = &mut payload[..usize::from(head[2])];
                client.read_exact(payload).await.expect("a frame");
                match head[3] {
                    SETTINGS => {
                        let ours = HttpCodePoints::DEFAULT.setting().to_be_bytes();
                        announced |= payload.chunks(6).any(|entry| entry.starts_with(&ours));
                    }
                    PING => break,
                    _ => {}
                }
            }
            assert_eq!(announced, self.requests);
            client
        })
    }

    /// Completes a handshake.
    async fn connect<IO>(
        &self,
        client: IO,
        server: IO,
    ) -> (client::TlsStream<IO>, server::TlsStream<IO>)
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(SERVER_NAME).expect("a name");
        let connector = TlsConnector::from(self.client.clone());
        let acceptor = TlsAcceptor::from(self.live.current().config().clone());
        let (client, server) =
            tokio::join!(connector.connect(name, client), acceptor.accept(server));
        (client.expect("a server without errors"), server.expect("a client without errors"))
    }
}

impl Site {
    /// Serves on a connection, and returns its client.
    async fn download<IO>(&self, client: IO, server: IO) -> SendRequest<Empty<Bytes>>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, server) = self.connect(client, server).await;
        tokio::spawn(serve(ServerStream::new(server, None, &self.live).0));
        if !self.requests {
            return request(client).await;
        }
        let exporters = Exporters::for_sender(client.get_ref().1, Endpoint::Client);
        let outbox = Outbox::new();
        let exchange = ClientExchange::new(
            exporters.expect("exporters"),
            |_: &rustls_ext::authenticator::Request| None,
            outbox.clone(),
            ClientLimits::default(),
            |work| work(),
        );
        let (end, points) = (Endpoint::Client, HttpCodePoints::DEFAULT);
        request(Http2Filter::new(client, end, points, Arc::new(exchange), outbox)).await
    }
}

const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;

/// A client that downloads from a server of hyper, over one connection.
pub struct Download {
    site: Site,
    requests: SendRequest<Empty<Bytes>>,
}

impl Download {
    /// Makes the connection in memory. If `filtered`, both ends can use certificates on it, and do not.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn in_memory(pki: &Pki, filtered: bool) -> Self {
        let site = Site::new(pki, filtered);
        let (client, server) = duplex(1 << 16);
        let requests = site.runtime.block_on(site.download(client, server));
        Self { site, requests }
    }

    /// The same with TCP, on the loopback interface.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn on_loopback(pki: &Pki, filtered: bool) -> Self {
        let site = Site::new(pki, filtered);
        let requests = site.runtime.block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = listener.local_addr().expect("a port");
            let client = TcpStream::connect(address).await.expect("a connection");
            let (server, _) = listener.accept().await.expect("a connection");
            for stream in [&client, &server] {
                stream.set_nodelay(true).expect("a connection");
            }
            site.download(client, server).await
        });
        Self { site, requests }
    }

    /// Downloads this number of bytes.
    ///
    /// # Panics
    /// Unless they arrive.
    pub fn get(&mut self, bytes: u64) {
        let Self { site, requests } = self;
        site.runtime.block_on(async {
            let uri = format!("https://{SERVER_NAME}/{bytes}");
            let request = Request::get(uri).body(Empty::new()).expect("a request");
            let response = requests.send_request(request).await.expect("a response");
            let (mut body, mut received) = (response.into_body(), 0);
            while let Some(frame) = body.frame().await {
                let frame = frame.expect("the body");
                received += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            assert_eq!(received, bytes);
        });
    }
}

/// The names of the rows in [`DOWNLOAD`], without and with the filter.
pub const DOWNLOADS: [&str; 2] = ["without the filter", "through idle filters at both ends"];

async fn request<IO>(io: IO) -> SendRequest<Empty<Bytes>>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .handshake(TokioIo::new(io))
        .await
        .expect("an HTTP/2 server");
    tokio::spawn(connection);
    requests
}

async fn serve<IO>(stream: ServerStream<IO>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(Filled::of(request.uri())))
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // It ends with the runtime.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// A body of as many bytes as the path says.
struct Filled {
    left: u64,
}

impl Filled {
    fn of(uri: &Uri) -> Self {
        Self { left: uri.path()[1..].parse().expect("a number") }
    }
}

impl Body for Filled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static CHUNK: [u8; 1 << 16] = [0x5a; 1 << 16];
        let length = self.left.min(CHUNK.len() as u64);
        self.left -= length;
        let chunk = Bytes::from_static(&CHUNK[..length as usize]);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(chunk))))
    }
}
