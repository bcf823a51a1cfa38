//! For the example programs: a stream of s2n-tls for those who wait.

use std::future::Future;
use std::io::{self, Read, Write};
use std::time::Duration;

use adapter_common::example::Error;
use s2n_tls::connection::Connection;
use s2n_tls_tokio::TlsStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// How long a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream whose reads and writes block.
pub struct Blocking {
    runtime: Runtime,
    tls: TlsStream<TcpStream>,
}

impl Blocking {
    /// Of a connection that was made on this runtime.
    pub fn new(runtime: Runtime, tls: TlsStream<TcpStream>) -> Self {
        Self { runtime, tls }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        self.tls.as_ref()
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// If the peer is gone, or does not answer.
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
