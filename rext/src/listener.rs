//! Accepts connections until a signal stops the program, or a new process replaces it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use command_line::{Failure, emit};
use rustls_ext::with_causes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::observe::{self, connection_refused};

mod address;
mod args;
pub(crate) mod descriptors;
mod limits;
mod network;
mod phase;
pub(crate) mod proxy_protocol;
pub(crate) mod sockets;
pub(crate) mod systemd;
mod takeover;

pub use address::ListenAddress;
pub use args::ListenerArgs;
pub use network::Network;
pub(crate) use phase::{Phase, PhaseReceiver};

use limits::{AddressPlace, BoundedLog, PerAddress};
use proxy_protocol::{HeaderError, ProxySources};
use takeover::Takeovers;

/// Takes the sockets that systemd, or a process that this one replaces, has passed. Call this before
/// there is a second thread, since it changes the environment.
pub(crate) fn inherit() {
    #[cfg(unix)]
    sockets::inherit();
}

/// TCP listeners that stop at Ctrl-C or SIGTERM, and pass their sockets on at SIGUSR2.
pub(crate) struct Listener {
    tcp: Vec<TcpListener>,
    at: ListenAddress,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    takeovers: Takeovers,
    phase: (watch::Sender<Phase>, PhaseReceiver),
}

/// How to serve connections.
pub(crate) struct ServeOptions {
    /// The maximum number of open connections; further ones wait to be accepted.
    pub(crate) max_connections: usize,
    /// The maximum number of open connections of one client address; further ones are closed.
    pub(crate) max_per_address: Option<usize>,
    /// Which connections begin with a PROXY protocol header.
    pub(crate) proxies: ProxySources,
    /// How long to wait for open connections in the end.
    pub(crate) drain: Duration,
}

impl ServeOptions {
    /// The options for `args`. A PROXY header must arrive within `header_timeout`.
    pub(crate) fn new(
        args: &ListenerArgs,
        max_connections: usize,
        header_timeout: Duration,
        drain: Duration,
    ) -> Self {
        let most = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            max_connections,
            max_per_address: args.max_connections_per_address.map(most),
            proxies: ProxySources::new(&args.proxy_protocol_from, header_timeout),
            drain,
        }
    }
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) tcp: TcpStream,
    /// The client's address: that of the PROXY header, if there is one.
    pub(crate) peer: SocketAddr,
    /// The address that the client connected to, if a PROXY header contained it.
    pub(crate) destination: Option<SocketAddr>,
}

impl Listener {
    /// Listens on this address, for Ctrl-C and SIGTERM, and for SIGUSR2.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub(crate) async fn bind(at: &ListenAddress) -> Result<Self, Failure> {
        // Another port may have been tried before.
        sockets::forget(sockets::CLIENTS);
        let tcp = sockets::listen(sockets::CLIENTS, "--listen", at).await?;
        let takeovers = Takeovers::new().map_err(cannot_listen_for_signals)?;
        let stop = Box::pin(stop_signal()?);
        Ok(Self { tcp, at: at.clone(), stop, takeovers, phase: PhaseReceiver::channel() })
    }

    /// Returns the first local address.
    ///
    /// # Errors
    /// If the system does not return it.
    pub(crate) fn local_addr(&self) -> Result<SocketAddr, Failure> {
        let first = self.tcp.first().ok_or_else(|| io::ErrorKind::NotFound.into());
        first.and_then(TcpListener::local_addr).map_err(|err| self.no_address(&err))
    }

    /// Returns true if another process has passed the sockets to this one.
    pub(crate) fn is_inherited(&self) -> bool {
        sockets::were_passed()
    }

    /// Returns the phase of the server. It waits in the end until the receiver is dropped, or until
    /// the drain timeout.
    pub(crate) fn phase(&self) -> PhaseReceiver {
        self.phase.1.clone()
    }

    fn no_address(&self, err: &io::Error) -> Failure {
        Failure::option("--listen", &self.at, format_args!("the socket has no address: {err}"))
    }

    /// Prints the local addresses, and returns the first one.
    ///
    /// # Errors
    /// If the system does not return the address.
    pub(crate) fn announce(&self) -> Result<SocketAddr, Failure> {
        let addrs = self.tcp.iter().map(TcpListener::local_addr);
        let addrs: io::Result<Vec<_>> = addrs.collect();
        for addr in addrs.map_err(|err| self.no_address(&err))? {
            emit(format!("listening on {addr}\n"));
        }
        self.local_addr()
    }

    /// Serves each connection with `connection` on a task of its own, until Ctrl-C or SIGTERM, or
    /// until a new process has taken over the sockets. Then it signals open connections to end, and
    /// waits for them.
    pub(crate) async fn serve<F>(
        self,
        options: ServeOptions,
        connection: impl Fn(Client, PhaseReceiver) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        // The caller's thread runs no tasks, so that it would have to wake another one for each
        // connection.
        let serving = tokio::spawn(self.accept_and_serve(options, connection));
        if let Err(err) = serving.await {
            if let Ok(panic) = err.try_into_panic() {
                std::panic::resume_unwind(panic);
            }
        }
    }

    async fn accept_and_serve<F>(
        self,
        options: ServeOptions,
        connection: impl Fn(Client, PhaseReceiver) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { tcp, at, mut stop, mut takeovers, phase } = self;
        let places = Arc::new(Semaphore::new(options.max_connections));
        let admission = Arc::new(Admission::new(&options));
        let connection = Arc::new(connection);
        // Each connection has a receiver, so that the channel is closed when all have ended.
        let (phase, receiver) = phase;
        let watchdog = tokio::spawn(systemd::watchdog());
        takeover::report_ready().await;
        systemd::ready(&format!("serving on {at}"));
        let mut first = 0;
        // A takeover continues while connections are accepted.
        let mut replaced = std::pin::pin!(takeovers.succeeded());
        let next_phase = loop {
            let next = async {
                let place = place(&places, options.max_connections).await;
                (place, accept(&tcp, &mut first).await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = &mut stop => break Phase::Stopping,
                () = &mut replaced => break Phase::Replaced,
            };
            match accepted {
                Ok((tcp, peer)) => {
                    let Some(arrival) = admission.arrive(tcp, peer) else { continue };
                    let (admission, connection) = (admission.clone(), connection.clone());
                    let receiver = receiver.clone();
                    tokio::spawn(async move {
                        // Until the connection has ended.
                        let _held = (place, receiver.clone());
                        if let Some((client, _place)) = admission.admit(arrival).await {
                            connection(client, receiver).await;
                        }
                    });
                }
                Err(err) => {
                    // Probably out of file descriptors: let some connections end.
                    warn!(%err, "cannot accept a connection; trying again");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        };
        drop((tcp, receiver));
        sockets::forget(sockets::CLIENTS);
        let open = open_connections(&places, options.max_connections);
        if next_phase == Phase::Replaced {
            // The service manager now watches the new process.
            watchdog.abort();
            sockets::forget(observe::SOCKET);
            observe::replaced();
            info!(connections = open, "replaced: open connections may end");
        } else {
            systemd::stopping("stopping: waiting for open connections");
            info!(connections = open, "stopping");
        }
        phase.send_replace(next_phase);
        let closed = async {
            tokio::select! {
                () = phase.closed() => return,
                () = &mut stop, if next_phase == Phase::Replaced => {}
            }
            phase.send_replace(Phase::Stopping);
            phase.closed().await;
        };
        if timeout(options.drain, closed).await.is_err() {
            let connections = open_connections(&places, options.max_connections);
            warn!(
                connections,
                drain = ?options.drain,
                "closing connections that are still open after the drain timeout"
            );
        }
    }
}

/// Waits for a place for one more connection.
async fn place(places: &Arc<Semaphore>, most: usize) -> Option<OwnedSemaphorePermit> {
    static FULL: BoundedLog = BoundedLog::new();
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    if let Some(times) = FULL.count(Instant::now()) {
        warn!(
            max_connections = most,
            times, "the maximum number of connections is open; further ones wait"
        );
    }
    // The semaphore is never closed.
    places.clone().acquire_owned().await.ok()
}

/// Accepts a connection from any of these listeners; they take turns in being the `first` to be
/// asked.
async fn accept(
    listeners: &[TcpListener],
    first: &mut usize,
) -> io::Result<(TcpStream, SocketAddr)> {
    *first = first.wrapping_add(1);
    let skip = first.checked_rem(listeners.len()).unwrap_or_default();
    std::future::poll_fn(|cx| {
        let all = listeners.iter().cycle().skip(skip).take(listeners.len());
        for listener in all {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Decides which connections are served.
struct Admission {
    proxies: ProxySources,
    per_address: Option<PerAddress>,
    most: usize,
    refused: BoundedLog,
}

/// A connection that was accepted.
enum Arrival {
    /// The client's own, with its place.
    Direct(Client, Option<AddressPlace>),
    /// One of a load balancer, which begins with a header.
    Proxied(TcpStream, SocketAddr),
}

impl Admission {
    fn new(options: &ServeOptions) -> Self {
        Self {
            proxies: options.proxies.clone(),
            per_address: options.max_per_address.map(PerAddress::new),
            most: options.max_per_address.unwrap_or(usize::MAX),
            refused: BoundedLog::new(),
        }
    }

    /// Decides about a connection without reading from it. Returns `None`, and closes it, if it is
    /// not served.
    fn arrive(&self, tcp: TcpStream, peer: SocketAddr) -> Option<Arrival> {
        if self.proxies.contains(peer.ip()) {
            return Some(Arrival::Proxied(tcp, peer));
        }
        let place = self.begin(peer.ip())?;
        Some(Arrival::Direct(Client { tcp, peer, destination: None }, place))
    }

    /// Reads the header of a load balancer's connection. Returns `None`, and closes the connection,
    /// if it is not served.
    async fn admit(&self, arrival: Arrival) -> Option<(Client, Option<AddressPlace>)> {
        let (mut tcp, proxy) = match arrival {
            Arrival::Direct(client, place) => return Some((client, place)),
            Arrival::Proxied(tcp, proxy) => (tcp, proxy),
        };
        let addresses = match self.proxies.read(&mut tcp).await {
            Ok(addresses) => addresses,
            Err(HeaderError::Probe) => {
                debug!(peer = %proxy, "the connection was closed before it began");
                return None;
            }
            Err(err) => {
                connection_refused("proxy_header");
                warn!(peer = %proxy, reason = with_causes(&err), "refused: PROXY protocol");
                return None;
            }
        };
        let peer = addresses.map_or(proxy, |it| it.client);
        let place = self.begin(peer.ip())?;
        debug!(%peer, %proxy, "connection through a load balancer");
        Some((Client { tcp, peer, destination: addresses.map(|it| it.destination) }, place))
    }

    /// Counts a connection of this address; logs a refusal, and returns `None`, if it has as many as
    /// it may have.
    fn begin(&self, addr: IpAddr) -> Option<Option<AddressPlace>> {
        let Some(limit) = &self.per_address else { return Some(None) };
        let place = limit.begin(addr);
        if place.is_none() {
            connection_refused("per_address");
            if let Some(refused) = self.refused.count(Instant::now()) {
                warn!(%addr, max_connections_per_address = self.most, refused,
                    "connections closed: their address has as many as it may have");
            }
        }
        place.map(Some)
    }
}

fn open_connections(places: &Semaphore, max_connections: usize) -> usize {
    max_connections.saturating_sub(places.available_permits())
}

fn cannot_listen_for_signals(err: io::Error) -> Failure {
    Failure::Failed(format!("cannot listen for signals: {err}"))
}

/// Returns with the first Ctrl-C or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_listen_for_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_listen_for_signals)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Returns with the first Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
