//! Policies in TOML files: their format.
//!
//! ```toml
//! [scopes.staff]
//! anchors = ["staff-ca.pem"]         # PEM; each certificate is a trust anchor
//! crls = ["staff.crl"]               # PEM or DER; without any, revocation is not checked
//!
//! [scopes.agents]
//! anchors = ["agents-ca.pem"]
//!
//! [scopes.org]
//! anchors = ["org-ca.pem"]
//! trust_domain = "spiffe://example.org"
//!
//! [[rules]]                          # the first rule whose conditions all hold decides
//! server_name = "admin.example.com"  # or "*.example.com"
//! require = "staff"
//!
//! [[rules]]
//! offered = true                     # or false, "flag", "care", "both" or "origins"
//! alpn = "h2"
//! peer = "10.0.0.0/8"                # or one address, "10.0.0.1"
//! request = "agents"                 # or request_lenient, require, or ask = "nothing"
//!
//! [[rules]]
//! origin = "spiffe://example.org"    # the client hints at this trust domain
//! require = "org"                    # whose trust_domain is the same
//!
//! [[post_handshake]]                 # may be requested on an open HTTP/2 or HTTP/3 connection
//! scope = "staff"
//! hosts = ["app.example.com"]        # or "*.example.com"; without hosts: for all hosts
//! when = "needed"                    # or "at-once", at the beginning of each connection
//! ask_again_after = 3600             # seconds; without it, once on a connection
//!
//! [otherwise]                        # the verdict if no rule matches; required
//! ask = "nothing"
//! ```
//!
//! More keys of a scope:
//!
//! | key | meaning |
//! |---|---|
//! | `pinned = ["robot.pem"]` | PEM; exactly these client certificates are accepted, too, even if no anchor issued them; a scope may have these, `anchors` or both |
//! | `crl_expiry = "ignore"` | use a revocation list even if it has expired or is not valid yet; the default, `"enforce"`, refuses the certificates that it covers |
//! | `usage = "any"` | accept any extended key usage; the default is `"client"`; or a list of accepted purposes, such as `["1.3.6.1.5.5.7.3.1"]` |
//! | `names = false` | send no names of authorities in requests for a certificate |
//! | `trust_domain = "spiffe://example.org"` | accept only certificates with a URI in this trust domain, and with no URI outside of it; needed for rules on an `origin` |
//! | `max_age = 86400` | sessions resume for this many seconds after the client last proved that it has its key; the default is 604800, 7 days |
//!
//! `unknown_origins = "refuse"`, at the top of the file, ends the handshake of clients that hint only at origins
//! which no rule names; the default is `"ignore"`.
//!
//! File names are relative to the folder of the policy file. Anything that is not understood is an
//! error, and so is everything that [`PolicyBuilder::build`](crate::PolicyBuilder::build) refuses:
//! for example a rule that can never decide, or a network such as `10.0.0.1/8`, which may have been
//! meant as `10.0.0.0/8` or as `10.0.0.1`. Errors name the line of the rule or entry.
//!
//! A program can keep its own configuration in a table of the same file:
//! [`Files::policy_and_table`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::crypto::CryptoProvider;
use rustls::ext_wire::{Offer, Origin, OriginError};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::DeTable;

use crate::anchors::{Anchors, BadUsage, CrlExpiry, Usage};
pub use crate::error::PolicyFileError;
use crate::error::{PolicyError, PostHandshakeProblem, RuleProblem};
use crate::file_error::{FileError, FileProblem};
use crate::files::Files;
use crate::policy::Policy;
use crate::post_handshake::PostHandshake;
use crate::rule::{Rule, Verdict};

impl Files {
    /// Reads a policy from a TOML file and the files that it names: see
    /// [`policy_file`](crate::policy_file) for the format.
    ///
    /// # Errors
    /// If one of the files cannot be used, or if
    /// [`PolicyBuilder::build`](crate::PolicyBuilder::build) refuses the policy.
    pub fn policy(
        &mut self,
        path: impl AsRef<Path>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Policy, FileError> {
        let path = path.as_ref();
        let text = self.text_of(path)?;
        let document = DeTable::parse(&text).map_err(|err| syntax(path, &text, &err))?;
        self.build(path, &text, document, provider)
    }

    /// Reads a policy, and a table that the program itself defines, from the same TOML file.
    ///
    /// A policy file may not contain anything that this crate does not understand. With this
    /// function a program keeps its own configuration beside the policy: the table of this name at
    /// the top of the file is read as a `T`, and the rest as [`policy()`](Self::policy) does. The
    /// result has no table if the file has none. `name` must not be one of the keys of the policy.
    ///
    /// ```
    /// use rustls_ext::policy_file::OwnTable;
    /// use rustls_ext::{FileError, Files, crypto_provider};
    ///
    /// #[derive(serde::Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct Greeting {
    ///     text: toml::Spanned<String>,
    /// }
    ///
    /// # fn main() -> Result<(), rustls_ext::LoadError> {
    /// # let _ = rustls_ext::rustls::crypto::ring::default_provider().install_default();
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("policy.toml");
    /// # std::fs::write(&path, "[otherwise]\nask = \"nothing\"\n[greeting]\ntext = \"\"")?;
    /// let table: Option<OwnTable<Greeting>>;
    /// let mut files = Files::new();
    /// let policy;
    /// (policy, table) = files.policy_and_table(&path, crypto_provider()?, "greeting")?;
    /// let table = table.ok_or("the table is missing")?;
    /// if table.value.text.get_ref().is_empty() {
    ///     let err = table.error(table.value.text.span().start, "text is empty");
    ///     assert!(err.to_string().ends_with("policy.toml: line 4: text is empty"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`policy()`](Self::policy), and if the table is not a `T`. Errors name lines.
    pub fn policy_and_table<T: DeserializeOwned>(
        &mut self,
        path: impl AsRef<Path>,
        provider: Arc<CryptoProvider>,
        name: &str,
    ) -> Result<(Policy, Option<OwnTable<T>>), FileError> {
        let path = path.as_ref();
        let text = self.text_of(path)?;
        let mut document = DeTable::parse(&text).map_err(|err| syntax(path, &text, &err))?;
        let table = match document.get_mut().remove(name) {
            Some(table) => {
                let offset = table.span().start;
                let value = T::deserialize(table.into_deserializer())
                    .map_err(|err| syntax(path, &text, &err))?;
                Some(OwnTable { value, offset, path: path.into(), text: text.clone() })
            }
            None => None,
        };
        Ok((self.build(path, &text, document, provider)?, table))
    }

    fn text_of(&mut self, path: &Path) -> Result<String, FileError> {
        String::from_utf8(self.read(path)?).map_err(|_| {
            FileError::new(
                path,
                FileProblem::BadPolicy(PolicyFileError::Syntax("not UTF-8".into())),
            )
        })
    }

    fn build(
        &mut self,
        path: &Path,
        text: &str,
        document: Spanned<DeTable<'_>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Policy, FileError> {
        let bad = |error| FileError::new(path, FileProblem::BadPolicy(error));
        let file = PolicyFile::deserialize(toml::de::Deserializer::from(document))
            .map_err(|err| syntax(path, text, &err))?;
        let folder = path.parent().unwrap_or(Path::new(""));

        let mut builder = Policy::builder().provider(provider);
        for (name, scope) in file.scopes {
            builder = builder.scope(name, scope.anchors(folder, self)?);
        }
        let line_at = lines_of(text);
        let lines: Vec<_> = file.rules.iter().map(|rule| line_at(rule.span().start)).collect();
        for (rule, line) in file.rules.into_iter().zip(&lines) {
            let rule = rule.into_inner().rule();
            builder = builder.rule(rule.ok_or_else(|| bad(PolicyFileError::Verdict(*line)))?);
        }
        let entries: Vec<_> =
            file.post_handshake.iter().map(|entry| line_at(entry.span().start)).collect();
        for entry in file.post_handshake {
            builder = builder.post_handshake(entry.into_inner().entry());
        }
        let otherwise = line_at(file.otherwise.span().start);
        let last = file.otherwise.into_inner().verdict();
        let last = last.ok_or_else(|| bad(PolicyFileError::Verdict(otherwise)))?;
        if let UnknownOrigins::Refuse = file.unknown_origins {
            builder = builder.refuse_unknown_origins();
        }
        let places = Places { rules: lines, entries, otherwise };
        builder.otherwise(last).build().map_err(|error| bad(places.name(error)))
    }
}

/// A table of a policy file that the program itself defines: see [`Files::policy_and_table`].
#[derive(Clone, Debug)]
pub struct OwnTable<T> {
    /// The content of the table.
    pub value: T,
    offset: usize,
    path: PathBuf,
    text: String,
}

impl<T> OwnTable<T> {
    /// Returns the path of the file. File names in it should be relative to the folder of this
    /// file, as they are in the rest of the policy.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the offset in bytes at which the table begins in the file.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the line of this offset in bytes, for example of the start of a `toml::Spanned`; the
    /// first line is 1.
    pub fn line(&self, offset: usize) -> usize {
        lines_of(&self.text)(offset)
    }

    /// Makes an error about the line of this offset in bytes.
    pub fn error(&self, offset: usize, problem: impl Into<String>) -> FileError {
        let line = self.line(offset);
        let error = PolicyFileError::OwnTable { line, problem: problem.into() };
        FileError::new(&self.path, FileProblem::BadPolicy(error))
    }
}

/// Finds the line number of an offset in a text; the first line is 1.
fn lines_of(text: &str) -> impl Fn(usize) -> usize + use<> {
    let ends: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset).collect();
    move |offset| ends.partition_point(|end| *end < offset) + 1
}

fn syntax(path: &Path, text: &str, err: &toml::de::Error) -> FileError {
    FileError::new(path, FileProblem::BadPolicy(syntax_error(text, err)))
}

fn syntax_error(text: &str, err: &toml::de::Error) -> PolicyFileError {
    let line = err.span().map(|span| format!("line {}: ", lines_of(text)(span.start)));
    PolicyFileError::Syntax(line.unwrap_or_default() + &err.message().replace('\n', ", "))
}

/// The lines of what stands in a file.
struct Places {
    /// In order.
    rules: Vec<usize>,
    entries: Vec<usize>,
    otherwise: usize,
}

impl Places {
    /// Replaces numbers by lines.
    fn name(&self, error: PolicyError) -> PolicyFileError {
        let line = |lines: &[usize], number: usize| {
            let line = number.checked_sub(1).and_then(|place| lines.get(place));
            line.copied().unwrap_or_default()
        };
        let of_rule = |rule| line(&self.rules, rule);
        match error {
            PolicyError::Rule { rule, problem } => {
                let problem = match problem {
                    RuleProblem::Unreachable { by } => {
                        RuleProblem::Unreachable { by: by.into_iter().map(of_rule).collect() }
                    }
                    problem => problem,
                };
                PolicyFileError::Rule { line: rule.map_or(self.otherwise, of_rule), problem }
            }
            PolicyError::PostHandshake { entry, problem } => {
                let problem = match problem {
                    PostHandshakeProblem::Covered { host, by } => {
                        PostHandshakeProblem::Covered { host, by: line(&self.entries, by) }
                    }
                    problem => problem,
                };
                PolicyFileError::PostHandshake { line: line(&self.entries, entry), problem }
            }
            error => PolicyFileError::Policy(error),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    scopes: BTreeMap<String, ScopeFile>,
    #[serde(default)]
    rules: Vec<Spanned<RuleFile>>,
    #[serde(default)]
    post_handshake: Vec<Spanned<EntryFile>>,
    #[serde(default)]
    unknown_origins: UnknownOrigins,
    otherwise: Spanned<VerdictFile>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnknownOrigins {
    #[default]
    Ignore,
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeFile {
    #[serde(default)]
    anchors: Vec<PathBuf>,
    #[serde(default)]
    pinned: Vec<PathBuf>,
    #[serde(default)]
    crls: Vec<PathBuf>,
    #[serde(default)]
    crl_expiry: CrlExpiryFile,
    #[serde(default)]
    usage: UsageFile,
    names: Option<bool>,
    trust_domain: Option<Domain>,
    max_age: Option<u64>,
}

/// The origin of a trust domain, in its normal form.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Domain(String);

impl TryFrom<String> for Domain {
    type Error = OriginError;

    fn try_from(origin: String) -> Result<Self, OriginError> {
        Ok(Self(Origin::parse(&origin)?.to_string()))
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CrlExpiryFile {
    #[default]
    Enforce,
    Ignore,
}

/// Purposes, by a keyword or by their object identifiers.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"client\", \"any\" or object identifiers, as [\"1.3.6.1.5.5.7.3.2\"]"
)]
enum UsageFile {
    Word(UsageWord),
    Purposes(Purposes),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum UsageWord {
    Client,
    Any,
}

#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Purposes(Usage);

impl TryFrom<Vec<String>> for Purposes {
    type Error = BadUsage;

    fn try_from(purposes: Vec<String>) -> Result<Self, BadUsage> {
        Usage::one_of(purposes).map(Self)
    }
}

impl Default for UsageFile {
    fn default() -> Self {
        Self::Word(UsageWord::Client)
    }
}

impl From<UsageFile> for Usage {
    fn from(usage: UsageFile) -> Self {
        match usage {
            UsageFile::Word(UsageWord::Client) => Self::client(),
            UsageFile::Word(UsageWord::Any) => Self::any(),
            UsageFile::Purposes(Purposes(usage)) => usage,
        }
    }
}

impl ScopeFile {
    fn anchors(self, folder: &Path, files: &mut Files) -> Result<Anchors, FileError> {
        let mut anchors = Anchors::authorities(Vec::new());
        for path in self.anchors {
            anchors = anchors.with(files.anchors(folder.join(path))?);
        }
        for path in self.pinned {
            anchors = anchors.with(files.pinned(folder.join(path))?);
        }
        for path in self.crls {
            anchors = anchors.with_crls(files.crls(folder.join(path))?);
        }
        anchors = anchors.with_usage(self.usage.into()).with_crl_expiry(match self.crl_expiry {
            CrlExpiryFile::Enforce => CrlExpiry::Enforce,
            CrlExpiryFile::Ignore => CrlExpiry::Ignore,
        });
        if self.names == Some(false) {
            anchors = anchors.without_names();
        }
        anchors.trust_domain = self.trust_domain.map(|Domain(origin)| origin);
        if let Some(seconds) = self.max_age {
            anchors = anchors.with_max_age(Duration::from_secs(seconds));
        }
        Ok(anchors)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    server_name: Option<String>,
    alpn: Option<String>,
    offered: Option<Offered>,
    origin: Option<String>,
    peer: Option<Network>,
    // serde does not support `flatten` together with `deny_unknown_fields`.
    ask: Option<Nothing>,
    request: Option<String>,
    request_lenient: Option<String>,
    require: Option<String>,
}

/// An entry for open connections.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFile {
    scope: String,
    hosts: Option<Hosts>,
    when: EntryTime,
    ask_again_after: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EntryTime {
    Needed,
    AtOnce,
}

/// An empty list would mean all hosts, which nobody expects.
#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Hosts(Vec<String>);

impl TryFrom<Vec<String>> for Hosts {
    type Error = &'static str;

    fn try_from(hosts: Vec<String>) -> Result<Self, Self::Error> {
        if hosts.is_empty() {
            Err("hosts is empty: name a host, or remove the key to include all hosts")
        } else {
            Ok(Self(hosts))
        }
    }
}

impl EntryFile {
    fn entry(self) -> PostHandshake {
        let mut entry = match self.when {
            EntryTime::Needed => PostHandshake::when_needed(self.scope),
            EntryTime::AtOnce => PostHandshake::at_once(self.scope),
        };
        for host in self.hosts.into_iter().flat_map(|Hosts(hosts)| hosts) {
            entry = entry.host(host);
        }
        match self.ask_again_after {
            Some(seconds) => entry.ask_again_after(Duration::from_secs(seconds)),
            None => entry,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictFile {
    ask: Option<Nothing>,
    request: Option<String>,
    request_lenient: Option<String>,
    require: Option<String>,
}

/// The condition on the offer: made or not, or made in which way.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected true, false, \"flag\", \"care\", \"both\" or \"origins\"")]
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
    Origins,
}

/// A network, or one address.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once('/');
        let network = match parts {
            None => text.parse().map(|addr: IpAddr| IpNet::from(addr)).ok(),
            Some(_) => text.parse().ok(),
        };
        network.map(Self).ok_or_else(|| match parts.map(|(addr, prefix)| (addr.parse(), prefix)) {
            Some((Ok(IpAddr::V4(_)), prefix)) => {
                format!("{text:?}: an IPv4 network has a prefix of 0 to 32, not {prefix:?}")
            }
            Some((Ok(IpAddr::V6(_)), prefix)) => {
                format!("{text:?}: an IPv6 network has a prefix of 0 to 128, not {prefix:?}")
            }
            _ => format!(
                "{text:?} is not an address such as \"10.0.0.1\" or \"2001:db8::1\", nor a \
                     network such as \"10.0.0.0/8\""
            ),
        })
    }
}

/// `ask` has the one value `"nothing"`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Nothing {
    Nothing,
}

impl RuleFile {
    /// `None` if there is not exactly one verdict.
    fn rule(self) -> Option<Rule> {
        let Self {
            server_name,
            alpn,
            offered,
            origin,
            peer,
            ask,
            request,
            request_lenient,
            require,
        } = self;
        let mut when = Rule::when();
        if let Some(name) = server_name {
            when = when.server_name(name);
        }
        if let Some(protocol) = alpn {
            when = when.alpn(protocol);
        }
        // Before `offered`, so that `false` contradicts it.
        if let Some(origin) = origin {
            when = when.origin(origin);
        }
        match offered {
            Some(Offered::Any(offered)) => when = when.offered(offered),
            Some(Offered::By(Way::Flag)) => when = when.offered_by(Offer::FLAG),
            Some(Offered::By(Way::Care)) => when = when.offered_by(Offer::CARE),
            Some(Offered::By(Way::Both)) => when = when.offered_by(Offer::BOTH),
            Some(Offered::By(Way::Origins)) => when = when.offered_by(Offer::ORIGINS),
            None => {}
        }
        if let Some(Network(network)) = peer {
            when = when.peer(network);
        }
        VerdictFile { ask, request, request_lenient, require }.verdict().map(|then| when.then(then))
    }
}

impl VerdictFile {
    /// `None` if there is not exactly one.
    fn verdict(self) -> Option<Verdict> {
        match (self.ask, self.request, self.request_lenient, self.require) {
            (Some(Nothing::Nothing), None, None, None) => Some(Verdict::None),
            (None, Some(scope), None, None) => Some(Verdict::Request(scope)),
            (None, None, Some(scope), None) => Some(Verdict::RequestLenient(scope)),
            (None, None, None, Some(scope)) => Some(Verdict::Require(scope)),
            _ => None,
        }
    }
}
