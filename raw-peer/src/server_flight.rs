//! What a server sends behind its ServerHello, and its tickets.

use super::common::{self, Common};
use super::ech::Ech;
use super::server::{Server, State};
use super::{
    CertificateRequest, ClientHello, Error, Extension, Handshake, NewSessionTicket, Slot, Ticket,
    compress, crypto, ext,
};

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
