//! Drives a connection of rustls 0.24 over an asynchronous byte stream, with a buffer of its own.
//!
//! [`connect()`] and [`accept()`] make the handshake, and [`Stream`] sends and receives data. A server chooses
//! its config when it has seen the ClientHello, and may take its time: this is where a policy that is
//! asynchronous decides, by `ServerConfig::decided()`.
//!
//! It is made for the demo and the tests of the preview, not for production: it has no deadlines.
#![warn(unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use std::sync::Arc;
use std::{fmt, io};

use rustls::client::ClientHandshake;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ServerHandshake};
use rustls::split::{ReceiveTraffic, ReceiveTrafficState, SendTraffic, SplitConnection};
use rustls::{ClientConfig, ClientSide, ConnectionOutputs, ServerConfig, ServerSide, SideData};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

mod buffer;

use buffer::Buffer;

/// An error of a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The byte stream failed, or ended too early.
    Io(io::Error),
    /// TLS failed. The alert for it was sent, if there is one.
    Tls(rustls::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(_) => "the byte stream failed",
            Self::Tls(_) => "TLS failed",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Io(err) => err,
            Self::Tls(err) => err,
        })
    }
}

impl From<io::Error> for Error {
    fn from(err: io::Error) -> Self {
        Self::Io(err)
    }
}

impl From<rustls::Error> for Error {
    fn from(err: rustls::Error) -> Self {
        Self::Tls(err)
    }
}

/// A TLS connection after its handshake.
#[derive(Debug)]
pub struct Stream<Io, Side: SideData> {
    pipe: Pipe<Io>,
    send: SendTraffic,
    /// `None` after the peer's `close_notify`, and after an error.
    receive: Option<ReceiveTraffic<Side>>,
    outputs: ConnectionOutputs,
    side: Side,
}

/// Makes a connection as a client.
///
/// # Errors
/// If the handshake fails, for which an alert may have been sent, or the byte stream.
pub async fn connect<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
    config: &Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<Stream<Io, ClientSide>, Error> {
    let mut pipe = Pipe::new(io);
    let mut handshake =
        ClientHandshake::NeedsInput(config.connect(name).start_handshake(&mut pipe.output)?);
    loop {
        let processed = matches!(handshake, ClientHandshake::NeedsInput(_));
        let next = match handshake {
            ClientHandshake::NeedsInput(state) => state.process(&mut pipe.input, &mut pipe.output),
            ClientHandshake::VerifyServerIdentity(state) => state.with_config(&mut pipe.output),
            ClientHandshake::Complete(connection) => return Ok(Stream::new(pipe, connection)),
            _ => Err(unknown_state()),
        };
        handshake = pipe.sent(next).await?;
        // After a certificate was verified, the next messages may have been received already.
        if processed && matches!(handshake, ClientHandshake::NeedsInput(_)) {
            pipe.fill().await?;
        }
    }
}

/// Accepts a connection as a server, with the config that `choose` returns for its ClientHello.
///
/// # Errors
/// If the handshake fails, for which an alert may have been sent, or the byte stream; and the error of
/// `choose`.
pub async fn accept<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
    choose: impl AsyncFnOnce(&ClientHello<'_>) -> Result<Arc<ServerConfig>, rustls::Error>,
) -> Result<Stream<Io, ServerSide>, Error> {
    let mut choose = Some(choose);
    let mut pipe = Pipe::new(io);
    let mut handshake = ServerHandshake::NeedsInput(ServerHandshake::start());
    loop {
        let processed = matches!(handshake, ServerHandshake::NeedsInput(_));
        let next = match handshake {
            ServerHandshake::NeedsInput(state) => state.process(&mut pipe.input, &mut pipe.output),
            ServerHandshake::Accepted(accepted) => match choose.take() {
                Some(choose) => {
                    let config = choose(&accepted.client_hello()).await?;
                    accepted.choose_config(config, &mut pipe.output)
                }
                None => Err(unknown_state()),
            },
            ServerHandshake::VerifyClientIdentity(state) => state.with_config(&mut pipe.output),
            ServerHandshake::Complete(connection) => return Ok(Stream::new(pipe, connection)),
            _ => Err(unknown_state()),
        };
        handshake = pipe.sent(next).await?;
        if processed && matches!(handshake, ServerHandshake::NeedsInput(_)) {
            pipe.fill().await?;
        }
    }
}

fn unknown_state() -> rustls::Error {
    rustls::Error::General("the handshake is in a state that this driver does not know".into())
}

impl<Io: AsyncRead + AsyncWrite + Unpin, Side: SideData> Stream<Io, Side> {
    fn new(pipe: Pipe<Io>, connection: SplitConnection<Side>) -> Self {
        let SplitConnection { send, receive, outputs, side_outputs: side } = connection;
        Self { pipe, send, receive: Some(receive), outputs, side }
    }

    /// Facts about the connection.
    pub fn outputs(&self) -> &ConnectionOutputs {
        &self.outputs
    }

    /// Facts about the connection that only this side has, such as `client_auth()` and
    /// `client_auth_status()`.
    pub fn side(&self) -> &Side {
        &self.side
    }

    /// Sends `data`.
    ///
    /// # Errors
    /// If the byte stream fails, or the connection was closed.
    pub async fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        self.send.write(data.into(), &mut self.pipe.output)?;
        self.pipe.flush().await
    }

    /// Receives the data of one record; `None` after the peer's `close_notify`.
    ///
    /// # Errors
    /// If the peer breaks a rule, for which an alert may have been sent, if it sends an alert, or if the byte
    /// stream fails or ends without `close_notify`.
    pub async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(receive) = self.receive.take() {
            let mut received = Received::default();
            let (receive, failed) = match receive.read(&mut self.pipe.input) {
                Ok(state) => (received.all(state), None),
                Err(err) => (None, Some(err)),
            };
            self.receive = receive;
            if let Some(err) = failed {
                // The error is more telling than one in sending its alert.
                let _ = self.write(&[]).await;
                return Err(err.into());
            }
            if received.flush {
                self.write(&[]).await?;
            }
            match received.data {
                Some(data) => return Ok(Some(data)),
                None if self.receive.is_some() => self.pipe.fill().await?,
                None => {}
            }
        }
        Ok(None)
    }

    /// Sends `close_notify`, and returns the byte stream.
    ///
    /// # Errors
    /// If the byte stream fails.
    pub async fn close(mut self) -> Result<Io, Error> {
        self.send.close(&mut self.pipe.output)?;
        self.pipe.flush().await?;
        Ok(self.pipe.io)
    }
}

/// What came out of received bytes.
#[derive(Default)]
struct Received {
    data: Option<Vec<u8>>,
    /// True if there may be something to send.
    flush: bool,
}

impl Received {
    /// Takes everything from `state`. Returns `None` after the peer's `close_notify`.
    fn all<Side: SideData>(
        &mut self,
        state: ReceiveTrafficState<'_, Side>,
    ) -> Option<ReceiveTraffic<Side>> {
        match state {
            ReceiveTrafficState::Available(mut available) => {
                self.data.get_or_insert_default().extend_from_slice(available.data());
                self.all(available.into_next())
            }
            ReceiveTrafficState::FlushSender(sender) => {
                self.flush = true;
                self.all(sender.into_next())
            }
            ReceiveTrafficState::ReadMore(receive) => Some(receive),
            ReceiveTrafficState::CloseNotify => None,
        }
    }
}

/// A byte stream with its buffers.
#[derive(Debug)]
struct Pipe<Io> {
    io: Io,
    input: Buffer,
    output: Vec<u8>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Pipe<Io> {
    fn new(io: Io) -> Self {
        Self { io, input: Buffer::default(), output: Vec::new() }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let mut bytes = [0; 4096];
        let count = self.io.read(&mut bytes).await?;
        match bytes.get(..count) {
            Some(bytes @ [_, ..]) => {
                self.input.add(bytes);
                Ok(())
            }
            _ => Err(Error::Io(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.io.write_all(&self.output).await?;
        self.output.clear();
        Ok(self.io.flush().await?)
    }

    /// Sends the output of a step of the handshake: messages, or an alert if the step failed.
    async fn sent<T>(&mut self, step: Result<T, rustls::Error>) -> Result<T, Error> {
        let flushed = self.flush().await;
        let state = step?;
        flushed?;
        Ok(state)
    }
}
