//! Policies in files: every key, and everything that is refused.
#![cfg(feature = "policy-file")]

mod common;

use std::sync::Arc;

use common::{Pki, pem, provider};
use rustls::server::{Acceptor, ClientAuthDecision};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection};
use rustls_ext::wire::Offer;
use rustls_ext::{ClientAuthOffer, FileError, Files, Policy};

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
    put("staff.pem", pem("CERTIFICATE", &pki.staff.der).as_bytes());
    put("staff.crl", &pki.staff.revoke(&[]));
    put("policy.toml", text.as_bytes());
    let mut files = Files::new();
    let loaded = files.policy(folder.path().join("policy.toml"), provider());
    assert_eq!(files.look_again(), files);
    loaded
}

/// An offer, or whether there is one, by flag.
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

/// What a policy decides for a client, in short.
fn decide(policy: &Policy, name: &str, alpn: &str, offer: impl Into<Ways>, peer: &str) -> String {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.into()];
    config.client_auth_offer = ClientAuthOffer::by(offer.into().0);
    let name = name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut octets = Vec::new();
    client.write_tls(&mut octets).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &octets[..]).unwrap();
    let accepted = acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap();
    match policy.decide(&accepted.client_hello(), Some(peer.parse().unwrap())) {
        ClientAuthDecision::Request(demand) => format!("request {}", demand.scope()),
        ClientAuthDecision::Require(demand) => format!("require {}", demand.scope()),
        _ => "none".into(),
    }
}

#[test]
fn every_key_means_what_it_says() {
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
fn the_examples_in_the_documentation_are_policies() {
    let readme = include_str!("../../README.md");
    let module = include_str!("../src/policy_file.rs").replace("//! ", "").replace("//!", "");
    for text in [readme, &module] {
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let example = blocks.into_iter().find(|block| block.contains("[otherwise]")).unwrap();
        load(&example.replace("-ca.pem", ".pem")).unwrap();
    }
}

#[test]
fn the_last_word_may_be_all_there_is() {
    let policy = load("otherwise = { ask = \"nothing\" }").unwrap();
    assert_eq!(decide(&policy, "localhost", "h2", true, "192.0.2.1"), "none");
}

#[test]
fn what_is_not_understood_is_an_error_with_its_place() {
    let nothing = "[otherwise]\nask = \"nothing\"\n";
    for (text, said) in [
        (String::new(), "missing field `otherwise`"),
        ("otherwise = {".into(), "line 1: "),
        (nothing.to_owned() + "[[rule]]\nrequire = \"staff\"\n", "line 3: unknown field `rule`"),
        (
            nothing.to_owned() + "[[rules]]\nsever_name = \"a\"\nask = \"nothing\"\n",
            "line 4: unknown field `sever_name`",
        ),
        (nothing.to_owned() + "[[rules]]\npeer = \"10.0.0.0/33\"\n", "line 4: invalid IP address"),
        (nothing.to_owned() + "[[rules]]\noffered = \"yes\"\n", "line 4: expected true, false,"),
        (
            nothing.to_owned() + "[[rules]]\noffered = true\n",
            "rule 0 says what to do by exactly one of ask, request, request_lenient and require",
        ),
        (
            nothing.to_owned() + "[[rules]]\nask = \"nothing\"\nrequire = \"staff\"\n",
            "rule 0 says what to do by exactly one of",
        ),
        ("[otherwise]\n".into(), "otherwise says what to do by exactly one of"),
        ("[otherwise]\nask = \"everything\"\n".into(), "line 2: unknown variant `everything`"),
        ("[otherwise]\nrequire = \"staff\"\n".into(), "scope \"staff\", which is not defined"),
        (
            nothing.to_owned() + "[scopes.staff]\nanchors = []\n",
            "scope \"staff\" has no trust anchors",
        ),
        (nothing.to_owned() + "[scopes.staff]\n", "line 3: missing field `anchors`"),
        (
            nothing.to_owned() + "[[rules]]\nserver_name = \"a..b\"\nask = \"nothing\"\n",
            "\"a..b\" is not a DNS name",
        ),
    ] {
        let error = load(&text).unwrap_err().to_string();
        assert!(error.contains("policy.toml: ") && error.contains(said), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }

    // in the files that it names
    let text = nothing.to_owned() + "[scopes.staff]\nanchors = [\"none.pem\"]\n";
    assert!(load(&text).unwrap_err().to_string().contains("none.pem: cannot read it: "));
    let text =
        nothing.to_owned() + "[scopes.a]\nanchors = [\"staff.pem\"]\ncrls = [\"agents.pem\"]\n";
    let error = load(&text).unwrap_err().to_string();
    assert!(error.ends_with("agents.pem: no certificate revocation list in it"), "{error}");
}
