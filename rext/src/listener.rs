//! Accepts connections until a signal stops the program.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use command_line::{Failure, emit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// A TCP listener that stops at Ctrl-C or SIGTERM.
pub(crate) struct Listener {
    tcp: TcpListener,
    addr: SocketAddr,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Listener {
    /// Listens on this address, and for Ctrl-C and SIGTERM.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub(crate) async fn bind(addr: SocketAddr) -> Result<Self, Failure> {
        let tcp = TcpListener::bind(addr).await.map_err(|err| listen_failure(addr, &err))?;
        Ok(Self { tcp, addr, stop: Box::pin(stop_signal()?) })
    }

    /// Returns the local address.
    ///
    /// # Errors
    /// If the system does not return it.
    pub(crate) fn local_addr(&self) -> Result<SocketAddr, Failure> {
        self.tcp.local_addr().map_err(|err| listen_failure(self.addr, &err))
    }

    /// Returns true if a previous process has handed the socket over.
    pub(crate) fn is_inherited(&self) -> bool {
        false
    }

    /// Prints the local address, and returns it.
    ///
    /// # Errors
    /// If the system does not return the address.
    pub(crate) fn announce(&self) -> Result<SocketAddr, Failure> {
        let addr = self.local_addr()?;
        emit(format!("listening on {addr}\n"));
        Ok(addr)
    }

    /// Serves each connection with `connection` on a task of its own, at most this many at a time,
    /// until Ctrl-C or SIGTERM. Then it signals open connections to stop, and waits for them, for
    /// `drain` at most.
    pub(crate) async fn serve<F>(
        self,
        max_connections: usize,
        drain: Duration,
        connection: impl Fn(TcpStream, SocketAddr, watch::Receiver<()>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { tcp, mut stop, .. } = self;
        let places = Arc::new(Semaphore::new(max_connections));
        // Each connection has a receiver, so that the channel is closed when all have ended.
        let (stopping, stopped) = watch::channel(());
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await;
                (place, tcp.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let held = stopped.clone();
                    let connection = connection(stream, peer, stopped.clone());
                    tokio::spawn(async move {
                        connection.await;
                        drop((place, held));
                    });
                }
                Err(err) => {
                    // Probably out of file descriptors: let some connections end.
                    warn!(%err, "cannot accept a connection; trying again");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop((tcp, stopped));
        info!(connections = open_connections(&places, max_connections), "stopping");
        stopping.send_replace(());
        if timeout(drain, stopping.closed()).await.is_err() {
            let connections = open_connections(&places, max_connections);
            warn!(
                connections,
                ?drain,
                "closing connections that are still open after the drain timeout"
            );
        }
    }
}

fn open_connections(places: &Semaphore, max_connections: usize) -> usize {
    max_connections.saturating_sub(places.available_permits())
}

fn listen_failure(addr: SocketAddr, err: &std::io::Error) -> Failure {
    Failure::option("--listen", addr, format_args!("cannot listen on this address: {err}"))
}

/// Returns with the first Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |err| Failure::Failed(format!("cannot listen for signals: {err}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Returns with the first Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
