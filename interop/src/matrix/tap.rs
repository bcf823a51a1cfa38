//! A tap between client and server, which reads their first messages.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_ext::wire::{Answer, CodePoints, Offer, Scan, ServerNegotiation, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use raw_peer::HELLO_RETRY_RANDOM;

/// The contents of the first messages of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireView {
    /// The offer in the ClientHello; `None` if there was no readable ClientHello.
    pub offer: Option<Offer>,
    /// Whether the server sent a HelloRetryRequest; `None` if it sent no answer.
    pub retried: Option<bool>,
}

type Shared<T> = Arc<Mutex<T>>;

/// A listener that forwards connections to a server, until it is dropped.
#[derive(Debug)]
pub struct Tap {
    /// Its port on loopback.
    pub port: u16,
    seen: Shared<Vec<Shared<WireView>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Tap {
    /// Starts a tap in front of the server on this port of the loopback interface.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn new(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, all.clone()));
            }
        });
        Ok(Self { port, seen, task })
    }

    /// The connections since the last call, in order.
    pub fn take(&self) -> Vec<WireView> {
        let seen = std::mem::take(&mut *lock(&self.seen));
        seen.iter().map(|wire| *lock(wire)).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn carry(client: TcpStream, server: u16, all: Shared<Vec<Shared<WireView>>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let wire = Shared::<WireView>::default();
    lock(&all).push(wire.clone());
    let (client_out, client_in) = client.into_split();
    let (server_out, server_in) = server.into_split();
    let _ = tokio::join!(
        copy(client_out, server_in, |bytes| {
            let offer = offer(bytes);
            lock(&wire).offer = offer;
            offer.is_some()
        }),
        copy(server_out, client_in, |bytes| {
            let retried = retried(bytes);
            lock(&wire).retried = retried;
            retried.is_some()
        }),
    );
}

/// Forwards bytes. `look` gets all bytes so far, until it returns true.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut look: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    let mut first = Vec::new();
    let mut enough = false;
    loop {
        let bytes = from.read(&mut piece).await?;
        let Some(bytes) = piece.get(..bytes).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown().await;
        };
        if !enough {
            first.extend_from_slice(bytes);
            enough = look(&first) || first.len() > 64 * 1024;
        }
        to.write_all(bytes).await?;
    }
}

/// The offer in a ClientHello; `None` if it is not complete.
fn offer(bytes: &[u8]) -> Option<Offer> {
    let mut scratch = [0; 4096];
    let Answer::Hello { hello, .. } = Scan::default().records(bytes, &mut scratch) else {
        return None;
    };
    let mut negotiation = ServerNegotiation::new(CodePoints::default());
    negotiation.on_client_hello(Version::Tls13, hello.received()).ok()?;
    Some(negotiation.offer())
}

/// Whether the first message of a server is a HelloRetryRequest; `None` if it is not complete. The random
/// follows five bytes of record, four of message and two of version (RFC 8446 section 4.1.3).
fn retried(bytes: &[u8]) -> Option<bool> {
    bytes.get(11..43).map(|random| random == HELLO_RETRY_RANDOM)
}
