//! Listening sockets: made by this process, passed by systemd, or taken over from the process that
//! this one replaces.
//!
//! The sockets of a process are passed on by the protocol of sd_listen_fds(3): they are the file
//! descriptors from 3 on, `LISTEN_FDS` is their number, and `LISTEN_FDNAMES` has their names. From
//! systemd, a name is that of the socket unit. From a process that is replaced, it is the socket's
//! purpose, such as [`CLIENTS`].

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use command_line::Failure;
use tokio::net::TcpListener;

use super::address::ListenAddress;

#[cfg(unix)]
pub(super) use inherited::{inherit, pass_on, predecessor};

/// The purpose of the sockets for clients (`--listen`).
pub(crate) const CLIENTS: &str = "clients";

/// Listens on an address that an option names, or on the sockets for it that systemd or the previous
/// process passed. A process that replaces this one gets these sockets for the same `purpose`, until
/// [`forget`].
///
/// # Errors
/// If it cannot listen there, or no socket was passed.
pub(crate) async fn listen(
    purpose: &'static str,
    option: &str,
    at: &ListenAddress,
) -> Result<Vec<TcpListener>, Failure> {
    let failed = |reason: String| Failure::option(option, at, reason);
    let passed = passed(purpose, at).map_err(failed)?;
    if passed.is_some() && purpose == CLIENTS {
        PASSED.store(true, Ordering::Relaxed);
    }
    let listeners = match (passed, at) {
        (Some(listeners), _) => listeners,
        (None, ListenAddress::Address(addr)) => vec![bind(*addr).await.map_err(failed)?],
        (None, ListenAddress::Systemd(_)) => return Err(failed(NOTHING_PASSED.to_owned())),
    };
    for listener in &listeners {
        remember(purpose, listener).map_err(|err| {
            failed(format!("cannot prepare the socket for a later process: {err}"))
        })?;
    }
    Ok(listeners)
}

static PASSED: AtomicBool = AtomicBool::new(false);

/// Returns true if the sockets for clients were passed to this process.
pub(super) fn were_passed() -> bool {
    PASSED.load(Ordering::Relaxed)
}

const NOTHING_PASSED: &str = "systemd passed no socket; start the socket unit (systemctl start \
                              NAME.socket), or name an address";

async fn bind(addr: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(addr).await.map_err(|err| format!("cannot listen on this address: {err}"))
}

/// Closes this process's further handles of the sockets for this purpose, so that they are closed
/// with the listeners.
#[cfg(unix)]
pub(super) fn forget(purpose: &str) {
    inherited::forget(purpose);
}

#[cfg(not(unix))]
pub(super) fn forget(_: &str) {}

#[cfg(unix)]
fn passed(purpose: &str, at: &ListenAddress) -> Result<Option<Vec<TcpListener>>, String> {
    inherited::take(purpose, at)
}

#[cfg(not(unix))]
fn passed(_: &str, _: &ListenAddress) -> Result<Option<Vec<TcpListener>>, String> {
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
