//! The client from EncryptedExtensions on: early data, its own flight, tickets.

use super::client::{Client, Early, State};
use super::common::Common;
use super::{Answer, Error, Extension, HandshakeType, Identity, NewSessionTicket, Ticket, ext};

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

    /// The second flight (RFC 8446 section 4.4), behind the server's Finished.
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
                Answer::Empty => {
                    common.send_identity(&Identity::default(), context, zlib, "client")?;
                }
                Answer::With(identity) => {
                    common.send_identity(identity, context, zlib, "client")?
                }
                Answer::NoCertificate => {}
                Answer::Silence => {
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

/// Keeps what a NewSessionTicket gives.
pub(super) fn store(common: &mut Common, message: NewSessionTicket) -> Result<(), Error> {
    let keys = common.keys()?;
    let ticket = Ticket::of(keys.suite, &keys.resumption, message)?;
    common.tickets.push(ticket);
    Ok(())
}
