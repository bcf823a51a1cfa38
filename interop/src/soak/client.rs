//! Honest rustls clients. Their connections may have faults.

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

use super::SoakPki;
use super::honest_client::HonestClient;
use super::outcome::{ClientOutcome, Served};
use command_line::Failure;
use rext_cli::tls;

/// A client with its own session storage.
#[derive(Debug)]
pub struct Client {
    connector: Connector,
    name: ServerName<'static>,
    /// The length of the 0-RTT data to send if possible, in bytes.
    early: usize,
}

impl Client {
    /// A new client.
    ///
    /// # Errors
    /// If a certificate cannot be used.
    pub fn new(who: &HonestClient, early: usize, pki: &SoakPki) -> Result<Self, Failure> {
        let mut offer = ClientAuthOffer::new(who.offer);
        if who.in_clear {
            offer = offer.with_certificate_under_tls12(true);
        }
        let versions = if who.tls12 { &[&TLS12] } else { &[&TLS13] };
        let key = pki.key(who.certificate).cloned();
        let mut config: ClientConfig =
            tls::client_config(pki.demo.servers.roots()?, key, offer, versions, &[])
                .map_err(failed)?;
        config.resumption = Resumption::in_memory_sessions(4);
        config.enable_early_data = early > 0;
        let name = ServerName::try_from(who.host.name()).map_err(failed)?;
        Ok(Self { connector: Connector::new(Arc::new(config)), name, early })
    }

    /// Connects over `io`, sends a message of this many bytes, and reads it back. Also returns the
    /// duration of the client's handshake.
    pub async fn exchange(
        &self,
        io: impl AsyncRead + AsyncWrite + Unpin,
        message: usize,
    ) -> (ClientOutcome, Duration) {
        let started = Instant::now();
        let early = vec![b'e'; self.early];
        let connecting = self.connector.connect_with(self.name.clone(), io, |connection| {
            if let Some(mut data) = connection.early_data() {
                let _ = data.write_all(&early);
            }
        });
        let mut stream = match connecting.await {
            Ok(stream) => stream,
            Err(err) => return (outcome_of(&err), started.elapsed()),
        };
        let took = started.elapsed();
        let outcome = stream.outcome();
        let end = match talk(&mut stream, message).await {
            Ok(()) => ClientOutcome::Served(served(&stream)),
            Err(err) => outcome_of(&err),
        };
        // The handle must report the same outcome.
        let told = match outcome.get() {
            // Sending close_notify may fail after that.
            Some(End::Closed) => matches!(end, ClientOutcome::Served(_) | ClientOutcome::Broken),
            Some(End::Refused(refusal)) => {
                let late = refusal.after_handshake;
                end == ClientOutcome::Refused { alert: refusal.alert, late }
            }
            Some(End::LikelyRefused(_)) => end == ClientOutcome::LikelyRefused,
            Some(End::Tls(_)) => matches!(end, ClientOutcome::GaveUp(_)),
            Some(End::Io(_)) => end == ClientOutcome::Broken,
            _ => false,
        };
        if told {
            (end, took)
        } else {
            let text = format!("{end:?}, but the handle reports {:?}", outcome.get());
            (ClientOutcome::Unexpected(text), took)
        }
    }
}

/// Sends a message with a length prefix of four bytes, and reads it back at the same time.
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

/// A message of this many bytes, with its length prefix.
pub(super) fn encode(message: usize) -> Vec<u8> {
    let length = u32::try_from(message).unwrap_or(u32::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend((0..message).map(|at| at as u8));
    bytes
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

fn outcome_of(err: &io::Error) -> ClientOutcome {
    if let Some(refusal) = Refusal::in_chain(err) {
        return ClientOutcome::Refused { alert: refusal.alert, late: refusal.after_handshake };
    }
    if LikelyRefusal::in_chain(err).is_some() {
        return ClientOutcome::LikelyRefused;
    }
    match err.get_ref().and_then(|reason| reason.downcast_ref::<Error>()) {
        Some(tls) => ClientOutcome::GaveUp(tls.alert_sent()),
        None => match err.kind() {
            io::ErrorKind::InvalidData => {
                ClientOutcome::Unexpected("the server sent back another message".into())
            }
            _ => ClientOutcome::Broken,
        },
    }
}

fn failed(err: impl std::error::Error + 'static) -> Failure {
    Failure::Failed(format!("cannot make a client: {}", with_causes(&err)))
}
