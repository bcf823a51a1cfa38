//! A case: a rule, and an experiment that shows whether the peer keeps it.

use rustls_ext_wire::rules;
use serde::Serialize;

use super::grade::Grade;

/// The role under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A server: the tester is its client.
    Server,
    /// A client: the tester is its server.
    Client,
}

/// The level of a rule (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Level {
    Must,
    Should,
    May,
}

impl Level {
    /// The name in RFC 2119.
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// The topic of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// The extension in a ClientHello, sent or received.
    Hello,
    /// A malformed body in a server's message.
    Body,
    /// The second ClientHello, and HelloRetryRequest.
    Retry,
    /// Flags in messages that answer.
    Answer,
    /// CertificateRequest and its acknowledgement.
    Request,
    /// The client's Certificate.
    Certificate,
    /// NewSessionTicket.
    Ticket,
    /// client_authentication_request.
    Care,
    /// workload_identifier_origin_hint.
    Origin,
    /// Sessions that are resumed.
    Resumption,
    /// What differs under TLS 1.2.
    Tls12,
    /// Certificates on an open HTTP/2 connection.
    Secondary,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 12] = [
        Self::Hello,
        Self::Body,
        Self::Retry,
        Self::Answer,
        Self::Request,
        Self::Certificate,
        Self::Ticket,
        Self::Care,
        Self::Origin,
        Self::Resumption,
        Self::Tls12,
        Self::Secondary,
    ];

    /// The name in a case's id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Body => "body",
            Self::Retry => "retry",
            Self::Answer => "answer",
            Self::Request => "request",
            Self::Certificate => "certificate",
            Self::Ticket => "ticket",
            Self::Care => "care",
            Self::Origin => "origin",
            Self::Resumption => "resumption",
            Self::Tls12 => "tls12",
            Self::Secondary => "secondary",
        }
    }
}

/// The description of a case.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Its unique name: role, group and what it does.
    pub id: String,
    /// Its topic.
    pub group: Group,
    /// The id of the rule in this project.
    pub rule: &'static str,
    /// The source of the rule.
    pub source: &'static str,
    /// The level of the rule.
    pub level: Level,
    /// The role under test.
    pub role: Role,
    /// What the peer should do.
    pub expects: String,
}

impl About {
    /// A case of this role, group and name, for a rule that is a MUST.
    pub fn new(role: Role, group: Group, name: &str, rule: &'static str, expects: &str) -> Self {
        let side = if role == Role::Server { "server" } else { "client" };
        Self {
            id: format!("{side}.{}.{name}", group.name()),
            group,
            rule,
            source: rules::find(rule).map_or("RFC 8446", |rule| rule.source),
            level: Level::Must,
            role,
            expects: expects.into(),
        }
    }

    /// Whether `pattern` matches: an id, or the beginning of one and an asterisk.
    pub fn is_named(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(beginning) => self.id.starts_with(beginning),
            None => self.id == pattern,
        }
    }
}

/// A case: `L` is the lab that runs it, `N` is the features that it may need of the peer.
pub struct Case<L, N> {
    /// Its description.
    pub about: About,
    /// The features that it needs; it is skipped if one is missing.
    pub needs: Vec<N>,
    /// The experiment.
    pub run: Run<L>,
}

/// An experiment.
pub type Run<L> = Box<dyn Fn(&mut L) -> CaseResult>;

/// The grade of a case; the error is a grade that ended the experiment early.
pub type CaseResult = Result<Grade, Grade>;

impl<L, N> Case<L, N> {
    /// A case that runs only if the peer has all of `needs`.
    pub fn new(
        about: About,
        needs: impl IntoIterator<Item = N>,
        run: impl Fn(&mut L) -> CaseResult + 'static,
    ) -> Self {
        Self { about, needs: needs.into_iter().collect(), run: Box::new(run) }
    }

    /// The same, of this level.
    pub fn level(mut self, level: Level) -> Self {
        self.about.level = level;
        self
    }
}
