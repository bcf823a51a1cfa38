//! The client half of the handshake.

use super::common::Common;
use super::crypto::Share;
use super::{
    CertificateAnswer, CertificateRequest, ChainAndKey, ClientConfig, ClientHello, Direction,
    Error, Event, Extension, Handshake, HandshakeType, Message, NewSessionTicket, ServerHello,
    Slot, Suite, Ticket, client_hello, codec, compress, ext, group, record, version,
};

pub(super) struct Client {
    pub(super) config: ClientConfig,
    pub(super) hello: ClientHello,
    pub(super) share: Option<Share>,
    pub(super) state: State,
    pub(super) retry_suite: Option<u16>,
    pub(super) resumed: bool,
    pub(super) early: Early,
    pub(super) request: Option<CertificateRequest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    ServerHello,
    EncryptedExtensions,
    CertificateOrRequest,
    Certificate,
    CertificateVerify,
    Finished,
    Connected,
    /// TLS 1.2 was chosen, or the client is silent: messages are only logged.
    Watching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    None,
    Offered,
    Rejected,
    Accepted,
}

impl Client {
    pub(super) fn new(config: ClientConfig) -> Result<Self, Error> {
        if config.early_data.is_some() && config.ticket.is_none() {
            return Err(Error::Misuse("0-RTT data without a ticket"));
        }
        let share = Share::generate()?;
        let hello = client_hello::build(&config, &share.public)?;
        let share = Some(share);
        let early = if config.early_data.is_some() { Early::Offered } else { Early::None };
        Ok(Self {
            config,
            hello,
            share,
            state: State::ServerHello,
            retry_suite: None,
            resumed: false,
            early,
            request: None,
        })
    }

    pub(super) fn start(&mut self, common: &mut Common) -> Result<(), Error> {
        self.send_hello(common, Slot::ClientHello)?;
        common.client_random = self.hello.random;
        if let (Some(data), Some(ticket)) = (&self.config.early_data, &self.config.ticket) {
            common.send_change_cipher_spec();
            let cipher = common.early_cipher(ticket)?;
            common.records.set_write(Some(cipher));
            common.records.send(record::APPLICATION_DATA, data)?;
            let (direction, data) = (Direction::Sent, data.clone());
            common.events.push(Event::Data { direction, early: true, data });
        }
        Ok(())
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    pub(super) fn early_data_accepted(&self) -> bool {
        self.early == Early::Accepted
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    pub(super) fn handle(&mut self, common: &mut Common, message: &Message) -> Result<(), Error> {
        use Handshake as H;
        if self.state == State::Watching {
            return Ok(());
        }
        match (self.state, codec::decode(&message.bytes)?) {
            (State::ServerHello, H::ServerHello(hello)) if hello.is_retry() => {
                self.on_retry(common, message, &hello)
            }
            (State::ServerHello, H::ServerHello(hello)) => self.on_hello(common, message, &hello),
            (State::EncryptedExtensions, H::EncryptedExtensions(extensions)) => {
                common.absorb(message);
                self.on_encrypted_extensions(common, &extensions)
            }
            (State::CertificateOrRequest, H::CertificateRequest(request)) => {
                common.absorb(message);
                self.request = Some(request);
                self.state = State::Certificate;
                Ok(())
            }
            (State::CertificateOrRequest | State::Certificate, H::Certificate(_)) => {
                common.absorb(message);
                self.state = State::CertificateVerify;
                Ok(())
            }
            (State::CertificateOrRequest | State::Certificate, H::CompressedCertificate(c)) => {
                codec::read_certificate(&compress::decompress(&c)?)?;
                common.absorb(message);
                self.state = State::CertificateVerify;
                Ok(())
            }
            (State::CertificateVerify, H::CertificateVerify(_)) => {
                common.absorb(message);
                self.state = State::Finished;
                Ok(())
            }
            (State::Finished, H::Finished(data)) => {
                common.check_finished(&common.keys()?.server_handshake, &data)?;
                common.absorb(message);
                self.finish(common)
            }
            (State::Connected, H::NewSessionTicket(ticket)) => store(common, ticket),
            // Only logged: the test checks it.
            (State::Connected, _) => Ok(()),
            (state, _) => Err(Error::UnexpectedMessage { got: message.typ, wanted: state.wants() }),
        }
    }

    fn send_hello(&mut self, common: &mut Common, slot: Slot) -> Result<(), Error> {
        let (edited, mut bytes) = common.build(slot, Handshake::ClientHello(self.hello.clone()))?;
        if let Handshake::ClientHello(hello) = edited {
            self.hello = hello;
        }
        if let Some(ticket) = &self.config.ticket {
            client_hello::fill_binder(common, ticket, &mut bytes)?;
        }
        common.emit(bytes)
    }

    /// RFC 8446 section 4.1.4.
    fn on_retry(
        &mut self,
        common: &mut Common,
        message: &Message,
        retry: &ServerHello,
    ) -> Result<(), Error> {
        if self.retry_suite.is_some() {
            let got = message.typ;
            return Err(Error::UnexpectedMessage { got, wanted: "ServerHello" });
        }
        let suite = Suite::from_code(retry.cipher_suite)
            .ok_or(Error::Illegal("cipher suite in HelloRetryRequest"))?;
        self.retry_suite = Some(retry.cipher_suite);
        common.restart_transcript(suite)?;
        common.absorb(message);

        if let Some(body) = ext::find(&retry.extensions, ext::KEY_SHARE) {
            if body != group::X25519.to_be_bytes() {
                return Err(Error::NoCommonParameters("group"));
            }
            let share = Share::generate()?;
            let shares = [(group::X25519, share.public.clone())];
            ext::set(&mut self.hello.extensions, ext::key_shares(&shares)?);
            self.share = Some(share);
        }
        if let Some(cookie) = ext::find(&retry.extensions, ext::COOKIE) {
            ext::set(&mut self.hello.extensions, Extension::new(ext::COOKIE, cookie));
        }
        if self.early == Early::Offered {
            self.early = Early::Rejected;
            self.hello.extensions.retain(|e| e.typ != ext::EARLY_DATA);
            common.records.set_write(None);
        }
        if self.config.ticket.as_ref().is_some_and(|t| t.suite.hash_len() != suite.hash_len()) {
            self.config.ticket = None;
            self.hello.extensions.retain(|e| e.typ != ext::PRE_SHARED_KEY);
        }
        common.send_change_cipher_spec();
        self.send_hello(common, Slot::SecondClientHello)
    }

    fn on_hello(
        &mut self,
        common: &mut Common,
        message: &Message,
        hello: &ServerHello,
    ) -> Result<(), Error> {
        common.absorb(message);
        match ext::find(&hello.extensions, ext::SUPPORTED_VERSIONS) {
            None if self.config.versions.contains(&version::TLS12) => {
                self.state = State::Watching;
                return Ok(());
            }
            Some(body) if body == version::TLS13.to_be_bytes() => {}
            _ => return Err(Error::NoCommonVersion),
        }
        if self.retry_suite.is_some_and(|suite| suite != hello.cipher_suite) {
            return Err(Error::Illegal("cipher suite differs from HelloRetryRequest"));
        }
        let suite = Suite::from_code(hello.cipher_suite)
            .ok_or(Error::Illegal("cipher suite in ServerHello"))?;
        let body = ext::find(&hello.extensions, ext::KEY_SHARE)
            .ok_or(Error::MissingExtension(ext::KEY_SHARE))?;
        let shared = match (ext::read_server_share(body)?, self.share.take()) {
            ((group::X25519, key), Some(share)) => share.agree(&key)?,
            _ => return Err(Error::Illegal("group in ServerHello")),
        };
        let psk = match ext::find(&hello.extensions, ext::PRE_SHARED_KEY) {
            None => None,
            Some([0, 0]) => match &self.config.ticket {
                Some(t) if t.suite.hash_len() == suite.hash_len() => Some(t.psk.clone()),
                _ => return Err(Error::Illegal("pre_shared_key in ServerHello")),
            },
            Some(_) => return Err(Error::Illegal("pre_shared_key in ServerHello")),
        };
        self.resumed = psk.is_some();
        common.enter_handshake(suite, psk.as_deref(), &shared)?;
        let read = common.keys()?.cipher(&common.keys()?.server_handshake)?;
        common.records.set_read(read)?;
        if self.early != Early::Offered {
            let write = common.keys()?.cipher(&common.keys()?.client_handshake)?;
            common.records.set_write(Some(write));
        }
        self.state = State::EncryptedExtensions;
        Ok(())
    }
}

impl State {
    fn wants(self) -> &'static str {
        match self {
            Self::ServerHello => "ServerHello",
            Self::EncryptedExtensions => "EncryptedExtensions",
            Self::CertificateOrRequest => "Certificate or CertificateRequest",
            Self::Certificate => "Certificate",
            Self::CertificateVerify => "CertificateVerify",
            Self::Finished => "Finished",
            Self::Connected | Self::Watching => "any message",
        }
    }
}

impl Client {
    pub(super) fn on_encrypted_extensions(
        &mut self,
        common: &mut Common,
        extensions: &[Extension],
    ) -> Result<(), Error> {
        if self.early == Early::Offered {
            if ext::find(extensions, ext::EARLY_DATA).is_some() {
                // The early key serves until EndOfEarlyData.
                self.early = Early::Accepted;
            } else {
                self.early = Early::Rejected;
                let write = common.keys()?.cipher(&common.keys()?.client_handshake)?;
                common.records.set_write(Some(write));
            }
        }
        self.state = if self.resumed { State::Finished } else { State::CertificateOrRequest };
        Ok(())
    }

    /// The second flight (RFC 8446 section 4.4), after the server's Finished.
    pub(super) fn finish(&mut self, common: &mut Common) -> Result<(), Error> {
        common.derive_application()?;
        let read = common.keys()?.cipher(&common.keys()?.server_application)?;
        common.records.set_read(read)?;

        common.send_change_cipher_spec();
        let base = common.keys()?.client_handshake.clone();
        if self.early == Early::Accepted {
            common.emit(vec![HandshakeType::END_OF_EARLY_DATA.0, 0, 0, 0])?;
            common.records.set_write(Some(common.keys()?.cipher(&base)?));
        }
        if self.request.is_some() || self.config.answer_unasked {
            let context = self.request.as_ref().map(|r| r.context.clone()).unwrap_or_default();
            let zlib = self.config.compress_certificate;
            match &self.config.answer {
                CertificateAnswer::Empty => {
                    common.send_identity(&ChainAndKey::default(), context, zlib, "client")?;
                }
                CertificateAnswer::With(identity) => {
                    common.send_identity(identity, context, zlib, "client")?
                }
                CertificateAnswer::NoCertificate => {}
                CertificateAnswer::Silence => {
                    self.state = State::Watching;
                    return Ok(());
                }
            }
        }
        common.send_finished(&base)?;
        let write = common.keys()?.cipher(&common.keys()?.client_application)?;
        common.records.set_write(Some(write));
        self.state = State::Connected;
        common.completed()
    }
}

/// Stores the session of a NewSessionTicket.
fn store(common: &mut Common, message: NewSessionTicket) -> Result<(), Error> {
    let keys = common.keys()?;
    let ticket = Ticket::of(keys.suite, &keys.resumption, message)?;
    common.tickets.push(ticket);
    Ok(())
}
