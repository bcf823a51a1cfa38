//! Which certificates count.

use std::fmt;

use s2n_tls::callbacks::VerifyHostNameCallback;
use s2n_tls::config::{Builder, Config};
use s2n_tls::enums::ClientAuthType;
use s2n_tls::error::Error;

/// Certificates that count under a name, and the config with which their holders are served.
pub struct Scope {
    name: String,
    config: Config,
}

impl Scope {
    /// The scope with the authorities in `anchors`, in PEM. `config` has the server's own certificate
    /// and security policy; its trust store is replaced, and it has no sessions (see the crate). It must
    /// leave verification on: s2n-tls does not say whether `disable_x509_verification` was called, and
    /// then every chain would count.
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
        // RCA-8: no other authority counts, those of the system least of all.
        config.with_system_certs(false)?.wipe_trust_store()?.trust_pem(anchors)?;
        // RES-2: neither accept a session nor leave one behind.
        config.enable_session_tickets(false)?;
        config.set_client_auth_type(ClientAuthType::Required)?;
        // Clients are no hosts.
        config.set_verify_host_callback(AnyName)?;
        Ok(Self { name, config: config.build()? })
    }

    /// Its name.
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

/// What each certificate in PEM begins with.
const BEGIN: &[u8] = b"-----BEGIN";

struct AnyName;

impl VerifyHostNameCallback for AnyName {
    fn verify_host_name(&self, _: &str) -> bool {
        true
    }
}

/// Why there is no scope.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoScope {
    /// The scope of this name has no authority: then nobody's certificate would count, which is not
    /// meant.
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
            Self::NoAnchors(name) => write!(f, "the scope {name:?} has no authority"),
            Self::S2n(error) => write!(f, "a scope cannot be made: {error}"),
        }
    }
}

impl std::error::Error for NoScope {}
