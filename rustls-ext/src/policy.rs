use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::ext_wire::Offer;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy, ClientHello};

use crate::anchors::Built;
use crate::carried::PolicyVerifier;
use crate::post_handshake::Entry;
use crate::reach::Reach;
use crate::rule::{Conditions, Connecting, Pattern};
use crate::{
    Anchors, ClientFacts, PolicyError, PostHandshake, PostHandshakeDemand, PostHandshakeProblem,
    Rule, RuleProblem, Verdict, Warning, crypto_provider,
};

/// Rules that decide which clients are asked for which certificates.
///
/// The first rule whose conditions all hold decides. The explicit
/// [`otherwise`](PolicyBuilder::otherwise) verdict decides for connections that no rule covers,
/// including those with an unknown server name or none. The time to look up a name does not depend
/// on the number of rules on other names.
///
/// ```
/// # use rustls_ext::rustls::{RootCertStore, ServerConfig};
/// use rustls_ext::{Anchors, Policy, Rule, Verdict};
///
/// # fn policy(staff_roots: RootCertStore, agent_roots: RootCertStore, config: &mut ServerConfig)
/// # -> Result<(), rustls_ext::PolicyError> {
/// let policy = Policy::builder()
///     .scope("staff", Anchors::from_roots(staff_roots))
///     .scope("agents", Anchors::from_roots(agent_roots))
///     .rule(Rule::when().server_name("admin.example.com").require("staff"))
///     .rule(Rule::when().offered(true).require("agents"))
///     .otherwise(Verdict::None)
///     .build()?;
/// config.client_auth_policy = Some(policy.for_config()?);
/// # Ok(())
/// # }
/// ```
///
/// In HTTP/2 and HTTP/3, certificates can also be requested on a connection that is already open:
/// [`PolicyBuilder::post_handshake`].
#[derive(Debug)]
pub struct Policy {
    rules: Vec<(Conditions, ClientAuthDecision)>,
    last: ClientAuthDecision,
    /// The numbers of the rules on each server name, and of those on any name.
    exact: HashMap<String, Vec<usize>>,
    below: HashMap<String, Vec<usize>>,
    any_name: Vec<usize>,
    needs_peer: bool,
    /// The origins that rules name, in their normal form, if a client that hints only at others is
    /// refused.
    known_origins: Option<HashSet<String>>,
    /// The scopes, by name.
    scopes: Vec<(String, Built, ClientAuthDemand)>,
    post_handshake: Vec<Entry>,
}

impl Policy {
    /// Starts a policy that has no rules.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// Requests a certificate from each client that offers one, and from no other client.
    ///
    /// Certificates that verify against `anchors` count in `scope`. The policy has one scope and
    /// one rule:
    ///
    /// ```
    /// # #[cfg(feature = "ring")]
    /// # fn policy(anchors: rustls_ext::Anchors) -> Result<rustls_ext::Policy, rustls_ext::PolicyError> {
    /// use rustls_ext::{Policy, Rule, Verdict};
    ///
    /// Policy::builder()
    ///     .scope("agents", anchors)
    ///     .rule(Rule::when().offered(true).request("agents"))
    ///     .otherwise(Verdict::None)
    ///     .build()
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PolicyError`] if the scope cannot be used, or if there is no
    /// [`crypto_provider()`](crate::crypto_provider).
    pub fn on_offer(scope: impl Into<String>, anchors: Anchors) -> Result<Self, PolicyError> {
        let scope = scope.into();
        Self::builder()
            .scope(scope.clone(), anchors)
            .rule(Rule::when().offered(true).request(scope))
            .otherwise(Verdict::None)
            .build()
    }

    /// Decides for a client with this ClientHello and address.
    ///
    /// If `peer` is `None`, no rule on addresses matches.
    pub fn decide(&self, hello: &ClientHello<'_>, peer: Option<SocketAddr>) -> ClientAuthDecision {
        self.decide_for(hello, peer.map(|peer| peer.ip()))
    }

    pub(crate) fn decide_for(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<IpAddr>,
    ) -> ClientAuthDecision {
        let client = Connecting::new(hello, peer);
        if self.refuses(hello.client_auth_offer(), || Some(client.origins())) {
            return ClientAuthDecision::Refuse;
        }
        let holds = |rule: &usize| {
            self.rules.get(*rule).is_some_and(|(when, _)| when.hold(&client) == Some(true))
        };
        // Each list gives its first match; the smallest number of these is the first match of all.
        self.rules_on(hello.server_name())
            .into_iter()
            .filter_map(|rules| rules.iter().copied().find(holds))
            .min()
            .and_then(|rule| self.rules.get(rule))
            .map_or(&self.last, |(_, decision)| decision)
            .clone()
    }

    /// Returns true if a client is refused since it hints at origins, none of which is known.
    fn refuses<'a>(&self, offer: Offer, origins: impl FnOnce() -> Option<&'a [String]>) -> bool {
        let Some(known) = self.known_origins.as_ref().filter(|_| offer.has_origins()) else {
            return false;
        };
        origins().is_some_and(|origins| !origins.iter().any(|origin| known.contains(origin)))
    }

    /// Returns all decisions that are possible for a connection to `server_name`, given only these
    /// facts about the client: at least one decision, and exactly one if it does not depend on
    /// unknown facts.
    ///
    /// `server_name` is `None` for a client that sends none. Case and a final dot are ignored.
    pub fn possible_decisions(
        &self,
        server_name: Option<&str>,
        client: &ClientFacts,
    ) -> Vec<ClientAuthDecision> {
        self.possible(server_name, client).cloned().collect()
    }

    /// The same without copies, in the order of the rules.
    pub(crate) fn possible<'a>(
        &'a self,
        server_name: Option<&str>,
        client: &'a ClientFacts,
    ) -> impl Iterator<Item = &'a ClientAuthDecision> {
        let mut rules = Merged(self.rules_on(server_name));
        let mut is_certain = false;
        let mut is_refused = self.refuses(client.offer, || client.origins.as_deref());
        std::iter::from_fn(move || {
            if std::mem::take(&mut is_refused) {
                is_certain = true;
                return Some(&ClientAuthDecision::Refuse);
            }
            if is_certain {
                return None;
            }
            for (conditions, decision) in rules.by_ref().filter_map(|rule| self.rules.get(rule)) {
                match conditions.hold(client) {
                    Some(false) => {}
                    Some(true) => {
                        is_certain = true;
                        return Some(decision);
                    }
                    None => return Some(decision),
                }
            }
            is_certain = true;
            Some(&self.last)
        })
    }

    /// The numbers of the rules that apply to connections to this server name, in three sorted
    /// lists.
    fn rules_on(&self, server_name: Option<&str>) -> [&[usize]; 3] {
        let (exact, below) = match server_name.map(normalized) {
            None => (None, None),
            Some(name) => (
                self.exact.get(&*name),
                name.split_once('.').and_then(|(_, parent)| self.below.get(parent)),
            ),
        };
        let [exact, below] = [exact, below].map(|list| list.map(Vec::as_slice).unwrap_or_default());
        [exact, below, &self.any_name]
    }

    /// The verifier of this scope.
    #[cfg(feature = "http")]
    pub(crate) fn verifier(&self, scope: &str) -> Option<&dyn ClientCertVerifier> {
        let (_, built, _) = self.scopes.iter().find(|(name, ..)| name == scope)?;
        Some(&*built.verifier)
    }

    /// Returns which certificates count in this scope, and for how long; `None` if there is no such
    /// scope.
    pub fn demand(&self, scope: &str) -> Option<&ClientAuthDemand> {
        let (_, _, demand) = self.scopes.iter().find(|(name, ..)| name == scope)?;
        Some(demand)
    }

    /// Returns the certificates that may be requested on an open connection for requests to this
    /// host, in the order of the entries; at most one for each scope.
    ///
    /// `host` is `None` for an address. Case and a final dot are ignored.
    pub fn post_handshake(&self, host: Option<&str>) -> Vec<PostHandshakeDemand> {
        let host = host.map(normalized);
        let mut found: Vec<PostHandshakeDemand> = Vec::new();
        for entry in self.post_handshake.iter().filter(|entry| entry.is_for(host.as_deref())) {
            if found.iter().all(|demand| demand.scope() != entry.demand.scope()) {
                found.push(entry.demand.clone());
            }
        }
        found
    }

    /// Returns true if certificates may be requested on open connections, for any host.
    pub fn has_post_handshake(&self) -> bool {
        !self.post_handshake.is_empty()
    }

    /// Returns what the operator should know about the scopes at `now`, such as that a revocation
    /// list has expired. Log these warnings when a policy is loaded, and again with each reload.
    ///
    /// Connections are still accepted, except for those that [`Warning::is_error`] describes.
    pub fn warnings(&self, now: UnixTime) -> Vec<Warning> {
        self.scopes.iter().flat_map(|(scope, built, _)| built.warnings(scope, now)).collect()
    }

    /// The expiry of each trust anchor, pinned certificate and revocation list in use, with its scope
    /// and its kind.
    #[cfg(feature = "metrics")]
    pub(crate) fn expiries(&self) -> impl Iterator<Item = (&str, &'static str, UnixTime)> {
        self.scopes.iter().flat_map(|(scope, built, _)| {
            built.expiries().into_iter().map(move |(kind, at)| (&**scope, kind, at))
        })
    }

    /// Returns true if there are rules on the peer's address.
    pub fn needs_peer_address(&self) -> bool {
        self.needs_peer
    }

    /// Converts this policy to the type of [`ServerConfig::client_auth_policy`].
    ///
    /// # Errors
    /// [`PolicyError::NeedsPeerAddress`] if there are rules on the peer's address: rustls does not
    /// know the address, and a rule that never matches would be a security hole.
    ///
    /// [`ServerConfig::client_auth_policy`]: rustls::ServerConfig::client_auth_policy
    pub fn for_config(self) -> Result<Arc<dyn ClientAuthPolicy>, PolicyError> {
        Self::shared_for_config(Arc::new(self))
    }

    /// Wraps this policy in a verifier, for programs whose users can set a verifier and nothing
    /// else.
    ///
    /// With the patched rustls, a config that is built with this verifier decides by the policy, as
    /// if the policy were in [`ServerConfig::client_auth_policy`]. A policy in that field takes
    /// precedence.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use rustls_ext::rustls::{RootCertStore, ServerConfig, sign::CertifiedKey};
    /// # use rustls_ext::rustls::server::ResolvesServerCert;
    /// use rustls_ext::{Anchors, Policy, Rule, Verdict};
    ///
    /// # fn config(roots: RootCertStore, key: Arc<dyn ResolvesServerCert>)
    /// # -> Result<ServerConfig, rustls_ext::PolicyError> {
    /// let policy = Policy::builder()
    ///     .scope("agents", Anchors::from_roots(roots))
    ///     .rule(Rule::when().offered(true).require("agents"))
    ///     .otherwise(Verdict::None)
    ///     .build()?;
    /// let config = ServerConfig::builder()
    ///     .with_client_cert_verifier(policy.for_verifier()?)
    ///     .with_cert_resolver(key);
    /// # Ok(config)
    /// # }
    /// ```
    ///
    /// # Without the policy
    /// A verifier that wraps this one must forward [`ClientCertVerifier::client_auth_policy()`]. If
    /// it does not, the policy is not used, and the verifier fails closed: a certificate is
    /// requested from each client, a client without one is refused, and each certificate is refused
    /// with an error that gives the reason. Sessions that were made under the policy do not resume
    /// then. But a session that a config without any policy has stored in the same storage does
    /// resume, as between two such configs: do not share storage with such a config.
    ///
    /// # Errors
    /// [`PolicyError::NeedsPeerAddress`], as for [`for_config()`](Self::for_config).
    ///
    /// [`ServerConfig::client_auth_policy`]: rustls::ServerConfig::client_auth_policy
    pub fn for_verifier(self) -> Result<Arc<dyn ClientCertVerifier>, PolicyError> {
        let schemes = match self.scopes.first() {
            Some((_, built, _)) => built.verifier.supported_verify_schemes(),
            None => Vec::new(),
        };
        Ok(PolicyVerifier::shared(self.for_config()?, schemes))
    }

    /// Builds an entry that comes after the existing ones.
    fn entry(&self, entry: PostHandshake) -> Result<Entry, PostHandshakeProblem> {
        let unknown = || PostHandshakeProblem::UnknownScope { scope: entry.scope.clone() };
        let demand = self.demand(&entry.scope).cloned().ok_or_else(unknown)?;
        let entry = entry.build(demand)?;
        if let Some(host) = entry.repeated() {
            return Err(PostHandshakeProblem::RepeatedHost { host });
        }
        for (by, earlier) in (1..).zip(&self.post_handshake) {
            if let Some(host) = entry.covered_by(earlier) {
                return Err(PostHandshakeProblem::Covered { host, by });
            }
        }
        Ok(entry)
    }

    pub(crate) fn shared_for_config(
        policy: Arc<Self>,
    ) -> Result<Arc<dyn ClientAuthPolicy>, PolicyError> {
        if policy.needs_peer {
            Err(PolicyError::NeedsPeerAddress)
        } else {
            Ok(Arc::new(InConfig { policy, peer: None }))
        }
    }
}

/// The numbers in three sorted lists that have none in common, in order.
struct Merged<'a>([&'a [usize]; 3]);

impl Iterator for Merged<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let next = self.0.iter().filter_map(|list| list.first()).min().copied()?;
        for list in &mut self.0 {
            if let Some((first, rest)) = list.split_first() {
                if *first == next {
                    *list = rest;
                }
            }
        }
        Some(next)
    }
}

/// Returns a server name in the form in which rules are looked up: in lower case (RFC 4343), and
/// without the final dot that a fully qualified name may have. No ClientHello has such a dot (RFC
/// 6066 section 3), but if a parser accepts one, it must not bypass a rule.
fn normalized(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// A policy in a config, for all connections or for those from one address.
#[derive(Debug)]
pub(crate) struct InConfig {
    pub(crate) policy: Arc<Policy>,
    pub(crate) peer: Option<IpAddr>,
}

impl ClientAuthPolicy for InConfig {
    fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, rustls::Error> {
        if self.policy.needs_peer && self.peer.is_none() {
            Err(rustls::Error::General(PolicyError::NeedsPeerAddress.to_string()))
        } else {
            Ok(self.policy.decide_for(hello, self.peer))
        }
    }
}

/// Builds a [`Policy`].
#[derive(Debug, Default)]
pub struct PolicyBuilder {
    provider: Option<Arc<CryptoProvider>>,
    scopes: Vec<(String, Anchors)>,
    rules: Vec<Rule>,
    post_handshake: Vec<PostHandshake>,
    refuse_unknown_origins: bool,
    last: Option<Verdict>,
}

impl PolicyBuilder {
    /// Verifies with this provider's algorithms. The default is
    /// [`crypto_provider()`](crate::crypto_provider).
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Defines a scope: certificates that verify against `anchors` count in it.
    ///
    /// The name is stored with sessions, which resume only in their own scope. Never reuse a
    /// scope's name for other anchors that share its session storage or ticket keys.
    pub fn scope(mut self, name: impl Into<String>, anchors: Anchors) -> Self {
        self.scopes.push((name.into(), anchors));
        self
    }

    /// Adds a rule, after the existing ones.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a scope that certificates are requested for on open connections, after the existing
    /// ones. The first entry for a scope and a host decides.
    pub fn post_handshake(mut self, entry: PostHandshake) -> Self {
        self.post_handshake.push(entry);
        self
    }

    /// Refuses clients that hint at origins of which no rule names even one, with the alert
    /// `handshake_failure` (WIO-4). The default is to ignore unknown origins (WIO-3).
    ///
    /// It is decided before any rule. Clients without a hint are not affected, and a client can leave its
    /// hint out: this tells a client early that it is wrong here, and protects nothing.
    pub fn refuse_unknown_origins(mut self) -> Self {
        self.refuse_unknown_origins = true;
        self
    }

    /// Sets the verdict for connections that no rule covers. Each policy must have one.
    pub fn otherwise(mut self, last: Verdict) -> Self {
        self.last = Some(last);
        self
    }

    /// Builds the policy.
    ///
    /// A rule that can never decide is an error. Such a rule:
    /// * has conditions that no client can meet;
    /// * or comes after an earlier rule that matches all of its connections. In each condition the
    ///   earlier rule has the same value or a wider one (a wildcard above the server name, a
    ///   network that contains the later one), or has no such condition;
    /// * or comes after several such earlier rules that differ in the ways to make an offer, and
    ///   that together match all ways which the later rule matches.
    ///
    /// It is not noticed if several earlier networks together cover a later one: a rule on
    /// 10.0.0.0/8 after rules on 10.0.0.0/9 and on 10.128.0.0/9. Names and protocols cannot be
    /// covered in this way: there are always others.
    ///
    /// An entry for open connections is an error if it covers a host twice, or a host that an
    /// earlier entry for the same scope covers.
    ///
    /// # Errors
    /// [`PolicyError`] if anything in the policy could let a client through by mistake.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let last = self.last.ok_or(PolicyError::NoLastVerdict)?;
        let provider = || match &self.provider {
            Some(provider) => Ok(provider.clone()),
            None => crypto_provider().map_err(PolicyError::Provider),
        };
        let mut demands = HashMap::new();
        let mut domains = HashMap::new();
        let mut scopes = Vec::with_capacity(self.scopes.len());
        for (name, anchors) in self.scopes {
            let max_age = anchors.max_age;
            domains.extend(anchors.trust_domain.clone().map(|domain| (name.clone(), domain)));
            let built = anchors.build(&name, &provider)?;
            let demand = ClientAuthDemand::new(built.verifier.clone(), name.as_str())
                .map_err(|_| PolicyError::BadScopeName { scope: name.clone() })?
                .with_max_age(max_age);
            scopes.push((name.clone(), built, demand.clone()));
            if demands.insert(name.clone(), demand).is_some() {
                return Err(PolicyError::DuplicateScope { scope: name });
            }
        }
        let decision = |verdict: Verdict, answers_offer: bool| -> Result<_, RuleProblem> {
            let Some(scope) = verdict.scope() else {
                return Ok(ClientAuthDecision::None);
            };
            let demand = demands
                .get(scope)
                .cloned()
                .ok_or_else(|| RuleProblem::UnknownScope { scope: scope.into() })?;
            let demand = if answers_offer { demand.because_offered() } else { demand };
            Ok(match verdict {
                Verdict::Require(_) => ClientAuthDecision::Require(demand),
                Verdict::RequestLenient(_) => {
                    ClientAuthDecision::Request(demand.or_continue_unauthenticated())
                }
                _ => ClientAuthDecision::Request(demand),
            })
        };

        let error = |rule: Option<usize>| move |problem| PolicyError::Rule { rule, problem };
        let mut policy = Policy {
            rules: Vec::with_capacity(self.rules.len()),
            last: decision(last, false).map_err(error(None))?,
            exact: HashMap::new(),
            below: HashMap::new(),
            any_name: Vec::new(),
            needs_peer: false,
            known_origins: None,
            scopes,
            post_handshake: Vec::with_capacity(self.post_handshake.len()),
        };
        for (number, entry) in (1..).zip(self.post_handshake) {
            let entry = policy.entry(entry);
            let entry =
                entry.map_err(|problem| PolicyError::PostHandshake { entry: number, problem })?;
            policy.post_handshake.push(entry);
        }
        let mut reach = Reach::default();
        let mut origins = HashSet::new();
        for (number, Rule { mut conditions, verdict }) in self.rules.into_iter().enumerate() {
            let error = error(Some(number + 1));
            let name = conditions.check().map_err(&error)?;
            if let (Some(origin), Some(scope)) = (&conditions.origin, verdict.scope()) {
                if demands.contains_key(scope) && domains.get(scope) != Some(origin) {
                    let (scope, origin) = (scope.to_owned(), origin.clone());
                    return Err(error(RuleProblem::OtherTrustDomain { scope, origin }));
                }
            }
            origins.extend(conditions.origin.clone());
            reach.add(number, name.as_ref(), &conditions).map_err(|earlier| {
                let by = earlier.into_iter().map(|rule| rule + 1).collect();
                error(RuleProblem::Unreachable { by })
            })?;
            let decision = decision(verdict, conditions.answers_offer()).map_err(&error)?;
            match name {
                None => policy.any_name.push(number),
                Some(Pattern::Exact(name)) => policy.exact.entry(name).or_default().push(number),
                Some(Pattern::Below(name)) => policy.below.entry(name).or_default().push(number),
            }
            policy.needs_peer |= conditions.needs_peer();
            policy.rules.push((conditions, decision));
        }
        if self.refuse_unknown_origins {
            if origins.is_empty() {
                return Err(PolicyError::NoKnownOrigins);
            }
            policy.known_origins = Some(origins);
        }
        Ok(policy)
    }
}
