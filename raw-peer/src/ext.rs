//! Extensions: their numbers, and the bodies that the peer itself builds and reads.

use super::wire::{Reader, Writer, u16s};
use super::{Error, group};

/// server_name (RFC 6066 section 3).
pub const SERVER_NAME: u16 = 0;
/// status_request (RFC 6066 section 8).
pub const STATUS_REQUEST: u16 = 5;
/// supported_groups (RFC 8446 section 4.2.7).
pub const SUPPORTED_GROUPS: u16 = 10;
/// ec_point_formats (RFC 8422 section 5.1.2), for TLS 1.2.
pub const EC_POINT_FORMATS: u16 = 11;
/// signature_algorithms (RFC 8446 section 4.2.3).
pub const SIGNATURE_ALGORITHMS: u16 = 13;
/// application_layer_protocol_negotiation (RFC 7301).
pub const ALPN: u16 = 16;
/// extended_master_secret (RFC 7627), for TLS 1.2.
pub const EXTENDED_MASTER_SECRET: u16 = 23;
/// compress_certificate (RFC 8879).
pub const COMPRESS_CERTIFICATE: u16 = 27;
/// pre_shared_key (RFC 8446 section 4.2.11).
pub const PRE_SHARED_KEY: u16 = 41;
/// early_data (RFC 8446 section 4.2.10).
pub const EARLY_DATA: u16 = 42;
/// supported_versions (RFC 8446 section 4.2.1).
pub const SUPPORTED_VERSIONS: u16 = 43;
/// cookie (RFC 8446 section 4.2.2).
pub const COOKIE: u16 = 44;
/// psk_key_exchange_modes (RFC 8446 section 4.2.9).
pub const PSK_KEY_EXCHANGE_MODES: u16 = 45;
/// certificate_authorities (RFC 8446 section 4.2.4).
pub const CERTIFICATE_AUTHORITIES: u16 = 47;
/// key_share (RFC 8446 section 4.2.8).
pub const KEY_SHARE: u16 = 51;
/// tls_flags (draft-ietf-tls-tlsflags).
pub const TLS_FLAGS: u16 = 62;
/// ech_outer_extensions (RFC 9849 section 5.1), in encoded inner hellos only.
pub const ECH_OUTER_EXTENSIONS: u16 = 0xfd00;
/// encrypted_client_hello (RFC 9849 section 5); an ECHConfig has it as its version.
pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// One extension, exactly as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// extension_type.
    pub typ: u16,
    /// extension_data, without its two length bytes.
    pub body: Vec<u8>,
}

impl Extension {
    /// Any type with any body.
    pub fn new(typ: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { typ, body: body.into() }
    }

    fn built(typ: u16, fill: impl FnOnce(&mut Writer)) -> Result<Self, Error> {
        let mut writer = Writer::default();
        fill(&mut writer);
        Ok(Self { typ, body: writer.finish("extension")? })
    }
}

/// The body of the first extension of this type.
pub fn find(extensions: &[Extension], typ: u16) -> Option<&[u8]> {
    extensions.iter().find(|e| e.typ == typ).map(|e| e.body.as_slice())
}

/// Replaces the first extension of this type where it stands, or adds it at the end (before
/// pre_shared_key, which must stay last in a ClientHello).
pub fn set(extensions: &mut Vec<Extension>, extension: Extension) {
    match extensions.iter_mut().find(|e| e.typ == extension.typ) {
        Some(old) => *old = extension,
        None => add(extensions, extension),
    }
}

/// Adds at the end, but before a final pre_shared_key (RFC 8446 section 4.2.11).
pub fn add(extensions: &mut Vec<Extension>, extension: Extension) {
    let psk_last = extensions.last().is_some_and(|e| e.typ == PRE_SHARED_KEY);
    extensions.insert(extensions.len() - usize::from(psk_last), extension);
}

pub(super) fn read_block(reader: &mut Reader<'_>) -> Result<Vec<Extension>, Error> {
    reader.list16()?.each(|r| Ok(Extension { typ: r.u16()?, body: r.vec16()?.to_vec() }))
}

pub(super) fn write_block(writer: &mut Writer, extensions: &[Extension]) {
    writer.list16(|w| {
        for extension in extensions {
            w.u16(extension.typ).vec16(&extension.body);
        }
    });
}

pub(super) fn server_name(name: &str) -> Result<Extension, Error> {
    Extension::built(SERVER_NAME, |w| {
        w.list16(|w| {
            w.u8(0).vec16(name.as_bytes());
        });
    })
}

/// ALPN, for either side (a server names one).
pub(super) fn alpn<P: AsRef<[u8]>>(protocols: &[P]) -> Result<Extension, Error> {
    Extension::built(ALPN, |w| {
        w.list16(|w| {
            for protocol in protocols {
                w.vec8(protocol.as_ref());
            }
        });
    })
}

pub(super) fn read_alpn(body: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut reader = Reader::new(body, "ALPN list");
    let list = reader.list16()?.each(|r| Ok(r.vec8()?.to_vec()))?;
    reader.done().map(|()| list)
}

/// supported_groups, signature_algorithms: a list of `u16` with a two-byte length.
pub(super) fn u16_list16(typ: u16, values: &[u16]) -> Result<Extension, Error> {
    Extension::built(typ, |w| {
        w.vec16(&u16s(values));
    })
}

/// supported_versions of a client, compress_certificate: with a one-byte length.
pub(super) fn u16_list8(typ: u16, values: &[u16]) -> Result<Extension, Error> {
    Extension::built(typ, |w| {
        w.vec8(&u16s(values));
    })
}

pub(super) fn read_u16_list8(body: &[u8], what: &'static str) -> Result<Vec<u16>, Error> {
    let mut reader = Reader::new(body, what);
    let list = Reader::new(reader.vec8()?, what).each(Reader::u16)?;
    reader.done().map(|()| list)
}

pub(super) fn key_shares(shares: &[(u16, Vec<u8>)]) -> Result<Extension, Error> {
    Extension::built(KEY_SHARE, |w| {
        w.list16(|w| {
            for (group, key) in shares {
                w.u16(*group).vec16(key);
            }
        });
    })
}

pub(super) fn key_share(group: u16, key: &[u8]) -> Result<Extension, Error> {
    Extension::built(KEY_SHARE, |w| {
        w.u16(group).vec16(key);
    })
}

/// The x25519 share of a ClientHello, if there is one.
pub(super) fn read_client_x25519(body: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut reader = Reader::new(body, "key_share");
    let shares = reader.list16()?.each(|r| Ok((r.u16()?, r.vec16()?.to_vec())))?;
    reader.done()?;
    Ok(shares.into_iter().find(|(g, _)| *g == group::X25519).map(|(_, key)| key))
}

pub(super) fn read_server_share(body: &[u8]) -> Result<(u16, Vec<u8>), Error> {
    let mut reader = Reader::new(body, "key_share");
    let share = (reader.u16()?, reader.vec16()?.to_vec());
    reader.done().map(|()| share)
}

pub(super) fn authorities(names: &[Vec<u8>]) -> Result<Extension, Error> {
    Extension::built(CERTIFICATE_AUTHORITIES, |w| {
        w.list16(|w| {
            for name in names {
                w.vec16(name);
            }
        });
    })
}

pub(super) fn cookie(cookie: &[u8]) -> Result<Extension, Error> {
    Extension::built(COOKIE, |w| {
        w.vec16(cookie);
    })
}

/// pre_shared_key of a client, with one identity. The binder is filled in when the message is
/// encoded, since it covers the message.
pub(super) fn offered_psk(ticket: &[u8], age: u32, binder: &[u8]) -> Result<Extension, Error> {
    Extension::built(PRE_SHARED_KEY, |w| {
        w.list16(|w| {
            w.vec16(ticket).u32(age);
        });
        w.list16(|w| {
            w.vec8(binder);
        });
    })
}

/// Identities, binders, and the length of the binders list with its length bytes.
pub(super) fn read_offered_psks(body: &[u8]) -> Result<OfferedPsks, Error> {
    let mut reader = Reader::new(body, "pre_shared_key");
    let identities = reader.list16()?.each(|r| {
        let identity = r.vec16()?.to_vec();
        r.u32().map(|_age| identity)
    })?;
    let list = reader.vec16()?;
    reader.done()?;
    let binders = Reader::new(list, "pre_shared_key").each(|r| Ok(r.vec8()?.to_vec()))?;
    Ok(OfferedPsks { identities, binders, binders_len: list.len() + 2 })
}

pub(super) struct OfferedPsks {
    pub(super) identities: Vec<Vec<u8>>,
    pub(super) binders: Vec<Vec<u8>>,
    pub(super) binders_len: usize,
}
