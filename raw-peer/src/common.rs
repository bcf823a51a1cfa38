//! Shared by client and server: the log, the transcript, the keys, the authentication
//! messages.

use super::crypto::{self, Cipher, KeySchedule};
use super::log::Alert;
use super::record::{self, Records};
use super::{
    Certificate, CertificateEntry, CertificateVerify, ChainAndKey, Direction, Error, Event,
    Handshake, HandshakeType, Message, Plan, Slot, Suite, Ticket, codec, compress, edit,
};

/// ecdsa_secp256r1_sha256 (RFC 8446 section 4.2.3).
pub(super) const ECDSA_P256: u16 = 0x0403;

pub(super) struct Common {
    pub(super) records: Records,
    pub(super) plan: Plan,
    pub(super) events: Vec<Event>,
    pub(super) key_log: Vec<String>,
    pub(super) client_random: [u8; 32],
    /// All handshake messages so far; hashed when needed, since the hash is not known at first.
    pub(super) transcript: Vec<u8>,
    pub(super) keys: Option<Keys>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) complete: bool,
}

/// The secrets of one connection.
pub(super) struct Keys {
    pub(super) suite: Suite,
    schedule: KeySchedule,
    pub(super) client_handshake: Vec<u8>,
    pub(super) server_handshake: Vec<u8>,
    pub(super) client_application: Vec<u8>,
    pub(super) server_application: Vec<u8>,
    pub(super) resumption: Vec<u8>,
    /// exporter_master_secret.
    pub(super) exporter: Vec<u8>,
}

impl Keys {
    pub(super) fn cipher(&self, secret: &[u8]) -> Result<Cipher, Error> {
        Cipher::new(self.suite, secret.to_vec())
    }
}

impl Common {
    pub(super) fn new(records: record::RecordOptions, plan: Plan) -> Self {
        Self {
            records: Records::new(records),
            plan,
            events: Vec::new(),
            key_log: Vec::new(),
            client_random: [0; 32],
            transcript: Vec::new(),
            keys: None,
            tickets: Vec::new(),
            complete: false,
        }
    }

    /// Applies the plan; returns the edited message and its bytes.
    pub(super) fn build(
        &self,
        slot: Slot,
        mut message: Handshake,
    ) -> Result<(Handshake, Vec<u8>), Error> {
        let edits = self.plan.edits(slot);
        edit::on_message(edits, &mut message);
        let mut bytes = codec::encode(&message)?;
        edit::on_bytes(edits, &mut bytes);
        Ok((message, bytes))
    }

    /// Sends and logs bytes as a handshake message; an empty one not at all.
    pub(super) fn emit(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.transcript.extend_from_slice(&bytes);
        self.records.send(record::HANDSHAKE, &bytes)?;
        for message in codec::split(bytes) {
            let message = Message::new(Direction::Sent, self.records.encrypts(), message);
            self.events.push(Event::Handshake(message));
        }
        Ok(())
    }

    pub(super) fn send(&mut self, slot: Slot, message: Handshake) -> Result<(), Error> {
        let (_, bytes) = self.build(slot, message)?;
        self.emit(bytes)
    }

    pub(super) fn send_alert(&mut self, level: u8, description: u8) -> Result<(), Error> {
        self.records.send(record::ALERT, &[level, description])?;
        let alert = Alert { level, description, encrypted: self.records.encrypts() };
        self.events.push(Event::Alert(Direction::Sent, alert));
        Ok(())
    }

    /// Sends the one change_cipher_spec of this side, if it is configured.
    pub(super) fn send_change_cipher_spec(&mut self) {
        let sent = Event::ChangeCipherSpec(Direction::Sent);
        if self.records.options.change_cipher_spec && !self.events.contains(&sent) {
            self.records.send_change_cipher_spec();
            self.events.push(sent);
        }
    }

    /// A line of the SSLKEYLOGFILE format (RFC 9850).
    pub(super) fn log_key(&mut self, label: &str, secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        self.key_log.push(format!("{label} {} {}", hex(&self.client_random), hex(secret)));
    }

    /// Replaces the first ClientHello in the transcript by its hash (RFC 8446 section 4.4.1).
    pub(super) fn restart_transcript(&mut self, suite: Suite) -> Result<(), Error> {
        const MESSAGE_HASH: HandshakeType = HandshakeType(254);
        let hash = suite.hash(&self.transcript);
        self.transcript = codec::encode(&Handshake::Other(MESSAGE_HASH, hash))?;
        Ok(())
    }

    pub(super) fn keys(&self) -> Result<&Keys, Error> {
        self.keys.as_ref().ok_or(Error::Misuse("no keys yet"))
    }

    fn keys_mut(&mut self) -> Result<&mut Keys, Error> {
        self.keys.as_mut().ok_or(Error::Misuse("no keys yet"))
    }

    /// client_early_traffic_secret, of the transcript that ends with the ClientHello.
    pub(super) fn early_cipher(&mut self, ticket: &Ticket) -> Result<Cipher, Error> {
        let schedule = KeySchedule::early(ticket.suite, Some(&ticket.psk));
        let secret = schedule.derive("c e traffic", &ticket.suite.hash(&self.transcript))?;
        self.log_key("CLIENT_EARLY_TRAFFIC_SECRET", &secret);
        Cipher::new(ticket.suite, secret)
    }

    /// Call this when the transcript ends with the ServerHello.
    pub(super) fn enter_handshake(
        &mut self,
        suite: Suite,
        psk: Option<&[u8]>,
        shared: &[u8],
    ) -> Result<(), Error> {
        let mut schedule = KeySchedule::early(suite, psk);
        schedule.advance(Some(shared))?;
        let hash = suite.hash(&self.transcript);
        let client = schedule.derive("c hs traffic", &hash)?;
        let server = schedule.derive("s hs traffic", &hash)?;
        self.log_key("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &client);
        self.log_key("SERVER_HANDSHAKE_TRAFFIC_SECRET", &server);
        self.keys = Some(Keys {
            suite,
            schedule,
            client_handshake: client,
            server_handshake: server,
            client_application: Vec::new(),
            server_application: Vec::new(),
            resumption: Vec::new(),
            exporter: Vec::new(),
        });
        Ok(())
    }

    /// Call this when the transcript ends with the server's Finished.
    pub(super) fn derive_application(&mut self) -> Result<(), Error> {
        let hash = self.keys()?.suite.hash(&self.transcript);
        let keys = self.keys_mut()?;
        keys.schedule.advance(None)?;
        let client = keys.schedule.derive("c ap traffic", &hash)?;
        let server = keys.schedule.derive("s ap traffic", &hash)?;
        let exporter = keys.schedule.derive("exp master", &hash)?;
        keys.client_application.clone_from(&client);
        keys.server_application.clone_from(&server);
        keys.exporter.clone_from(&exporter);
        self.log_key("CLIENT_TRAFFIC_SECRET_0", &client);
        self.log_key("SERVER_TRAFFIC_SECRET_0", &server);
        self.log_key("EXPORTER_SECRET", &exporter);
        Ok(())
    }

    /// Call this when the transcript ends with the client's Finished.
    pub(super) fn completed(&mut self) -> Result<(), Error> {
        let hash = self.keys()?.suite.hash(&self.transcript);
        let keys = self.keys_mut()?;
        keys.resumption = keys.schedule.derive("res master", &hash)?;
        self.complete = true;
        self.events.push(Event::Complete);
        Ok(())
    }

    /// Certificate and, if there is one to prove, CertificateVerify.
    pub(super) fn send_identity(
        &mut self,
        identity: &ChainAndKey,
        context: Vec<u8>,
        zlib: bool,
        role: &'static str,
    ) -> Result<(), Error> {
        let entry = |der: &Vec<u8>| CertificateEntry { der: der.clone(), extensions: Vec::new() };
        let entries = identity.chain.iter().map(entry).collect();
        let certificate = Handshake::Certificate(Certificate { context, entries });
        if zlib {
            let (_, bytes) = self.build(Slot::Certificate, certificate)?;
            let compressed = compress::compress(bytes.get(4..).unwrap_or_default())?;
            let message = Handshake::CompressedCertificate(compressed);
            self.send(Slot::CompressedCertificate, message)?;
        } else {
            self.send(Slot::Certificate, certificate)?;
        }
        if identity.chain.is_empty() {
            return Ok(());
        }
        let hash = self.keys()?.suite.hash(&self.transcript);
        let signature = crypto::sign(&identity.key, role, &hash)?;
        let verify = CertificateVerify { scheme: ECDSA_P256, signature };
        self.send(Slot::CertificateVerify, Handshake::CertificateVerify(verify))
    }

    pub(super) fn send_finished(&mut self, base: &[u8]) -> Result<(), Error> {
        let suite = self.keys()?.suite;
        let data = crypto::verify_data(suite, base, &suite.hash(&self.transcript))?;
        self.send(Slot::Finished, Handshake::Finished(data))
    }

    /// Call this before the Finished is added to the transcript.
    pub(super) fn check_finished(&self, base: &[u8], data: &[u8]) -> Result<(), Error> {
        let suite = self.keys()?.suite;
        if crypto::verifies(suite, base, &suite.hash(&self.transcript), data)? {
            Ok(())
        } else {
            Err(Error::BadFinished)
        }
    }

    /// Adds a received message to the transcript.
    pub(super) fn absorb(&mut self, message: &Message) {
        self.transcript.extend_from_slice(&message.bytes);
    }
}
