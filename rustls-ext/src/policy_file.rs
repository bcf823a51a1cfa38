//! Policies in TOML files.
//!
//! ```toml
//! [scopes.staff]
//! anchors = ["staff-ca.pem"]         # PEM; each certificate is a trust anchor
//! crls = ["staff.crl"]               # PEM or DER; without any, revocation is not looked at
//!
//! [scopes.agents]
//! anchors = ["agents-ca.pem"]
//!
//! [[rules]]                          # the first rule whose conditions all hold decides
//! server_name = "admin.example.com"  # or "*.example.com"
//! require = "staff"
//!
//! [[rules]]
//! offered = true                     # or false, "flag", "care" or "both"
//! alpn = "h2"
//! peer = "10.0.0.0/8"
//! request = "agents"                 # or request_lenient, require, or ask = "nothing"
//!
//! [otherwise]                        # the last word, which must be there
//! ask = "nothing"
//! ```
//!
//! File names are relative to the policy's own folder. What is not understood is an error, as is
//! everything that [`PolicyBuilder::otherwise`](crate::PolicyBuilder::otherwise) refuses.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::ext_wire::Offer;
use serde::Deserialize;

use crate::files::{FileProblem, Files};
use crate::{Anchors, FileError, Policy, PolicyError, Rule, Verdict};

impl Files {
    /// The policy of a TOML file, and of the files that it names: see
    /// [`policy_file`](crate::policy_file).
    ///
    /// # Errors
    /// If one of the files cannot be used, or the policy is one that
    /// [`PolicyBuilder::otherwise`](crate::PolicyBuilder::otherwise) refuses.
    pub fn policy(
        &mut self,
        path: impl AsRef<Path>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Policy, FileError> {
        let path = path.as_ref();
        let bad = |error| FileError::new(path, FileProblem::BadPolicy(error));
        let text = String::from_utf8(self.read(path)?)
            .map_err(|_| bad(PolicyFileError::Syntax("not UTF-8".into())))?;
        let file: PolicyFile =
            toml::from_str(&text).map_err(|err| bad(PolicyFileError::syntax(&text, &err)))?;
        let folder = path.parent().unwrap_or(Path::new(""));

        let mut builder = Policy::builder().provider(provider);
        for (name, scope) in file.scopes {
            builder = builder.scope(name, scope.anchors(folder, self)?);
        }
        for (number, rule) in file.rules.into_iter().enumerate() {
            let place = format!("rule {number}");
            builder =
                builder.rule(rule.rule().map_err(|why| bad(PolicyFileError::rule(place, why)))?);
        }
        let last = file.otherwise.verdict();
        let last = last.map_err(|why| bad(PolicyFileError::rule("otherwise".into(), why)))?;
        builder.otherwise(last).map_err(|err| bad(PolicyFileError::Policy(err)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    scopes: BTreeMap<String, ScopeFile>,
    #[serde(default)]
    rules: Vec<RuleFile>,
    otherwise: VerdictFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeFile {
    anchors: Vec<PathBuf>,
    #[serde(default)]
    crls: Vec<PathBuf>,
}

impl ScopeFile {
    fn anchors(self, folder: &Path, files: &mut Files) -> Result<Anchors, FileError> {
        let mut roots = RootCertStore::empty();
        for path in self.anchors {
            roots.extend(files.roots(folder.join(path))?.roots);
        }
        let mut crls = Vec::new();
        for path in self.crls {
            crls.extend(files.crls(folder.join(path))?);
        }
        Ok(Anchors::store_with_crls(roots, crls))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    server_name: Option<String>,
    alpn: Option<String>,
    offered: Option<Offered>,
    peer: Option<IpNet>,
    // `flatten` and `deny_unknown_fields` do not go together.
    ask: Option<Nothing>,
    request: Option<String>,
    request_lenient: Option<String>,
    require: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictFile {
    ask: Option<Nothing>,
    request: Option<String>,
    request_lenient: Option<String>,
    require: Option<String>,
}

/// Whether there is an offer, or by which way.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected true, false, \"flag\", \"care\" or \"both\"")]
enum Offered {
    Any(bool),
    By(Way),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Flag,
    Care,
    Both,
}

/// `ask` has the one value `"nothing"`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Nothing {
    Nothing,
}

const ONE_VERDICT: &str =
    "says what to do by exactly one of ask, request, request_lenient and require";

impl RuleFile {
    fn rule(self) -> Result<Rule, &'static str> {
        let Self { server_name, alpn, offered, peer, ask, request, request_lenient, require } =
            self;
        let mut when = Rule::when();
        if let Some(name) = server_name {
            when = when.server_name(name);
        }
        if let Some(protocol) = alpn {
            when = when.alpn(protocol);
        }
        match offered {
            Some(Offered::Any(offered)) => when = when.offered(offered),
            Some(Offered::By(Way::Flag)) => when = when.offered_by(Offer::FLAG),
            Some(Offered::By(Way::Care)) => when = when.offered_by(Offer::CARE),
            Some(Offered::By(Way::Both)) => when = when.offered_by(Offer::BOTH),
            None => {}
        }
        if let Some(network) = peer {
            when = when.peer(network);
        }
        VerdictFile { ask, request, request_lenient, require }.verdict().map(|then| when.then(then))
    }
}

impl VerdictFile {
    fn verdict(self) -> Result<Verdict, &'static str> {
        match (self.ask, self.request, self.request_lenient, self.require) {
            (Some(Nothing::Nothing), None, None, None) => Ok(Verdict::None),
            (None, Some(scope), None, None) => Ok(Verdict::Request(scope)),
            (None, None, Some(scope), None) => Ok(Verdict::RequestLenient(scope)),
            (None, None, None, Some(scope)) => Ok(Verdict::Require(scope)),
            _ => Err(ONE_VERDICT),
        }
    }
}

/// What is wrong with the policy in a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// It is not TOML, or has something in it that is not understood; and where.
    Syntax(String),
    /// A rule is not complete.
    Rule {
        /// Which one.
        place: String,
        /// Why not.
        reason: &'static str,
    },
    /// It is none that can be built.
    Policy(PolicyError),
}

impl PolicyFileError {
    fn syntax(text: &str, err: &toml::de::Error) -> Self {
        let line = err
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| format!("line {}: ", before.matches('\n').count() + 1));
        Self::Syntax(line.unwrap_or_default() + &err.message().replace('\n', ", "))
    }

    fn rule(place: String, reason: &'static str) -> Self {
        Self::Rule { place, reason }
    }
}

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => f.write_str(what),
            Self::Rule { place, reason } => write!(f, "{place} {reason}"),
            Self::Policy(err) => err.fmt(f),
        }
    }
}

impl std::error::Error for PolicyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Policy(err) => Some(err),
            Self::Syntax(_) | Self::Rule { .. } => None,
        }
    }
}
