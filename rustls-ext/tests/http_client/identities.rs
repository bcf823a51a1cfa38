//! CANT-2, CANT-4, RCA-1: which identity answers a challenge, and the report if none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use rcgen::{CertificateParams, DnType, date_time_ymd};
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls_ext::http::client::{
    ClientIdentity, Considered, Credentials, IdentityError, Limits, NotChosen, Unanswered,
};
use rustls_ext::http::{Challenge, Fingerprint};

use super::common::{self, provider};
use super::site::say;
use super::world::{A, BOTH, Http, World, any, get, identity};

/// A site that sends these challenges in one field to clients without a certificate.
fn site(world: &mut World, challenges: Vec<Challenge>) -> Arc<super::site::Site> {
    world.site(A, move |asked| match &asked.certificate {
        Some(_) => say(StatusCode::OK, "welcome"),
        None => {
            let list: Vec<_> = challenges.iter().map(Challenge::to_string).collect();
            say(StatusCode::UNAUTHORIZED, "who are you?")
                .with(http::header::WWW_AUTHENTICATE, list.join(", "))
        }
    })
}

/// Why each identity was not chosen.
fn reasons(unanswered: Option<Unanswered>) -> Vec<(String, NotChosen)> {
    let Some(Unanswered::NoIdentity { considered, .. }) = unanswered else {
        panic!("{unanswered:?}")
    };
    let reason = |Considered { identity, why, .. }: Considered| (identity.to_string(), why);
    considered.into_iter().map(reason).collect()
}

#[tokio::test]
async fn cant_2_the_first_identity_that_is_accepted_answers() {
    for http in BOTH {
        for (accepted, expected) in [("any", "agent"), ("agents", "agent"), ("staff", "boss")] {
            let mut world = World::new();
            let demand = match accepted {
                "any" => any(),
                "agents" => world.agents(),
                _ => world.staff(),
            };
            let site = site(&mut world, vec![demand]);
            let answer = get(&world.client(http), A).await;
            assert_eq!((answer.status, answer.identity()), (StatusCode::OK, Some(expected)));
            assert_eq!(site.seen().len(), 2);
        }
    }
}

#[tokio::test]
async fn cant_2_a_fingerprint_names_a_certificate() {
    let mut world = World::new();
    let print = Fingerprint::sha256(&world.pki.boss.chain[0]);
    site(&mut world, vec![Challenge::new().accept_fingerprint(print)]);
    let answer = get(&world.client(Http::Two), A).await;
    assert_eq!(answer.identity(), Some("boss"));
}

#[tokio::test]
async fn cant_4_the_last_of_many_alternatives_and_challenges_counts() {
    let mut world = World::new();
    let strangers = (0..60).fold(Challenge::new(), |challenge, n| {
        challenge.accept_issuer([0x30, n]).accept_fingerprint(Fingerprint::sha256(&[n]))
    });
    let boss = Fingerprint::sha256(&world.pki.boss.chain[0]);
    let last = strangers.clone().accept_fingerprint(boss).with_realm("last").unwrap();
    site(&mut world, vec![strangers, last]);
    let answer = get(&world.client(Http::Two), A).await;
    assert_eq!(answer.identity(), Some("boss"));
    assert_eq!(answer.report.realm.as_deref(), Some("last"));
}

#[tokio::test]
async fn a_certificate_that_matches_no_challenge_is_not_tried_and_the_caller_is_told() {
    for http in BOTH {
        let mut world = World::new();
        let stranger = Challenge::new().accept_issuer([0x30, 0]).with_realm("others").unwrap();
        let site = site(&mut world, vec![stranger.clone()]);
        let answer = get(&world.client(http), A).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::UNAUTHORIZED, "who are you?"));
        assert_eq!((answer.report.sent, answer.identity()), (1, None));
        let unanswered = answer.report.unanswered.unwrap();
        assert_eq!(
            unanswered.to_string(),
            "no identity for ClientCertificate realm=\"others\", dn=MAA: \
             agent is not accepted by the challenge; boss is not accepted by the challenge"
        );
        let Unanswered::NoIdentity { challenges, .. } = &unanswered else { panic!() };
        assert_eq!(*challenges, [stranger]);
        assert_eq!(reasons(Some(unanswered)).len(), 2);
        assert_eq!((site.seen().len(), site.asked().len()), (1, 1));
    }
}

#[tokio::test]
async fn rca_1_an_offer_is_made_only_with_a_certificate_to_show() {
    for http in BOTH {
        let mut world = World::new();
        let agents = world.agents();
        let site = site(&mut world, vec![agents]);
        let boss = identity("boss", &world.pki.boss).for_any_host();
        for credentials in [Credentials::new(), Credentials::new().with(boss).unwrap()] {
            let answer = get(&world.client_with(http, credentials, Limits::default()), A).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(get(&world.client(http), A).await.status, StatusCode::OK);
        let offers: Vec<_> = site.seen().iter().map(|seen| seen.offered).collect();
        assert_eq!(offers, [false, false, false, true]);
    }
}

#[tokio::test]
async fn a_certificate_is_shown_to_its_own_hosts_only() {
    let mut world = World::new();
    let site = site(&mut world, vec![any()]);
    let agent = || identity("agent", &world.pki.agent);
    for (hosts, shown) in [
        (agent(), false),
        (agent().for_host("b.example.test").unwrap(), false),
        (agent().for_host("example.test").unwrap(), false),
        (agent().for_host("*.a.example.test").unwrap(), false),
        (agent().for_host("127.0.0.1").unwrap(), false),
        (agent().for_host("*.example.test").unwrap(), true),
        (agent().for_host("A.Example.Test").unwrap(), true),
        (agent().for_host("::1").unwrap().for_host("a.example.test").unwrap(), true),
        (agent().for_any_host(), true),
    ] {
        let before = site.seen().len();
        let debug = format!("{hosts:?}");
        let credentials = Credentials::new().with(hosts).unwrap();
        let answer = get(&world.client_with(Http::Two, credentials, Limits::default()), A).await;
        assert_eq!(answer.identity().is_some(), shown, "{debug}");
        if !shown {
            let reason = ("agent".to_owned(), NotChosen::NotForHost);
            assert_eq!(reasons(answer.report.unanswered), [reason]);
            assert_eq!(site.seen().len(), before + 1);
        }
    }
}

#[tokio::test]
async fn an_expired_certificate_is_not_shown() {
    let mut world = World::new();
    let issue = |from, until| {
        let mut params = CertificateParams::new(vec!["agent".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "agent");
        (params.not_before, params.not_after) = (from, until);
        world.pki.agents.sign(params)
    };
    let expired = issue(date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let early = issue(date_time_ymd(3000, 1, 1), date_time_ymd(4000, 1, 1));
    let credentials = |identities: &[(&str, &common::CertAndKey)]| {
        identities.iter().fold(Credentials::new(), |all, (name, pair)| {
            all.with(identity(name, pair).for_any_host()).unwrap()
        })
    };
    let none = credentials(&[("old", &expired), ("new", &early)]);
    let one = credentials(&[("old", &expired), ("new", &early), ("now", &world.pki.agent)]);
    let agents = world.agents();
    let site = site(&mut world, vec![agents]);

    let answer = get(&world.client_with(Http::Two, none, Limits::default()), A).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let expected =
        [("old".to_owned(), NotChosen::Expired), ("new".to_owned(), NotChosen::NotYetValid)];
    assert_eq!(reasons(answer.report.unanswered), expected);
    assert_eq!(site.seen().len(), 1);

    let answer = get(&world.client_with(Http::Two, one, Limits::default()), A).await;
    assert_eq!(answer.identity(), Some("now"));
}

#[tokio::test]
async fn an_expired_authority_on_the_chain_counts() {
    let mut world = World::new();
    let mut params = CertificateParams::new(vec![]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let authority = world.pki.agents.sign(params);
    let mut chain = world.pki.agent.chain.clone();
    chain.extend(authority.chain);
    let pair = common::CertAndKey { chain, key: world.pki.agent.key.clone() };
    let credentials = Credentials::new().with(identity("agent", &pair).for_any_host()).unwrap();
    let agents = world.agents();
    site(&mut world, vec![agents]);
    let answer = get(&world.client_with(Http::Two, credentials, Limits::default()), A).await;
    assert_eq!(reasons(answer.report.unanswered), [("agent".to_owned(), NotChosen::Expired)]);
}

#[tokio::test]
async fn a_certificate_that_expires_is_not_shown_any_more() {
    let mut world = World::new();
    let mut params = CertificateParams::new(vec!["agent".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2100, 1, 1);
    let agent = identity("agent", &world.pki.agents.sign(params)).for_any_host();
    let agents = world.agents();
    let site = site(&mut world, vec![agents]);
    let clock = Arc::new(Clock(AtomicU64::new(date_time_ymd(2099, 1, 1).unix_timestamp() as u64)));
    let mut tls = world.client_tls(Http::Two);
    tls.time_provider = clock.clone();
    let client = world.client_over(tls, Credentials::new().with(agent).unwrap(), Limits::default());
    assert_eq!(get(&client, A).await.identity(), Some("agent"));
    clock.0.store(date_time_ymd(2101, 1, 1).unix_timestamp() as u64, Ordering::SeqCst);
    // The connection is still open, and is not used.
    let answer = get(&client, A).await;
    assert_eq!((answer.report.sent, answer.identity()), (1, None));
    assert_eq!(reasons(answer.report.unanswered), [("agent".to_owned(), NotChosen::Expired)]);
    assert_eq!(site.seen().len(), 2);
}

/// Seconds since the Unix epoch.
#[derive(Debug)]
struct Clock(AtomicU64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = std::time::Duration::from_secs(self.0.load(Ordering::SeqCst));
        Some(UnixTime::since_unix_epoch(now))
    }
}

#[tokio::test]
async fn without_identities_a_challenge_is_the_callers() {
    let mut world = World::new();
    let site = site(&mut world, vec![any()]);
    let client = world.client_with(Http::Two, Credentials::new(), Limits::default());
    let answer = get(&client, A).await;
    assert_eq!(
        answer.report.unanswered.unwrap().to_string(),
        "no identity for ClientCertificate: there are none"
    );
    assert_eq!(site.seen().len(), 1);
}

#[test]
fn identities_that_cannot_be_are_errors() {
    let world = World::new();
    let agent = || identity("agent", &world.pki.agent);
    for host in ["", "*", "*.", "a b", "example.com.", "https://a", "a:443", "*.*.test"] {
        let error = agent().for_host(host).unwrap_err();
        assert!(matches!(error, IdentityError::BadHost(_)), "{host}");
    }
    let twice = Credentials::new().with(agent()).unwrap().with(agent());
    assert_eq!(twice.unwrap_err().to_string(), "two identities have the name \"agent\"");

    let key = provider().key_provider.load_private_key(world.pki.agent.key()).unwrap();
    let none = ClientIdentity::new("agent", CertifiedKey::new(vec![], key.clone()).into());
    assert_eq!(none.unwrap_err().to_string(), "identity \"agent\" has no certificate");
    let garbage = CertifiedKey::new(vec![b"garbage".to_vec().into()], key);
    let garbage = ClientIdentity::new("agent", garbage.into()).unwrap_err();
    assert_eq!(garbage.to_string(), "identity \"agent\" has a certificate that is not X.509");
}

#[tokio::test]
async fn nothing_that_can_be_printed_has_a_key_in_it() {
    let mut world = World::new();
    world.usual_site(A);
    let client = world.client(Http::Two);
    let answer = get(&client, &format!("{A}/agents")).await;
    let printed = format!("{client:?} {:?} {:?}", world.credentials(), answer.report);
    assert!(printed.contains("ClientIdentity { name: \"agent\", hosts: "), "{printed}");
    for word in ["key", "Key", "secret"] {
        assert!(!printed.contains(word), "{printed}");
    }
}
