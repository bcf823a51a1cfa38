//! The ClientHello, and its binder.

use super::common::{self, Common};
use super::wire::Writer;
use super::{
    ClientConfig, ClientHello, Error, Extension, Shares, Ticket, compress, crypto, ext, group,
    version,
};

/// ECDHE_ECDSA and ECDHE_RSA with AES_128_GCM_SHA256, to offer with TLS 1.2.
const TLS12_SUITES: [u16; 2] = [0xc02b, 0xc02f];

/// ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ed25519, and RSA as PSS and PKCS#1 with
/// SHA-256: the server's signature is not checked, so any will do.
const SCHEMES: [u16; 5] = [common::ECDSA_P256, 0x0503, 0x0807, 0x0804, 0x0401];

/// The first ClientHello that a configuration asks for.
pub(super) fn build(config: &ClientConfig, x25519: &[u8]) -> Result<ClientHello, Error> {
    let tls12 = config.versions.contains(&version::TLS12);
    let mut cipher_suites: Vec<u16> = config.suites.iter().map(|s| s.code()).collect();
    let mut extensions = Vec::new();
    if let Some(name) = &config.server_name {
        extensions.push(ext::server_name(name)?);
    }
    extensions.push(ext::u16_list16(ext::SUPPORTED_GROUPS, &config.groups)?);
    extensions.push(ext::u16_list16(ext::SIGNATURE_ALGORITHMS, &SCHEMES)?);
    if tls12 {
        cipher_suites.extend(TLS12_SUITES);
        extensions.push(Extension::new(ext::EC_POINT_FORMATS, [1, 0]));
        extensions.push(Extension::new(ext::EXTENDED_MASTER_SECRET, []));
    }
    if !config.alpn.is_empty() {
        extensions.push(ext::alpn(&config.alpn)?);
    }
    if config.accept_compression {
        extensions.push(ext::u16_list8(ext::COMPRESS_CERTIFICATE, &[compress::ZLIB])?);
    }
    extensions.push(ext::u16_list8(ext::SUPPORTED_VERSIONS, &config.versions)?);
    extensions.push(match &config.shares {
        Shares::X25519 => ext::key_shares(&[(group::X25519, x25519.to_vec())])?,
        Shares::Only(shares) => ext::key_shares(shares)?,
    });
    // psk_dhe_ke; without it a server sends no tickets.
    extensions.push(Extension::new(ext::PSK_KEY_EXCHANGE_MODES, [1, 1]));
    if config.early_data.is_some() {
        extensions.push(Extension::new(ext::EARLY_DATA, []));
    }
    if let Some(ticket) = &config.ticket {
        let binder = vec![0; ticket.suite.hash_len()];
        let age = ticket.obfuscated_age();
        extensions.push(ext::offered_psk(&ticket.identity, age, &binder)?);
    }
    Ok(ClientHello {
        legacy_version: version::TLS12,
        random: crypto::random()?,
        session_id: crypto::random::<32>()?.to_vec(),
        cipher_suites,
        compression_methods: vec![0],
        extensions,
    })
}

/// Puts the binder where a ClientHello ends with the placeholder; one that edits have changed
/// there is not touched.
pub(super) fn fill_binder(
    common: &Common,
    ticket: &Ticket,
    hello: &mut Vec<u8>,
) -> Result<(), Error> {
    let len = ticket.suite.hash_len();
    let mut list = Writer::default();
    list.list16(|w| {
        w.vec8(&vec![0; len]);
    });
    let list = list.finish("binder")?;
    if let Some(partial) = hello.strip_suffix(list.as_slice()) {
        let binder = ticket.binder(&[&common.transcript, partial].concat())?;
        hello.truncate(hello.len() - len);
        hello.extend(binder);
    }
    Ok(())
}
