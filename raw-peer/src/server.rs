//! The server half of the handshake.

use super::common::{self, Common};
use super::crypto::{self, Share};
use super::ech::Ech;
use super::server_choice::Choice;
use super::{
    Certificate, CertificateRequest, ClientHello, Direction, Error, Event, Extension, Handshake,
    HandshakeType, Message, NewSessionTicket, ServerConfig, ServerHello, Slot, Ticket, codec,
    compress, ext, group, message, version,
};

pub(super) struct Server {
    pub(super) config: ServerConfig,
    pub(super) state: State,
    pub(super) retried: bool,
    pub(super) resumed: bool,
    pub(super) early: bool,
    pub(super) ech: Ech,
    pub(super) issued: u64,
    /// The client's own certificate.
    leaf: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    ClientHello,
    EndOfEarlyData,
    Certificate,
    CertificateVerify,
    Finished,
    Connected,
}

impl Server {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self {
            config,
            state: State::ClientHello,
            retried: false,
            resumed: false,
            early: false,
            ech: Ech::NotOffered,
            issued: 0,
            leaf: Vec::new(),
        }
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    pub(super) fn early_data_accepted(&self) -> bool {
        self.early
    }

    /// Whether application data that comes now is 0-RTT data.
    pub(super) fn reads_early_data(&self) -> bool {
        self.state == State::EndOfEarlyData
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    pub(super) fn handle(&mut self, common: &mut Common, message: &Message) -> Result<(), Error> {
        use Handshake as H;
        if self.config.watches {
            return Ok(());
        }
        match (self.state, codec::decode(&message.bytes)?) {
            (State::ClientHello, H::ClientHello(hello)) => {
                match self.ech.open(&self.config.ech_keys, &hello, self.retried)? {
                    None => self.on_hello(common, message, &hello),
                    Some(inner) => self.on_inner_hello(common, message, &inner),
                }
            }
            (State::EndOfEarlyData, H::Other(HandshakeType::END_OF_EARLY_DATA, _)) => {
                common.absorb(message);
                self.state = State::Finished;
                let read = common.keys()?.cipher(&common.keys()?.client_handshake)?;
                common.records.set_read(read)
            }
            (State::Certificate, H::Certificate(certificate)) => {
                common.absorb(message);
                self.on_certificate(certificate)
            }
            (State::Certificate, H::CompressedCertificate(c)) => {
                let certificate = codec::read_certificate(&compress::decompress(&c)?)?;
                common.absorb(message);
                self.on_certificate(certificate)
            }
            (State::CertificateVerify, H::CertificateVerify(verify)) => {
                let hash = common.keys()?.suite.hash(&common.transcript);
                let proves = || crypto::proves(&self.leaf, "client", &hash, &verify.signature);
                if self.config.check_proof && !proves() {
                    return Err(Error::BadProof);
                }
                common.absorb(message);
                self.state = State::Finished;
                Ok(())
            }
            (State::Finished, H::Finished(data)) => {
                common.check_finished(&common.keys()?.client_handshake, &data)?;
                common.absorb(message);
                self.on_finished(common)
            }
            // Only logged: the test checks it.
            (State::Connected, _) => Ok(()),
            (state, _) => Err(Error::UnexpectedMessage { got: message.typ, wanted: state.wants() }),
        }
    }

    fn on_certificate(&mut self, certificate: Certificate) -> Result<(), Error> {
        let leaf = certificate.entries.into_iter().next();
        self.state = if leaf.is_none() { State::Finished } else { State::CertificateVerify };
        self.leaf = leaf.map(|entry| entry.der).unwrap_or_default();
        Ok(())
    }

    /// Replaces the outer ClientHello by the inner one, everywhere except in the log.
    fn on_inner_hello(
        &mut self,
        common: &mut Common,
        outer: &Message,
        inner: &ClientHello,
    ) -> Result<(), Error> {
        let bytes = codec::encode(&Handshake::ClientHello(inner.clone()))?;
        let message = Message::new(Direction::Received, outer.encrypted, bytes);
        common.events.push(Event::InnerHello(message.clone()));
        self.on_hello(common, &message, inner)
    }

    fn on_hello(
        &mut self,
        common: &mut Common,
        message: &Message,
        hello: &ClientHello,
    ) -> Result<(), Error> {
        common.client_random = hello.random;
        let choice = Choice::of(&self.config, common, message, hello)?;
        if !self.retried && (self.config.hello_retry || choice.share.is_none()) {
            self.retried = true;
            common.absorb(message);
            common.records.skip_early_data =
                ext::find(&hello.extensions, ext::EARLY_DATA).is_some();
            return self.send_retry(common, &choice);
        }
        common.absorb(message);

        let wants_early = ext::find(&hello.extensions, ext::EARLY_DATA).is_some();
        self.early = wants_early
            && self.config.accept_early_data
            && !self.retried
            && matches!(choice.psk, Some((0, _)));
        common.records.skip_early_data = wants_early && !self.early;
        let early = match &choice.psk {
            Some((_, ticket)) if self.early => Some(common.early_cipher(ticket)?),
            _ => None,
        };
        self.resumed = choice.psk.is_some();
        self.send_hello(common, choice)?;
        let keys = common.keys()?;
        let read = match early {
            Some(cipher) => cipher,
            None => keys.cipher(&keys.client_handshake)?,
        };
        let write = keys.cipher(&keys.server_handshake)?;
        common.records.set_read(read)?;
        common.send_change_cipher_spec();
        common.records.set_write(Some(write));
        self.send_flight(common, hello)
    }

    /// RFC 8446 section 4.1.4.
    fn send_retry(&mut self, common: &mut Common, choice: &Choice) -> Result<(), Error> {
        let mut extensions = vec![selected_version()];
        if choice.share.is_none() {
            extensions.push(Extension::new(ext::KEY_SHARE, group::X25519.to_be_bytes()));
        }
        if !self.config.cookie.is_empty() {
            extensions.push(ext::cookie(&self.config.cookie)?);
        }
        if let Ech::Accepted(_) = self.ech {
            extensions.push(Extension::new(ext::ENCRYPTED_CLIENT_HELLO, [0; 8]));
        }
        let retry = ServerHello {
            legacy_version: version::TLS12,
            random: message::HELLO_RETRY_RANDOM,
            session_id: choice.session_id.clone(),
            cipher_suite: choice.suite.code(),
            compression_method: 0,
            extensions,
        };
        common.restart_transcript(choice.suite)?;
        let (_, mut bytes) =
            common.build(Slot::HelloRetryRequest, Handshake::ServerHello(retry))?;
        self.ech.confirm_retry(common, choice.suite, &mut bytes)?;
        common.emit(bytes)?;
        common.send_change_cipher_spec();
        Ok(())
    }

    fn send_hello(&mut self, common: &mut Common, choice: Choice) -> Result<(), Error> {
        let peer = choice.share.ok_or(Error::NoCommonParameters("group"))?;
        let share = Share::generate()?;
        let mut extensions =
            vec![selected_version(), ext::key_share(group::X25519, &share.public)?];
        if let Some((index, _)) = &choice.psk {
            extensions.push(Extension::new(ext::PRE_SHARED_KEY, index.to_be_bytes()));
        }
        let mut random: [u8; 32] = crypto::random()?;
        if let (Ech::Accepted(_), Some(place)) = (&self.ech, random.last_chunk_mut::<8>()) {
            *place = [0; 8];
        }
        let hello = ServerHello {
            legacy_version: version::TLS12,
            random,
            session_id: choice.session_id,
            cipher_suite: choice.suite.code(),
            compression_method: 0,
            extensions,
        };
        let shared = share.agree(&peer)?;
        let (_, mut bytes) = common.build(Slot::ServerHello, Handshake::ServerHello(hello))?;
        self.ech.confirm_hello(common, choice.suite, &mut bytes)?;
        common.emit(bytes)?;
        let psk = choice.psk.as_ref().map(|(_, ticket)| ticket.psk.as_slice());
        common.enter_handshake(choice.suite, psk, &shared)
    }

    fn on_finished(&mut self, common: &mut Common) -> Result<(), Error> {
        let read = common.keys()?.cipher(&common.keys()?.client_application)?;
        common.records.set_read(read)?;
        common.completed()?;
        self.state = State::Connected;
        (0..self.config.tickets).try_for_each(|_| self.issue_ticket(common))
    }
}

impl State {
    fn wants(self) -> &'static str {
        match self {
            Self::ClientHello => "ClientHello",
            Self::EndOfEarlyData => "EndOfEarlyData",
            Self::Certificate => "Certificate",
            Self::CertificateVerify => "CertificateVerify",
            Self::Finished => "Finished",
            Self::Connected => "any message",
        }
    }
}

fn selected_version() -> Extension {
    Extension::new(ext::SUPPORTED_VERSIONS, version::TLS13.to_be_bytes())
}

impl Server {
    /// EncryptedExtensions to Finished (RFC 8446 sections 4.3 and 4.4).
    pub(super) fn send_flight(
        &mut self,
        common: &mut Common,
        hello: &ClientHello,
    ) -> Result<(), Error> {
        let mut extensions = Vec::new();
        if let Some(body) = ext::find(&hello.extensions, ext::ALPN) {
            let theirs = ext::read_alpn(body)?;
            if let Some(protocol) = self.config.alpn.iter().find(|p| theirs.contains(p)) {
                extensions.push(ext::alpn(&[protocol])?);
            }
        }
        if let (Ech::Rejected, [_, ..]) = (&self.ech, self.config.ech_retry_configs.as_slice()) {
            let configs = self.config.ech_retry_configs.clone();
            extensions.push(Extension::new(ext::ENCRYPTED_CLIENT_HELLO, configs));
        }
        if self.early {
            extensions.push(Extension::new(ext::EARLY_DATA, []));
        }
        common.send(Slot::EncryptedExtensions, Handshake::EncryptedExtensions(extensions))?;
        if !self.resumed {
            if self.config.ask_certificate {
                let request = self.certificate_request()?;
                common.send(Slot::CertificateRequest, Handshake::CertificateRequest(request))?;
            }
            let algorithms = match ext::find(&hello.extensions, ext::COMPRESS_CERTIFICATE) {
                Some(body) => ext::read_u16_list8(body, "compress_certificate")?,
                None => Vec::new(),
            };
            let zlib = self.config.compress_certificate && algorithms.contains(&compress::ZLIB);
            common.send_identity(&self.config.identity, Vec::new(), zlib, "server")?;
        }
        let base = common.keys()?.server_handshake.clone();
        common.send_finished(&base)?;
        common.derive_application()?;
        let write = common.keys()?.cipher(&common.keys()?.server_application)?;
        common.records.set_write(Some(write));
        self.state = match (self.early, self.config.ask_certificate && !self.resumed) {
            (true, _) => State::EndOfEarlyData,
            (false, true) => State::Certificate,
            (false, false) => State::Finished,
        };
        Ok(())
    }

    fn certificate_request(&self) -> Result<CertificateRequest, Error> {
        let mut extensions =
            vec![ext::u16_list16(ext::SIGNATURE_ALGORITHMS, &[common::ECDSA_P256])?];
        if !self.config.authorities.is_empty() {
            extensions.push(ext::authorities(&self.config.authorities)?);
        }
        if self.config.accept_compression {
            extensions.push(ext::u16_list8(ext::COMPRESS_CERTIFICATE, &[compress::ZLIB])?);
        }
        Ok(CertificateRequest { context: Vec::new(), extensions })
    }

    /// Sends a NewSessionTicket (RFC 8446 section 4.6.1).
    pub(super) fn issue_ticket(&mut self, common: &mut Common) -> Result<(), Error> {
        if self.state != State::Connected {
            return Err(Error::Misuse("a ticket before the client's Finished"));
        }
        let nonce = self.issued.to_be_bytes().to_vec();
        self.issued += 1;
        let mut extensions = Vec::new();
        if self.config.max_early_data > 0 {
            let max = self.config.max_early_data.to_be_bytes();
            extensions.push(Extension::new(ext::EARLY_DATA, max));
        }
        let message = NewSessionTicket {
            lifetime: self.config.ticket_lifetime,
            age_add: u32::from_be_bytes(crypto::random()?),
            nonce,
            ticket: crypto::random::<32>()?.to_vec(),
            extensions,
        };
        let message = Handshake::NewSessionTicket(message);
        let (edited, bytes) = common.build(Slot::NewSessionTicket, message)?;
        if let Handshake::NewSessionTicket(message) = edited {
            let keys = common.keys()?;
            let ticket = Ticket::of(keys.suite, &keys.resumption, message)?;
            common.tickets.push(ticket);
        }
        common.emit(bytes)
    }
}
