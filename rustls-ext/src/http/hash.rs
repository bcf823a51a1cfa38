use std::fmt;

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::ChallengeProblem;

/// The name of a hash function (RFC 4572 section 5, and the registry that it establishes).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashName {
    /// `sha-224`
    Sha224,
    /// `sha-256`, which every client supports (CANT-2).
    Sha256,
    /// `sha-384`
    Sha384,
    /// `sha-512`
    Sha512,
    /// Another one, in lower case. Fingerprints made with it can be read and written, but never
    /// match.
    Other(String),
}

impl HashName {
    /// Returns the hash function that a parameter of this name uses, if it is a fingerprint.
    ///
    /// Besides the registry's names, every name that begins with `sha` is treated as a hash
    /// function: if a name that is registered later were ignored, the challenge would accept any
    /// certificate.
    pub(super) fn of_parameter(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "sha-224" => Self::Sha224,
            "sha-256" => Self::Sha256,
            "sha-384" => Self::Sha384,
            "sha-512" => Self::Sha512,
            "md2" | "md5" => Self::Other(name),
            _ if name.starts_with("sha") => Self::Other(name),
            _ => return None,
        })
    }

    /// Returns the name as in a parameter.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
            Self::Other(name) => name,
        }
    }

    /// The length of its result in bytes, if known.
    fn length(&self) -> Option<usize> {
        match self {
            Self::Sha224 => Some(28),
            Self::Sha256 => Some(32),
            Self::Sha384 => Some(48),
            Self::Sha512 => Some(64),
            Self::Other(_) => None,
        }
    }

    fn digest(&self, data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Sha224 => Some(Sha224::digest(data).to_vec()),
            Self::Sha256 => Some(Sha256::digest(data).to_vec()),
            Self::Sha384 => Some(Sha384::digest(data).to_vec()),
            Self::Sha512 => Some(Sha512::digest(data).to_vec()),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for HashName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The hash of a certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    hash: HashName,
    bytes: Vec<u8>,
}

impl Fingerprint {
    /// Computes the SHA-256 fingerprint of this certificate.
    pub fn sha256(certificate: &[u8]) -> Self {
        Self { hash: HashName::Sha256, bytes: Sha256::digest(certificate).to_vec() }
    }

    /// Computes the fingerprint of this certificate, if this crate supports `hash`.
    pub fn new(certificate: &[u8], hash: &HashName) -> Option<Self> {
        Some(Self { bytes: hash.digest(certificate)?, hash: hash.clone() })
    }

    /// Converts the decoded value of a parameter.
    ///
    /// The draft's only example is the base64 of a fingerprint in hexadecimal digits, so that is
    /// accepted, too.
    pub(super) fn from_bytes(hash: HashName, bytes: Vec<u8>) -> Result<Self, ChallengeProblem> {
        let wrong = |bytes: &[u8]| ChallengeProblem::WrongLength {
            name: hash.as_str().into(),
            bytes: bytes.len(),
        };
        let bytes = match hash.length() {
            None if bytes.is_empty() => return Err(wrong(&bytes)),
            Some(length) if bytes.len() == 2 * length => {
                from_hex(&bytes).ok_or_else(|| wrong(&bytes))?
            }
            Some(length) if bytes.len() != length => return Err(wrong(&bytes)),
            _ => bytes,
        };
        Ok(Self { hash, bytes })
    }

    /// Returns the hash function.
    pub fn hash(&self) -> &HashName {
        &self.hash
    }

    /// Returns the bytes of the hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Fingerprint {
    /// The bytes in hexadecimal digits with colons between them, as OpenSSL writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.bytes.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}
