//! Policies in files: every key, and every error.
#![cfg(feature = "policy-file")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{Pki, pem, provider};
use rustls::server::{Acceptor, ClientAuthDecision};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection};
use rustls_ext::wire::{Offer, Origin};
use rustls_ext::{ClientAuthOffer, ClientFacts, FileError, Files, Policy, with_causes};

const FULL: &str = r#"
[scopes.staff]
anchors = ["staff.pem"]
crls = ["staff.crl"]

[scopes.agents]
anchors = ["agents.pem", "staff.pem"]

[[rules]]
server_name = "admin.example.com"
require = "staff"

[[rules]]
server_name = "*.example.com"
offered = true
alpn = "h2"
request = "agents"

[[rules]]
peer = "10.0.0.0/8"
ask = "nothing"

[[rules]]
offered = true
request_lenient = "agents"

[otherwise]
require = "agents"
"#;

fn load(text: &str) -> Result<Policy, FileError> {
    let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let put = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    put("agents.pem", pem("CERTIFICATE", &pki.agents.der).as_bytes());
    put("org.pem", pem("CERTIFICATE", &pki.agents.der).as_bytes());
    put("com.pem", pem("CERTIFICATE", &pki.staff.der).as_bytes());
    put("staff.pem", pem("CERTIFICATE", &pki.staff.der).as_bytes());
    put("staff.crl", &pki.staff.revoke(&[]));
    put("policy.toml", text.as_bytes());
    let mut files = Files::new();
    let loaded = files.policy(folder.path().join("policy.toml"), provider());
    assert_eq!(files.look_again(), files);
    loaded
}

/// An offer by flag, or none.
struct Ways(Offer);

impl From<Offer> for Ways {
    fn from(offer: Offer) -> Self {
        Self(offer)
    }
}

impl From<bool> for Ways {
    fn from(offers: bool) -> Self {
        Self(Offer::new(offers, false))
    }
}

/// A policy's decision for a client, as text.
fn decide(policy: &Policy, name: &str, alpn: &str, offer: impl Into<Ways>, peer: &str) -> String {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.into()];
    config.client_auth_offer = ClientAuthOffer::new(offer.into().0);
    let name = name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &bytes[..]).unwrap();
    let accepted = acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap();
    match policy.decide(&accepted.client_hello(), Some(SocketAddr::new(peer.parse().unwrap(), 1))) {
        ClientAuthDecision::Request(demand) => format!("request {}", demand.scope()),
        ClientAuthDecision::Require(demand) => format!("require {}", demand.scope()),
        _ => "none".into(),
    }
}

#[test]
fn every_key_has_its_effect() {
    let policy = load(FULL).unwrap();
    assert!(policy.needs_peer_address());
    let far = "192.0.2.1";
    assert_eq!(decide(&policy, "admin.example.com", "h2", true, "10.1.1.1"), "require staff");
    assert_eq!(decide(&policy, "www.example.com", "h2", true, "10.1.1.1"), "request agents");
    assert_eq!(decide(&policy, "www.example.com", "h2", false, "10.1.1.1"), "none");
    assert_eq!(decide(&policy, "www.example.com", "http/1.1", true, far), "request agents");
    assert_eq!(decide(&policy, "www.example.com", "h2", false, far), "require agents");
}

#[test]
fn an_offer_can_be_told_by_its_ways() {
    let (none, flag, care, both) = (Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH);
    for (offered, holds) in [
        ("true", [false, true, true, true]),
        ("false", [true, false, false, false]),
        ("'flag'", [false, true, false, true]),
        ("'care'", [false, false, true, true]),
        ("'both'", [false, false, false, true]),
        ("'origins'", [false; 4]),
    ] {
        let policy = load(&format!(
            "scopes.a.anchors = ['agents.pem']\notherwise.ask = 'nothing'\n\
             [[rules]]\noffered = {offered}\nrequest = 'a'\n"
        ))
        .unwrap();
        let decided = [none, flag, care, both]
            .map(|offer| decide(&policy, "localhost", "h2", offer, "192.0.2.1") == "request a");
        assert_eq!(decided, holds, "{offered}");
    }
}

#[test]
fn a_rule_may_be_on_an_origin() {
    let org = "scopes.org = { anchors = ['org.pem'], trust_domain = 'spiffe://Example.org' }\n";
    let rule = "[[rules]]\norigin = 'SPIFFE://example.org'\nrequire = 'org'\n";
    let nothing = "otherwise.ask = 'nothing'\n";
    let policy = load(&format!("{org}unknown_origins = 'refuse'\n{nothing}{rule}")).unwrap();
    let decision = |origin: &str| {
        let facts = ClientFacts::new().with_origins([Origin::parse(origin).unwrap()]);
        let [decision] = &policy.possible_decisions(None, &facts)[..] else { panic!("{origin}") };
        decision.clone()
    };
    let decided = decision("spiffe://example.org");
    assert!(matches!(&decided, ClientAuthDecision::Require(demand) if demand.scope() == "org"));
    assert!(matches!(decision("spiffe://example.net"), ClientAuthDecision::Refuse));

    for (text, said) in [
        (
            format!("scopes.org.anchors = ['org.pem']\n{nothing}{rule}"),
            "line 3: scope \"org\" must have the trust domain spiffe://example.org",
        ),
        (
            format!("{org}{nothing}{}", rule.replace(".org'", ".org/'")),
            "line 3: \"SPIFFE://example.org/\" is not an origin such as spiffe://example.org: a path is not \
             allowed, not even /",
        ),
        (
            format!("{}{nothing}", org.replace("spiffe:", "")),
            "line 1: not an origin such as spiffe://example.org: it does not begin with a scheme and ://",
        ),
        (
            format!("{org}unknown_origins = 'refuse'\n{nothing}"),
            "clients that hint at unknown origins are refused, but no rule names an origin",
        ),
        (format!("unknown_origins = 'drop'\n{nothing}"), "line 1: unknown variant `drop`"),
        (format!("{org}{nothing}{rule}offered = false\n"), "line 3: no client can meet these"),
    ] {
        let error = load(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}\n{error}");
    }
}

#[test]
fn the_examples_in_the_documentation_are_policies() {
    let guide = include_str!("../../docs/guide/reload.md");
    let site = include_str!("../../docs/guide/operating.md").replace("users-ca.pem", "agents.pem");
    let module = include_str!("../src/policy_file.rs").replace("//! ", "").replace("//!", "");
    let origins = include_str!("../../docs/guide/origins.md");
    for text in [guide, &site, &module, origins] {
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let example = blocks.into_iter().find(|block| block.contains("[otherwise]")).unwrap();
        load(&example.replace("-ca.pem", ".pem")).unwrap();
    }
}

#[test]
fn a_policy_may_have_no_rules() {
    let policy = load("otherwise = { ask = \"nothing\" }").unwrap();
    assert_eq!(decide(&policy, "localhost", "h2", true, "192.0.2.1"), "none");
}

#[test]
fn text_that_is_not_understood_is_an_error_with_its_line() {
    let nothing = "[otherwise]\nask = \"nothing\"\n";
    for (text, said) in [
        (String::new(), "missing field `otherwise`"),
        ("otherwise = {".into(), "line 1: "),
        (nothing.to_owned() + "[[rule]]\nrequire = \"staff\"\n", "line 3: unknown field `rule`"),
        (
            nothing.to_owned() + "[[rules]]\nsever_name = \"a\"\nask = \"nothing\"\n",
            "line 4: unknown field `sever_name`",
        ),
        (nothing.to_owned() + "[[rules]]\noffered = \"yes\"\n", "line 4: expected true, false,"),
        (
            nothing.to_owned() + "[[rules]]\noffered = true\n",
            "line 3: exactly one of ask, request, request_lenient and require must be given",
        ),
        (
            nothing.to_owned() + "[[rules]]\nask = \"nothing\"\nrequire = \"staff\"\n",
            "line 3: exactly one of ask, request, request_lenient and require",
        ),
        (
            "[otherwise]\n".into(),
            "line 1: exactly one of ask, request, request_lenient and require",
        ),
        ("[otherwise]\nask = \"everything\"\n".into(), "line 2: unknown variant `everything`"),
        ("[otherwise]\nrequire = \"staff\"\n".into(), "line 1: scope \"staff\" is not defined"),
        (
            nothing.to_owned() + "[scopes.staff]\nanchors = []\n",
            "scope \"staff\" has no trust anchors",
        ),
        (
            nothing.to_owned() + "[scopes.staff]\n",
            "scope \"staff\" has no trust anchors and no pinned certificates",
        ),
        (
            nothing.to_owned() + "[[rules]]\nserver_name = \"a..b\"\nask = \"nothing\"\n",
            "line 3: \"a..b\" is not a DNS name",
        ),
    ] {
        let error = with_causes(&load(&text).unwrap_err());
        assert!(error.contains("policy.toml: ") && error.contains(said), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }

    // in the files that it names
    let text = nothing.to_owned() + "[scopes.staff]\nanchors = [\"none.pem\"]\n";
    assert!(with_causes(&load(&text).unwrap_err()).contains("none.pem: cannot read it: "));
    let text =
        nothing.to_owned() + "[scopes.a]\nanchors = [\"staff.pem\"]\ncrls = [\"agents.pem\"]\n";
    let error = with_causes(&load(&text).unwrap_err());
    let expected = "agents.pem: no certificate revocation list in it, only CERTIFICATE";
    assert!(error.ends_with(expected), "{error}");
}

/// The error for a policy with these rules, from the second line on.
fn refused(rules: &str) -> String {
    let scopes = "scopes = { staff.anchors = ['staff.pem'], agents.anchors = ['agents.pem'] }";
    let text = format!("{scopes}\n{rules}\n[otherwise]\nask = 'nothing'\n");
    let error = with_causes(&load(&text).unwrap_err());
    assert_eq!(error.lines().count(), 1, "{error}");
    let (_, said) = error.split_once("policy.toml: ").unwrap();
    said.to_owned()
}

#[test]
fn a_rule_is_named_by_its_line() {
    let first = "[[rules]]\noffered = true\nask = 'nothing'\n\n";
    assert_eq!(
        refused(&format!("{first}[[rules]]\nserver_name = 'a.example'\nrequest = 'agent'")),
        "line 6: scope \"agent\" is not defined"
    );
    assert_eq!(
        refused(&format!("{first}# later\n[[rules]]\noffered = 'flag'\nrequest = 'agents'")),
        "line 7: this rule never decides, since the rule on line 2 matches every connection that \
         it matches: remove it, or move it up"
    );
    let second = "[[rules]]\noffered = false\nask = 'nothing'\n";
    assert_eq!(
        refused(&format!("{first}{second}[[rules]]\nalpn = 'h2'\nrequire = 'staff'")),
        "line 9: this rule never decides, since the rule on line 2 and the rule on line 6 \
         together match every connection that it matches: remove it, or move it up"
    );
    assert_eq!(
        refused("[[rules]]\nask = 'nothing'\n[[rules]]\noffered = true\n"),
        "line 4: exactly one of ask, request, request_lenient and require must be given"
    );
    assert_eq!(
        refused("[[rules]]\nserver_name = 'localhost.'\nrequire = 'staff'"),
        "line 2: \"localhost.\" is not a DNS name, nor `*.` and a DNS name, so no server name \
         matches it"
    );
    // Rules in one line
    assert_eq!(
        refused("rules = [\n{ offered = true, request = 'agents' },\n{ require = 'boss' }]"),
        "line 4: scope \"boss\" is not defined"
    );
}

#[test]
fn a_network_is_a_network_or_an_address() {
    for (peer, decided) in [
        ("10.0.0.1", ["require staff", "none"]),
        ("10.0.0.1/32", ["require staff", "none"]),
        ("10.0.0.0/31", ["require staff", "none"]),
        ("::ffff:10.0.0.1", ["require staff", "none"]),
        ("::ffff:10.0.0.0/127", ["require staff", "none"]),
        ("::ffff:10.0.0.0/104", ["require staff", "require staff"]),
        ("10.0.0.0/8", ["require staff", "require staff"]),
        ("2001:db8::1", ["none", "none"]),
    ] {
        let policy = load(&format!(
            "scopes.staff.anchors = ['staff.pem']\notherwise.ask = 'nothing'\n\
             [[rules]]\npeer = '{peer}'\nrequire = 'staff'\n"
        ));
        let policy = policy.unwrap();
        let at = |address| decide(&policy, "localhost", "h2", false, address);
        assert_eq!([at("10.0.0.1"), at("10.0.0.2")], decided, "{peer}");
    }
    let rule = |peer: &str| refused(&format!("[[rules]]\npeer = '{peer}'\nrequire = 'staff'"));
    assert_eq!(
        rule("10.0.0.0/33"),
        "line 3: \"10.0.0.0/33\": an IPv4 network has a prefix of 0 to 32, not \"33\""
    );
    assert_eq!(
        rule("2001:db8::/129"),
        "line 3: \"2001:db8::/129\": an IPv6 network has a prefix of 0 to 128, not \"129\""
    );
    for nonsense in ["10.0.0", "localhost", "", "10.0.0.256/8"] {
        assert_eq!(
            rule(nonsense),
            format!(
                "line 3: {nonsense:?} is not an address such as \"10.0.0.1\" or \"2001:db8::1\", \
                 nor a network such as \"10.0.0.0/8\""
            )
        );
    }
    assert_eq!(
        rule("10.0.0.1/8"),
        "line 2: 10.0.0.1/8 has bits set after its prefix: write 10.0.0.0/8 for the network, or \
         10.0.0.1 for the one address"
    );
    assert!(rule("2001:db8::1/32").contains("write 2001:db8::/32 for the network, or 2001:db8::1"));
}

/// Rules that can match nothing.
#[test]
fn a_rule_that_can_match_nothing_is_refused_with_its_line() {
    let long = "x".repeat(256);
    for (rules, said) in [
        (
            "[[rules]]\nalpn = ''\nrequire = 'staff'",
            "line 2: an application protocol must have 1 to 255",
        ),
        (&format!("[[rules]]\nalpn = '{long}'\nrequire = 'staff'"), "bytes, and this one has 256"),
        (
            "[[rules]]\nserver_name = 'localhost'\nask = 'nothing'\n\
             [[rules]]\nserver_name = 'localhost'\nrequire = 'staff'",
            "line 5: this rule never decides, since the rule on line 2 matches",
        ),
        (
            "[[rules]]\noffered = true\nask = 'nothing'\n[[rules]]\noffered = false\n\
             ask = 'nothing'\n[[rules]]\nserver_name = 'localhost'\nrequire = 'staff'",
            "line 8: this rule never decides, since the rule on line 2 and the rule on line 5",
        ),
        (
            "[[rules]]\npeer = '127.0.0.0/8'\nask = 'nothing'\n\
             [[rules]]\npeer = '::ffff:127.0.0.1'\nrequire = 'staff'",
            "line 5: this rule never decides, since the rule on line 2",
        ),
    ] {
        let error = refused(rules);
        assert!(error.contains(said), "{rules}\n{error}");
    }
}

#[test]
fn a_scope_limits_the_age_of_a_proof_of_possession() {
    let seconds = |key: &str| {
        let text = format!(
            "[scopes.agents]\nanchors = [\"agents.pem\"]\n{key}\n[otherwise]\nrequire = \"agents\"\n"
        );
        let policy = load(&text).unwrap();
        let decisions = policy.possible_decisions(None, &Default::default());
        decisions.first().unwrap().demand().unwrap().max_age().as_secs()
    };
    assert_eq!(seconds("max_age = 60"), 60);
    assert_eq!(seconds("max_age = 0"), 0);
    assert_eq!(seconds(""), 7 * 24 * 60 * 60);
    let text = "[scopes.agents]\nanchors = [\"agents.pem\"]\nmax_age = -1\n[otherwise]\nask = \"nothing\"\n";
    assert!(
        with_causes(&load(text).unwrap_err()).contains("line 3: "),
        "{}",
        load(text).unwrap_err()
    );
}

/// What may be requested for this host on an open connection.
fn post_handshake(policy: &Policy, host: Option<&str>) -> Vec<(String, bool, Option<u64>)> {
    let demands = policy.post_handshake(host);
    let seconds = |age: std::time::Duration| age.as_secs();
    demands
        .iter()
        .map(|it| (it.scope().into(), it.is_at_once(), it.asks_again_after().map(seconds)))
        .collect()
}

#[test]
fn scopes_for_open_connections_have_hosts_and_times() {
    let entries = r#"
        [[post_handshake]]
        scope = "staff"
        hosts = ["app.example.com", "*.staff.example.com"]
        when = "needed"
        ask_again_after = 3600

        [[post_handshake]]
        scope = "agents"
        when = "at-once"
    "#;
    let policy = load(&format!("{FULL}\n{entries}")).unwrap();
    assert!(policy.has_post_handshake());
    let (agents, staff) = (("agents".into(), true, None), ("staff".into(), false, Some(3600)));
    let both = [staff, agents.clone()];
    assert_eq!(post_handshake(&policy, Some("app.example.com")), both);
    assert_eq!(post_handshake(&policy, Some("APP.example.com.")), both);
    assert_eq!(post_handshake(&policy, Some("x.staff.example.com")), both);
    for host in [None, Some("example.com"), Some("staff.example.com"), Some("a.app.example.com")] {
        assert_eq!(post_handshake(&policy, host), std::slice::from_ref(&agents), "{host:?}");
    }
    assert!(!load(FULL).unwrap().has_post_handshake());
}

#[test]
fn an_entry_for_open_connections_is_named_by_its_line() {
    let entry = |keys: &str| format!("[[post_handshake]]\n{keys}\n");
    let staff = entry("scope = 'staff'\nwhen = 'needed'");
    for (entries, said) in [
        (entry("scope = 'boss'\nwhen = 'needed'"), "line 2: scope \"boss\" is not defined"),
        (
            staff.clone() + &entry("scope = 'boss'\nwhen = 'needed'"),
            "line 5: scope \"boss\" is not defined",
        ),
        (
            entry("scope = 'staff'\nwhen = 'needed'\nhosts = ['10.0.0.1']"),
            "line 2: \"10.0.0.1\" is not a DNS name, nor `*.` and a DNS name, so no host matches it",
        ),
        (
            entry("scope = 'staff'\nwhen = 'needed'\nhosts = ['a.example', '*.example']"),
            "line 2: host \"a.example\" is covered twice by this entry: remove it",
        ),
        (
            staff.clone() + &entry("scope = 'staff'\nwhen = 'at-once'\nhosts = ['a.example']"),
            "line 5: the entry on line 2 is for the same scope, and covers host \"a.example\": \
             remove it here, or move this entry up",
        ),
        (
            staff.clone() + &staff,
            "line 5: the entry on line 2 is for the same scope, and for all hosts: remove one of \
             them",
        ),
        (
            entry("scope = 'staff'\nwhen = 'needed'\nhosts = []"),
            "line 5: hosts is empty: name a host, or remove the key to include all hosts",
        ),
        (
            entry("scope = 'staff'\nwhen = 'later'"),
            "line 4: unknown variant `later`, expected `needed` or `at-once`",
        ),
        (entry("scope = 'staff'"), "line 2: missing field `when`"),
        (entry("when = 'needed'"), "line 2: missing field `scope`"),
    ] {
        assert_eq!(refused(&entries), said, "{entries}");
    }
}

/// A table that a program keeps in a policy file.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    text: toml::Spanned<String>,
}

fn load_with_table(
    text: &str,
) -> Result<(Policy, Option<rustls_ext::policy_file::OwnTable<Greeting>>), FileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text).unwrap();
    Files::new().policy_and_table(path, provider(), "greeting")
}

#[test]
fn a_program_can_keep_a_table_of_its_own_whose_errors_have_lines() {
    const OTHERWISE: &str = "otherwise = { ask = 'nothing' }\n";
    let (_, table) = load_with_table(OTHERWISE).unwrap();
    assert!(table.is_none());
    let (policy, table) =
        load_with_table(&format!("{OTHERWISE}\n[greeting]\n# polite\ntext = 'hello'\n")).unwrap();
    assert_eq!(decide(&policy, "a.example", "h2", true, "10.0.0.1"), "none");
    let table = table.unwrap();
    assert_eq!(table.value.text.get_ref(), "hello");
    assert!(table.path().ends_with("policy.toml"));
    assert_eq!((table.line(table.offset()), table.line(table.value.text.span().start)), (3, 5));
    let err = with_causes(&table.error(table.value.text.span().start, "too short"));
    assert!(err.ends_with("policy.toml: line 5: too short"), "{err}");
    for (text, expected) in [
        ("[greeting]\ntext = 7\n", "line 3: invalid type: integer `7`, expected a string"),
        ("[greeting]\ntext = ''\nother = 1\n", "line 4: unknown field `other`, expected `text`"),
        ("[greeting]\n", "line 2: missing field `text`"),
        // Only that one table.
        ("[other]\n", "line 2: unknown field `other`, expected one of"),
    ] {
        let err = with_causes(&load_with_table(&format!("{OTHERWISE}{text}")).unwrap_err());
        assert!(err.contains(expected), "{text}: {err}");
    }
    // Without the name of a table, the table is an error.
    let err = with_causes(&load(&format!("{OTHERWISE}[greeting]\ntext = ''\n")).unwrap_err());
    assert!(err.contains("line 2: unknown field `greeting`"), "{err}");
}
