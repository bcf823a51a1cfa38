//! CRC-32C, the checksum of the PROXY protocol, version 2.

/// The length of the checksum, in bytes.
pub(super) const CRC32C_LENGTH: usize = 4;

/// Returns the CRC-32C (RFC 4960 appendix B) of these bytes.
///
/// Headers are short, so that it needs no table.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    /// The polynomial 0x1edc6f41, its lowest bit first.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of RFC 3720 appendix B.4, and the usual check value.
    #[test]
    fn the_checksums_are_those_of_rfc_3720() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(checksum(b""), 0);
    }
}
