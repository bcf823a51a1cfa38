//! What a case is: a rule, and an experiment that shows whether the other end keeps it.

use rustls_ext_wire::rules;
use serde::Serialize;

use super::grade::Grade;

/// Which end is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A server: the tester is its client.
    Server,
    /// A client: the tester is its server.
    Client,
}

/// How much of a demand the rule is (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Level {
    Must,
    Should,
    May,
}

impl Level {
    /// As in RFC 2119.
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// What a case is about.
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
    /// Sessions that are resumed.
    Resumption,
    /// What differs under TLS 1.2.
    Tls12,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 10] = [
        Self::Hello,
        Self::Body,
        Self::Retry,
        Self::Answer,
        Self::Request,
        Self::Certificate,
        Self::Ticket,
        Self::Care,
        Self::Resumption,
        Self::Tls12,
    ];

    /// One word.
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
            Self::Resumption => "resumption",
            Self::Tls12 => "tls12",
        }
    }
}

/// What is said of a case before it is run.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Its name, unlike any other's: role, group and what it does.
    pub id: String,
    /// What it is about.
    pub group: Group,
    /// The rule, by the numbers of this project.
    pub rule: &'static str,
    /// Where that rule comes from.
    pub source: &'static str,
    /// How much of a demand it is.
    pub level: Level,
    /// Which end is under test.
    pub role: Role,
    /// What the other end should do.
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

    /// Whether `pattern` names it: its id, or the beginning of one and an asterisk.
    pub fn is_named(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(beginning) => self.id.starts_with(beginning),
            None => self.id == pattern,
        }
    }
}

/// A case: `L` is what it is run with, `N` what the other end must be able to do for it.
pub struct Case<L, N> {
    /// What is said of it.
    pub about: About,
    /// Without any of these, it is skipped.
    pub needs: Vec<N>,
    /// The experiment.
    pub run: Run<L>,
}

/// An experiment.
pub type Run<L> = Box<dyn Fn(&mut L) -> CaseResult>;

/// A grade; an error is one that came before the end of the experiment.
pub type CaseResult = Result<Grade, Grade>;

impl<L, N> Case<L, N> {
    /// A case that is only run where all of `needs` are met.
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
