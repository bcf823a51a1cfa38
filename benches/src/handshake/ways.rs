//! The methods by which a server gets a verified client certificate: on an offer, after the handshake, or
//! of every client.

use super::{Case, Crate, Ends, Key, Pki, Provider, Scenario, Version};

/// The group of the methods.
pub const WAYS: &str = "handshake with a verified client certificate";

/// A method.
pub struct Way {
    pub name: String,
    /// A client and a server that use it.
    pub ends: Box<dyn Ends>,
}

/// All methods of this build, ours first.
pub fn ways(pki: &Pki) -> Vec<Way> {
    let ours = [Provider::Ring, Provider::AwsLcRs].map(|provider| {
        let case = Case {
            which: Crate::Patched,
            provider,
            version: Version::Tls13,
            key: Key::P256,
            scenario: Scenario::Accepted(1),
        };
        Way { name: format!("offered and accepted, {provider}"), ends: case.ends(pki) }
    });
    ours.into_iter().chain(others(pki)).collect()
}

#[allow(unused_mut, unused_variables)] // without the features
fn others(pki: &Pki) -> Vec<Way> {
    let mut others = Vec::new();
    let way = |name: &str, ends| Way { name: name.into(), ends };
    #[cfg(feature = "peers")]
    others.push(way("BoringSSL, always mutual", super::boringssl::mutual(pki)));
    #[cfg(feature = "openssl")]
    others.extend([
        way("OpenSSL, always mutual", super::openssl::mutual(pki)),
        way("OpenSSL, post-handshake authentication", super::openssl::post_handshake(pki)),
        way("OpenSSL, renegotiation of TLS 1.2", super::openssl::renegotiation(pki)),
    ]);
    others
}
