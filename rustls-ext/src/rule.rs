use std::cell::OnceCell;
use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use rustls::ext_wire::{Offer, Origin, Origins};
use rustls::pki_types::DnsName;
use rustls::server::ClientHello;

use crate::RuleProblem;

/// Whether to request a certificate for a connection, and in which scope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Do not request a certificate.
    None,
    /// Request a certificate that counts in this scope. A client without one continues
    /// unauthenticated.
    Request(String),
    /// As `Request`, but a client whose certificate does not count also continues unauthenticated;
    /// `ClientAuth::refusal` has the reason.
    RequestLenient(String),
    /// Require a certificate that counts in this scope: the handshake fails without one.
    Require(String),
}

impl Verdict {
    pub(crate) fn scope(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Request(scope) | Self::RequestLenient(scope) | Self::Require(scope) => {
                Some(scope)
            }
        }
    }
}

/// Conditions on a connection, and the verdict if all of them hold.
///
/// ```
/// use rustls_ext::Rule;
///
/// let staff = Rule::when().server_name("admin.example.com").require("staff");
/// let agents = Rule::when().offered(true).alpn("h2").request("agents");
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) conditions: Conditions,
    pub(crate) verdict: Verdict,
}

impl Rule {
    /// Starts with no condition: the rule matches every connection.
    pub fn when() -> Conditions {
        Conditions::default()
    }
}

/// The conditions of a [`Rule`], started by [`Rule::when`]. The rule matches connections that meet
/// all of them; without conditions it matches all connections.
///
/// ```
/// use rustls_ext::Rule;
/// use rustls_ext::crates::ipnet::IpNet;
///
/// // Agents that offer, in one network, may authenticate; other clients are not asked.
/// let rule = Rule::when()
///     .server_name("api.example.com")
///     .offered(true)
///     .peer("192.0.2.0/24".parse::<IpNet>()?)
///     .request("agents");
/// # drop(rule);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
    offered: Option<bool>,
    offered_by: Option<Offer>,
    /// In its normal form once it is checked.
    pub(crate) origin: Option<String>,
    pub(crate) peer: Option<IpNet>,
}

impl Conditions {
    /// Matches clients that send this server name (RFC 6066 section 3).
    ///
    /// `*.` and a DNS name matches names with exactly one label more. Case is ignored. A client
    /// that sends no name does not match.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Matches clients whose list of application protocols (RFC 7301) contains this one.
    ///
    /// The server may still choose another protocol from the list.
    pub fn alpn(mut self, protocol: impl AsRef<[u8]>) -> Self {
        self.alpn = Some(protocol.as_ref().to_vec());
        self
    }

    /// Matches clients that offer to authenticate, by flag, CARE or origin hint, or those that do not.
    ///
    /// With `true`, the offer is the reason for requesting a certificate, and is acknowledged
    /// (RCA-2). A rule without this condition requests for another reason, and the offer is not
    /// acknowledged (RCA-3).
    pub fn offered(mut self, offered: bool) -> Self {
        self.offered = Some(offered);
        self
    }

    /// Matches clients that offer to authenticate in this way, or in both ways for [`Offer::BOTH`].
    /// A client that offers in both ways matches each of them.
    ///
    /// Otherwise the same as [`offered(true)`](Self::offered). CARE alone cannot be acknowledged, nor
    /// can an origin hint alone.
    pub fn offered_by(mut self, offer: Offer) -> Self {
        self.offered_by = Some(offer);
        self.offered(true)
    }

    /// Matches clients that hint at this origin, such as `spiffe://example.org`
    /// (`workload_identifier_origin_hint`): the scheme and trust domain of an identity that they have.
    ///
    /// Otherwise the same as [`offered(true)`](Self::offered). If the rule requests a certificate, its
    /// scope must have this trust domain ([`Anchors::with_trust_domain`](crate::Anchors::with_trust_domain)), so that a
    /// certificate counts only if it is what the client hinted at (WIO-6). The hint itself proves nothing
    /// (WIO-4).
    ///
    /// ```
    /// use rustls_ext::Rule;
    ///
    /// let rule = Rule::when().origin("spiffe://example.org").require("org");
    /// ```
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self.offered(true)
    }

    /// Matches clients whose address is in this network.
    ///
    /// Networks of IPv4 and IPv6 do not contain each other's addresses. IPv4-mapped IPv6 addresses
    /// and networks (RFC 4291 section 2.5.5.2) are treated as the IPv4 ones that they stand for. A
    /// network whose address has bits set after its prefix is an error when the policy is built.
    pub fn peer(mut self, network: impl Into<IpNet>) -> Self {
        self.peer = Some(canonical(network.into()));
        self
    }

    /// Completes the rule with this verdict.
    pub fn then(self, verdict: Verdict) -> Rule {
        Rule { conditions: self, verdict }
    }

    /// Completes the rule: do not request a certificate.
    pub fn ask_nothing(self) -> Rule {
        self.then(Verdict::None)
    }

    /// Completes the rule: request a certificate in this scope; clients without one continue
    /// unauthenticated.
    pub fn request(self, scope: impl Into<String>) -> Rule {
        self.then(Verdict::Request(scope.into()))
    }

    /// Completes the rule: request a certificate in this scope; clients without one, or with one
    /// that does not count, continue unauthenticated.
    pub fn request_lenient(self, scope: impl Into<String>) -> Rule {
        self.then(Verdict::RequestLenient(scope.into()))
    }

    /// Completes the rule: require a certificate in this scope.
    pub fn require(self, scope: impl Into<String>) -> Rule {
        self.then(Verdict::Require(scope.into()))
    }

    pub(crate) fn needs_peer(&self) -> bool {
        self.peer.is_some()
    }

    pub(crate) fn answers_offer(&self) -> bool {
        self.offered == Some(true)
    }

    /// Returns true if an offer made in these ways, or no offer, meets the condition on it.
    fn offer_holds(&self, offer: Offer) -> bool {
        self.offered.is_none_or(|offered| offered != offer.is_none())
            && (self.origin.is_none() || offer.has_origins())
            && self.offered_by.is_none_or(|ways| !ways.is_none() && offer.contains(ways))
    }

    /// The indices in [`OFFERS`] of the values that meet the conditions.
    pub(crate) fn offers(&self) -> impl Iterator<Item = usize> {
        (0..).zip(OFFERS).filter(|(_, offer)| self.offer_holds(*offer)).map(|(place, _)| place)
    }

    /// Returns the server name to match, if a client can meet the conditions.
    pub(crate) fn check(&mut self) -> Result<Option<Pattern>, RuleProblem> {
        if let Some(origin) = &mut self.origin {
            match Origin::parse(origin).map(|origin| origin.to_string()) {
                Ok(normal) => *origin = normal,
                Err(error) => {
                    return Err(RuleProblem::BadOrigin { origin: origin.clone(), error });
                }
            }
        }
        let name = self.server_name.as_deref().map(Pattern::parse).transpose()?;
        if let Some(protocol) = self.alpn.clone().filter(|it| !(1..=255).contains(&it.len())) {
            return Err(RuleProblem::BadProtocol { protocol });
        }
        if let Some(network) = self.peer.filter(|network| *network != network.trunc()) {
            return Err(RuleProblem::HostBits { network });
        }
        if self.offers().next().is_none() {
            return Err(RuleProblem::Contradiction);
        }
        Ok(name)
    }

    /// Returns true if all conditions hold, except the one on the server name, which the policy
    /// looks up.
    ///
    /// `None` if that depends on unknown facts.
    pub(crate) fn hold(&self, client: &impl RuleInput) -> Option<bool> {
        let alpn = self.alpn.as_ref().map_or(Some(true), |wanted| client.lists(wanted));
        let peer = self.peer.map_or(Some(true), |network| client.is_in(network));
        let offered = self.offer_holds(client.offer());
        let origin = match &self.origin {
            Some(origin) if offered => client.hints_at(origin),
            _ => Some(true),
        };
        match [alpn, peer, origin, Some(offered)] {
            all if all.contains(&Some(false)) => Some(false),
            all if all.contains(&None) => None,
            _ => Some(true),
        }
    }
}

/// Every way to make an offer, or not to make one.
pub(crate) const OFFERS: [Offer; 8] = [
    Offer::NONE,
    Offer::FLAG,
    Offer::CARE,
    Offer::BOTH,
    Offer::ORIGINS,
    Offer::FLAG.with_origins(true),
    Offer::CARE.with_origins(true),
    Offer::BOTH.with_origins(true),
];

/// An IPv4-mapped network as the IPv4 network that it stands for; addresses are treated in the same
/// way.
fn canonical(network: IpNet) -> IpNet {
    /// The length of the prefix `::ffff:0:0/96`.
    const MAPPED: u8 = 96;
    let IpNet::V6(mapped) = network else { return network };
    let (Some(addr), Some(prefix)) =
        (mapped.addr().to_ipv4_mapped(), mapped.prefix_len().checked_sub(MAPPED))
    else {
        return network;
    };
    Ipv4Net::new(addr, prefix).map_or(network, IpNet::V4)
}

/// RuleInput about a client that conditions test; `None` for an unknown fact.
pub(crate) trait RuleInput {
    /// Returns true if the client's list of application protocols contains this one.
    fn lists(&self, protocol: &[u8]) -> Option<bool>;
    /// The ways in which the client offers to authenticate.
    fn offer(&self) -> Offer;
    /// Returns true if the client hints at this origin, which is in its normal form.
    fn hints_at(&self, origin: &str) -> Option<bool>;
    /// Returns true if the client's address is in this network.
    fn is_in(&self, network: IpNet) -> Option<bool>;
}

/// A client that has sent its ClientHello. Without an address, it is in no network.
pub(crate) struct Connecting<'a> {
    hello: &'a ClientHello<'a>,
    peer: Option<IpAddr>,
    /// The normal forms of its origins, once a rule needs them.
    origins: OnceCell<Vec<String>>,
}

impl<'a> Connecting<'a> {
    pub(crate) fn new(hello: &'a ClientHello<'a>, peer: Option<IpAddr>) -> Self {
        Self { hello, peer, origins: OnceCell::new() }
    }

    /// The normal forms of the origins at which the client hints; those that cannot be read are left
    /// out (WIO-3, WIO-8).
    pub(crate) fn origins(&self) -> &[String] {
        self.origins.get_or_init(|| normal_forms(self.hello.client_auth_origins()))
    }
}

/// The normal forms of these origins.
pub(crate) fn normal_forms(origins: Option<Origins<'_>>) -> Vec<String> {
    origins.iter().flatten().map(|origin| origin.to_string()).collect()
}

impl RuleInput for Connecting<'_> {
    fn lists(&self, protocol: &[u8]) -> Option<bool> {
        Some(self.hello.alpn().is_some_and(|mut list| list.any(|listed| listed == protocol)))
    }

    fn offer(&self) -> Offer {
        self.hello.client_auth_offer()
    }

    fn hints_at(&self, origin: &str) -> Option<bool> {
        Some(self.origins().iter().any(|hinted| hinted == origin))
    }

    fn is_in(&self, network: IpNet) -> Option<bool> {
        Some(self.peer.is_some_and(|peer| network.contains(&peer.to_canonical())))
    }
}

/// The known facts about a client whose ClientHello is not available: for example a client that has
/// a connection already and might open another one.
///
/// ```
/// use rustls_ext::ClientFacts;
/// use rustls_ext::wire::Offer;
///
/// let facts = ClientFacts::new().with_protocol("h2").with_offer(Offer::FLAG);
/// assert_eq!((facts.offer, facts.peer), (Offer::FLAG, None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientFacts {
    /// An application protocol (RFC 7301) in the client's list, which may contain others, too;
    /// `None` if not even one is known.
    pub protocol: Option<Vec<u8>>,
    /// The ways in which the client offers to authenticate.
    pub offer: Offer,
    /// The origins at which the client hints, each in its normal form ([`Origin`]'s `Display`); `None` if
    /// they are unknown. They count only if `offer` includes origins.
    pub origins: Option<Vec<String>>,
    /// The client's address, if it is known.
    pub peer: Option<IpAddr>,
}

impl ClientFacts {
    /// Starts with a client that does not offer to authenticate, and about which nothing else is
    /// known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a known application protocol (RFC 7301) of the client's list.
    pub fn with_protocol(self, protocol: impl AsRef<[u8]>) -> Self {
        Self { protocol: Some(protocol.as_ref().to_vec()), ..self }
    }

    /// Sets the ways in which the client offers to authenticate.
    pub fn with_offer(self, offer: Offer) -> Self {
        Self { offer, ..self }
    }

    /// Sets the origins at which the client hints, which makes them a part of its offer, unless there are
    /// none.
    pub fn with_origins<'a>(self, origins: impl IntoIterator<Item = Origin<'a>>) -> Self {
        let origins: Vec<_> = origins.into_iter().map(|origin| origin.to_string()).collect();
        Self { offer: self.offer.with_origins(!origins.is_empty()), origins: Some(origins), ..self }
    }

    /// Sets the client's address.
    pub fn with_peer(self, peer: IpAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }
}

impl RuleInput for ClientFacts {
    fn lists(&self, protocol: &[u8]) -> Option<bool> {
        (self.protocol.as_deref() == Some(protocol)).then_some(true)
    }

    fn offer(&self) -> Offer {
        self.offer
    }

    fn hints_at(&self, origin: &str) -> Option<bool> {
        self.origins.as_ref().map(|origins| origins.iter().any(|hinted| hinted == origin))
    }

    fn is_in(&self, network: IpNet) -> Option<bool> {
        self.peer.map(|peer| network.contains(&peer.to_canonical()))
    }
}

/// A server name to match, in the form in which a ClientHello's name is compared with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    Exact(String),
    /// Names with one label more than this one.
    Below(String),
}

impl Pattern {
    pub(crate) fn parse(name: &str) -> Result<Self, RuleProblem> {
        let bad = || RuleProblem::BadServerName { name: name.into() };
        let (below, rest) = match name.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        // A ClientHello's name never has a trailing dot (RFC 6066), so nothing would match.
        if rest.ends_with('.') || rest.parse::<IpAddr>().is_ok() {
            return Err(bad());
        }
        let name = DnsName::try_from(rest).map_err(|_| bad())?.to_lowercase_owned();
        let name = name.as_ref().to_owned();
        Ok(if below { Self::Below(name) } else { Self::Exact(name) })
    }

    /// Returns true for this name, which is in lower case and without a final dot.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(own) => own == name,
            Self::Below(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
        }
    }

    /// The wildcard that also matches this name, if this is not a wildcard itself.
    pub(crate) fn wildcard(&self) -> Option<Self> {
        match self {
            Self::Exact(name) => name.split_once('.').map(|(_, below)| Self::Below(below.into())),
            Self::Below(_) => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}
