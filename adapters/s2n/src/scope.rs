//! Scopes: the client certificates that are accepted under a name.

use std::fmt;

use s2n_tls::callbacks::VerifyHostNameCallback;
use s2n_tls::config::{Builder, Config};
use s2n_tls::enums::ClientAuthType;
use s2n_tls::error::Error;

/// A name, and the config of connections on which certificates are accepted under it.
pub struct Scope {
    name: String,
    config: Config,
}

impl Scope {
    /// Makes a scope with the trust anchors in `anchors`, in PEM.
    ///
    /// `config` has the server's own certificate and security policy. Its trust store is replaced,
    /// and its sessions are disabled (see the crate). Do not call `disable_x509_verification` on
    /// it: s2n-tls does not report that, and every chain would be accepted.
    ///
    /// # Errors
    /// [`NoScope`].
    pub fn new(
        name: impl Into<String>,
        mut config: Builder,
        anchors: &[u8],
    ) -> Result<Self, NoScope> {
        let name = name.into();
        if !anchors.windows(BEGIN.len()).any(|bytes| bytes == BEGIN) {
            return Err(NoScope::NoAnchors(name));
        }
        // RCA-8: only these anchors count, not those of the system.
        config.with_system_certs(false)?.wipe_trust_store()?.trust_pem(anchors)?;
        // RES-2: neither accept nor create a session.
        config.enable_session_tickets(false)?;
        config.set_client_auth_type(ClientAuthType::Required)?;
        // Client certificates need not have a host name.
        config.set_verify_host_callback(AnyName)?;
        Ok(Self { name, config: config.build()? })
    }

    /// Returns the name of the scope.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The beginning of each certificate in PEM.
const BEGIN: &[u8] = b"-----BEGIN";

struct AnyName;

impl VerifyHostNameCallback for AnyName {
    fn verify_host_name(&self, _: &str) -> bool {
        true
    }
}

/// Why a [`Scope`] cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoScope {
    /// The scope of this name has no authority, so no certificate could be accepted.
    NoAnchors(String),
    /// s2n-tls refuses an authority or the config.
    S2n(Error),
}

impl From<Error> for NoScope {
    fn from(error: Error) -> Self {
        Self::S2n(error)
    }
}

impl fmt::Display for NoScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnchors(name) => {
                write!(f, "scope {name:?} has no authority: add at least one certificate in PEM")
            }
            Self::S2n(error) => write!(f, "s2n-tls refuses an authority or the config: {error}"),
        }
    }
}

impl std::error::Error for NoScope {}
