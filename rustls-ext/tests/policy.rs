//! Policies: which rule decides, and what is refused when one is built.

mod common;

use std::net::IpAddr;
use std::sync::Arc;

use common::{Authority, provider};
use proptest::prelude::*;
use rustls::client::{ClientConfig, ClientConnection};
use rustls::server::{Accepted, Acceptor, ClientAuthDecision};
use rustls::{RootCertStore, version::TLS13};
use rustls_ext::wire::Offer;
use rustls_ext::{
    Anchors, ClientAuthOffer, ClientFacts, Policy, PolicyBuilder, PolicyError, Rule, Verdict,
};

/// A ClientHello as a server sees it.
fn hello(name: Option<&str>, alpn: &[&str], offer: bool) -> Accepted {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config.enable_sni = name.is_some();
    if offer {
        config.client_auth_offer = ClientAuthOffer::flag();
    }
    let name = name.unwrap_or("none.invalid").to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut octets = Vec::new();
    client.write_tls(&mut octets).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &octets[..]).unwrap();
    acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap()
}

fn builder() -> PolicyBuilder {
    let anchors = || Anchors::store(Authority::new("anchors").roots());
    Policy::builder().provider(provider()).scope("staff", anchors()).scope("agents", anchors())
}

/// A decision in short: its kind and its scope.
fn decide(policy: &Policy, accepted: &Accepted, peer: Option<&str>) -> String {
    let peer = peer.map(|peer| peer.parse::<IpAddr>().unwrap());
    in_short(&policy.decide(&accepted.client_hello(), peer))
}

/// All that may be decided for a client of which this is known.
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
        .unwrap();
    let decide = |name, offer| decide(&policy, &hello(name, &[], offer), None);
    assert_eq!(decide(Some("open.example.com"), true), "none");
    assert_eq!(decide(Some("www.example.com"), true), "require staff");
    assert_eq!(decide(Some("www.example.com"), false), "require agents");
    assert_eq!(decide(Some("example.com"), true), "request agents");
    assert_eq!(decide(Some("other.org"), false), "none");
}

#[test]
fn what_no_rule_covers_falls_to_the_last_word() {
    let policy = builder()
        .rule(Rule::when().server_name("www.example.com").ask_nothing())
        .otherwise(Verdict::Require("staff".into()))
        .unwrap();
    let decide = |name| decide(&policy, &hello(name, &[], false), None);
    assert_eq!(decide(Some("www.example.com")), "none");
    assert_eq!(decide(Some("unknown.example.com")), "require staff");
    assert_eq!(decide(None), "require staff");
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() {
    let policy = builder()
        .rule(Rule::when().server_name("*.Example.com").require("staff"))
        .otherwise(Verdict::None)
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
    let policy =
        builder().rule(Rule::when().alpn("h2").require("staff")).otherwise(Verdict::None).unwrap();
    let decide = |alpn: &[&str]| decide(&policy, &hello(None, alpn, false), None);
    assert_eq!(decide(&["http/1.1", "h2"]), "require staff");
    assert_eq!(decide(&["http/1.1"]), "none");
    assert_eq!(decide(&["h2c"]), "none");
    assert_eq!(decide(&[]), "none");
}

#[test]
fn peers_are_matched_by_network() {
    let net = |net: &str| net.parse::<ipnet::IpNet>().unwrap();
    let policy = builder()
        .rule(Rule::when().peer(net("10.0.0.0/8")).ask_nothing())
        .rule(Rule::when().peer(net("2001:db8::/32")).request("agents"))
        .otherwise(Verdict::Require("staff".into()))
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
fn what_is_not_known_of_a_client_leaves_decisions_possible() {
    let net = "10.0.0.0/8".parse::<ipnet::IpNet>().unwrap();
    let policy = builder()
        .rule(Rule::when().server_name("www.example.com").alpn("h2").require("staff"))
        .rule(Rule::when().peer(net).request("agents"))
        .rule(Rule::when().offered(true).require("agents"))
        .otherwise(Verdict::None)
        .unwrap();
    let www = Some("www.example.com");
    let nothing = ClientFacts::default();
    assert_eq!(possible(&policy, www, &nothing), ["require staff", "request agents", "none"]);
    assert_eq!(possible(&policy, None, &nothing), ["request agents", "none"]);

    let protocol = |name: &str| Some(name.as_bytes().to_vec());
    let h2 = ClientFacts { protocol: protocol("h2"), ..ClientFacts::default() };
    assert_eq!(possible(&policy, www, &h2), ["require staff"]);
    // There may be others in its list.
    let http1 = ClientFacts { protocol: protocol("http/1.1"), ..ClientFacts::default() };
    assert_eq!(possible(&policy, www, &http1).len(), 3);

    let at = |peer: &str, offer| ClientFacts { peer: peer.parse().ok(), offer, ..http1.clone() };
    assert_eq!(possible(&policy, None, &at("10.1.2.3", Offer::FLAG)), ["request agents"]);
    assert_eq!(possible(&policy, None, &at("::ffff:10.1.2.3", Offer::NONE)), ["request agents"]);
    assert_eq!(possible(&policy, None, &at("11.1.2.3", Offer::CARE)), ["require agents"]);
    assert_eq!(possible(&policy, None, &at("11.1.2.3", Offer::NONE)), ["none"]);
}

#[test]
fn a_config_takes_no_rules_that_it_cannot_decide() {
    let net = "10.0.0.0/8".parse::<ipnet::IpNet>().unwrap();
    let policy = builder()
        .rule(Rule::when().peer(net).ask_nothing())
        .otherwise(Verdict::Require("staff".into()))
        .unwrap();
    assert!(matches!(policy.for_config().unwrap_err(), PolicyError::NeedsPeerAddress));
    assert!(builder().otherwise(Verdict::None).unwrap().for_config().is_ok());
}

fn error(builder: PolicyBuilder, last: Verdict) -> String {
    builder.otherwise(last).unwrap_err().to_string()
}

#[test]
fn what_could_let_somebody_through_is_an_error() {
    let empty = builder().scope("empty", Anchors::store(RootCertStore::empty()));
    assert_eq!(error(empty, Verdict::None), "scope \"empty\" has no trust anchors");

    assert_eq!(
        error(builder(), Verdict::Require("nobody".into())),
        "a rule names scope \"nobody\", which is not defined"
    );
    let unknown = builder().rule(Rule::when().offered(true).request("nobody"));
    assert_eq!(
        error(unknown, Verdict::None),
        "a rule names scope \"nobody\", which is not defined"
    );

    let twice = builder().scope("staff", Anchors::store(Authority::new("again").roots()));
    assert_eq!(error(twice, Verdict::None), "scope \"staff\" is defined twice");

    let nameless = builder().scope("", Anchors::store(Authority::new("nameless").roots()));
    assert_eq!(error(nameless, Verdict::None), "the scope name \"\" does not have 1 to 255 octets");

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
        assert!(error(rule, Verdict::None).starts_with(&format!("{name:?} is not a DNS name")));
    }

    let hidden = builder()
        .rule(Rule::when().ask_nothing())
        .rule(Rule::when().server_name("admin.example.com").require("staff"));
    assert_eq!(
        error(hidden, Verdict::None),
        "rule 1 is never reached: the one before it has no conditions"
    );
}

/// A rule in data, to be tried one after the other.
#[derive(Clone, Debug)]
struct Line {
    name: Option<&'static str>,
    alpn: Option<&'static str>,
    offered: Option<bool>,
    verdict: u8,
}

const NAMES: [&str; 4] = ["a.example.com", "b.example.com", "example.com", "a.b.example.com"];
const PATTERNS: [&str; 5] =
    ["a.example.com", "*.example.com", "example.com", "*.b.example.com", "*.com"];

impl Line {
    fn rule(&self) -> Rule {
        let mut rule = Rule::when();
        if let Some(name) = self.name {
            rule = rule.server_name(name);
        }
        if let Some(alpn) = self.alpn {
            rule = rule.alpn(alpn);
        }
        if let Some(offered) = self.offered {
            rule = rule.offered(offered);
        }
        match self.verdict {
            0 => rule.ask_nothing(),
            1 => rule.request("agents"),
            _ => rule.require("staff"),
        }
    }

    fn holds(&self, name: Option<&str>, alpn: Option<&str>, offered: bool) -> bool {
        let name_holds = match (self.name, name) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(name)) => match wanted.strip_prefix('*') {
                None => wanted == name,
                Some(rest) => name.strip_suffix(rest).is_some_and(|label| !label.contains('.')),
            },
        };
        name_holds
            && (self.alpn.is_none() || self.alpn == alpn)
            && self.offered.is_none_or(|wanted| wanted == offered)
    }
}

fn line() -> impl Strategy<Value = Line> {
    (
        proptest::option::of(proptest::sample::select(&PATTERNS[..])),
        proptest::option::of(proptest::sample::select(&["h2", "http/1.1"][..])),
        proptest::option::of(any::<bool>()),
        0..3u8,
    )
        .prop_map(|(name, alpn, offered, verdict)| Line { name, alpn, offered, verdict })
        .prop_filter("unreachable rules are an error", |line| {
            line.name.is_some() || line.alpn.is_some() || line.offered.is_some()
        })
}

proptest! {
    /// Looking rules up gives what trying them one after the other gives.
    #[test]
    fn the_index_agrees_with_the_list(
        lines in proptest::collection::vec(line(), 0..12),
        name in proptest::option::of(proptest::sample::select(&NAMES[..])),
        alpn in proptest::option::of(proptest::sample::select(&["h2", "http/1.1"][..])),
        offered: bool,
    ) {
        let mut builder = builder();
        for line in &lines {
            builder = builder.rule(line.rule());
        }
        let policy = builder.otherwise(Verdict::Request("staff".into())).unwrap();
        let alpn_list: Vec<&str> = alpn.into_iter().collect();
        let decided = decide(&policy, &hello(name, &alpn_list, offered), None);
        let expected = lines
            .iter()
            .find(|line| line.holds(name, alpn, offered))
            .map_or("request staff", |line| ["none", "request agents", "require staff"][usize::from(line.verdict)]);
        prop_assert_eq!(&decided, expected);

        // What is said of such a client before it comes has the decision in it, and nothing else if
        // all that matters is known.
        let offer = if offered { Offer::FLAG } else { Offer::NONE };
        let protocol = alpn.map(|alpn| alpn.as_bytes().to_vec());
        let client = ClientFacts { protocol, offer, peer: None };
        let possible = possible(&policy, name, &client);
        prop_assert!(possible.contains(&decided));
        if lines.iter().all(|line| line.alpn.is_none() || line.alpn == alpn) {
            prop_assert_eq!(possible, [decided]);
        }
    }
}

/// A name in another spelling is no way around the rules on it, whatever parser let it through.
#[test]
fn a_name_with_a_final_dot_or_in_capitals_meets_the_same_rules() {
    let policy = builder()
        .rule(Rule::when().server_name("admin.example.com").require("staff"))
        .rule(Rule::when().server_name("*.example.org").require("agents"))
        .otherwise(Verdict::None)
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
