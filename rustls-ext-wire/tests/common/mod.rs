//! A connection for the tests of authenticators: SHA-256 (FIPS 180-4), HMAC (RFC 2104) and fixed
//! exporter values.

use std::sync::LazyLock;

use rustls_ext_wire::authenticator::{Connection, Endpoint};

/// The exporter values for authenticators of one sender.
#[derive(Clone, Debug)]
pub struct Exported {
    pub handshake_context: Vec<u8>,
    pub finished_key: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct TestConnection {
    pub client: Exported,
    pub server: Exported,
}

impl TestConnection {
    /// A connection whose four values begin with `first` and the next three multiples of 32.
    pub fn new(first: u8) -> Self {
        let value = |number: u8| (0..32).map(|at| first.wrapping_add(32 * number + at)).collect();
        Self {
            client: Exported { handshake_context: value(0), finished_key: value(1) },
            server: Exported { handshake_context: value(2), finished_key: value(3) },
        }
    }

    pub fn of(&self, sender: Endpoint) -> &Exported {
        match sender {
            Endpoint::Client => &self.client,
            Endpoint::Server => &self.server,
        }
    }
}

impl Connection for TestConnection {
    type Digest = [u8; 32];
    type Tag = [u8; 32];

    fn handshake_context(&self, sender: Endpoint) -> &[u8] {
        &self.of(sender).handshake_context
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        sha256(&parts.concat())
    }

    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> [u8; 32] {
        hmac(&self.of(sender).finished_key, message)
    }
}

/// Keys have at most 64 bytes.
pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let pad = |with: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect()
    };
    let inner = sha256(&[&pad(0x36), message].concat());
    sha256(&[pad(0x5c), inner.to_vec()].concat())
}

pub fn sha256(message: &[u8]) -> [u8; 32] {
    let mut state = START.clone();
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - message.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let length = padded.len() - 8;
    padded[length..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        for at in 16..64 {
            let (a, b) = (words[at - 15], words[at - 2]);
            let a = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let b = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            let sum = words[at - 16].wrapping_add(a).wrapping_add(words[at - 7]);
            words.push(sum.wrapping_add(b));
        }
        let mut s = state.clone();
        for (word, constant) in words.iter().zip(&*CONSTANTS) {
            let e = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
            let choice = (s[4] & s[5]) ^ (!s[4] & s[6]);
            let first = [s[7], e, choice, *constant, *word].into_iter();
            let first = first.fold(0, u32::wrapping_add);
            let a = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
            let majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            s.rotate_right(1);
            s[4] = s[4].wrapping_add(first);
            s[0] = first.wrapping_add(a).wrapping_add(majority);
        }
        for (all, of_block) in state.iter_mut().zip(s) {
            *all = all.wrapping_add(of_block);
        }
    }
    let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.try_into().unwrap()
}

static START: LazyLock<Vec<u32>> =
    LazyLock::new(|| roots(8, |prime| (u128::from(prime) << 64).isqrt()));
static CONSTANTS: LazyLock<Vec<u32>> = LazyLock::new(|| roots(64, cube_root));

/// The first 32 bits of the fractions of roots of the first primes. `root` is the root times 2^32.
fn roots(count: usize, root: fn(u32) -> u128) -> Vec<u32> {
    let primes = (2..).filter(|n| (2..*n).all(|divisor| n % divisor != 0));
    primes.take(count).map(|prime| root(prime) as u32).collect()
}

/// The cube root of a number, times 2^32.
fn cube_root(number: u32) -> u128 {
    let target = u128::from(number) << 96;
    (0..36).rev().fold(0_u128, |root, bit| {
        let larger = root | (1 << bit);
        if larger.pow(3) <= target { larger } else { root }
    })
}

#[test]
fn sha256_and_hmac_give_published_results() {
    let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
    let long = [b'a'; 119];
    for (message, digest) in [
        (&b"abc"[..], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (&long, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"),
    ] {
        assert_eq!(hex(sha256(message)), digest);
    }
    // RFC 4231, test case 2
    let tag = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(hex(tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
