//! Handshakes in memory, in one thread: pristine rustls and the patched one under the same
//! conditions, and with the features for them, the libraries that a user might take instead.

use std::any::Any;
use std::fmt;

#[macro_use]
mod sides;
#[cfg(any(feature = "peers", feature = "openssl"))]
#[macro_use]
mod ssl;

#[cfg(feature = "peers")]
mod boringssl;
#[cfg(feature = "openssl")]
mod openssl;
mod patched;
mod pki;
mod pristine;
mod ways;

pub use pki::Pki;
pub use ways::{WAYS, Way, ways};

/// The name that clients ask for.
pub const SERVER_NAME: &str = "localhost";

/// What it took until the server had what it wanted: with a client that authenticates, a verified
/// certificate, else the end of the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often either end spoke in its turn.
    pub flights: u32,
    /// Bytes of TLS records, in both directions.
    pub bytes: usize,
}

/// A client and a server that shake hands as often as one likes.
pub trait Ends {
    /// Shakes hands once.
    ///
    /// # Panics
    /// Unless just that comes of it which is to be measured.
    fn shake(&mut self) -> Cost;
}

impl Cost {
    /// One end has spoken, or had nothing to say.
    fn count(&mut self, bytes: usize) {
        if bytes > 0 {
            self.flights += 1;
            self.bytes += bytes;
        }
    }
}

/// Which of the two crates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crate {
    Pristine,
    Patched,
}

/// The cryptography under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Ring,
    AwsLcRs,
}

/// The version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

/// The client's key; the server's is of P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    P256,
    Ed25519,
    Rsa2048,
}

/// What client and server do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Neither offer nor policy, no certificate of the client's.
    Unused,
    /// The client offers, to a server without a policy.
    Ignored,
    /// The server insists on a certificate from everybody, as rustls has it.
    Mutual,
    /// The client offers, and a policy with this many rules insists on a certificate then. With
    /// TLS 1.2, where there are no flags, the offer is CARE.
    Accepted(u32),
    /// `Unused`, resumed.
    Resumed,
    /// `Mutual`, resumed.
    ResumedMutual,
    /// `Accepted(1)`, resumed, for which the certificate is verified again.
    ResumedAccepted,
}

/// A handshake of rustls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub which: Crate,
    pub provider: Provider,
    pub version: Version,
    pub key: Key,
    pub scenario: Scenario,
}

impl Case {
    /// All, or the ones with ring, TLS 1.3 and P-256.
    pub fn all(quick: bool) -> Vec<Self> {
        use Scenario::*;
        let pristine = [Unused, Mutual, Resumed, ResumedMutual];
        let patched = [
            Unused,
            Ignored,
            Mutual,
            Accepted(1),
            Accepted(10),
            Accepted(1_000),
            Accepted(100_000),
            Resumed,
            ResumedMutual,
            ResumedAccepted,
        ];
        let scenarios = (pristine.iter().map(|scenario| (Crate::Pristine, *scenario)))
            .chain(patched.iter().map(|scenario| (Crate::Patched, *scenario)));
        let mut all = Vec::new();
        for (which, scenario) in scenarios {
            for provider in [Provider::Ring, Provider::AwsLcRs] {
                for version in [Version::Tls13, Version::Tls12] {
                    for key in [Key::P256, Key::Ed25519, Key::Rsa2048] {
                        let case = Self { which, provider, version, key, scenario };
                        if !case.is_a_repetition() && (!quick || case.is_quick()) {
                            all.push(case);
                        }
                    }
                }
            }
        }
        all
    }

    /// The client's key is not used, or only the number of rules differs.
    fn is_a_repetition(self) -> bool {
        let keyless =
            matches!(self.scenario, Scenario::Unused | Scenario::Ignored | Scenario::Resumed);
        let rules = matches!(self.scenario, Scenario::Accepted(n) if n > 1);
        (keyless || rules) && self.key != Key::P256
    }

    fn is_quick(self) -> bool {
        self.provider == Provider::Ring && self.version == Version::Tls13 && self.key == Key::P256
    }

    pub fn ends(self, pki: &Pki) -> Box<dyn Ends> {
        match self.which {
            Crate::Pristine => pristine::ends(self, pki),
            Crate::Patched => patched::ends(self, pki),
        }
    }

    /// Makes connections, each with its handshake complete and with nothing left to read, of which
    /// it gives the server's end: to see what one keeps in memory.
    pub fn idle(self, pki: &Pki) -> Box<dyn FnMut() -> Box<dyn Any>> {
        match self.which {
            Crate::Pristine => pristine::idle(self, pki),
            Crate::Patched => patched::idle(self, pki),
        }
    }

    fn resumes(self) -> bool {
        use Scenario::*;
        matches!(self.scenario, Resumed | ResumedMutual | ResumedAccepted)
    }

    fn authenticates(self) -> bool {
        use Scenario::*;
        matches!(self.scenario, Mutual | Accepted(_) | ResumedMutual | ResumedAccepted)
    }

    /// The case that this one is to be no worse than.
    pub fn baseline(self) -> Self {
        let (which, scenario) = match self.scenario {
            Scenario::Unused | Scenario::Ignored => (Crate::Pristine, Scenario::Unused),
            Scenario::Mutual | Scenario::Accepted(1) => (Crate::Pristine, Scenario::Mutual),
            Scenario::Accepted(_) => (Crate::Patched, Scenario::Accepted(1)),
            Scenario::Resumed => (Crate::Pristine, Scenario::Resumed),
            Scenario::ResumedMutual | Scenario::ResumedAccepted => {
                (Crate::Pristine, Scenario::ResumedMutual)
            }
        };
        Self { which, scenario, ..self }
    }

    /// Of the case and all that it is compared with.
    pub fn group(self) -> String {
        let Self { provider, version, key, .. } = self;
        format!("{version} {provider} {key}")
    }

    /// Within the group.
    pub fn name(self) -> String {
        let Self { which, scenario, .. } = self;
        format!("{which}, {scenario}")
    }
}

impl fmt::Display for Crate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pristine => "pristine",
            Self::Patched => "patched",
        })
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ring => "ring",
            Self::AwsLcRs => "aws-lc-rs",
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P-256",
            Self::Ed25519 => "Ed25519",
            Self::Rsa2048 => "RSA-2048",
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unused => f.write_str("unused"),
            Self::Ignored => f.write_str("offered and ignored"),
            Self::Mutual => f.write_str("always mutual"),
            Self::Accepted(1) => f.write_str("offered and accepted"),
            Self::Accepted(rules) => write!(f, "offered and accepted, {rules} rules"),
            Self::Resumed => f.write_str("resumed"),
            Self::ResumedMutual => f.write_str("always mutual, resumed"),
            Self::ResumedAccepted => f.write_str("offered and accepted, resumed"),
        }
    }
}
