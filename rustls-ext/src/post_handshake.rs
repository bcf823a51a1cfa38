use std::time::Duration;

use rustls::server::ClientAuthDemand;

use crate::PostHandshakeProblem;
use crate::rule::Pattern;

/// A scope that a server requests certificates for on connections that are already open, with
/// `http::secondary`.
///
/// ```
/// use rustls_ext::PostHandshake;
///
/// // When a page needs it. A client that declined may be asked again after an hour.
/// let users = PostHandshake::when_needed("users")
///     .host("app.example.com")
///     .ask_again_after(std::time::Duration::from_secs(3600));
/// // Right at the start of each connection.
/// let devices = PostHandshake::at_once("devices");
/// # drop((users, devices));
/// ```
///
/// Such a request needs a client that takes part, TLS 1.3, and HTTP/2 or HTTP/3. Other clients get
/// 401, as on any connection without a certificate.
#[derive(Clone, Debug)]
pub struct PostHandshake {
    pub(crate) scope: String,
    at_once: bool,
    hosts: Vec<String>,
    ask_again_after: Option<Duration>,
}

impl PostHandshake {
    /// Requests a certificate in this scope when a request for a host needs it.
    pub fn when_needed(scope: impl Into<String>) -> Self {
        Self { scope: scope.into(), at_once: false, hosts: Vec::new(), ask_again_after: None }
    }

    /// Requests a certificate in this scope at the beginning of each connection, as soon as the
    /// client has announced that it takes part; and also when a request needs it.
    pub fn at_once(scope: impl Into<String>) -> Self {
        Self { at_once: true, ..Self::when_needed(scope) }
    }

    /// Adds a host for whose requests this scope may be requested: a DNS name, or `*.` and a DNS
    /// name for all names with exactly one label more. Case is ignored.
    ///
    /// Without any host, the scope may be requested for all hosts, also for addresses.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Requests the certificate again if the last answer on the connection is older than this, in
    /// whole seconds. Until then a client that declined, or whose certificate does not count, is not
    /// asked again.
    ///
    /// A proof of possession that is older does not count any more. By default, a client is asked
    /// once on a connection, and its proof counts for the
    /// [maximum age](crate::Anchors::with_max_age) of the scope.
    pub fn ask_again_after(mut self, age: Duration) -> Self {
        self.ask_again_after = Some(age);
        self
    }

    /// Completes this entry with the demand of its scope.
    pub(crate) fn build(self, demand: ClientAuthDemand) -> Result<Entry, PostHandshakeProblem> {
        let pattern = |name: String| {
            Pattern::parse(&name).map_err(|_| PostHandshakeProblem::BadHost { name })
        };
        let hosts = self.hosts.into_iter().map(pattern).collect::<Result<_, _>>()?;
        let Self { at_once, ask_again_after, .. } = self;
        Ok(Entry { hosts, demand: PostHandshakeDemand { demand, at_once, ask_again_after } })
    }
}

/// A certificate that may be requested on an open connection.
#[derive(Clone, Debug)]
pub struct PostHandshakeDemand {
    demand: ClientAuthDemand,
    at_once: bool,
    ask_again_after: Option<Duration>,
}

impl PostHandshakeDemand {
    /// A certificate that meets `demand`, requested when it is needed. For policies other than
    /// [`Policy`](crate::Policy).
    pub fn when_needed(demand: ClientAuthDemand) -> Self {
        Self { demand, at_once: false, ask_again_after: None }
    }

    /// Requests the certificate at the beginning of each connection.
    pub fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    /// Requests the certificate again: see [`PostHandshake::ask_again_after`].
    pub fn ask_again_after(self, age: Duration) -> Self {
        Self { ask_again_after: Some(age), ..self }
    }

    /// Returns which certificates are accepted, in which scope they count, and for how long.
    pub fn demand(&self) -> &ClientAuthDemand {
        &self.demand
    }

    /// Returns the name of the scope.
    pub fn scope(&self) -> &str {
        self.demand.scope()
    }

    /// Returns true if the certificate is requested at the beginning of each connection.
    pub fn is_at_once(&self) -> bool {
        self.at_once
    }

    /// Returns after which age of the last answer the client is asked again, if it is.
    pub fn asks_again_after(&self) -> Option<Duration> {
        self.ask_again_after
    }
}

/// An entry of a policy.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Empty for all hosts.
    hosts: Vec<Pattern>,
    pub(crate) demand: PostHandshakeDemand,
}

impl Entry {
    /// Returns true if it is for this host, whose name is in the form of a rule's.
    pub(crate) fn is_for(&self, host: Option<&str>) -> bool {
        self.hosts.is_empty()
            || host.is_some_and(|host| self.hosts.iter().any(|pattern| pattern.matches(host)))
    }

    /// Returns a host of this entry that `earlier` covers, if the scopes are the same; `None` inside
    /// for all hosts.
    pub(crate) fn covered_by(&self, earlier: &Self) -> Option<Option<String>> {
        if self.demand.scope() != earlier.demand.scope() {
            return None;
        }
        if earlier.hosts.is_empty() {
            return Some(self.hosts.first().map(ToString::to_string));
        }
        let covered = |host: &&Pattern| {
            earlier.hosts.iter().any(|wide| wide == *host || host.wildcard().as_ref() == Some(wide))
        };
        self.hosts.iter().find(covered).map(|host| Some(host.to_string()))
    }

    /// Returns a host that stands in this entry twice, or beside a wildcard that covers it.
    pub(crate) fn repeated(&self) -> Option<String> {
        let is_repeated = |(place, host): (usize, &Pattern)| {
            let same = self.hosts.iter().take(place).any(|earlier| earlier == host);
            let wide = host.wildcard().is_some_and(|wildcard| self.hosts.contains(&wildcard));
            (same || wide).then(|| host.to_string())
        };
        self.hosts.iter().enumerate().find_map(is_repeated)
    }
}
