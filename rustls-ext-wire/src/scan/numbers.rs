//! Detects extensions that occur twice: exactly, for any types and any number of them, without
//! allocation, in time linear in their number.

/// The extension types of one ClientHello that were found so far.
pub(crate) trait Numbers {
    /// Returns true if this one is found for the first time.
    fn is_new(&mut self, number: u16) -> bool;
}

/// Two words of bits: one for each type below 64, and a filter for those above, of which a
/// ClientHello has few. A repeated type is never reported as new, but a new type may be reported as
/// repeated.
#[derive(Default)]
pub(crate) struct Quick {
    low: u64,
    high: u64,
}

impl Numbers for Quick {
    #[inline(always)]
    fn is_new(&mut self, number: u16) -> bool {
        let (word, bit) = if number < 64 {
            (&mut self.low, 1 << number)
        } else {
            (&mut self.high, 1 << hash(number))
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Maps a type to a number from 0 to 63. The factor was chosen so that the types which clients are
/// known to send have different numbers; a ClientHello with a collision is read twice.
const fn hash(number: u16) -> u32 {
    (number as u32).wrapping_mul(3_020_608_771) >> 26
}

const _: () = {
    let mut met = 0_u64;
    let mut place = 0;
    while place < IN_USE.len() {
        let bit = 1 << hash(IN_USE[place]);
        assert!(met & bit == 0);
        met |= bit;
        place += 1;
    }
};

/// Types above 63 that are in use: GREASE (RFC 8701), and others that were observed or documented.
const IN_USE: [u16; 33] = [
    0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a, 0x8a8a, 0x9a9a, 0xaaaa, 0xbaba,
    0xcaca, 0xdada, 0xeaea, 0xfafa, 0x12e0, 0x3374, 0x4469, 0x44cd, 0x754f, 0x7550, 0x8a3b, 0xca34,
    0xfd00, 0xfe01, 0xfe0d, 0xff01, 0xff02, 0xffa5, 0xffca, 0xffce, 0xffff,
];

/// A bit for each of the 65,536 types.
pub(crate) struct Exact {
    met: [u64; 1024],
}

impl Exact {
    pub(crate) const fn new() -> Self {
        Self { met: [0; 1024] }
    }
}

impl Numbers for Exact {
    fn is_new(&mut self, number: u16) -> bool {
        let bit = 1 << (number % 64);
        let word = &mut self.met[usize::from(number / 64)]; // 65535 / 64 is 1023
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}
