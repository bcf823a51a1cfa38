//! The methods by which a server gets a verified client certificate: on an offer, after the handshake, or
//! of every client.

use super::{Case, Crate, Ends, Pki, Provider, Scenario};

/// The group of the methods.
pub const WAYS: &str = "handshake with a verified client certificate";

/// The group of [`open_or_new`].
pub const OPEN_OR_NEW: &str = "verified client certificate, on an open or on a new connection";

/// A method.
pub struct Way {
    pub name: String,
    /// A client and a server that use it.
    pub ends: Box<dyn Ends>,
}

/// All methods of this build, ours first.
pub fn ways(pki: &Pki) -> Vec<Way> {
    let ours = [Provider::Ring, Provider::AwsLcRs].map(|provider| {
        let case = Case { provider, ..Case::quick(Crate::Patched, Scenario::Accepted(1)) };
        Way { name: format!("offered and accepted, {provider}"), ends: case.ends(pki) }
    });
    ours.into_iter().chain(others(pki)).collect()
}

/// An authenticator on a connection that is open already, and a new connection with mutual TLS.
pub fn open_or_new(pki: &Pki) -> [Way; 2] {
    let case = Case::quick(Crate::Patched, Scenario::Mutual);
    [
        Way { name: "authenticator, ring".into(), ends: super::patched::open(case, pki) },
        Way { name: "new connection, ring".into(), ends: case.ends(pki) },
    ]
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
