//! The public interface of a peer.

use super::check::{self, Check, Control};
use super::client::Client;
use super::common::Common;
use super::log::{Alert, Message};
use super::record::{self, Record};
use super::server::Server;
use super::wire::Reader;
use super::{ClientConfig, Direction, Error, Event, Handshake, HandshakeType, ServerConfig, codec};

/// The client or the server of one connection, without I/O: bytes go in by [`Peer::read`] and
/// come out by [`Peer::take_output`].
///
/// It checks as little as possible. An error means that it cannot continue; everything else that
/// the other side does is in [`Peer::events`], for the test to check. It verifies Finished and
/// binders, never certificates.
pub struct Peer {
    pub(super) common: Common,
    pub(super) role: Role,
    alert_on_error: bool,
    check: Option<Check>,
    pub(super) failed: Option<Error>,
}

pub(super) enum Role {
    Client(Box<Client>),
    Server(Box<Server>),
}

impl Peer {
    /// A client; its ClientHello waits in [`Peer::take_output`].
    ///
    /// # Errors
    /// [`Error::Misuse`] for a contradictory configuration, [`Error::TooLong`] where a value in
    /// it does not fit.
    pub fn client(config: ClientConfig) -> Result<Self, Error> {
        let mut common = Common::new(config.records.clone(), config.plan.clone());
        let alert_on_error = config.alert_on_error;
        let mut client = Client::new(config)?;
        client.start(&mut common)?;
        let role = Role::Client(Box::new(client));
        Ok(Self { common, role, alert_on_error, check: None, failed: None })
    }

    /// A server, waiting for a ClientHello.
    pub fn server(config: ServerConfig) -> Self {
        let common = Common::new(config.records.clone(), config.plan.clone());
        let alert_on_error = config.alert_on_error;
        let role = Role::Server(Box::new(Server::new(config)));
        Self { common, role, alert_on_error, check: None, failed: None }
    }

    /// Sets a check that gets each received message before this peer handles it. To refuse the
    /// message, it returns the alert as an error.
    pub fn checked_by(
        mut self,
        check: impl FnMut(&Message, Control<'_>) -> Result<(), u8> + Send + 'static,
    ) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// Reads bytes from the other side, in portions of any size.
    ///
    /// # Errors
    /// If this peer cannot continue; every later call returns the same error. The alert is then in
    /// the output, unless the configuration forbids it. A received alert is not an error.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.common.records.feed(bytes);
        let result = self.process();
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            if self.alert_on_error {
                let sent = self.common.send_alert(2, error.alert());
                return result.and(sent);
            }
        }
        result
    }

    /// Takes the bytes to send to the other side.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.common.records.output)
    }

    /// Sends application data.
    ///
    /// # Errors
    /// [`Error::Misuse`] before there is a key; [`Error::Crypto`].
    pub fn send_data(&mut self, data: &[u8]) -> Result<(), Error> {
        if !self.common.records.encrypts() {
            return Err(Error::Misuse("application data in the clear"));
        }
        self.common.records.send(record::APPLICATION_DATA, data)?;
        let (direction, data) = (Direction::Sent, data.to_vec());
        self.common.events.push(Event::Data { direction, early: false, data });
        Ok(())
    }

    /// Sends any alert at any time, encrypted once there is a key. Level 1, description 0 is
    /// close_notify.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn send_alert(&mut self, level: u8, description: u8) -> Result<(), Error> {
        self.common.send_alert(level, description)
    }

    /// Sends any handshake message at any time, without applying the plan.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a vector does not fit; [`Error::Crypto`].
    pub fn send_handshake(&mut self, message: &Handshake) -> Result<(), Error> {
        let bytes = codec::encode(message)?;
        self.common.emit(bytes)
    }

    /// Sends content of any type, as records under the current key. Not logged.
    ///
    /// # Errors
    /// [`Error::Crypto`], [`Error::TooLong`].
    pub fn send_record(&mut self, typ: u8, content: &[u8]) -> Result<(), Error> {
        self.common.records.send(typ, content)
    }

    /// Puts bytes on the wire as they are. Not logged.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.common.records.output.extend_from_slice(bytes);
    }

    /// Sends one more NewSessionTicket.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a client and before the client's Finished.
    pub fn send_ticket(&mut self) -> Result<(), Error> {
        match &mut self.role {
            Role::Client(_) => Err(Error::Misuse("a ticket from a client")),
            Role::Server(server) => server.issue_ticket(&mut self.common),
        }
    }

    /// Sends KeyUpdate and takes the next key (RFC 8446 section 4.6.3).
    ///
    /// # Errors
    /// [`Error::Misuse`] before the end of the handshake.
    pub fn send_key_update(&mut self, ask_for_one: bool) -> Result<(), Error> {
        if !self.is_connected() {
            return Err(Error::Misuse("KeyUpdate during the handshake"));
        }
        let body = vec![u8::from(ask_for_one)];
        self.common.emit(codec::encode(&Handshake::Other(HandshakeType::KEY_UPDATE, body))?)?;
        self.common.records.update_write()
    }

    fn is_connected(&self) -> bool {
        match &self.role {
            Role::Client(client) => client.is_connected(),
            Role::Server(server) => server.is_connected(),
        }
    }

    fn process(&mut self) -> Result<(), Error> {
        while let Some(record) = self.common.records.next()? {
            self.on_record(record)?;
        }
        Ok(())
    }

    fn on_record(&mut self, record: Record) -> Result<(), Error> {
        let direction = Direction::Received;
        match record.typ {
            record::CHANGE_CIPHER_SPEC if !record.encrypted => {
                self.common.events.push(Event::ChangeCipherSpec(direction));
            }
            record::ALERT => {
                let mut reader = Reader::new(&record.payload, "alert");
                let (level, description) = (reader.u8()?, reader.u8()?);
                reader.done()?;
                let alert = Alert { level, description, encrypted: record.encrypted };
                self.common.events.push(Event::Alert(direction, alert));
            }
            record::HANDSHAKE => {
                self.common.records.join(&record.payload);
                while let Some(bytes) = self.common.records.next_message()? {
                    self.on_message(Message::new(direction, record.encrypted, bytes))?;
                }
            }
            // RFC 8446 section 5.1: nothing between the parts of a handshake message.
            record::APPLICATION_DATA if !self.common.records.is_joining() => {
                let early = match &self.role {
                    Role::Client(_) => false,
                    Role::Server(server) => server.reads_early_data(),
                };
                let data = record.payload;
                self.common.events.push(Event::Data { direction, early, data });
            }
            other => return Err(Error::UnexpectedRecord(other)),
        }
        Ok(())
    }

    fn on_message(&mut self, message: Message) -> Result<(), Error> {
        self.common.events.push(Event::Handshake(message.clone()));
        if let Some(check) = &mut self.check {
            self.common.plan = check::ask(
                check,
                &message,
                match &mut self.role {
                    Role::Client(client) => Control::Client(&mut client.config),
                    Role::Server(server) => Control::Server(&mut server.config),
                },
            )?;
        }
        if message.typ == HandshakeType::KEY_UPDATE && self.is_connected() {
            return self.on_key_update(&message);
        }
        match &mut self.role {
            Role::Client(client) => client.handle(&mut self.common, &message),
            Role::Server(server) => server.handle(&mut self.common, &message),
        }
    }

    /// RFC 8446 section 4.6.3.
    fn on_key_update(&mut self, message: &Message) -> Result<(), Error> {
        self.common.records.update_read()?;
        match message.body() {
            [0] => Ok(()),
            [1] => self.send_key_update(false),
            _ => Err(Error::Illegal("KeyUpdate")),
        }
    }
}
