use std::fmt;

use rustls::server::VerifierBuilderError;

/// What is wrong with a policy. A policy with any of these is never built.
#[derive(Debug)]
#[non_exhaustive]
pub enum PolicyError {
    /// A scope has no trust anchor, so that no certificate could ever count in it.
    NoAnchors {
        /// The scope.
        scope: String,
    },
    /// A verifier cannot be built from a scope's trust anchors and revocation lists.
    Verifier {
        /// The scope.
        scope: String,
        /// Why not.
        reason: VerifierBuilderError,
    },
    /// No cryptography provider was given, and the process has no default one.
    NoCryptoProvider,
    /// A scope's name is empty or longer than 255 octets.
    BadScopeName {
        /// The name.
        scope: String,
    },
    /// Two scopes have the same name.
    DuplicateScope {
        /// The name.
        scope: String,
    },
    /// A rule names a scope that the policy does not have.
    UnknownScope {
        /// The name.
        scope: String,
    },
    /// A server name to match is neither a DNS name nor one below a whole-label wildcard.
    BadServerName {
        /// What was given.
        name: String,
    },
    /// A rule without conditions stands before other rules, which could never match.
    Unreachable {
        /// The number of the first rule that is never reached; the first rule is 0.
        rule: usize,
    },
    /// The policy has rules on the peer's address, which a `ServerConfig` does not know. Use it
    /// with `rustls_ext::tokio::Acceptor`, over QUIC with `QuicServerConfig::for_peer`, or decide
    /// with [`Policy::decide`](crate::Policy::decide).
    NeedsPeerAddress,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnchors { scope } => write!(f, "scope {scope:?} has no trust anchors"),
            Self::Verifier { scope, reason } => {
                write!(f, "no verifier for scope {scope:?}: {reason}")
            }
            Self::NoCryptoProvider => f.write_str(
                "no cryptography provider: install a default one, or give one to the builder",
            ),
            Self::BadScopeName { scope } => {
                write!(f, "the scope name {scope:?} does not have 1 to 255 octets")
            }
            Self::DuplicateScope { scope } => write!(f, "scope {scope:?} is defined twice"),
            Self::UnknownScope { scope } => {
                write!(f, "a rule names scope {scope:?}, which is not defined")
            }
            Self::BadServerName { name } => write!(
                f,
                "{name:?} is not a DNS name, nor `*.` and a DNS name, so no server name matches it"
            ),
            Self::Unreachable { rule } => {
                write!(f, "rule {rule} is never reached: the one before it has no conditions")
            }
            Self::NeedsPeerAddress => f.write_str(
                "the policy has rules on the peer's address, which is not known in a ServerConfig: use \
                 it with tokio::Acceptor, or over QUIC with QuicServerConfig::for_peer",
            ),
        }
    }
}

impl std::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Verifier { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
