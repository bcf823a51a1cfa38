//! Handshakes in memory, in one thread: pristine and patched rustls under the same conditions, and
//! other libraries if their features are selected.

use std::any::Any;
use std::fmt;

#[macro_use]
mod sides;
#[cfg(any(feature = "peers", feature = "openssl"))]
#[macro_use]
mod ssl;

#[cfg(feature = "peers")]
mod boringssl;
mod large;
#[cfg(feature = "openssl")]
mod openssl;
mod patched;
mod pki;
mod pristine;
mod ways;

pub use large::Large;
pub(crate) use patched::{configs, policy};
use pki::CertifiedKeyDer;
pub use pki::Pki;
pub use ways::{OPEN_OR_NEW, WAYS, Way, open_or_new, ways};

/// The server_name of clients.
pub const SERVER_NAME: &str = "localhost";

/// The cost until the server has a verified certificate, or until the end of the handshake if the client does
/// not authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The number of flights.
    pub flights: u32,
    /// Bytes of TLS records, in both directions.
    pub bytes: usize,
}

/// A client and a server that can repeat a handshake.
pub trait Ends {
    /// Makes one handshake.
    ///
    /// # Panics
    /// Unless the handshake has the expected result.
    fn shake(&mut self) -> Cost;
}

impl Cost {
    /// Adds the bytes that one side sent; none is no flight.
    fn count(&mut self, bytes: usize) {
        if bytes > 0 {
            self.flights += 1;
            self.bytes += bytes;
        }
    }
}

/// One of the two rustls crates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crate {
    Pristine,
    Patched,
}

/// The cryptography provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Ring,
    AwsLcRs,
}

/// The TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

/// The client's key; the server's is P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    P256,
    Ed25519,
    Rsa2048,
}

/// The configuration of client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// No offer, no policy, no client certificate.
    Unused,
    /// The client offers, to a server without a policy.
    Ignored,
    /// The server requires a certificate of every client, with rustls' own verifier.
    Mutual,
    /// The client offers, and a policy with this many rules then requires a certificate. With
    /// TLS 1.2, which has no flags, the offer is CARE.
    Accepted(u32),
    /// `Unused`, resumed.
    Resumed,
    /// `Mutual`, resumed.
    ResumedMutual,
    /// `Accepted(1)`, resumed; the certificate is verified again.
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
    /// `None` with the usual inputs.
    pub large: Option<Large>,
}

impl Case {
    /// The case with ring, TLS 1.3, P-256 and the usual inputs.
    pub const fn quick(which: Crate, scenario: Scenario) -> Self {
        let (provider, version, key) = (Provider::Ring, Version::Tls13, Key::P256);
        Self { which, provider, version, key, scenario, large: None }
    }

    /// All cases, or only those with ring and TLS 1.3, and P-256 unless the input is large.
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
                        let case = Self { which, provider, version, key, scenario, large: None };
                        if !case.is_a_repetition() && (!quick || case.is_quick()) {
                            all.push(case);
                        }
                    }
                }
            }
        }
        for large in Large::ALL {
            let case =
                |(which, scenario)| Self { large: Some(large), ..Self::quick(which, scenario) };
            all.extend(large.scenarios().map(case));
        }
        all
    }

    /// Whether the key makes no difference: it is not used, or only the number of rules differs.
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

    /// The server's authorities for clients, in DER.
    fn authorities(self, pki: &Pki) -> Vec<Vec<u8>> {
        self.large.map_or_else(|| vec![pki.authority.clone()], |large| large.authorities(pki))
    }

    fn server(self, pki: &Pki) -> CertifiedKeyDer {
        self.large.map_or_else(|| pki.server.clone(), |large| large.server(pki))
    }

    fn client(self, pki: &Pki) -> CertifiedKeyDer {
        self.large.map_or_else(|| pki.client(self.key).clone(), |large| large.client(pki))
    }

    /// Whether the server keeps its sessions in tickets, instead of in memory.
    fn keeps_sessions_in_tickets(self) -> bool {
        self.large == Some(Large::Tickets)
    }

    /// Returns a function that makes idle server connections, with a complete handshake and no
    /// unread data, to measure their memory.
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

    /// The baseline of this case.
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

    /// The group of the case and of the cases to compare it with.
    pub fn group(self) -> String {
        let Self { provider, version, key, large, .. } = self;
        match large {
            None => format!("{version} {provider} {key}"),
            Some(large) => format!("{version} {provider}, {large}"),
        }
    }

    /// The name in the group.
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
