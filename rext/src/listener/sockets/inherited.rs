use std::io;
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::listener::address::ListenAddress;

/// The name of the socket on which a new process reports to the one that it replaces.
const PREDECESSOR: &str = "rext-predecessor";

/// The sockets of this process.
static SOCKETS: LazyLock<Mutex<Sockets>> = LazyLock::new(|| Mutex::new(Sockets::from_env()));

#[derive(Debug, Default)]
struct Sockets {
    /// Those that were passed to this process and are not used yet, with their names.
    inherited: Vec<(String, Inherited)>,
    /// Whether they come from a process that this one replaces.
    replaces: bool,
    /// The connection to that process.
    predecessor: Option<UnixStream>,
    /// Handles of the sockets to pass on, with their purposes.
    to_pass_on: Vec<(&'static str, OwnedFd)>,
}

/// A socket that was passed to this process, or why it cannot be used.
type Inherited = Result<StdListener, String>;

fn sockets() -> MutexGuard<'static, Sockets> {
    SOCKETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the sockets that were passed to this process. They are taken later if this is not called;
/// but it should be called while there is only one thread, since it changes the environment.
pub(in crate::listener) fn inherit() {
    drop(sockets());
}

/// Returns the connection to the process that this one replaces, the first time.
pub(in crate::listener) fn predecessor() -> Option<UnixStream> {
    sockets().predecessor.take()
}

impl Sockets {
    fn from_env() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = ListenFd::from_env();
        let mut this = Self::default();
        for index in 0..fds.len() {
            let name = names.next().unwrap_or_default();
            if name == PREDECESSOR {
                this.replaces = true;
                let stream = fds.take_unix_listener(index).ok().flatten();
                this.predecessor = stream.map(|it| UnixStream::from(OwnedFd::from(it)));
                continue;
            }
            let socket = fds.take_tcp_listener(index).map_err(|err| err.to_string());
            if let Some(socket) = socket.transpose() {
                this.inherited.push((name.to_owned(), socket.and_then(listening)));
            }
        }
        this
    }
}

/// Checks that a TCP socket is no connection.
fn listening(socket: StdListener) -> Inherited {
    let handle = socket.try_clone().map_err(|err| err.to_string())?;
    if StdStream::from(OwnedFd::from(handle)).peer_addr().is_ok() {
        return Err("it is a connection: the socket unit must not have Accept=yes".to_owned());
    }
    Ok(socket)
}

/// Takes the sockets that were passed for `at`. Returns `None` if there are none.
///
/// In a process that replaces another one, they are those of the same purpose.
pub(super) fn take(purpose: &str, at: &ListenAddress) -> Result<Option<Vec<TcpListener>>, String> {
    let mut sockets = sockets();
    let replaces = sockets.replaces;
    let is_for = |name: &str| match at {
        _ if replaces => name == purpose,
        ListenAddress::Address(_) => false,
        ListenAddress::Systemd(None) => true,
        ListenAddress::Systemd(Some(wanted)) => name == wanted,
    };
    let (taken, left): (Vec<_>, Vec<_>) =
        std::mem::take(&mut sockets.inherited).into_iter().partition(|(name, _)| is_for(name));
    sockets.inherited = left;
    if let (ListenAddress::Systemd(Some(_)), true, false) =
        (at, taken.is_empty(), sockets.inherited.is_empty())
    {
        let names: Vec<_> = sockets.inherited.iter().map(|(name, _)| &**name).collect();
        return Err(format!(
            "systemd passed no socket of this name; it passed: {}",
            names.join(", ").escape_debug()
        ));
    }
    if taken.is_empty() {
        return Ok(None);
    }
    let listeners = taken.into_iter().map(|(name, socket)| {
        let socket =
            socket.map_err(|reason| format!("the socket {name:?} is unusable: {reason}"))?;
        let unusable = |err: io::Error| format!("the socket {name:?} is unusable: {err}");
        socket.set_nonblocking(true).map_err(unusable)?;
        TcpListener::from_std(socket).map_err(unusable)
    });
    listeners.collect::<Result<_, String>>().map(Some)
}

/// Keeps a handle of this socket, to pass it on.
pub(super) fn remember(purpose: &'static str, listener: &TcpListener) -> io::Result<()> {
    let handle = listener.as_fd().try_clone_to_owned()?;
    sockets().to_pass_on.push((purpose, handle));
    Ok(())
}

/// Closes the handles for this purpose.
pub(super) fn forget(purpose: &str) {
    sockets().to_pass_on.retain(|(name, _)| *name != purpose);
}

/// Returns handles of the sockets to pass to a process that replaces this one, with their names, in
/// order. The last one is `report`.
pub(in crate::listener) fn pass_on(report: UnixStream) -> io::Result<Vec<(&'static str, OwnedFd)>> {
    let sockets = sockets();
    let handles = sockets.to_pass_on.iter().map(|(name, fd)| Ok((*name, fd.try_clone()?)));
    let mut handles: Vec<_> = handles.collect::<io::Result<_>>()?;
    handles.push((PREDECESSOR, report.into()));
    Ok(handles)
}
