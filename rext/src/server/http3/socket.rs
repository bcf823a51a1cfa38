use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use command_line::Failure;
use tokio::time::sleep;
use tracing::info;

use crate::listener::{ListenAddress, Listener};
use crate::server::ServerArgs;

/// How many free TCP ports are tried to find one whose number is free for UDP, too.
const ATTEMPTS: u32 = 16;
/// How often to look whether the previous process has closed its socket.
const AGAIN: Duration = Duration::from_millis(250);

/// The UDP socket of HTTP/3.
pub(in crate::server) enum Socket {
    Open(UdpSocket),
    /// It can be opened when another process has closed its own, which has the same address.
    Later(SocketAddr),
}

/// Listens for TCP, and opens the UDP socket with the same port if HTTP/3 is served.
///
/// # Errors
/// If it cannot listen there.
pub(in crate::server) async fn bind(
    args: &ServerArgs,
) -> Result<(Listener, Option<Socket>), Failure> {
    let mut attempts = 1..ATTEMPTS;
    loop {
        let listener = Listener::bind(&args.listen).await?;
        if !args.http3 {
            return Ok((listener, None));
        }
        let addr = listener.local_addr()?;
        let err = match open(addr) {
            Ok(udp) => return Ok((listener, Some(Socket::Open(udp)))),
            Err(err) => err,
        };
        let in_use = err.kind() == ErrorKind::AddrInUse;
        if in_use && listener.is_inherited() {
            return Ok((listener, Some(Socket::Later(addr))));
        }
        let any = matches!(args.listen, ListenAddress::Address(addr) if addr.port() == 0);
        if !(in_use && any && attempts.next().is_some()) {
            return Err(failure(addr, &err));
        }
    }
}

impl Socket {
    /// Returns the socket. Waits until another process has closed its own.
    ///
    /// # Errors
    /// If it cannot be opened for another reason.
    pub(super) async fn open(self) -> Result<UdpSocket, Failure> {
        let addr = match self {
            Self::Open(socket) => return Ok(socket),
            Self::Later(addr) => addr,
        };
        info!(%addr, "HTTP/3 begins when the previous process has ended its connections");
        loop {
            match open(addr) {
                Ok(socket) => {
                    info!(%addr, "serving HTTP/3");
                    return Ok(socket);
                }
                Err(err) if err.kind() == ErrorKind::AddrInUse => sleep(AGAIN).await,
                Err(err) => return Err(failure(addr, &err)),
            }
        }
    }
}

fn open(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(addr)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn failure(addr: SocketAddr, err: &io::Error) -> Failure {
    let reason = format_args!("cannot listen for HTTP/3 (UDP) on this address: {err}");
    Failure::option("--listen", addr, reason)
}
