//! The events of a site.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rustls_ext::wire::Offer;

use crate::cast::{Cert, Trust};
use crate::world::FILES;

/// A site, and its events.
#[derive(Clone, Debug)]
pub struct Site {
    pub keeps: Keeps,
    pub steps: Vec<Step>,
}

/// Where the server keeps sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    Stored,
    Tickets,
}

#[derive(Clone, Debug)]
pub enum Step {
    Connect(Connect),
    /// The operator sets another rule for a host.
    Rule(Host, Rule),
    /// The operator trusts other authorities in a scope, under the same name.
    Trust(Scope, Trust),
    /// The operator binds a scope to its trust domain, or not. A scope that a rule on an origin names is
    /// always bound.
    Bind(Scope, bool),
    /// The operator installs a new list that revokes the traitor's certificate, or one that does not.
    Revoke(bool),
    /// The operator replaces several files at once, while the server loads: these changes are in
    /// place before it reads the file with this number, of [`FILES`](crate::world::FILES).
    Torn(Vec<Step>, usize),
    /// Time passes, in hours.
    Pass(i64),
    /// The server's clock is set to so many hours before or after the right time.
    Clock(i64),
    /// From now on, all sessions that the server stored are altered before it reads them.
    Forge(Forge),
    /// The server restarts as another process, with the storage and keys of the one before.
    Restart,
    /// The server loses its storage and keys.
    Forget,
}

/// What is altered in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    Nothing,
    /// The span of the voucher: it is valid for ever.
    Span,
    /// The tag of the voucher: it is another server's.
    Tag,
    /// The client's certificate, but not the voucher.
    Chain,
}

impl Forge {
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Span, Self::Tag, Self::Chain];
}

/// Host names; a session is for one of them.
pub const HOSTS: [&str; 2] = ["one.example", "two.example"];
pub type Host = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Agents,
    Staff,
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::Agents, Self::Staff];

    pub fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Staff => "staff",
        }
    }

    /// The origin of its trust domain.
    pub fn origin(self) -> &'static str {
        match self {
            Self::Agents => "spiffe://agents.example",
            Self::Staff => "spiffe://staff.example",
        }
    }
}

/// The operator's rule for the clients of a host.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub ask: Ask,
    pub scope: Scope,
    pub of: Of,
}

/// The clients that a rule is for; others are not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    All,
    /// Those that offer.
    Offering,
    /// Those that hint at the trust domain of the rule's scope.
    Hinting,
}

impl Of {
    pub const ALL: [Self; 3] = [Self::All, Self::Offering, Self::Hinting];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Nothing,
    Request,
    Lenient,
    Require,
}

impl Ask {
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Request, Self::Lenient, Self::Require];
}

/// A connection of the client.
#[derive(Clone, Debug)]
pub struct Connect {
    pub host: Host,
    pub version: Version,
    /// Without the hint.
    pub offer: Offer,
    /// The scope at whose trust domain the client hints.
    pub hint: Option<Scope>,
    /// Whether the client prefers resumption to a certificate request (RES-8).
    pub prefer_resumption: bool,
    /// Whether the certificate may be sent under TLS 1.2.
    pub clear: bool,
    pub certificate: Option<Cert>,
    /// Which session to present, of those that the client holds for the host and version.
    pub resume: Option<Index>,
    /// Whether the server cannot use the client's first key share.
    pub retry: bool,
    /// Whether the client sends early data if its session allows.
    pub early: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

fn connect() -> impl Strategy<Value = Step> {
    let where_to = (0..HOSTS.len(), select(&[Version::Tls12, Version::Tls13]));
    let says = (
        select(&[Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH]),
        proptest::option::weighted(0.4, select(&Scope::ALL)),
        proptest::bool::weighted(0.3),
        any::<bool>(),
        proptest::option::weighted(0.8, cert()),
    );
    let how = (
        proptest::option::weighted(0.8, any::<Index>()),
        proptest::bool::weighted(0.2),
        any::<bool>(),
    );
    (where_to, says, how).prop_map(|(where_to, says, how)| {
        let (host, version) = where_to;
        let (offer, hint, prefer_resumption, clear, certificate) = says;
        let (resume, retry, early) = how;
        Step::Connect(Connect {
            host,
            version,
            offer,
            hint,
            prefer_resumption,
            clear,
            certificate,
            resume,
            retry,
            early,
        })
    })
}

fn cert() -> impl Strategy<Value = Cert> {
    // Mostly those that count in a scope.
    prop_oneof![
        3 => select(&[Cert::Agent, Cert::Brief, Cert::Traitor, Cert::Boss, Cert::Liar]),
        1 => select(&Cert::ALL),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    (select(&Ask::ALL), select(&Scope::ALL), select(&Of::ALL)).prop_map(|(ask, scope, of)| Rule {
        ask,
        scope,
        of,
    })
}

/// A change by an operator.
fn change() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..HOSTS.len(), rule()).prop_map(|(host, rule)| Step::Rule(host, rule)),
        1 => (select(&Scope::ALL), select(&Trust::ALL))
            .prop_map(|(scope, trust)| Step::Trust(scope, trust)),
        1 => (select(&Scope::ALL), any::<bool>()).prop_map(|(scope, bound)| Step::Bind(scope, bound)),
        1 => any::<bool>().prop_map(Step::Revoke),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => connect(),
        5 => change(),
        1 => (proptest::collection::vec(change(), 2..5), 0..=FILES)
            .prop_map(|(changes, at)| Step::Torn(changes, at)),
        1 => select(&[1, 13, 25]).prop_map(Step::Pass),
        1 => select(&[-30, -2, 0, 0, 30]).prop_map(Step::Clock),
        1 => select(&Forge::ALL).prop_map(Step::Forge),
        1 => Just(Step::Restart),
        1 => proptest::bool::weighted(0.3)
            .prop_map(|all| if all { Step::Forget } else { Step::Restart }),
    ]
}

pub fn site() -> impl Strategy<Value = Site> {
    // Every site starts with a rule for each host; otherwise clients would rarely be asked.
    let rules = [0, 1].map(|host| rule().prop_map(move |rule| Step::Rule(host, rule)));
    let steps = proptest::collection::vec(step(), 4..24);
    (select(&[Keeps::Stored, Keeps::Tickets]), rules, steps).prop_map(|(keeps, rules, steps)| {
        Site { keeps, steps: rules.into_iter().chain(steps).collect() }
    })
}
