use std::fmt;

use ipnet::IpNet;
use rustls::ext_wire::OriginError;

use crate::ProviderError;

/// The largest size of the list of names, in bytes.
///
/// A list of names has at most 65,535 bytes (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4). With
/// TLS 1.3 the list is in an extension, and all extensions together are in a field of the same
/// maximum length. This limit leaves room for the other extensions.
pub(crate) const MOST_NAMES: usize = u16::MAX as usize - 256;

/// An error in a policy. A policy with an error is never built.
#[derive(Debug)]
#[non_exhaustive]
pub enum PolicyError {
    /// A scope has neither a trust anchor nor a pinned certificate, so that no certificate would be
    /// accepted in it.
    NoAnchors {
        /// The scope.
        scope: String,
    },
    /// The names of a scope's authorities do not fit into a CertificateRequest (RFC 8446 section
    /// 4.2.4, RFC 5246 section 7.4.4).
    TooManyNames {
        /// The scope.
        scope: String,
        /// The size of the names in bytes.
        bytes: usize,
    },
    /// A scope has a verifier of the user's own together with options that are only for trust
    /// anchors.
    OwnVerifier {
        /// The scope.
        scope: String,
    },
    /// The builder has no verdict for connections that no rule covers:
    /// [`otherwise`](crate::PolicyBuilder::otherwise).
    NoLastVerdict,
    /// No cryptography provider was given, and the process has no default one.
    Provider(ProviderError),
    /// A scope's name is empty or longer than 255 bytes.
    BadScopeName {
        /// The name.
        scope: String,
    },
    /// Two scopes have the same name.
    DuplicateScope {
        /// The name.
        scope: String,
    },
    /// A rule, or the policy's `otherwise` verdict, cannot be used.
    Rule {
        /// The number of the rule, where the first rule is 1; `None` for `otherwise`.
        rule: Option<usize>,
        /// What is wrong with it.
        problem: RuleProblem,
    },
    /// An entry for open connections cannot be used.
    PostHandshake {
        /// The number of the entry, where the first entry is 1.
        entry: usize,
        /// What is wrong with it.
        problem: PostHandshakeProblem,
    },
    /// Clients that hint only at unknown origins are to be refused, but no rule names an origin.
    NoKnownOrigins,
    /// The policy has rules on the peer's address, which a `ServerConfig` does not know. Use the
    /// policy with `rustls_ext::tokio::Acceptor`, or over QUIC with `QuicServerConfig::for_peer`,
    /// or decide with [`Policy::decide`](crate::Policy::decide).
    NeedsPeerAddress,
}

/// An error in a [`PostHandshake`](crate::PostHandshake) entry of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PostHandshakeProblem {
    /// The policy does not have this scope.
    UnknownScope {
        /// The scope that the entry names.
        scope: String,
    },
    /// This host is neither a DNS name nor a DNS name with a whole-label wildcard in front.
    BadHost {
        /// The host of the entry.
        name: String,
    },
    /// This host stands in the entry twice, or beside a wildcard that matches it.
    RepeatedHost {
        /// The host.
        host: String,
    },
    /// An earlier entry for the same scope covers a host of this one.
    Covered {
        /// The host; `None` if this entry is for all hosts.
        host: Option<String>,
        /// The number of the earlier entry; the first entry is 1. In an error of a policy file, its
        /// line.
        by: usize,
    },
}

impl PostHandshakeProblem {
    /// Writes what is wrong, with `an_entry` before the number of another entry.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, an_entry: &str) -> fmt::Result {
        match self {
            Self::UnknownScope { scope } => write!(f, "scope {scope:?} is not defined"),
            Self::BadHost { name } => write!(
                f,
                "{name:?} is not a DNS name, nor `*.` and a DNS name, so no host matches it"
            ),
            Self::RepeatedHost { host } => {
                write!(f, "host {host:?} is covered twice by this entry: remove it")
            }
            Self::Covered { host: Some(host), by } => write!(
                f,
                "{an_entry} {by} is for the same scope, and covers host {host:?}: remove it here, or \
                 move this entry up"
            ),
            Self::Covered { host: None, by } => write!(
                f,
                "{an_entry} {by} is for the same scope, and for all hosts: remove one of them"
            ),
        }
    }
}

impl fmt::Display for PostHandshakeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "entry")
    }
}

impl std::error::Error for PostHandshakeProblem {}

/// An error in a rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleProblem {
    /// The policy does not have this scope.
    UnknownScope {
        /// The scope that the rule names.
        scope: String,
    },
    /// This server name is neither a DNS name nor a DNS name with a whole-label wildcard in front.
    BadServerName {
        /// The server name of the rule.
        name: String,
    },
    /// This application protocol is not 1 to 255 bytes long (RFC 7301 section 3.1), so that no
    /// client can list it.
    BadProtocol {
        /// The protocol of the rule.
        protocol: Vec<u8>,
    },
    /// This network's address has bits set after its prefix.
    HostBits {
        /// The network of the rule. An IPv4-mapped IPv6 network is given as an IPv4 network.
        network: IpNet,
    },
    /// This is no origin, such as `spiffe://example.org`, so that no client can hint at it.
    BadOrigin {
        /// The origin of the rule.
        origin: String,
        /// What is wrong with it.
        error: OriginError,
    },
    /// The scope does not have the trust domain of the rule's origin, so that certificates of another
    /// one could count.
    OtherTrustDomain {
        /// The scope that the rule names.
        scope: String,
        /// The origin of the rule, in its normal form.
        origin: String,
    },
    /// No client can meet all of the conditions: it would have to make an offer and not make one.
    Contradiction,
    /// The rule never decides, since earlier rules match every connection that it matches.
    Unreachable {
        /// The numbers of the earlier rules; the first rule is 1. In an error of a policy file,
        /// their lines. If there are several, each of them covers some of the ways to make an offer
        /// or to make none.
        by: Vec<usize>,
    },
}

impl RuleProblem {
    /// Writes what is wrong, with `a_rule` before the numbers of other rules.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, a_rule: &str) -> fmt::Result {
        match self {
            Self::UnknownScope { scope } => write!(f, "scope {scope:?} is not defined"),
            Self::BadServerName { name } => write!(
                f,
                "{name:?} is not a DNS name, nor `*.` and a DNS name, so no server name matches it"
            ),
            Self::BadProtocol { protocol } => write!(
                f,
                "an application protocol must have 1 to 255 bytes, and this one has {}",
                protocol.len()
            ),
            Self::HostBits { network } => write!(
                f,
                "{network} has bits set after its prefix: write {} for the network, or {} for the one \
                 address",
                network.trunc(),
                network.addr()
            ),
            Self::BadOrigin { origin, error } => write!(f, "{origin:?} is {error}"),
            Self::OtherTrustDomain { scope, origin } => write!(
                f,
                "scope {scope:?} must have the trust domain {origin} (trust_domain, \
                 Anchors::with_trust_domain): otherwise a certificate of another one would count"
            ),
            Self::Contradiction => f.write_str(
                "no client can meet these conditions: it would have to make an offer and not make one",
            ),
            Self::Unreachable { by } => {
                let names: Vec<_> = by.iter().map(|rule| format!("{a_rule} {rule}")).collect();
                let all = if names.len() == 1 { "matches" } else { "together match" };
                write!(
                    f,
                    "this rule never decides, since {} {all} every connection that it matches: \
                     remove it, or move it up",
                    names.join(" and ")
                )
            }
        }
    }
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "rule")
    }
}

impl std::error::Error for RuleProblem {}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnchors { scope } => {
                write!(f, "scope {scope:?} has no trust anchors and no pinned certificates")
            }
            Self::TooManyNames { scope, bytes } => write!(
                f,
                "the names of the authorities of scope {scope:?} take up {bytes} bytes, and a \
                 CertificateRequest has room for {MOST_NAMES}: send no names \
                 (names = false, Anchors::without_names), or trust fewer authorities"
            ),
            Self::OwnVerifier { scope } => write!(
                f,
                "scope {scope:?} has a verifier of its own together with options, revocation lists or \
                 pinned certificates, which have no effect on it: configure them in that verifier"
            ),
            Self::NoLastVerdict => f.write_str(
                "the policy has no verdict for connections that match no rule: add `otherwise`",
            ),
            Self::Provider(err) => err.fmt(f),
            Self::BadScopeName { scope } => {
                write!(f, "the scope name {scope:?} must have 1 to 255 bytes, and has {}", scope.len())
            }
            Self::DuplicateScope { scope } => write!(f, "scope {scope:?} is defined twice"),
            Self::Rule { rule: Some(rule), problem } => write!(f, "rule {rule}: {problem}"),
            Self::Rule { rule: None, problem } => write!(f, "otherwise: {problem}"),
            Self::PostHandshake { entry, problem } => {
                write!(f, "post_handshake entry {entry}: {problem}")
            }
            Self::NoKnownOrigins => f.write_str(
                "clients that hint at unknown origins are refused, but no rule names an origin: add such \
                 a rule",
            ),
            Self::NeedsPeerAddress => f.write_str(
                "the policy has rules on the peer's address, which is not known in a ServerConfig: use \
                 it with tokio::Acceptor, or over QUIC with QuicServerConfig::for_peer",
            ),
        }
    }
}

/// It has no source: the text contains the rule's problem and which rule it is about.
impl std::error::Error for PolicyError {}

/// An error in a policy file.
#[cfg(feature = "policy-file")]
#[derive(Debug)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// The file is not TOML, or contains something that is not understood; the text includes the
    /// position.
    Syntax(String),
    /// The rule on this line, or `otherwise`, has not exactly one of `ask`, `request`,
    /// `request_lenient` and `require`.
    Verdict(usize),
    /// A rule, or `otherwise`, cannot be used.
    Rule {
        /// The line on which the rule begins; the first line is 1.
        line: usize,
        /// What is wrong with it. Other rules are given by their lines, too.
        problem: RuleProblem,
    },
    /// An entry of `post_handshake` cannot be used.
    PostHandshake {
        /// The line on which the entry begins; the first line is 1.
        line: usize,
        /// What is wrong with it. Other entries are given by their lines, too.
        problem: PostHandshakeProblem,
    },
    /// The program's own table of the file cannot be used:
    /// [`OwnTable::error`](crate::policy_file::OwnTable::error).
    OwnTable {
        /// The line of the problem; the first line is 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The policy cannot be built for another reason.
    Policy(PolicyError),
}

#[cfg(feature = "policy-file")]
impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => f.write_str(what),
            Self::Verdict(line) => write!(
                f,
                "line {line}: exactly one of ask, request, request_lenient and require must be given"
            ),
            Self::Rule { line, problem } => {
                write!(f, "line {line}: ")?;
                problem.write(f, "the rule on line")
            }
            Self::PostHandshake { line, problem } => {
                write!(f, "line {line}: ")?;
                problem.write(f, "the entry on line")
            }
            Self::OwnTable { line, problem } => write!(f, "line {line}: {problem}"),
            Self::Policy(err) => err.fmt(f),
        }
    }
}

#[cfg(feature = "policy-file")]
impl std::error::Error for PolicyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // This error's own text already contains that error's text.
            Self::Policy(err) => err.source(),
            Self::Syntax(_)
            | Self::Verdict(_)
            | Self::Rule { .. }
            | Self::PostHandshake { .. }
            | Self::OwnTable { .. } => None,
        }
    }
}
