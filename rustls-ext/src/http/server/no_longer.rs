use std::error::Error;
use std::fmt;

use super::Identity;
use crate::subject_of;

/// A certificate of an open connection that the policy no longer accepts.
#[derive(Clone, Debug)]
pub struct NoLongerVerified {
    identity: Identity,
    reason: rustls::Error,
}

impl NoLongerVerified {
    pub(super) fn new(identity: Identity, reason: rustls::Error) -> Self {
        Self { identity, reason }
    }

    /// The reason if the policy has no such scope any more.
    pub(in crate::http) fn no_scope() -> rustls::Error {
        rustls::Error::General("the policy has no such scope any more".into())
    }

    /// Returns the scope in which the client was authenticated.
    pub fn scope(&self) -> &str {
        self.identity.scope()
    }

    /// Returns the subject of its certificate, in the format of RFC 4514. The client can choose parts
    /// of it: escape it in logs.
    pub fn subject(&self) -> String {
        self.identity.chain().first().map(subject_of).unwrap_or_default()
    }

    /// Returns why the certificate is not accepted.
    pub fn reason(&self) -> &rustls::Error {
        &self.reason
    }
}

impl fmt::Display for NoLongerVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the client's certificate is no longer accepted in scope {:?}", self.scope())
    }
}

impl Error for NoLongerVerified {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

#[cfg(all(test, feature = "tokio"))]
impl NoLongerVerified {
    /// One for the tests of errors.
    pub(crate) fn sample() -> Option<Self> {
        let chain = [rustls::pki_types::CertificateDer::from(vec![0x30, 0])];
        let now = rustls::pki_types::UnixTime::now();
        let identity = Identity::by_authenticator("agents", &chain, now)?;
        Some(Self::new(identity, Self::no_scope()))
    }
}
