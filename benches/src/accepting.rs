//! Servers that accept connections from memory: plain tokio-rustls, and the acceptor with an async policy.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rustls::pki_types::ServerName;
use rustls::server::{ClientAuthDecision, ClientHello, ServerSessionMemoryCache};
use rustls::{ClientConfig, ClientConnection};
use rustls_ext::Policy;
use rustls_ext::tokio::{Acceptor, AsyncPolicy};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::handshake::{Case, Cost, Crate, Ends, Pki, SERVER_NAME, Scenario, configs, policy};

/// The group of these servers.
pub const ACCEPT: &str = "connection accepted by a server of tokio";

/// The names of the rows in [`ACCEPT`]: the acceptor with an async policy, and what it is compared with.
pub const ROWS: [[&str; 2]; 2] = [
    ["no offer, acceptor with an async policy", "no offer, plain tokio-rustls"],
    ["accepted offer, acceptor with an async policy", "accepted offer, plain tokio-rustls"],
];

/// A server that accepts connections, and its clients.
pub struct Accepting {
    pub name: &'static str,
    server: Server,
    client: Arc<ClientConfig>,
    authenticates: bool,
    runtime: Runtime,
}

enum Server {
    /// With the same policy in its config, if clients offer.
    Plain(TlsAcceptor),
    Async(Acceptor<Slow>),
}

/// A policy that is not ready at once.
struct Slow(Policy);

impl AsyncPolicy for Slow {
    async fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<ClientAuthDecision, rustls_ext::tokio::BoxError> {
        let mut waited = false;
        poll_fn(
            |_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending },
        )
        .await;
        AsyncPolicy::decide(&self.0, hello, peer).await
    }
}

/// All servers, in the order of [`ROWS`].
///
/// # Panics
/// If one cannot be made.
pub fn all() -> Vec<Accepting> {
    let pki = Pki::new();
    let mut all = Vec::new();
    for (scenario, [ours, plain]) in [Scenario::Unused, Scenario::Accepted(1)].into_iter().zip(ROWS)
    {
        let case = Case::quick(Crate::Patched, scenario);
        let (client, mut server) = configs(case, &pki);
        // As by default: each connection gets two tickets.
        server.session_storage = ServerSessionMemoryCache::new(256);
        let client = Arc::new(client);
        let mut bare = server.clone();
        bare.client_auth_policy = None;
        let slow = Slow(policy(1, case, &pki));
        let servers = [
            (ours, Server::Async(Acceptor::new(Arc::new(bare), slow))),
            (plain, Server::Plain(TlsAcceptor::from(Arc::new(server)))),
        ];
        all.extend(servers.map(|(name, server)| Accepting {
            name,
            server,
            client: client.clone(),
            authenticates: scenario != Scenario::Unused,
            runtime: Builder::new_current_thread().enable_time().build().expect("a runtime"),
        }));
    }
    all
}

/// A connection that is being accepted.
pub type Accept = Pin<Box<dyn Future<Output = TlsStream<Pipe>>>>;

/// Continues to accept a connection.
#[inline(never)]
pub fn server_turn(accept: &mut Accept, cx: &mut Context<'_>) -> Poll<TlsStream<Pipe>> {
    accept.as_mut().poll(cx)
}

impl Accepting {
    /// Accepts a connection; `turn` is [`server_turn`], or calls it.
    ///
    /// # Panics
    /// Unless the handshake has the expected result.
    pub fn accept(
        &self,
        mut turn: impl FnMut(&mut Accept, &mut Context<'_>) -> Poll<TlsStream<Pipe>>,
    ) {
        let _entered = self.runtime.enter();
        let pipe = Pipe::default();
        let mut accept = self.begin(pipe.clone());
        let name = ServerName::try_from(SERVER_NAME).expect("a name");
        let mut client = ClientConnection::new(self.client.clone(), name).expect("a client");
        let mut cx = Context::from_waker(Waker::noop());
        let stream = loop {
            while client.wants_write() {
                client.write_tls(&mut pipe.0.borrow_mut().to_server).expect("bytes in memory");
            }
            let turned = turn(&mut accept, &mut cx);
            let bytes = pipe.0.borrow().to_client.clone();
            pipe.0.borrow_mut().to_client.clear();
            let mut input = &bytes[..];
            while !input.is_empty() {
                client.read_tls(&mut input).expect("bytes in memory");
                client.process_new_packets().expect("a server without errors");
            }
            if let Poll::Ready(stream) = turned {
                break stream;
            }
        };
        assert!(!client.is_handshaking());
        let server = stream.get_ref().1;
        assert_eq!(server.peer_certificates().is_some(), self.authenticates);
    }

    fn begin(&self, io: Pipe) -> Accept {
        match &self.server {
            Server::Plain(acceptor) => {
                let accept = acceptor.accept(io);
                Box::pin(async { accept.await.expect("a client without errors") })
            }
            Server::Async(acceptor) => {
                let acceptor = acceptor.clone();
                Box::pin(async move {
                    acceptor.accept(io, None).await.expect("a client without errors")
                })
            }
        }
    }
}

impl Ends for Accepting {
    fn shake(&mut self) -> Cost {
        self.accept(server_turn);
        Cost::default()
    }
}

/// A connection in memory. It has room for everything, so that nothing is allocated while it is used.
#[derive(Clone, Debug)]
pub struct Pipe(Rc<RefCell<Bytes>>);

#[derive(Debug)]
struct Bytes {
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

impl Default for Pipe {
    fn default() -> Self {
        let room = || Vec::with_capacity(1 << 14);
        Self(Rc::new(RefCell::new(Bytes { to_server: room(), to_client: room() })))
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = &mut self.0.borrow_mut().to_server;
        if bytes.is_empty() {
            return Poll::Pending;
        }
        let read = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..read]);
        bytes.drain(..read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().to_client.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
