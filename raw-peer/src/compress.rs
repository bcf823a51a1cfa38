//! Certificate compression with zlib (RFC 8879).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{CompressedCertificate, Error};

/// CertificateCompressionAlgorithm zlib (RFC 8879 section 7.3).
pub const ZLIB: u16 = 1;

/// `body` is that of a Certificate message, without its header.
pub(super) fn compress(body: &[u8]) -> Result<CompressedCertificate, Error> {
    let failed = |_| Error::Crypto("zlib");
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).map_err(failed)?;
    Ok(CompressedCertificate {
        algorithm: ZLIB,
        uncompressed_length: body.len(),
        compressed: encoder.finish().map_err(failed)?,
    })
}

/// Returns the body of the Certificate. Never inflates more than the message announces.
pub(super) fn decompress(message: &CompressedCertificate) -> Result<Vec<u8>, Error> {
    if message.algorithm != ZLIB {
        return Err(Error::Illegal("certificate compression algorithm"));
    }
    let limit = u64::try_from(message.uncompressed_length).unwrap_or(u64::MAX).saturating_add(1);
    let mut body = Vec::new();
    ZlibDecoder::new(message.compressed.as_slice())
        .take(limit)
        .read_to_end(&mut body)
        .map_err(|_| Error::BadCompression)?;
    if body.len() == message.uncompressed_length { Ok(body) } else { Err(Error::BadCompression) }
}
