//! The servers behind the gateways: they record what they receive, and respond as requests order it.
//!
//! It speaks HTTP/1.1 by its own code, since a library would not let it break rules, and HTTP/2 by
//! hyper.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_line::Failure;
use rustls_ext::rustls::ServerConfig;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::pattern::Comparison;
use super::request::Scope;
use super::site::Site;

mod answer;
mod fields;
mod head;
mod http2;
mod reader;

/// What the server behind received for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The scope of the certificate in `Client-Cert`.
    pub scope: Option<Scope>,
    /// The client's address in `X-Forwarded-For`.
    pub address: Option<IpAddr>,
    /// How many bytes of the body arrived.
    pub bytes: usize,
    /// True while all these bytes were right.
    pub is_right: bool,
    /// True once the body has ended as its framing demands.
    pub is_complete: bool,
    /// True if the trailers arrived.
    pub has_trailers: bool,
}

/// Where the record of a request is.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: u32,
    at: usize,
}

/// What the server behind received, by the number of the request.
#[derive(Debug, Default)]
pub struct Records {
    seen: Mutex<HashMap<u32, Vec<Seen>>>,
    strays: Mutex<Vec<String>>,
    /// The requests that arrived on a connection after the server behind had closed it.
    cut_off: Mutex<HashSet<u32>>,
    /// Notifies of each request that arrives.
    arrived: Notify,
    /// The values of `Client-Cert` of the certificates that count.
    certificates: Vec<(String, Scope)>,
}

/// The value of all fields that clients forge.
pub const FORGED: &str = "Zm9yZ2VkIGZpZWxk";
/// The name and value of the trailer that messages with trailers have.
pub const TRAILER: (&str, &str) = ("x-end", "reached");
/// The field of a response with the number of its request.
pub const NUMBER: &str = "x-number";
/// How long a request that the gateway has sent may take to arrive, while others are processed.
const ARRIVAL: Duration = Duration::from_secs(10);
/// The most strays that are kept.
const MOST_STRAYS: usize = 100;

impl Records {
    /// No records. The fields `Client-Cert` of these values belong to these scopes.
    pub fn new(certificates: Vec<(String, Scope)>) -> Self {
        Self { certificates, ..Self::default() }
    }

    /// Returns all records of a request, one for each time it arrived.
    pub fn of(&self, number: u32) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&number).cloned().unwrap_or_default()
    }

    /// Removes the records of a request that has been checked, and returns them.
    pub fn take(&self, number: u32) -> Vec<Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(&number).unwrap_or_default()
    }

    /// What arrived and belongs to no request of the plan.
    pub fn strays(&self) -> Vec<String> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, number: u32, seen: Seen) -> Place {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_request = all.entry(number).or_default();
        of_request.push(seen);
        self.arrived.notify_waiters();
        Place { number, at: of_request.len() - 1 }
    }

    /// Records what has arrived of a body.
    fn received(&self, place: Place, comparison: &Comparison) {
        self.change(place, |seen| {
            (seen.bytes, seen.is_right) = (comparison.bytes, comparison.is_right);
        });
    }

    /// Records the end of a body.
    fn completed(&self, place: Place, has_trailers: bool) {
        self.change(place, |seen| {
            (seen.is_complete, seen.has_trailers) = (true, has_trailers);
        });
    }

    fn change(&self, Place { number, at }: Place, change: impl FnOnce(&mut Seen)) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Its request may have been checked already, if its client broke off.
        if let Some(seen) = all.get_mut(&number).and_then(|of_request| of_request.get_mut(at)) {
            change(seen);
        }
    }

    fn cut_off(&self, number: u32) {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        self.arrived.notify_waiters();
    }

    /// Waits until the request arrives, in time or too late; for a limited time.
    pub async fn arrival(&self, number: u32) {
        let arrival = async {
            loop {
                let next = self.arrived.notified();
                if self.was_cut_off(number) || !self.of(number).is_empty() {
                    return;
                }
                next.await;
            }
        };
        let _ = timeout(ARRIVAL, arrival).await;
    }

    /// Returns true if the request arrived on a connection after the server behind had closed it.
    pub fn was_cut_off(&self, number: u32) -> bool {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
    }

    fn add_stray(&self, text: String) {
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        if strays.len() < MOST_STRAYS {
            strays.push(text);
        }
    }
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Backend {
    /// Its address.
    pub addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What a server speaks.
#[derive(Clone)]
pub enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/2 over TLS.
    Tls(Arc<ServerConfig>),
}

impl Backend {
    /// Starts it on this address.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub async fn start(
        addr: SocketAddr,
        speaks: Speaks,
        records: Arc<Records>,
    ) -> Result<Self, Failure> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(1024)?;
        let addr = listener.local_addr()?;
        let (stop, mut stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((tcp, _)) = accepted {
                        let _ = tcp.set_nodelay(true);
                        connections.spawn(serve(tcp, speaks.clone(), records.clone()));
                    },
                    _ = &mut stopped => break,
                }
                while connections.try_join_next().is_some() {}
            }
            drop(listener);
            connections.shutdown().await;
        });
        Ok(Self { addr, stop, task })
    }

    /// Ends it, and waits until all its connections have ended.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn serve(tcp: TcpStream, speaks: Speaks, records: Arc<Records>) {
    match speaks {
        Speaks::Http1 => answer::serve(tcp, records).await,
        Speaks::Http2 => http2::serve(tcp, records).await,
        Speaks::Tls(config) => match TlsAcceptor::from(config).accept(tcp).await {
            Ok(stream) => http2::serve(stream, records).await,
            // A gateway whose client has left may leave, too.
            Err(err) if err.kind() != io::ErrorKind::InvalidData => {}
            Err(err) => records.add_stray(format!("a failed handshake of a gateway: {err}")),
        },
    }
}

/// All servers behind.
#[derive(Debug)]
pub struct Backends {
    /// HTTP/1.1.
    pub http1: Backend,
    /// HTTP/2 without TLS.
    pub http2: Backend,
    /// HTTP/2 over TLS.
    pub tls: Backend,
    /// HTTP/1.1; it ends and starts again.
    pub mortal: Option<Backend>,
    /// Its address.
    pub mortal_addr: SocketAddr,
    /// An address where no server listens.
    pub dead: SocketAddr,
}

impl Backends {
    /// Starts all of them.
    ///
    /// # Errors
    /// If one cannot listen, or a certificate cannot be used.
    pub async fn start(site: &Site, records: &Arc<Records>) -> Result<Self, Failure> {
        let start = |speaks| Backend::start(ANY, speaks, records.clone());
        let mortal = start(Speaks::Http1).await?;
        // Its port stays free: the system gives others first.
        let dead = start(Speaks::Http1).await?;
        let dead_addr = dead.addr;
        dead.stop().await;
        Ok(Self {
            http1: start(Speaks::Http1).await?,
            http2: start(Speaks::Http2).await?,
            tls: start(Speaks::Tls(Arc::new(site.backend_config()?))).await?,
            mortal_addr: mortal.addr,
            mortal: Some(mortal),
            dead: dead_addr,
        })
    }

    /// Ends the mortal server and its connections, or starts it again at its address.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub async fn toggle_mortal(&mut self, records: &Arc<Records>) -> Result<(), Failure> {
        match self.mortal.take() {
            Some(mortal) => mortal.stop().await,
            None => {
                let records = records.clone();
                let started = Backend::start(self.mortal_addr, Speaks::Http1, records).await?;
                self.mortal = Some(started);
            }
        }
        Ok(())
    }
}

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
