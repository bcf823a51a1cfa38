//! One ticket key and its text.

use std::fmt::{self, Write};
use std::str::Split;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use zeroize::Zeroizing;

use super::TicketKeyError;
use crate::anchors::rfc3339;

/// The length of a name, in bytes.
pub(super) const NAME: usize = 16;
/// The length of a secret, in bytes: the output of SHA-384, so that it is a key for HKDF-Expand
/// (RFC 5869 section 2.3).
pub(super) const SECRET: usize = 48;
/// How long a key may decrypt after it began to encrypt, in seconds. The lifetime of a ticket is at
/// most 7 days (RFC 8446 section 4.6.1), and a key may encrypt for as long.
const MAX_LIFE: u64 = 14 * 24 * 3600;
/// The first second of the year 10000, which no time reaches.
const END_OF_TIME: u64 = 253_402_300_800;

const FORMAT: &str = "rustls-ext ticket key, version ";
const VERSION: &str = "1";
/// The most that a key's text can have, in bytes; it has fewer.
pub(super) const MAX_TEXT: usize = 1024;

/// A key that encrypts session tickets, with a public name and the times of its use.
///
/// `Debug` and `Display` show the name and the times; the secret is overwritten when the key is
/// dropped.
#[derive(Clone)]
pub struct TicketKey {
    pub(super) name: [u8; NAME],
    created: u64,
    pub(super) encrypts_from: u64,
    pub(super) expires: u64,
    pub(super) secret: Zeroizing<[u8; SECRET]>,
}

impl TicketKey {
    /// Makes a key with a random name and secret. It encrypts after `delay`, if no newer key does,
    /// and decrypts until it expires, `lifetime` after that. Times are in whole seconds.
    ///
    /// # Errors
    /// [`TicketKeyError::BadTimes`] if `lifetime` is shorter than a second or longer than 14 days;
    /// [`TicketKeyError::NoRandom`].
    pub fn generate(
        provider: &CryptoProvider,
        now: UnixTime,
        delay: Duration,
        lifetime: Duration,
    ) -> Result<Self, TicketKeyError> {
        let mut name = [0; NAME];
        let mut secret = Zeroizing::new([0; SECRET]);
        let random = provider.secure_random;
        random.fill(&mut name).map_err(|_| TicketKeyError::NoRandom)?;
        random.fill(&mut *secret).map_err(|_| TicketKeyError::NoRandom)?;
        let created = now.as_secs();
        let encrypts_from = created.saturating_add(delay.as_secs());
        let expires = encrypts_from.saturating_add(lifetime.as_secs());
        Self { name, created, encrypts_from, expires, secret }.checked()
    }

    /// Reads the text of a key, as [`to_text()`](Self::to_text) makes it.
    ///
    /// # Errors
    /// If it is not exactly such a text: one byte more or less is an error.
    pub fn from_text(text: &[u8]) -> Result<Self, TicketKeyError> {
        if text.len() > MAX_TEXT {
            return Err(TicketKeyError::NotAKey);
        }
        let text = std::str::from_utf8(text).map_err(|_| TicketKeyError::NotAKey)?;
        let text = text.strip_prefix(FORMAT).ok_or(TicketKeyError::NotAKey)?;
        let mut lines = Lines { number: 1, lines: text.split('\n') };
        if lines.lines.next() != Some(VERSION) {
            return Err(TicketKeyError::UnknownVersion);
        }
        let name = lines.hex("name: ", "`name: ` and 32 hexadecimal digits in lower case")?;
        let created = lines.time("created: ", "`created: ` and seconds since 1970")?;
        let encrypts_from =
            lines.time("encrypts-from: ", "`encrypts-from: ` and seconds since 1970")?;
        let expires = lines.time("expires: ", "`expires: ` and seconds since 1970")?;
        let secret = lines.hex("secret: ", "`secret: ` and 96 hexadecimal digits in lower case")?;
        // The last line has an end, and nothing is after it.
        lines.next("", "the end", |rest| rest.is_empty().then_some(()))?;
        if lines.lines.next().is_some() {
            return Err(TicketKeyError::BadLine { line: lines.number, expected: "the end" });
        }
        let name = *name;
        Self { name, created, encrypts_from, expires, secret }.checked()
    }

    /// The text of this key, for a file or a database. It contains the secret.
    ///
    /// ```text
    /// rustls-ext ticket key, version 1
    /// name: 32 hexadecimal digits
    /// created: seconds since 1970
    /// encrypts-from: seconds since 1970
    /// expires: seconds since 1970
    /// secret: 96 hexadecimal digits
    /// ```
    pub fn to_text(&self) -> Zeroizing<String> {
        // With this capacity the text is never reallocated, which would leave a copy in memory.
        let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT));
        let Self { created, encrypts_from, expires, .. } = self;
        // Writing to a String does not fail.
        let _ = write!(text, "{FORMAT}{VERSION}\nname: {}\n", self.name());
        let _ = write!(text, "created: {created}\nencrypts-from: {encrypts_from}\n");
        let _ = write!(text, "expires: {expires}\nsecret: ");
        for byte in &*self.secret {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }

    /// The name in hexadecimal digits. It is public: it is in each ticket of this key.
    pub fn name(&self) -> String {
        self.name.iter().fold(String::with_capacity(2 * NAME), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// When this key was made.
    pub fn created(&self) -> UnixTime {
        time(self.created)
    }

    /// When this key begins to encrypt, if no newer key does. It decrypts before that, too.
    pub fn encrypts_from(&self) -> UnixTime {
        time(self.encrypts_from)
    }

    /// When this key stops to encrypt and to decrypt.
    pub fn expires(&self) -> UnixTime {
        time(self.expires)
    }

    /// Returns true if this key can no longer be used.
    pub fn is_expired(&self, now: UnixTime) -> bool {
        self.expires <= now.as_secs()
    }

    /// The order in which keys are preferred for encryption: the greatest is the newest.
    pub(super) fn age(&self) -> impl Ord + use<> {
        (self.encrypts_from, self.created, self.name)
    }

    fn checked(self) -> Result<Self, TicketKeyError> {
        let life = self.expires.checked_sub(self.encrypts_from);
        let in_order = self.created <= self.encrypts_from && self.expires < END_OF_TIME;
        if in_order && life.is_some_and(|life| (1..=MAX_LIFE).contains(&life)) {
            Ok(self)
        } else {
            Err(TicketKeyError::BadTimes)
        }
    }
}

fn time(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// The lines of a key's text, of which the first is read.
struct Lines<'a> {
    /// The number of the last line that was read.
    number: usize,
    lines: Split<'a, char>,
}

impl Lines<'_> {
    fn next<T>(
        &mut self,
        label: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, TicketKeyError> {
        self.number += 1;
        let line = self.lines.next().and_then(|line| line.strip_prefix(label));
        line.and_then(read).ok_or(TicketKeyError::BadLine { line: self.number, expected })
    }

    fn time(&mut self, label: &str, expected: &'static str) -> Result<u64, TicketKeyError> {
        self.next(label, expected, |text| {
            // Without signs and leading zeros.
            text.parse().ok().filter(|time: &u64| time.to_string() == text)
        })
    }

    fn hex<const N: usize>(
        &mut self,
        label: &str,
        expected: &'static str,
    ) -> Result<Zeroizing<[u8; N]>, TicketKeyError> {
        self.next(label, expected, |text| {
            let mut bytes = Zeroizing::new([0; N]);
            if text.len() != 2 * N {
                return None;
            }
            for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                let [high, low] = *pair else { return None };
                *byte = digit(high)? << 4 | digit(low)?;
            }
            Some(bytes)
        })
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [created, from, expires] =
            [self.created, self.encrypts_from, self.expires].map(|at| rfc3339(time(at)));
        write!(f, "{} created={created} encrypts_from={from} expires={expires}", self.name())
    }
}

impl fmt::Debug for TicketKey {
    /// Leaves out the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketKey({self})")
    }
}
