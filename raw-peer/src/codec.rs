//! Encodes and decodes handshake messages, without checking or correcting their contents.

use super::wire::{Reader, Writer, u16s};
use super::{
    Certificate, CertificateEntry, CertificateRequest, CertificateVerify, ClientHello,
    CompressedCertificate, Error, Extension, Handshake, HandshakeType, NewSessionTicket,
    ServerHello, ext,
};

/// Encodes with the header: type and three length bytes.
///
/// # Errors
/// [`Error::TooLong`] where a vector does not fit.
pub fn encode(message: &Handshake) -> Result<Vec<u8>, Error> {
    let mut w = Writer::default();
    w.u8(message.typ().0).list24(|w| encode_body(message, w));
    w.finish("handshake message")
}

fn encode_body(message: &Handshake, w: &mut Writer) {
    match message {
        Handshake::ClientHello(m) => {
            w.u16(m.legacy_version).raw(&m.random).vec8(&m.session_id);
            w.vec16(&u16s(&m.cipher_suites)).vec8(&m.compression_methods);
            ext::write_block(w, &m.extensions);
        }
        Handshake::ServerHello(m) => {
            w.u16(m.legacy_version).raw(&m.random).vec8(&m.session_id);
            w.u16(m.cipher_suite).u8(m.compression_method);
            ext::write_block(w, &m.extensions);
        }
        Handshake::EncryptedExtensions(extensions) => ext::write_block(w, extensions),
        Handshake::CertificateRequest(m) => {
            w.vec8(&m.context);
            ext::write_block(w, &m.extensions);
        }
        Handshake::Certificate(m) => {
            w.vec8(&m.context).list24(|w| {
                for entry in &m.entries {
                    w.vec24(&entry.der);
                    ext::write_block(w, &entry.extensions);
                }
            });
        }
        Handshake::CompressedCertificate(m) => {
            w.u16(m.algorithm).u24(m.uncompressed_length).vec24(&m.compressed);
        }
        Handshake::CertificateVerify(m) => {
            w.u16(m.scheme).vec16(&m.signature);
        }
        Handshake::NewSessionTicket(m) => {
            w.u32(m.lifetime).u32(m.age_add).vec8(&m.nonce).vec16(&m.ticket);
            ext::write_block(w, &m.extensions);
        }
        Handshake::Finished(body) | Handshake::Other(_, body) => {
            w.raw(body);
        }
    }
}

/// Decodes one whole message, header included. The messages are those of TLS 1.3; a ServerHello
/// of TLS 1.2 decodes too, the rest of TLS 1.2 does not.
///
/// # Errors
/// [`Error::Decode`] for a structure that does not fit exactly.
pub fn decode(bytes: &[u8]) -> Result<Handshake, Error> {
    let mut reader = Reader::new(bytes, "handshake message");
    let typ = HandshakeType(reader.u8()?);
    let body = reader.vec24()?;
    reader.done()?;
    decode_body(typ, body)
}

/// Splits bytes into whole messages; bytes that are no such sequence stay in one piece.
pub(super) fn split(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let whole = Reader::new(&bytes, "handshake messages").each(|r| {
        let typ = r.u8()?;
        let mut message = Writer::default();
        message.u8(typ).vec24(r.vec24()?);
        message.finish("handshake message")
    });
    whole.unwrap_or_else(|_| vec![bytes])
}

pub(super) fn decode_body(typ: HandshakeType, body: &[u8]) -> Result<Handshake, Error> {
    match typ {
        HandshakeType::CLIENT_HELLO => {
            read(body, "ClientHello", |r| read_client_hello(r).map(Handshake::ClientHello))
        }
        HandshakeType::SERVER_HELLO => read(body, "ServerHello", |r| {
            Ok(Handshake::ServerHello(ServerHello {
                legacy_version: r.u16()?,
                random: r.array()?,
                session_id: r.vec8()?.to_vec(),
                cipher_suite: r.u16()?,
                compression_method: r.u8()?,
                extensions: read_optional_block(r)?,
            }))
        }),
        HandshakeType::ENCRYPTED_EXTENSIONS => read(body, "EncryptedExtensions", |r| {
            ext::read_block(r).map(Handshake::EncryptedExtensions)
        }),
        HandshakeType::CERTIFICATE_REQUEST => read(body, "CertificateRequest", |r| {
            Ok(Handshake::CertificateRequest(CertificateRequest {
                context: r.vec8()?.to_vec(),
                extensions: ext::read_block(r)?,
            }))
        }),
        HandshakeType::CERTIFICATE => read_certificate(body).map(Handshake::Certificate),
        HandshakeType::COMPRESSED_CERTIFICATE => read(body, "CompressedCertificate", |r| {
            Ok(Handshake::CompressedCertificate(CompressedCertificate {
                algorithm: r.u16()?,
                uncompressed_length: r.u24()?,
                compressed: r.vec24()?.to_vec(),
            }))
        }),
        HandshakeType::CERTIFICATE_VERIFY => read(body, "CertificateVerify", |r| {
            Ok(Handshake::CertificateVerify(CertificateVerify {
                scheme: r.u16()?,
                signature: r.vec16()?.to_vec(),
            }))
        }),
        HandshakeType::NEW_SESSION_TICKET => read(body, "NewSessionTicket", |r| {
            Ok(Handshake::NewSessionTicket(NewSessionTicket {
                lifetime: r.u32()?,
                age_add: r.u32()?,
                nonce: r.vec8()?.to_vec(),
                ticket: r.vec16()?.to_vec(),
                extensions: ext::read_block(r)?,
            }))
        }),
        HandshakeType::FINISHED => Ok(Handshake::Finished(body.to_vec())),
        other => Ok(Handshake::Other(other, body.to_vec())),
    }
}

pub(super) fn read_client_hello(r: &mut Reader<'_>) -> Result<ClientHello, Error> {
    Ok(ClientHello {
        legacy_version: r.u16()?,
        random: r.array()?,
        session_id: r.vec8()?.to_vec(),
        cipher_suites: r.list16()?.each(Reader::u16)?,
        compression_methods: r.vec8()?.to_vec(),
        extensions: read_optional_block(r)?,
    })
}

pub(super) fn read_certificate(body: &[u8]) -> Result<Certificate, Error> {
    read(body, "Certificate", |r| {
        let context = r.vec8()?.to_vec();
        let entries = Reader::new(r.vec24()?, "Certificate").each(|r| {
            Ok(CertificateEntry { der: r.vec24()?.to_vec(), extensions: ext::read_block(r)? })
        })?;
        Ok(Certificate { context, entries })
    })
}

fn read<T>(
    body: &[u8],
    what: &'static str,
    parse: impl FnOnce(&mut Reader<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut reader = Reader::new(body, what);
    let parsed = parse(&mut reader)?;
    reader.done().map(|()| parsed)
}

/// The hellos of TLS 1.2 may end without an extension block.
fn read_optional_block(reader: &mut Reader<'_>) -> Result<Vec<Extension>, Error> {
    if reader.is_empty() { Ok(Vec::new()) } else { ext::read_block(reader) }
}
