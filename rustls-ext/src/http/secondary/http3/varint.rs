use bytes::BufMut;

/// A variable-length integer of QUIC (RFC 9000 section 16) of which some bytes have arrived. It need
/// not be of the shortest form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Varint {
    value: u64,
    /// How many bytes are missing; 0 before the first one.
    missing: u8,
}

impl Varint {
    /// Before the first byte.
    pub(super) const START: Self = Self { value: 0, missing: 0 };

    /// Adds a byte, and returns the number if it is complete. The next byte begins another number.
    pub(super) fn push(&mut self, byte: u8) -> Option<u64> {
        (self.value, self.missing) = match self.missing {
            0 => (u64::from(byte & 0x3f), (1 << (byte >> 6)) - 1),
            missing => ((self.value << 8) | u64::from(byte), missing - 1),
        };
        (self.missing == 0).then_some(self.value)
    }
}

/// Writes the shortest form of `number`, which must be below 2^62.
pub(super) fn put_varint(out: &mut impl BufMut, number: u64) {
    match number {
        0..0x40 => out.put_uint(number, 1),
        0x40..0x4000 => out.put_uint(number | 0x4000, 2),
        0x4000..0x4000_0000 => out.put_uint(number | 0x8000_0000, 4),
        _ => out.put_u64(number | 0xc000_0000_0000_0000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 9000 appendix A.1, one of which is not of the shortest form.
    const EXAMPLES: [(&[u8], u64); 5] = [
        (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
        (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
        (&[0x7b, 0xbd], 15_293),
        (&[0x25], 37),
        (&[0x40, 0x25], 37),
    ];

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        let mut varint = Varint::START;
        for (bytes, number) in EXAMPLES {
            let (last, first) = bytes.split_last().unwrap();
            for byte in first {
                assert_eq!(varint.push(*byte), None);
            }
            assert_eq!(varint.push(*last), Some(number));
            if bytes != [0x40, 0x25] {
                let mut written = Vec::new();
                put_varint(&mut written, number);
                assert_eq!(written, bytes);
            }
        }
    }

    #[test]
    fn the_limits_of_each_form_survive_a_round_trip() {
        for number in [0, 0x3f, 0x40, 0x3fff, 0x4000, 0x3fff_ffff, 0x4000_0000, (1 << 62) - 1] {
            let mut written = Vec::new();
            put_varint(&mut written, number);
            let mut varint = Varint::START;
            let read: Vec<_> = written.iter().map(|byte| varint.push(*byte)).collect();
            assert_eq!(read.last(), Some(&Some(number)));
            assert!(read.iter().rev().skip(1).all(Option::is_none));
        }
    }
}
