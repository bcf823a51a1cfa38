//! A blocking stream of s2n-tls, for the example programs.

use std::future::Future;
use std::io::{self, Read, Write};
use std::time::Duration;

use adapter_common::example::Error;
use s2n_tls::connection::Connection;
use s2n_tls_tokio::TlsStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// The timeout of each read and write.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream whose reads and writes block.
pub struct Blocking {
    runtime: Runtime,
    tls: TlsStream<TcpStream>,
}

impl Blocking {
    /// Makes it from a connection of this runtime.
    pub fn new(runtime: Runtime, tls: TlsStream<TcpStream>) -> Self {
        Self { runtime, tls }
    }

    /// Returns the connection.
    pub fn connection(&self) -> &Connection {
        self.tls.as_ref()
    }

    /// Closes the connection with `close_notify`.
    ///
    /// # Errors
    /// If the peer has closed it, or does not answer.
    pub fn end(mut self) -> Result<(), Error> {
        Ok(patiently(&self.runtime, self.tls.shutdown())?)
    }
}

impl Read for Blocking {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        patiently(&self.runtime, self.tls.read(buf))
    }
}

impl Write for Blocking {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        patiently(&self.runtime, self.tls.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        patiently(&self.runtime, self.tls.flush())
    }
}

fn patiently<T>(runtime: &Runtime, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, future)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    })
}
