use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::RuleProblem;
use crate::http::ChainFacts;
use crate::rule::Pattern;

/// A client certificate with its key, and the hosts that may see it.
///
/// ```
/// # use std::sync::Arc;
/// # use rustls_ext::http::client::{ClientIdentity, IdentityError};
/// # use rustls_ext::rustls::sign::CertifiedKey;
/// # fn identity(key: Arc<CertifiedKey>) -> Result<ClientIdentity, IdentityError> {
/// ClientIdentity::new("agent", key)?.for_host("reports.example.com")?.for_host("*.example.net")
/// # }
/// ```
#[derive(Clone)]
pub struct ClientIdentity {
    name: Arc<str>,
    key: Arc<CertifiedKey>,
    hosts: Vec<Hosts>,
    facts: Arc<ChainFacts>,
    /// When all certificates of the chain are valid, in seconds since the Unix epoch.
    valid: (i64, i64),
}

/// Hosts that may see a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Any,
    Name(Pattern),
    Address(IpAddr),
}

impl Hosts {
    fn has(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(Pattern::Exact(name)) => name == host,
            Self::Name(Pattern::Below(parent)) => {
                host.split_once('.').is_some_and(|(_, rest)| rest == parent)
            }
            Self::Address(address) => host.parse() == Ok(*address),
        }
    }
}

impl ClientIdentity {
    /// Makes an identity that no host may see yet.
    ///
    /// The name appears in reports.
    ///
    /// # Errors
    /// [`IdentityError::NoCertificate`] and [`IdentityError::Unreadable`].
    pub fn new(name: impl Into<String>, key: Arc<CertifiedKey>) -> Result<Self, IdentityError> {
        let name: Arc<str> = name.into().into();
        let mut valid = (i64::MIN, i64::MAX);
        for certificate in &key.cert {
            let (_, read) = X509Certificate::from_der(certificate)
                .map_err(|_| IdentityError::Unreadable { name: name.to_string() })?;
            let validity = read.validity();
            valid.0 = valid.0.max(validity.not_before.timestamp());
            valid.1 = valid.1.min(validity.not_after.timestamp());
        }
        if key.cert.is_empty() {
            return Err(IdentityError::NoCertificate { name: name.to_string() });
        }
        let facts = Arc::new(ChainFacts::of(&key.cert));
        Ok(Self { name, key, hosts: Vec::new(), facts, valid })
    }

    /// Also lets this host see the certificate: a DNS name, `*.` and a DNS name for all names with
    /// one label more, or an IP address.
    ///
    /// # Errors
    /// [`IdentityError::BadHost`].
    pub fn for_host(mut self, host: impl AsRef<str>) -> Result<Self, IdentityError> {
        let host = host.as_ref();
        self.hosts.push(match host.parse() {
            Ok(address) => Hosts::Address(address),
            Err(_) => Hosts::Name(Pattern::parse(host).map_err(IdentityError::BadHost)?),
        });
        Ok(self)
    }

    /// Lets every host see the certificate that sends a challenge and has a valid certificate
    /// itself.
    pub fn for_any_host(mut self) -> Self {
        self.hosts.push(Hosts::Any);
        self
    }

    /// Returns the name in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    pub(crate) fn facts(&self) -> &ChainFacts {
        &self.facts
    }

    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.hosts.iter().any(|hosts| hosts.has(host))
    }

    /// Whether all certificates of the chain are valid at this time.
    pub(crate) fn validity_at(&self, now: UnixTime) -> Validity {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match self.valid {
            (from, _) if now < from => Validity::NotYet,
            (_, until) if now > until => Validity::Expired,
            _ => Validity::Valid,
        }
    }
}

/// Whether the current time is within the validity period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    NotYet,
    Valid,
    Expired,
}

impl fmt::Debug for ClientIdentity {
    /// Leaves out the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, hosts, .. } = self;
        f.debug_struct("ClientIdentity")
            .field("name", name)
            .field("hosts", hosts)
            .finish_non_exhaustive()
    }
}

/// An error in an identity or its hosts.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdentityError {
    /// There is a key, but no certificate.
    NoCertificate {
        /// The identity.
        name: String,
    },
    /// One of the certificates is not X.509.
    Unreadable {
        /// The identity.
        name: String,
    },
    /// A host is neither a DNS name, nor a DNS name with a whole-label wildcard in front, nor an IP
    /// address.
    BadHost(RuleProblem),
    /// Two identities have the same name.
    Duplicate {
        /// The name.
        name: String,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate { name } => write!(f, "identity {name:?} has no certificate"),
            Self::Unreadable { name } => {
                write!(f, "identity {name:?} has a certificate that is not X.509")
            }
            Self::BadHost(err) => err.fmt(f),
            Self::Duplicate { name } => write!(f, "two identities have the name {name:?}"),
        }
    }
}

/// It has no source: the text contains the problem of the host.
impl std::error::Error for IdentityError {}
