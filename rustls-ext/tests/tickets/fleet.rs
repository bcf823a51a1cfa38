//! Nodes of a fleet: which sessions resume on another node, under TLS 1.2 and 1.3. Each node has its
//! own `Live`, policy and clock; the keys are in one directory.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::server::ProducesTickets;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, HandshakeKind, SupportedProtocolVersion};
use rustls_ext::tickets::{TicketKey, TicketKeys, Tickets};
use rustls_ext::{Anchors, ClientAuthOffer, Live, Policy, PolicyError, Setup, Verdict};

use crate::common::{Authority, Clock, Pki, connect, provider, pump};
use crate::directory::put;
use crate::sealed::key;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
const DAY: u64 = 86_400;

/// A fleet: its PKI, its directory of keys, and the time at which it begins.
struct Fleet {
    pki: Pki,
    folder: tempfile::TempDir,
    start: u64,
    version: &'static SupportedProtocolVersion,
}

struct Node {
    live: Live,
    clock: Arc<Clock>,
}

impl Fleet {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let start = Clock::now().seconds();
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "1.ticket-key", &key(start, 0, DAY));
        Self { pki: Pki::new(), folder, start, version }
    }

    /// A client with the certificate of the agents.
    fn client(&self) -> Arc<ClientConfig> {
        let identity = Some(&self.pki.agent);
        let offer = ClientAuthOffer::default();
        Arc::new(self.pki.client_config(identity, offer, &[self.version]))
    }

    fn anchors(authority: &Authority) -> Anchors {
        Anchors::from_roots(authority.roots())
    }

    fn requires_agents(&self) -> Result<Policy, PolicyError> {
        require("agents", Self::anchors(&self.pki.agents))
    }

    fn node(&self, policy: Result<Policy, PolicyError>) -> Node {
        self.node_with(policy, self.folder.path().to_owned(), "")
    }

    fn node_with(
        &self,
        policy: Result<Policy, PolicyError>,
        keys: PathBuf,
        context: &'static str,
    ) -> Node {
        let clock = Clock::now();
        clock.set(self.start);
        let mut template = self.pki.server_config(&[self.version]);
        template.time_provider = clock.clone();
        let (policy, time) = (Arc::new(policy.unwrap()), clock.clone());
        let live = Live::load(move |files| {
            let tickets = Tickets::new(&files.ticket_keys(&keys)?, &provider())?;
            let tickets = tickets.with_context(context)?.with_time_provider(time.clone());
            let mut config = template.clone();
            config.ticketer = Arc::new(tickets);
            Ok(Setup::new(config, policy.clone()))
        });
        Node { live: live.unwrap(), clock }
    }
}

fn require(scope: &str, anchors: Anchors) -> Result<Policy, PolicyError> {
    let builder = Policy::builder().provider(provider()).scope(scope, anchors);
    builder.otherwise(Verdict::Require(scope.into())).build()
}

/// The outcome of a connection: the kind of its handshake, and whether the client is authenticated
/// in the scope of the agents; or the alert that the server sent.
type Outcome = Result<(HandshakeKind, bool), AlertDescription>;

const FULL: Outcome = Ok((HandshakeKind::Full, true));
const RESUMED: Outcome = Ok((HandshakeKind::Resumed, true));
/// A full handshake in which no certificate was requested.
const ANONYMOUS: Outcome = Ok((HandshakeKind::Full, false));

impl Node {
    fn visit(&self, client: &Arc<ClientConfig>) -> Outcome {
        let config = self.live.current().config_with_policy().unwrap();
        let (mut c, mut s) = connect(client, &config);
        match pump(&mut c, &mut s) {
            Ok(()) => {
                let identity = rustls_ext::PeerIdentity::from_connection(&s, "agents");
                Ok((s.handshake_kind().unwrap(), identity.is_some()))
            }
            Err(failure) => Err(failure.alert().unwrap()),
        }
    }
}

#[test]
fn a_session_of_one_node_resumes_on_another_with_its_identity() {
    for fleet in VERSIONS.map(Fleet::new) {
        let (a, b) = (fleet.node(fleet.requires_agents()), fleet.node(fleet.requires_agents()));
        let client = fleet.client();
        assert_eq!(a.visit(&client), FULL);
        assert_eq!(b.visit(&client), RESUMED);
        assert_eq!(a.visit(&client), RESUMED);
        // A new client does not.
        assert_eq!(b.visit(&fleet.client()), FULL);
    }
}

#[test]
fn res_2_each_node_decides_by_its_own_policy() {
    for fleet in VERSIONS.map(Fleet::new) {
        let pki = &fleet.pki;
        let builder = |scope, anchors| Policy::builder().provider(provider()).scope(scope, anchors);
        let a = fleet.node(fleet.requires_agents());
        let requests = fleet.node(
            builder("agents", Fleet::anchors(&pki.agents))
                .otherwise(Verdict::Request("agents".into()))
                .build(),
        );
        let none =
            fleet.node(Policy::builder().provider(provider()).otherwise(Verdict::None).build());
        let staff = fleet.node(require("staff", Fleet::anchors(&pki.staff)));
        let other_name = fleet.node(require("robots", Fleet::anchors(&pki.agents)));
        let other_anchors = fleet.node(require("agents", Fleet::anchors(&pki.staff)));

        let after_a = |node: &Node| {
            let client = fleet.client();
            assert_eq!(a.visit(&client), FULL);
            node.visit(&client)
        };
        assert_eq!(after_a(&requests), RESUMED);
        assert_eq!(after_a(&none), ANONYMOUS);
        assert_eq!(after_a(&staff), Err(AlertDescription::UnknownCA));
        assert_eq!(after_a(&other_name), ANONYMOUS, "authenticated in another scope");
        assert_eq!(after_a(&other_anchors), Err(AlertDescription::UnknownCA));

        // A session without a certificate is not enough for a node that requires one.
        let client = fleet.client();
        assert_eq!(none.visit(&client), ANONYMOUS);
        assert_eq!(a.visit(&client), FULL);
    }
}

#[test]
fn res_5_each_node_applies_its_own_age_and_clock() {
    for fleet in VERSIONS.map(Fleet::new) {
        let anchors = Fleet::anchors(&fleet.pki.agents).with_max_age(Duration::from_secs(60));
        let (long, short) =
            (fleet.node(fleet.requires_agents()), fleet.node(require("agents", anchors)));
        let after = |seconds: u64, node: &Node| {
            let client = fleet.client();
            long.clock.set(fleet.start);
            assert_eq!(long.visit(&client), FULL);
            node.clock.set(fleet.start + seconds);
            node.visit(&client)
        };
        assert_eq!(after(60, &short), RESUMED);
        assert_eq!(after(61, &short), FULL);
        assert_eq!(after(61, &long), RESUMED);
        // A clock that is behind sees a proof in the future, and wants another one.
        let behind = fleet.node(fleet.requires_agents());
        let client = fleet.client();
        long.clock.set(fleet.start + 30);
        assert_eq!(long.visit(&client), FULL);
        behind.clock.set(fleet.start + 29);
        assert_eq!(behind.visit(&client), FULL);
        behind.clock.set(fleet.start + 31);
        assert_eq!(behind.visit(&client), RESUMED);
    }
}

#[test]
fn res_7_a_ticket_of_another_fleet_or_context_gets_a_full_handshake_without_an_alert() {
    for fleet in VERSIONS.map(Fleet::new) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "1.ticket-key", &key(fleet.start, 0, DAY));
        let own = fleet.folder.path().to_owned();
        let here = fleet.node_with(fleet.requires_agents(), own.clone(), "here");
        for stranger in [
            fleet.node_with(fleet.requires_agents(), folder.path().to_owned(), "here"),
            fleet.node_with(fleet.requires_agents(), own.clone(), "there"),
        ] {
            let client = fleet.client();
            assert_eq!(here.visit(&client), FULL);
            assert_eq!(stranger.visit(&client), FULL);
            assert_eq!(stranger.visit(&client), RESUMED);
        }
    }
}

#[test]
fn a_rotated_out_key_does_not_resume_and_a_kept_one_does() {
    for fleet in VERSIONS.map(Fleet::new) {
        let (a, b) = (fleet.node(fleet.requires_agents()), fleet.node(fleet.requires_agents()));
        let (early, late) = (fleet.client(), fleet.client());
        assert_eq!(a.visit(&early), FULL);
        put(fleet.folder.path(), "2.ticket-key", &key(fleet.start, 100, DAY));
        // Only one node has loaded it, and its time has come there first.
        a.live.reload().unwrap();
        assert!(b.live.changes().is_some());
        b.live.reload().unwrap();
        a.clock.set(fleet.start + 100);
        assert_eq!(a.visit(&late), FULL);
        assert_eq!(b.visit(&early), RESUMED);
        b.clock.set(fleet.start + 100);
        assert_eq!(b.visit(&late), RESUMED);

        // The rotation removes the first key. `early` has a ticket of it from both nodes.
        let early = fleet.client();
        b.clock.set(fleet.start + 99);
        assert_eq!(b.visit(&early), FULL);
        fs::remove_file(fleet.folder.path().join("1.ticket-key")).unwrap();
        b.live.reload().unwrap();
        b.clock.set(fleet.start + 101);
        assert_eq!(b.visit(&early), FULL);
        assert_eq!(b.visit(&late), RESUMED);
    }
}

#[test]
fn a_reload_that_fails_keeps_the_keys_in_use() {
    let fleet = Fleet::new(&TLS13);
    let node = fleet.node(fleet.requires_agents());
    let client = fleet.client();
    assert_eq!(node.visit(&client), FULL);
    fs::write(fleet.folder.path().join("2.ticket-key"), "torn").unwrap();
    node.live.reload().unwrap_err();
    assert_eq!(node.visit(&client), RESUMED);
}

#[test]
fn keys_that_change_during_a_load_are_read_again() {
    let fleet = Fleet::new(&TLS13);
    let folder = fleet.folder.path().to_owned();
    let template = fleet.pki.server_config(&[&TLS13]);
    let loaded = Arc::new(Mutex::new(Vec::new()));
    let (seen, start) = (loaded.clone(), fleet.start);
    let live = Live::load(move |files| {
        let keys = files.ticket_keys(&folder)?;
        let mut seen = seen.lock().unwrap();
        if seen.is_empty() {
            // A rotation, after the keys were read.
            put(&folder, "2.ticket-key", &key(start, 0, DAY));
            fs::remove_file(folder.join("1.ticket-key")).unwrap();
        }
        seen.push(keys.iter().map(TicketKey::name).collect::<Vec<_>>());
        let policy = Policy::builder().provider(provider()).otherwise(Verdict::None).build()?;
        Ok(Setup::new(template.clone(), policy))
    });
    let _live: Live = live.unwrap();
    let loaded = loaded.lock().unwrap();
    let names: Vec<_> = keys(fleet.folder.path()).iter().map(TicketKey::name).collect();
    assert_eq!((loaded.len(), &loaded[1]), (2, &names));
    assert_ne!(loaded[0], loaded[1]);
}

#[test]
fn after_all_keys_have_expired_connections_work_without_resumption() {
    for fleet in VERSIONS.map(Fleet::new) {
        let node = fleet.node(fleet.requires_agents());
        let client = fleet.client();
        assert_eq!(node.visit(&client), FULL);
        node.clock.set(fleet.start + DAY - 1);
        assert_eq!(node.visit(&client), RESUMED);
        node.clock.set(fleet.start + DAY);
        for _ in 0..3 {
            assert_eq!(node.visit(&client), FULL);
        }
        node.clock.set(fleet.start);
        let client = fleet.client();
        assert_eq!(node.visit(&client), FULL);
        assert_eq!(node.visit(&client), RESUMED);
    }
}

fn keys(folder: &Path) -> TicketKeys {
    rustls_ext::Files::new().ticket_keys(folder).unwrap()
}

/// Makes tickets that decrypt, but with another content.
#[derive(Debug)]
struct Mangled(Tickets, fn(Vec<u8>) -> Vec<u8>);

impl ProducesTickets for Mangled {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.encrypt(&(self.1)(plain.to_vec()))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(ticket)
    }
}

#[test]
fn res_7_a_ticket_with_a_broken_session_gets_a_full_handshake_without_an_alert() {
    let manglers: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |_| Vec::new(),
        |mut plain| {
            plain.pop();
            plain
        },
        |mut plain| {
            plain.push(0);
            plain
        },
        |plain| vec![0xff; plain.len()],
    ];
    for fleet in VERSIONS.map(Fleet::new) {
        let node = fleet.node(fleet.requires_agents());
        for mangle in manglers {
            let mut config = (*node.live.current().config_with_policy().unwrap()).clone();
            let tickets = Tickets::new(&keys(fleet.folder.path()), &provider()).unwrap();
            config.ticketer = Arc::new(Mangled(tickets, mangle));
            let forger = Node {
                live: Setup::new(config, fleet.requires_agents().unwrap()).into(),
                clock: node.clock.clone(),
            };
            let client = fleet.client();
            assert_eq!(forger.visit(&client), FULL);
            assert_eq!(node.visit(&client), FULL);
            assert_eq!(node.visit(&client), RESUMED);
        }
    }
}
