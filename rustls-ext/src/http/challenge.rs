use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use rustls::{DistinguishedName, RootCertStore};

use super::error::ChallengeProblem;
use super::facts::ChainFacts;
use super::hash::{Fingerprint, HashName};
use super::limits;
use super::parse::{Parameter, Raw};
use crate::anchors::Anchors;
use crate::policy::Policy;

/// The name of the scheme. Scheme names are case-insensitive.
pub const SCHEME: &str = "ClientCertificate";

/// A request to authenticate with a certificate: one challenge of the scheme `ClientCertificate`.
///
/// ```
/// use rustls_ext::http::Challenge;
///
/// let challenge = Challenge::new().with_realm("reports")?;
/// assert_eq!(challenge.to_value()?, "ClientCertificate realm=\"reports\"");
/// # Ok::<(), rustls_ext::http::ChallengeProblem>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Challenge {
    realm: Option<String>,
    acceptable: Vec<Acceptable>,
}

/// One of the criteria by which a challenge accepts a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Acceptable {
    /// One of the chain's certificates was issued under this distinguished name, in DER.
    Issuer(Vec<u8>),
    /// One of the chain's certificates has this fingerprint.
    Fingerprint(Fingerprint),
}

impl Acceptable {
    /// The name and value of its parameter.
    fn parameter(&self) -> (&str, &[u8]) {
        match self {
            Self::Issuer(name) => ("dn", name),
            Self::Fingerprint(fingerprint) => (fingerprint.hash().as_str(), fingerprint.as_bytes()),
        }
    }
}

impl Challenge {
    /// A challenge that accepts any certificate, without a realm.
    pub fn new() -> Self {
        Self::default()
    }

    /// A challenge that accepts certificates issued by these trust anchors, by their names.
    pub fn for_roots(roots: &RootCertStore) -> Self {
        Self::for_names(&roots.subjects())
    }

    /// A challenge that accepts certificates issued by these anchors, by their names.
    ///
    /// The issuers of pinned certificates are included. For [`Anchors::from_verifier`], the names
    /// are those that the verifier gives as hints. If there are no names, the challenge accepts any
    /// certificate.
    pub fn for_anchors(anchors: &Anchors) -> Self {
        Self::for_names(&anchors.names())
    }

    fn for_names(names: &[DistinguishedName]) -> Self {
        // `accept_issuer()` for each name would search the whole list each time.
        let mut seen = HashSet::new();
        let names = names.iter().map(|name| name.as_ref()).filter(|name| seen.insert(*name));
        let acceptable = names.map(|name| Acceptable::Issuer(name.to_vec())).collect();
        Self { realm: None, acceptable }
    }

    /// Sets the realm: the protection space, whose resources need the same certificate (RFC 9110
    /// section 11.5).
    ///
    /// # Errors
    /// [`ChallengeProblem::BadRealm`] if the realm contains control characters, and
    /// [`ChallengeProblem::ValueTooLong`].
    pub fn with_realm(mut self, realm: impl Into<String>) -> Result<Self, ChallengeProblem> {
        let realm = realm.into();
        if realm.chars().any(char::is_control) {
            return Err(ChallengeProblem::BadRealm);
        }
        if quote(&realm).len() > limits::VALUE_LENGTH {
            return Err(ChallengeProblem::ValueTooLong);
        }
        self.realm = Some(realm);
        Ok(self)
    }

    /// Also accepts certificates issued under this distinguished name, in DER.
    pub fn accept_issuer(self, name: impl AsRef<[u8]>) -> Self {
        self.accept(Acceptable::Issuer(name.as_ref().to_vec()))
    }

    /// Also accepts chains that contain a certificate with this fingerprint.
    pub fn accept_fingerprint(self, fingerprint: Fingerprint) -> Self {
        self.accept(Acceptable::Fingerprint(fingerprint))
    }

    fn accept(mut self, acceptable: Acceptable) -> Self {
        if !self.acceptable.contains(&acceptable) {
            self.acceptable.push(acceptable);
        }
        self
    }

    /// Returns the realm, if there is one.
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// Returns all alternatives (CANT-4). If there are none, the challenge accepts any certificate.
    pub fn acceptable(&self) -> &[Acceptable] {
        &self.acceptable
    }

    /// Returns true if the challenge accepts this chain, whose first certificate is the client's
    /// own.
    ///
    /// It does if one of the certificates has one of the issuers or one of the fingerprints. The
    /// server may still refuse the chain.
    pub fn accepts(&self, chain: &[CertificateDer<'_>]) -> bool {
        self.accepts_facts(&ChainFacts::of(chain))
    }

    pub(crate) fn accepts_facts(&self, facts: &ChainFacts) -> bool {
        if self.acceptable.is_empty() {
            return !facts.is_empty();
        }
        let mut fingerprints = facts.fingerprints();
        self.acceptable.iter().any(|acceptable| match acceptable {
            Acceptable::Issuer(name) => facts.has_issuer(name),
            Acceptable::Fingerprint(fingerprint) => fingerprints.have(fingerprint),
        })
    }

    /// Returns the value of a `WWW-Authenticate` or `Proxy-Authenticate` field.
    ///
    /// # Errors
    /// If it exceeds the limits of a client of this crate: [`limits::PARAMETERS`],
    /// [`limits::VALUE_LENGTH`], [`limits::FIELD_LENGTH`]. In that case, accept any certificate, or
    /// name only the most important issuers.
    pub fn to_value(&self) -> Result<HeaderValue, ChallengeProblem> {
        if usize::from(self.realm.is_some()) + self.acceptable.len() > limits::PARAMETERS {
            return Err(ChallengeProblem::TooManyParameters);
        }
        let text = self.to_string();
        let long = |acceptable: &Acceptable| {
            base64::encoded_len(acceptable.parameter().1.len(), false)
                .is_none_or(|length| length > limits::VALUE_LENGTH)
        };
        if self.acceptable.iter().any(long) {
            return Err(ChallengeProblem::ValueTooLong);
        }
        if text.len() > limits::FIELD_LENGTH {
            return Err(ChallengeProblem::LineTooLong);
        }
        // Nothing else in it is invalid in a field.
        HeaderValue::from_maybe_shared(text.into_bytes()).map_err(|_| ChallengeProblem::BadRealm)
    }

    /// Reads a challenge of a field; an error if it is malformed.
    pub(super) fn read(raw: Raw<'_>) -> Result<Self, (usize, ChallengeProblem)> {
        if let Some(fault) = raw.fault {
            return Err(fault);
        }
        let mut challenge = Self::new();
        for parameter in &raw.parameters {
            challenge.add(parameter).map_err(|problem| (parameter.byte, problem))?;
        }
        Ok(challenge)
    }

    fn add(&mut self, parameter: &Parameter<'_>) -> Result<(), ChallengeProblem> {
        // Parameter names are tokens, which are ASCII.
        let name = String::from_utf8_lossy(parameter.name);
        if name.eq_ignore_ascii_case("realm") {
            if self.realm.is_some() {
                return Err(ChallengeProblem::DuplicateRealm);
            }
            let realm = std::str::from_utf8(&parameter.value)
                .ok()
                .filter(|realm| !realm.chars().any(char::is_control))
                .ok_or(ChallengeProblem::BadRealm)?;
            self.realm = Some(realm.into());
        } else if name.eq_ignore_ascii_case("dn") {
            let bytes = decode("dn", &parameter.value)?;
            if bytes.is_empty() {
                return Err(ChallengeProblem::WrongLength { name: "dn".into(), bytes: 0 });
            }
            self.acceptable.push(Acceptable::Issuer(bytes));
        } else if let Some(hash) = HashName::of_parameter(&name) {
            let bytes = decode(hash.as_str(), &parameter.value)?;
            let fingerprint = Fingerprint::from_bytes(hash, bytes)?;
            self.acceptable.push(Acceptable::Fingerprint(fingerprint));
        }
        // Later drafts may add parameters, which must be ignored (RFC 9110 section 16.4.2).
        Ok(())
    }
}

impl Policy {
    /// Returns a challenge that accepts certificates issued by the anchors of this scope, without a
    /// realm; `None` if there is no such scope.
    pub fn challenge(&self, scope: &str) -> Option<Challenge> {
        Some(Challenge::for_names(self.verifier(scope)?.root_hint_subjects()))
    }
}

impl fmt::Display for Challenge {
    /// Writes the challenge as in a field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        let mut separator = " ";
        if let Some(realm) = &self.realm {
            write!(f, "{separator}realm={}", quote(realm))?;
            separator = ", ";
        }
        for (name, bytes) in self.acceptable.iter().map(Acceptable::parameter) {
            write!(f, "{separator}{name}={}", URL_SAFE_NO_PAD.encode(bytes))?;
            separator = ", ";
        }
        Ok(())
    }
}

/// A quoted string (RFC 9110 section 5.6.4), the form in which a realm must be sent (section 11.5).
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// Decodes base64url as CANT-3 defines it: `~` also stands for `-`.
fn decode(name: &str, value: &[u8]) -> Result<Vec<u8>, ChallengeProblem> {
    let text: Vec<u8> = value.iter().map(|c| if *c == b'~' { b'-' } else { *c }).collect();
    URL_SAFE_NO_PAD.decode(text).map_err(|_| ChallengeProblem::NotBase64 { name: name.into() })
}
