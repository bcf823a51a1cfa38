//! Listening sockets: made by this process, passed by systemd, or taken over from the process that
//! this one replaces.
//!
//! The sockets of a process are passed on by the protocol of sd_listen_fds(3): they are the file
//! descriptors from 3 on, `LISTEN_FDS` is their number, and `LISTEN_FDNAMES` has their names. From
//! systemd, a name is that of the socket unit. From a process that is replaced, it is the socket's
//! purpose, such as [`CLIENTS`].

use std::net::SocketAddr;

use command_line::Failure;
use tokio::net::TcpListener;

use super::address::ListenAddress;

#[cfg(unix)]
pub(super) use inherited::{inherit, pass_on, predecessor};

/// The purpose of the sockets for clients (`--listen`).
pub(crate) const CLIENTS: &str = "clients";

/// The purpose of the socket for metrics (`--metrics`).
pub(crate) const METRICS: &str = "metrics";

/// Listening sockets for one purpose. A process that replaces this one gets them, too.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// The sockets, at least one.
    pub(crate) listeners: Vec<TcpListener>,
    /// True if they are from the process that this one replaces, which may still use other sockets
    /// with the same port.
    pub(crate) taken_over: bool,
    /// Further handles of them.
    pub(crate) handles: Handles,
}

/// Handles of the sockets for this purpose, which a process that replaces this one gets. They keep
/// the sockets open, and are closed when this is dropped.
#[derive(Debug)]
pub(crate) struct Handles(&'static str);

impl Drop for Handles {
    fn drop(&mut self) {
        forget(self.0);
    }
}

/// Listens on an address that an option names, or on the sockets for it that systemd or the previous
/// process passed.
///
/// # Errors
/// If it cannot listen there, or no socket was passed.
pub(crate) async fn listen(
    purpose: &'static str,
    option: &str,
    at: &ListenAddress,
) -> Result<Sockets, Failure> {
    let failed = |reason: String| Failure::option(option, at, reason);
    let passed = passed(purpose, at).map_err(failed)?;
    let (listeners, taken_over) = match (passed, at) {
        (Some(passed), _) => passed,
        (None, ListenAddress::Address(addr)) => (vec![bind(*addr).await.map_err(failed)?], false),
        (None, ListenAddress::Systemd(_)) => return Err(failed(NOTHING_PASSED.to_owned())),
    };
    let handles = Handles(purpose);
    for listener in &listeners {
        remember(purpose, listener).map_err(|err| {
            failed(format!("cannot prepare the socket for a later process: {err}"))
        })?;
    }
    Ok(Sockets { listeners, taken_over, handles })
}

/// The same for one address, and one socket.
///
/// # Errors
/// If it cannot listen there.
pub(crate) async fn listen_on(
    purpose: &'static str,
    option: &str,
    addr: SocketAddr,
) -> Result<(TcpListener, Handles), Failure> {
    let Sockets { listeners, handles, .. } = listen(purpose, option, &addr.into()).await?;
    let listener = listeners.into_iter().next();
    let listener = listener.ok_or_else(|| Failure::option(option, addr, NOTHING_PASSED))?;
    Ok((listener, handles))
}

const NOTHING_PASSED: &str = "systemd passed no socket; start the socket unit (systemctl start \
                              NAME.socket), or name an address";

async fn bind(addr: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(addr).await.map_err(|err| format!("cannot listen on this address: {err}"))
}

/// The sockets that were passed, and whether by the process that this one replaces.
type Passed = Option<(Vec<TcpListener>, bool)>;

#[cfg(unix)]
fn forget(purpose: &str) {
    inherited::forget(purpose);
}

#[cfg(not(unix))]
fn forget(_: &str) {}

#[cfg(unix)]
fn passed(purpose: &str, at: &ListenAddress) -> Result<Passed, String> {
    inherited::take(purpose, at)
}

#[cfg(not(unix))]
fn passed(_: &str, _: &ListenAddress) -> Result<Passed, String> {
    Ok(None)
}

#[cfg(unix)]
fn remember(purpose: &'static str, listener: &TcpListener) -> std::io::Result<()> {
    inherited::remember(purpose, listener)
}

#[cfg(not(unix))]
fn remember(_: &'static str, _: &TcpListener) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
mod inherited;
