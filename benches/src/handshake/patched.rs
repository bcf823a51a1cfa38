//! The patched rustls, with policies of `rustls-ext`.

use rustls_ext::{Anchors, ClientAuthOffer, Policy, Rule, Verdict};

mod open;
pub(super) use open::open;

sides!(rustls);

pub(crate) fn configs(case: Case, pki: &Pki) -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = plain_configs(case, pki);
    let rules = match case.scenario {
        Scenario::Ignored => 0,
        Scenario::Accepted(rules) => rules,
        Scenario::ResumedAccepted => 1,
        _ => return (client, server),
    };
    client.client_auth_offer = match case.version {
        Version::Tls12 => ClientAuthOffer::care().with_certificate_under_tls12(true),
        Version::Tls13 => ClientAuthOffer::flag(),
    };
    if rules > 0 {
        server.client_auth_policy = Some(policy(rules, case, pki).for_config().expect("a policy"));
    }
    (client, server)
}

/// A policy with this many rules, one per host; the clients' host has the last rule.
pub(crate) fn policy(rules: u32, case: Case, pki: &Pki) -> Policy {
    let rule = |name: &str| Rule::when().server_name(name).offered(true).require("agents");
    (1..rules)
        .fold(Policy::builder(), |policy, other| {
            policy.rule(rule(&format!("host-{other}.example")))
        })
        .rule(rule(SERVER_NAME))
        .provider(provider(case))
        .scope("agents", Anchors::from_roots(roots(case.authorities(pki))))
        .otherwise(Verdict::None)
        .build()
        .expect("a policy")
}
