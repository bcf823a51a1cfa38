//! Starts servers as a service manager does: with sockets that it has bound, and a socket for
//! notifications.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};

use super::TIMEOUT;

/// Passes these sockets to the command, as systemd does (sd_listen_fds(3)), but without
/// `LISTEN_PID`, since the process does not exist yet.
pub fn pass(command: &mut Command, sockets: Vec<(&str, OwnedFd)>) {
    let names: Vec<_> = sockets.iter().map(|(name, _)| *name).collect();
    command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
    let mappings =
        (3..).zip(sockets).map(|(child_fd, (_, parent_fd))| FdMapping { parent_fd, child_fd });
    command.fd_mappings(mappings.collect()).unwrap();
}

/// A TCP listener on a free port of the loopback interface.
pub fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The socket that receives the notifications of a server (sd_notify(3)).
pub struct Notifications {
    socket: UnixDatagram,
    pub path: PathBuf,
}

impl Notifications {
    /// Binds the socket to this path.
    pub fn new(path: PathBuf) -> Self {
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self { socket, path }
    }

    /// Waits for the next message, and returns its lines.
    pub fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a notification");
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for a message with this line, and returns all of its lines.
    pub fn wait_for(&self, line: &str) -> Vec<String> {
        loop {
            let lines = self.next();
            if lines.iter().any(|it| it == line) {
                return lines;
            }
        }
    }

    /// Returns the message that has arrived and was not read yet, if there is one.
    pub fn waiting(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        self.socket.set_nonblocking(true).unwrap();
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }
}
