//! Handshakes with large inputs: long chains, long keys, many authorities, long tickets.

use std::fmt;

use rcgen::{KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use test_pki::Authority;

use super::pki::{self, CertifiedKeyDer};
use super::{Crate, Pki, SERVER_NAME, Scenario};

/// The input of a handshake that is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Large {
    /// Client and server send four certificates.
    Chains,
    /// Client and server have RSA keys of 4096 bits.
    Rsa4096,
    /// The server has 200 authorities for clients, and sends their names.
    Authorities,
    /// The server keeps its sessions in tickets, and the client's chain makes them larger than 16 kB.
    Tickets,
}

/// The number of authorities.
const AUTHORITIES: usize = 200;
/// A key for these measurements only: to make one takes minutes where instructions are counted.
const RSA_4096: &[u8] = include_bytes!("rsa-4096.der");
/// The number of names that make a certificate larger than 4 kB.
const NAMES: usize = 160;

impl Large {
    pub const ALL: [Self; 4] = [Self::Chains, Self::Rsa4096, Self::Authorities, Self::Tickets];

    /// The measured handshakes.
    pub fn scenarios(self) -> [(Crate, Scenario); 3] {
        use Crate::{Patched, Pristine};
        use Scenario::{Accepted, Mutual, ResumedAccepted, ResumedMutual};
        match self {
            Self::Tickets => {
                [(Pristine, ResumedMutual), (Patched, ResumedMutual), (Patched, ResumedAccepted)]
            }
            _ => [(Pristine, Mutual), (Patched, Mutual), (Patched, Accepted(1))],
        }
    }

    /// The server's authorities for clients, in DER.
    pub(super) fn authorities(self, pki: &Pki) -> Vec<Vec<u8>> {
        let more = if self == Self::Authorities { AUTHORITIES - 1 } else { 0 };
        let other = |number| {
            let name = format!("Certification authority {number} of an organisation");
            Authority::with_key(&name, pki::p256()).expect("a certificate").der().to_vec()
        };
        // The one that is used is the last.
        (0..more).map(other).chain([pki.authority.clone()]).collect()
    }

    pub(super) fn server(self, pki: &Pki) -> CertifiedKeyDer {
        match self {
            Self::Chains => chain(&pki.issuer, SERVER_NAME, &[]),
            Self::Rsa4096 => rsa(&pki.issuer, SERVER_NAME),
            Self::Authorities | Self::Tickets => pki.server.clone(),
        }
    }

    pub(super) fn client(self, pki: &Pki) -> CertifiedKeyDer {
        match self {
            Self::Chains => chain(&pki.issuer, "agent", &[]),
            Self::Rsa4096 => rsa(&pki.issuer, "agent"),
            Self::Authorities => pki.client(super::Key::P256).clone(),
            Self::Tickets => {
                let names: Vec<_> =
                    (0..NAMES).map(|number| format!("agent-{number}.agents.example")).collect();
                chain(&pki.issuer, "agent", &names)
            }
        }
    }
}

fn rsa(authority: &Authority, name: &str) -> CertifiedKeyDer {
    let key = PrivatePkcs8KeyDer::from(RSA_4096);
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256).expect("a key");
    pki::issue(authority, name, key, &[])
}

/// A chain of four certificates, each with these names, too.
fn chain(root: &Authority, name: &str, names: &[String]) -> CertifiedKeyDer {
    let below = |above: &Authority, name: &str| {
        above.subordinate(name, names.to_vec(), pki::p256()).expect("a certificate")
    };
    let first = below(root, "first authority");
    let second = below(&first, "second authority");
    let third = below(&second, "third authority");
    let intermediates = [&third, &second, &first].map(|authority| authority.der().to_vec()).into();
    CertifiedKeyDer { intermediates, ..pki::issue(&third, name, pki::p256(), names) }
}

impl fmt::Display for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chains => "chains of 4 certificates",
            Self::Rsa4096 => "RSA keys of 4096 bits",
            Self::Authorities => "200 names of authorities",
            Self::Tickets => "tickets of 16 kB",
        })
    }
}
