//! Policies: which rule decides, and the errors when one is built.

mod common;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use common::{Authority, provider};
use proptest::prelude::*;
use rustls::client::{ClientConfig, ClientConnection};
use rustls::server::{Accepted, Acceptor, ClientAuthDecision};
use rustls::{RootCertStore, version::TLS13};
use rustls_ext::wire::{Offer, Origin};
use rustls_ext::{
    Anchors, ClientAuthOffer, ClientFacts, Policy, PolicyBuilder, PolicyError, PostHandshake, Rule,
    RuleProblem, Verdict,
};

/// A ClientHello as a server sees it.
fn hello(name: Option<&str>, alpn: &[&str], offer: bool) -> Accepted {
    hello_by(name, alpn, if offer { Offer::FLAG } else { Offer::NONE })
}

fn hello_by(name: Option<&str>, alpn: &[&str], offer: Offer) -> Accepted {
    hello_with(name, alpn, ClientAuthOffer::new(offer))
}

fn hello_with(name: Option<&str>, alpn: &[&str], offer: ClientAuthOffer) -> Accepted {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config.enable_sni = name.is_some();
    config.client_auth_offer = offer;
    let name = name.unwrap_or("none.invalid").to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &bytes[..]).unwrap();
    acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap()
}

fn builder() -> PolicyBuilder {
    let anchors = || Anchors::from_roots(Authority::new("anchors").roots());
    Policy::builder().provider(provider()).scope("staff", anchors()).scope("agents", anchors())
}

/// A decision as text: its kind and its scope.
fn decide(policy: &Policy, accepted: &Accepted, peer: Option<&str>) -> String {
    let peer = peer.map(|peer| SocketAddr::new(peer.parse().unwrap(), 1));
    in_short(&policy.decide(&accepted.client_hello(), peer))
}

/// All possible decisions for a client with these known facts.
fn possible(policy: &Policy, name: Option<&str>, client: &ClientFacts) -> Vec<String> {
    policy.possible_decisions(name, client).iter().map(in_short).collect()
}

fn in_short(decision: &ClientAuthDecision) -> String {
    match decision {
        ClientAuthDecision::Request(demand) => format!("request {}", demand.scope()),
        ClientAuthDecision::Require(demand) => format!("require {}", demand.scope()),
        _ => "none".into(),
    }
}

#[test]
fn the_first_rule_that_holds_decides() {
    let policy = builder()
        .rule(Rule::when().server_name("open.example.com").ask_nothing())
        .rule(Rule::when().server_name("*.example.com").offered(true).require("staff"))
        .rule(Rule::when().offered(true).request("agents"))
        .rule(Rule::when().server_name("www.example.com").require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let decide = |name, offer| decide(&policy, &hello(name, &[], offer), None);
    assert_eq!(decide(Some("open.example.com"), true), "none");
    assert_eq!(decide(Some("www.example.com"), true), "require staff");
    assert_eq!(decide(Some("www.example.com"), false), "require agents");
    assert_eq!(decide(Some("example.com"), true), "request agents");
    assert_eq!(decide(Some("other.org"), false), "none");
}

#[test]
fn connections_that_match_no_rule_get_the_last_verdict() {
    let policy = builder()
        .rule(Rule::when().server_name("www.example.com").ask_nothing())
        .otherwise(Verdict::Require("staff".into()))
        .build()
        .unwrap();
    let decide = |name| decide(&policy, &hello(name, &[], false), None);
    assert_eq!(decide(Some("www.example.com")), "none");
    assert_eq!(decide(Some("unknown.example.com")), "require staff");
    assert_eq!(decide(None), "require staff");
}

#[test]
fn a_wildcard_matches_exactly_one_label() {
    let policy = builder()
        .rule(Rule::when().server_name("*.Example.com").require("staff"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let decide = |name| decide(&policy, &hello(Some(name), &[], false), None);
    assert_eq!(decide("a.example.com"), "require staff");
    assert_eq!(decide("A.EXAMPLE.COM"), "require staff");
    assert_eq!(decide("a.b.example.com"), "none");
    assert_eq!(decide("example.com"), "none");
    assert_eq!(decide("aexample.com"), "none");
}

#[test]
fn alpn_is_matched_in_the_whole_list() {
    let policy = builder()
        .rule(Rule::when().alpn("h2").require("staff"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let decide = |alpn: &[&str]| decide(&policy, &hello(None, alpn, false), None);
    assert_eq!(decide(&["http/1.1", "h2"]), "require staff");
    assert_eq!(decide(&["http/1.1"]), "none");
    assert_eq!(decide(&["h2c"]), "none");
    assert_eq!(decide(&[]), "none");
}

#[test]
fn peers_are_matched_by_network() {
    let policy = builder()
        .rule(Rule::when().peer(net("10.0.0.0/8")).ask_nothing())
        .rule(Rule::when().peer(net("2001:db8::/32")).request("agents"))
        .otherwise(Verdict::Require("staff".into()))
        .build()
        .unwrap();
    assert!(policy.needs_peer_address());
    let hello = hello(None, &[], false);
    assert_eq!(decide(&policy, &hello, Some("10.1.2.3")), "none");
    assert_eq!(decide(&policy, &hello, Some("::ffff:10.1.2.3")), "none");
    assert_eq!(decide(&policy, &hello, Some("2001:db8::1")), "request agents");
    assert_eq!(decide(&policy, &hello, Some("11.1.2.3")), "require staff");
    assert_eq!(decide(&policy, &hello, None), "require staff");
}

#[test]
fn unknown_facts_about_a_client_leave_several_decisions_possible() {
    let net = "10.0.0.0/8".parse::<rustls_ext::crates::ipnet::IpNet>().unwrap();
    let policy = builder()
        .rule(Rule::when().server_name("www.example.com").alpn("h2").require("staff"))
        .rule(Rule::when().peer(net).request("agents"))
        .rule(Rule::when().offered(true).require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let www = Some("www.example.com");
    let nothing = ClientFacts::default();
    assert_eq!(possible(&policy, www, &nothing), ["require staff", "request agents", "none"]);
    assert_eq!(possible(&policy, None, &nothing), ["request agents", "none"]);

    let h2 = ClientFacts::new().with_protocol("h2");
    assert_eq!(possible(&policy, www, &h2), ["require staff"]);
    // There may be others in its list.
    let http1 = ClientFacts::new().with_protocol("http/1.1");
    assert_eq!(possible(&policy, www, &http1), ["require staff", "request agents", "none"]);

    let at = |peer: &str, offer| http1.clone().with_offer(offer).with_peer(peer.parse().unwrap());
    assert_eq!(possible(&policy, None, &at("10.1.2.3", Offer::FLAG)), ["request agents"]);
    assert_eq!(possible(&policy, None, &at("::ffff:10.1.2.3", Offer::NONE)), ["request agents"]);
    assert_eq!(possible(&policy, None, &at("11.1.2.3", Offer::CARE)), ["require agents"]);
    assert_eq!(possible(&policy, None, &at("11.1.2.3", Offer::NONE)), ["none"]);
}

#[test]
fn a_config_refuses_rules_that_it_cannot_decide() {
    let net = "10.0.0.0/8".parse::<rustls_ext::crates::ipnet::IpNet>().unwrap();
    let policy = builder()
        .rule(Rule::when().peer(net).ask_nothing())
        .otherwise(Verdict::Require("staff".into()))
        .build()
        .unwrap();
    assert!(matches!(policy.for_config().unwrap_err(), PolicyError::NeedsPeerAddress));
    builder().otherwise(Verdict::None).build().unwrap().for_config().unwrap();
}

fn error(builder: PolicyBuilder, last: Verdict) -> String {
    builder.otherwise(last).build().unwrap_err().to_string()
}

#[test]
fn a_policy_that_could_accept_the_wrong_client_is_an_error() {
    let empty = builder().scope("empty", Anchors::from_roots(RootCertStore::empty()));
    assert_eq!(
        error(empty, Verdict::None),
        "scope \"empty\" has no trust anchors and no pinned certificates"
    );

    assert_eq!(
        error(builder(), Verdict::Require("nobody".into())),
        "otherwise: scope \"nobody\" is not defined"
    );
    let unknown = builder().rule(Rule::when().offered(true).request("nobody"));
    assert_eq!(error(unknown, Verdict::None), "rule 1: scope \"nobody\" is not defined");

    let twice = builder().scope("staff", Anchors::from_roots(Authority::new("again").roots()));
    assert_eq!(error(twice, Verdict::None), "scope \"staff\" is defined twice");

    let nameless = builder().scope("", Anchors::from_roots(Authority::new("nameless").roots()));
    assert_eq!(
        error(nameless, Verdict::None),
        "the scope name \"\" must have 1 to 255 bytes, and has 0"
    );

    for name in [
        "",
        "*",
        "*.",
        "*.*.example.com",
        "www.*.com",
        "w*.example.com",
        "a..b",
        "www.",
        "192.0.2.1",
        "2001:db8::1",
        "*.192.0.2.1",
        "exa mple.com",
    ] {
        let rule = builder().rule(Rule::when().server_name(name).require("staff"));
        assert_eq!(
            error(rule, Verdict::None),
            format!(
                "rule 1: {name:?} is not a DNS name, nor `*.` and a DNS name, so no server name \
                 matches it"
            )
        );
    }
}

fn net(net: &str) -> rustls_ext::crates::ipnet::IpNet {
    net.parse().unwrap()
}

#[test]
fn a_rule_that_no_client_can_meet_is_an_error() {
    let one = |rule: Rule| error(builder().rule(rule), Verdict::None);
    let when = Rule::when;
    let protocol = "rule 1: an application protocol must have 1 to 255 bytes, and this one has ";
    assert_eq!(one(when().alpn("").require("staff")), format!("{protocol}0"));
    assert_eq!(one(when().alpn([b'x'; 256]).require("staff")), format!("{protocol}256"));
    builder()
        .rule(when().alpn([b'x'; 255]).ask_nothing())
        .otherwise(Verdict::None)
        .build()
        .unwrap();

    let contradiction = "rule 1: no client can meet these conditions: it would have to make an offer and not make one";
    assert_eq!(one(when().offered_by(Offer::FLAG).offered(false).require("staff")), contradiction);
    assert_eq!(one(when().offered_by(Offer::NONE).require("staff")), contradiction);

    for the_same in ["10.0.0.1/8", "::ffff:10.0.0.1/104"] {
        assert_eq!(
            one(when().peer(net(the_same)).require("staff")),
            "rule 1: 10.0.0.1/8 has bits set after its prefix: write 10.0.0.0/8 for the network, or \
             10.0.0.1 for the one address"
        );
    }
}

#[test]
fn a_mapped_network_is_the_ipv4_network() {
    let policy = builder()
        .rule(Rule::when().peer(net("::ffff:127.0.0.0/104")).require("staff"))
        .rule(Rule::when().peer(net("::/0")).request("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let hello = hello(None, &[], false);
    assert_eq!(decide(&policy, &hello, Some("127.1.2.3")), "require staff");
    assert_eq!(decide(&policy, &hello, Some("::ffff:127.1.2.3")), "require staff");
    assert_eq!(decide(&policy, &hello, Some("128.1.2.3")), "none");
    assert_eq!(decide(&policy, &hello, Some("::ffff:128.1.2.3")), "none");
    assert_eq!(decide(&policy, &hello, Some("::1")), "request agents");
}

#[test]
fn a_rule_behind_one_that_always_holds_first_is_an_error() {
    let when = Rule::when;
    let example = || when().server_name("www.example.com");
    for (earlier, later) in [
        (when(), example()),
        (example(), when().server_name("WWW.example.com")),
        (example(), example().alpn("h2").offered(true).peer(net("10.0.0.1/32"))),
        (when().server_name("*.example.com"), example()),
        (when().alpn("h2"), when().alpn("h2").offered(false)),
        (when().offered(true), when().offered_by(Offer::FLAG)),
        (when().offered_by(Offer::CARE), when().offered_by(Offer::BOTH)),
        (when().peer(net("10.0.0.0/8")), when().peer(net("10.1.0.0/16"))),
        (when().peer(net("10.0.0.0/8")), when().peer(net("::ffff:10.1.2.3/128"))),
        (when().peer(net("2001:db8::/32")), when().peer(net("2001:db8::1/128"))),
    ] {
        let when = Rule::when;
        let hidden = builder()
            .rule(when().server_name("other.example").alpn("acme-tls/1").ask_nothing())
            .rule(earlier.clone().ask_nothing())
            .rule(later.clone().require("staff"))
            .otherwise(Verdict::None)
            .build();
        match hidden.unwrap_err() {
            PolicyError::Rule { rule, problem: RuleProblem::Unreachable { by } } => {
                assert_eq!((rule, by), (Some(3), vec![2]), "{earlier:?} {later:?}");
            }
            other => panic!("{earlier:?} {later:?}: {other}"),
        }
    }
    // In the other order, or with one different condition, both rules decide for some clients.
    for (earlier, later) in [
        (example(), when()),
        (example(), when().server_name("*.example.com")),
        (when().server_name("*.example.com"), when().server_name("a.b.example.com")),
        (when().server_name("*.example.com"), when().server_name("example.com")),
        (example().offered(true), example()),
        (example().alpn("h2"), example().alpn("http/1.1")),
        (when().offered_by(Offer::BOTH), when().offered_by(Offer::CARE)),
        (when().peer(net("10.1.0.0/16")), when().peer(net("10.0.0.0/8"))),
        (when().peer(net("0.0.0.0/0")), when().peer(net("::/0"))),
    ] {
        let rules = builder().rule(earlier.ask_nothing()).rule(later.require("staff"));
        rules.otherwise(Verdict::None).build().unwrap();
    }
}

#[test]
fn rules_that_together_hold_for_all_offers_hide_what_is_behind_them() {
    let when = Rule::when;
    let hidden = builder()
        .rule(when().offered(true).ask_nothing())
        .rule(when().server_name("*.example.com").offered(false).ask_nothing())
        .rule(when().server_name("example.com").require("staff"))
        .rule(when().server_name("www.example.com").alpn("h2").require("staff"));
    assert_eq!(
        error(hidden, Verdict::None),
        "rule 4: this rule never decides, since rule 1 and rule 2 together match every \
         connection that it matches: remove it, or move it up"
    );
    let ways = builder()
        .rule(when().offered_by(Offer::FLAG).ask_nothing())
        .rule(when().offered_by(Offer::CARE).ask_nothing())
        .rule(when().offered_by(Offer::ORIGINS).ask_nothing())
        .rule(when().offered(true).require("staff"));
    assert_eq!(
        error(ways, Verdict::None),
        "rule 4: this rule never decides, since rule 1 and rule 2 and rule 3 together match every \
         connection that it matches: remove it, or move it up"
    );
    // As documented: networks that are covered in pieces are not found.
    builder()
        .rule(when().peer(net("10.0.0.0/9")).ask_nothing())
        .rule(when().peer(net("10.128.0.0/9")).ask_nothing())
        .rule(when().peer(net("10.0.0.0/8")).require("staff"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
}

/// It would take hours to compare each rule with all earlier ones.
#[test]
fn a_policy_may_have_a_hundred_thousand_rules() {
    let mut builder = builder();
    for number in 0..50_000_u32 {
        let address = IpAddr::from((10_u32 << 24 | number).to_be_bytes());
        builder = builder
            .rule(
                Rule::when()
                    .server_name(format!("h{number}.example"))
                    .offered(true)
                    .request("staff"),
            )
            .rule(Rule::when().peer(address).require("agents"));
    }
    let policy = builder.otherwise(Verdict::None).build().unwrap();
    let hello = hello(Some("h49999.example"), &[], true);
    assert_eq!(decide(&policy, &hello, Some("11.0.0.1")), "request staff");
    assert_eq!(decide(&policy, &hello, Some("10.0.195.79")), "request staff");
    assert_eq!(decide(&policy, &hello, Some("10.0.195.78")), "require agents");
}

/// A rule as data, for a linear search.
#[derive(Clone, Debug)]
struct Line {
    name: Option<&'static str>,
    alpn: Option<&'static str>,
    offer: Option<Wanted>,
    origin: Option<&'static str>,
    peer: Option<&'static str>,
    verdict: u8,
}

/// A condition on the offer.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Any(bool),
    By(Offer),
}

/// A client as data.
#[derive(Clone, Copy, Debug)]
struct Client {
    name: Option<&'static str>,
    alpn: &'static [&'static str],
    /// With origins if there are some.
    offer: Offer,
    origins: &'static [&'static str],
    peer: Option<&'static str>,
}

const PATTERNS: [&str; 5] =
    ["a.example.com", "*.example.com", "example.com", "*.b.example.com", "*.com"];
/// Names that match each pattern, and for wildcards also names that match no other pattern.
const NAMES: [&str; 7] = [
    "a.example.com",
    "z.example.com",
    "example.com",
    "a.b.example.com",
    "z.com",
    "z.org",
    "b.example.com",
];
/// None of them is covered by smaller ones.
const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "::ffff:10.1.2.0/120", "2001:db8::/32"];
const PEERS: [&str; 6] =
    ["10.9.9.9", "10.1.9.9", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.1"];
const PROTOCOLS: [&[&str]; 4] = [&[], &["h2"], &["http/1.1"], &["http/1.1", "h2"]];
const OFFERS: [Offer; 4] = [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH];
/// Those on which there are rules, each with its scope.
const ORIGINS: [&str; 2] = ["spiffe://a.example", "spiffe://b.example"];
const HINTS: [&[&str]; 5] = [
    &[],
    &["spiffe://a.example"],
    &["spiffe://b.example"],
    &["spiffe://c.example"],
    &["spiffe://c.example", "spiffe://b.example", "SPIFFE://A.example"],
];

impl Line {
    fn rule(&self) -> Rule {
        let mut rule = Rule::when();
        if let Some(name) = self.name {
            rule = rule.server_name(name);
        }
        if let Some(alpn) = self.alpn {
            rule = rule.alpn(alpn);
        }
        match self.offer {
            Some(Wanted::Any(offered)) => rule = rule.offered(offered),
            Some(Wanted::By(offer)) => rule = rule.offered_by(offer),
            None => {}
        }
        if let Some(origin) = self.origin {
            // This sets the condition on the offer, too.
            let offered = self.offer;
            rule = rule.origin(origin);
            rule = match offered {
                Some(Wanted::Any(offered)) => rule.offered(offered),
                _ => rule,
            };
        }
        if let Some(network) = self.peer {
            rule = rule.peer(net(network));
        }
        match self.verdict {
            0 => rule.ask_nothing(),
            1 => rule.request(self.origin.unwrap_or("agents")),
            _ => rule.require(self.origin.unwrap_or("staff")),
        }
    }

    fn decision(&self) -> String {
        match self.verdict {
            0 => "none".to_owned(),
            1 => format!("request {}", self.origin.unwrap_or("agents")),
            _ => format!("require {}", self.origin.unwrap_or("staff")),
        }
    }

    fn holds(&self, client: &Client) -> bool {
        let name_holds = match (self.name, client.name) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(name)) => match wanted.strip_prefix('*') {
                None => wanted == name,
                Some(rest) => name.strip_suffix(rest).is_some_and(|label| !label.contains('.')),
            },
        };
        let offer_holds = match self.offer {
            None => true,
            Some(Wanted::Any(offered)) => offered != client.offer.is_none(),
            Some(Wanted::By(offer)) => client.offer.contains(offer),
        };
        let mapped = |peer: &str| peer.strip_prefix("::ffff:").unwrap_or(peer).to_owned();
        let peer_holds = match (self.peer, client.peer.map(mapped)) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some("10.0.0.0/8"), Some(peer)) => peer.starts_with("10."),
            (Some("10.1.0.0/16"), Some(peer)) => peer.starts_with("10.1."),
            (Some("::ffff:10.1.2.0/120"), Some(peer)) => peer.starts_with("10.1.2."),
            (Some(_), Some(peer)) => peer.starts_with("2001:db8:"),
        };
        let hints =
            |origin: &str| client.origins.iter().any(|hint| hint.eq_ignore_ascii_case(origin));
        name_holds
            && self.origin.is_none_or(hints)
            && self.alpn.is_none_or(|alpn| client.alpn.contains(&alpn))
            && offer_holds
            && peer_holds
    }
}

/// One client of each kind that these rules distinguish.
fn clients() -> Vec<Client> {
    let mut clients = Vec::new();
    for name in NAMES.map(Some).into_iter().chain([None]) {
        for peer in PEERS.map(Some).into_iter().chain([None]) {
            for alpn in PROTOCOLS {
                for origins in HINTS {
                    clients.extend(OFFERS.map(|offer| {
                        let offer = offer.with_origins(!origins.is_empty());
                        Client { name, alpn, offer, origins, peer }
                    }));
                }
            }
        }
    }
    clients
}

fn line() -> impl Strategy<Value = Line> {
    let wanted = prop_oneof![
        any::<bool>().prop_map(Wanted::Any),
        proptest::sample::select(&OFFERS[1..]).prop_map(Wanted::By),
        Just(Wanted::By(Offer::ORIGINS)),
    ];
    (
        proptest::option::of(proptest::sample::select(&PATTERNS[..])),
        proptest::option::weighted(0.3, proptest::sample::select(&["h2", "http/1.1"][..])),
        proptest::option::of(wanted),
        proptest::option::weighted(0.3, proptest::sample::select(&ORIGINS[..])),
        proptest::option::weighted(0.3, proptest::sample::select(&NETWORKS[..])),
        0..3u8,
    )
        .prop_map(|(name, alpn, offer, origin, peer, verdict)| Line {
            name,
            alpn,
            offer,
            origin,
            peer,
            verdict,
        })
}

fn client() -> impl Strategy<Value = Client> {
    proptest::sample::select(clients())
}

fn policy(lines: &[Line]) -> Result<Policy, PolicyError> {
    let add = |builder: PolicyBuilder, line: &Line| builder.rule(line.rule());
    let scope = |builder: PolicyBuilder, origin: &str| {
        let anchors = Anchors::from_roots(Authority::new("anchors").roots());
        builder.scope(origin, anchors.with_trust_domain(origin).unwrap())
    };
    let builder = ORIGINS.into_iter().fold(builder(), scope);
    lines.iter().fold(builder, add).otherwise(Verdict::Request("staff".into())).build()
}

proptest! {
    /// A rule is refused exactly if it decides for no client; for the others, the lookup and a
    /// linear search give the same result.
    #[test]
    fn the_index_agrees_with_the_list(
        lines in proptest::collection::vec(line(), 0..12),
        client in client(),
    ) {
        let mut undecided = clients();
        let mut kept = Vec::new();
        for line in lines {
            let before = undecided.len();
            undecided.retain(|client| !line.holds(client));
            let decides = undecided.len() < before;
            kept.push(line);
            if !decides {
                let number = kept.len();
                let refused = policy(&kept).unwrap_err();
                let found = match &refused {
                    PolicyError::Rule { rule, problem: RuleProblem::Unreachable { by } } => {
                        *rule == Some(number) && by.iter().all(|rule| *rule < number)
                    }
                    PolicyError::Rule { rule, problem: RuleProblem::Contradiction } => {
                        *rule == Some(number) && clients().iter().all(|client| !kept[number - 1].holds(client))
                    }
                    _ => false,
                };
                prop_assert!(found, "{:?}: {}", kept, refused);
                kept.pop();
            }
        }
        let policy = policy(&kept).unwrap();

        let Client { name, alpn, offer, origins, peer } = client;
        let mut sent = ClientAuthOffer::new(offer);
        if !origins.is_empty() {
            sent = sent.with_origins(origins).unwrap();
        }
        let decided = decide(&policy, &hello_with(name, alpn, sent), peer);
        let expected = kept
            .iter()
            .find(|line| line.holds(&client))
            .map_or("request staff".to_owned(), Line::decision);
        prop_assert_eq!(&decided, &expected);

        // The prediction for such a client contains the decision, and nothing else if all relevant
        // facts are known.
        let protocol = alpn.first().map(|alpn| alpn.as_bytes().to_vec());
        let parsed = origins.iter().map(|origin| Origin::parse(origin).unwrap());
        let mut facts = ClientFacts::new().with_offer(offer).with_origins(parsed);
        facts.protocol = protocol;
        facts.peer = peer.map(|peer| peer.parse().unwrap());
        let possible = possible(&policy, name, &facts);
        prop_assert!(possible.contains(&decided));
        let known = |line: &Line| {
            line.alpn.is_none_or(|wanted| alpn.first() == Some(&wanted))
                && (line.peer.is_none() || peer.is_some())
        };
        if kept.iter().all(known) {
            prop_assert_eq!(possible, [decided]);
        }
    }
}

/// A name in another spelling does not evade the rules on it, even if a parser accepted it.
#[test]
fn a_name_with_a_final_dot_or_in_capitals_meets_the_same_rules() {
    let policy = builder()
        .rule(Rule::when().server_name("admin.example.com").require("staff"))
        .rule(Rule::when().server_name("*.example.org").require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    for (name, expected) in [
        ("admin.example.com", "require staff"),
        ("admin.example.com.", "require staff"),
        ("ADMIN.example.COM.", "require staff"),
        ("a.example.org", "require agents"),
        ("A.Example.Org.", "require agents"),
        ("example.org.", "none"),
        (".", "none"),
        ("", "none"),
    ] {
        assert_eq!(possible(&policy, Some(name), &ClientFacts::default()), [expected], "{name}");
    }
}

#[test]
fn a_policy_needs_a_verdict_for_connections_that_match_no_rule() {
    let builder =
        Policy::builder().scope("agents", Anchors::from_roots(Authority::new("agents").roots()));
    let error = builder.rule(Rule::when().request("agents")).build().unwrap_err();
    assert!(matches!(error, PolicyError::NoLastVerdict), "{error:?}");
}

/// The error for a policy with these entries for open connections.
fn entry_error(entries: impl IntoIterator<Item = PostHandshake>) -> PolicyError {
    let builder = entries.into_iter().fold(builder(), PolicyBuilder::post_handshake);
    builder.otherwise(Verdict::None).build().unwrap_err()
}

#[test]
fn an_entry_for_open_connections_that_cannot_decide_is_an_error() {
    let staff = || PostHandshake::when_needed("staff");
    let of_entry = |entry, text: &str| format!("post_handshake entry {entry}: {text}");
    for (entries, expected) in [
        (vec![PostHandshake::at_once("boss")], of_entry(1, "scope \"boss\" is not defined")),
        (
            vec![PostHandshake::at_once("agents"), staff().host("*")],
            of_entry(2, "\"*\" is not a DNS name, nor `*.` and a DNS name, so no host matches it"),
        ),
        (
            vec![staff().host("a.example").host("A.example")],
            of_entry(1, "host \"a.example\" is covered twice by this entry: remove it"),
        ),
        (
            vec![staff().host("*.example"), staff().host("b.test").host("a.example")],
            of_entry(
                2,
                "entry 1 is for the same scope, and covers host \"a.example\": remove it here, or \
                 move this entry up",
            ),
        ),
        (
            vec![staff(), PostHandshake::at_once("staff")],
            of_entry(2, "entry 1 is for the same scope, and for all hosts: remove one of them"),
        ),
    ] {
        assert_eq!(entry_error(entries).to_string(), expected);
    }
}

#[test]
fn the_first_entry_for_a_scope_and_a_host_decides() {
    let policy = builder()
        .post_handshake(PostHandshake::at_once("staff").host("a.example"))
        .post_handshake(PostHandshake::when_needed("staff").host("*.example"))
        .post_handshake(PostHandshake::when_needed("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let found = |host| -> Vec<_> {
        let demands = policy.post_handshake(host);
        demands.iter().map(|it| (it.scope().to_owned(), it.is_at_once())).collect()
    };
    let agents = || ("agents".to_owned(), false);
    assert_eq!(found(Some("a.example")), [("staff".into(), true), agents()]);
    assert_eq!(found(Some("b.example")), [("staff".into(), false), agents()]);
    assert_eq!(found(Some("example")), [agents()]);
    assert_eq!(found(None), [agents()]);
}
