//! Clients of rustls, honest, though their connections may not be.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_ext::rustls::client::{ClientAuthOfferStatus, Resumption};
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::version::{TLS12, TLS13};
use rustls_ext::rustls::{ClientConfig, Error, HandshakeKind};
use rustls_ext::tokio::{ClientStream, Connector, End, LikelyRefusal, Refusal};
use rustls_ext::{ClientAuthOffer, with_causes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

use super::Cast;
use super::ends::{ClientEnd, Served};
use super::who::Who;
use command_line::Failure;
use rext_cli::tls;

/// A client with a memory of its own.
#[derive(Debug)]
pub struct Client {
    connector: Connector,
    name: ServerName<'static>,
    /// The 0-RTT data to send where that can be, in octets.
    early: usize,
}

impl Client {
    /// A new client.
    ///
    /// # Errors
    /// If the cast is unusable.
    pub fn new(who: &Who, early: usize, cast: &Cast) -> Result<Self, Failure> {
        let mut offer = ClientAuthOffer::new(who.offer);
        if who.in_clear {
            offer = offer.with_certificate_under_tls12(true);
        }
        let versions = if who.tls12 { &[&TLS12] } else { &[&TLS13] };
        let key = cast.key(who.certificate).cloned();
        let mut config: ClientConfig =
            tls::client_config(cast.people.servers.roots()?, key, offer, versions, &[])
                .map_err(failed)?;
        config.resumption = Resumption::in_memory_sessions(4);
        config.enable_early_data = early > 0;
        let name = ServerName::try_from(who.host.name()).map_err(failed)?;
        Ok(Self { connector: Connector::new(Arc::new(config)), name, early })
    }

    /// Connect over `io`, and have a message of so many octets sent back. Also tells how long the
    /// client's handshake took.
    pub async fn exchange(
        &self,
        io: impl AsyncRead + AsyncWrite + Unpin,
        message: usize,
    ) -> (ClientEnd, Duration) {
        let started = Instant::now();
        let early = vec![b'e'; self.early];
        let connecting = self.connector.connect_with(self.name.clone(), io, |connection| {
            if let Some(mut data) = connection.early_data() {
                let _ = data.write_all(&early);
            }
        });
        let mut stream = match connecting.await {
            Ok(stream) => stream,
            Err(err) => return (end_of(&err), started.elapsed()),
        };
        let took = started.elapsed();
        let outcome = stream.outcome();
        let end = match talk(&mut stream, message).await {
            Ok(()) => ClientEnd::Served(served(&stream)),
            Err(err) => end_of(&err),
        };
        // Whoever asks the handle is told the same.
        let told = match outcome.get() {
            // The client's own goodbye may fail after that.
            Some(End::Closed) => matches!(end, ClientEnd::Served(_) | ClientEnd::Broken),
            Some(End::Refused(refusal)) => {
                let late = refusal.after_handshake;
                end == ClientEnd::Refused { alert: refusal.alert, late }
            }
            Some(End::LikelyRefused(_)) => end == ClientEnd::LikelyRefused,
            Some(End::Tls(_)) => matches!(end, ClientEnd::GaveUp(_)),
            Some(End::Io(_)) => end == ClientEnd::Broken,
            _ => false,
        };
        if told {
            (end, took)
        } else {
            let text = format!("{end:?}, but the handle says {:?}", outcome.get());
            (ClientEnd::Odd(text), took)
        }
    }
}

/// Sends a message, its length in four octets first, and reads it, while it is being sent.
async fn talk<IO>(stream: &mut ClientStream<IO>, message: usize) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let sent = encode(message);
    let (mut reader, mut writer) = split(&mut *stream);
    let write = async {
        writer.write_all(&sent).await?;
        writer.flush().await
    };
    let read = async {
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await?;
        Ok(back)
    };
    let ((), back) = tokio::try_join!(write, read)?;
    if back != sent {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.shutdown().await
}

/// A message of so many octets, as it is sent.
pub(super) fn encode(message: usize) -> Vec<u8> {
    let length = u32::try_from(message).unwrap_or(u32::MAX);
    let mut octets = length.to_be_bytes().to_vec();
    octets.extend((0..message).map(|at| at as u8));
    octets
}

fn served<IO>(stream: &ClientStream<IO>) -> Served {
    let connection = stream.get_ref().1;
    let status = connection.client_auth_status();
    let acknowledged = status == ClientAuthOfferStatus::Acknowledged;
    Served {
        asked: acknowledged || status == ClientAuthOfferStatus::AskedWithoutAcknowledgement,
        acknowledged,
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        early: connection.is_early_data_accepted(),
    }
}

fn end_of(err: &io::Error) -> ClientEnd {
    if let Some(refusal) = Refusal::in_chain(err) {
        return ClientEnd::Refused { alert: refusal.alert, late: refusal.after_handshake };
    }
    if LikelyRefusal::in_chain(err).is_some() {
        return ClientEnd::LikelyRefused;
    }
    match err.get_ref().and_then(|reason| reason.downcast_ref::<Error>()) {
        Some(tls) => ClientEnd::GaveUp(tls.alert_sent()),
        None => match err.kind() {
            io::ErrorKind::InvalidData => ClientEnd::Odd("another message came back".into()),
            _ => ClientEnd::Broken,
        },
    }
}

fn failed(err: impl std::error::Error + 'static) -> Failure {
    Failure::Failed(format!("no client: {}", with_causes(&err)))
}
