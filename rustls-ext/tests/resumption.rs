//! Resumption never bypasses a demand (RES rules), under TLS 1.2 and 1.3, stored and in tickets.

mod common;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Clock, Pki, Ready, Switch, When, connect, handshake, pump};
use rustls::server::{
    ClientAuthDecision, ClientAuthStatus, ProducesTickets, ServerSessionMemoryCache,
    StoresServerSessions,
};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use rustls_ext::wire::resumption::Record;
use rustls_ext::{ClientAuthOffer, PeerIdentity};

/// How a server keeps sessions.
#[derive(Clone, Copy, Debug)]
struct Shape {
    version: &'static SupportedProtocolVersion,
    tickets: bool,
}

const SHAPES: [Shape; 4] = [
    Shape { version: &TLS13, tickets: false },
    Shape { version: &TLS13, tickets: true },
    Shape { version: &TLS12, tickets: false },
    Shape { version: &TLS12, tickets: true },
];

struct Site {
    pki: Pki,
    policy: Arc<Switch>,
    server: Arc<ServerConfig>,
    shape: Shape,
}

impl Site {
    fn new(shape: Shape) -> Self {
        Self::at(shape, None)
    }

    fn at(shape: Shape, clock: Option<Arc<Clock>>) -> Self {
        let pki = Pki::new();
        let policy = Switch::new(When::Always, ClientAuthDecision::None);
        let mut server = pki.server_with(&policy, &[shape.version]);
        server.max_early_data_size = 1000;
        if shape.tickets {
            server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        }
        if let Some(clock) = clock {
            server.time_provider = clock;
        }
        Self { pki, policy, server: Arc::new(server), shape }
    }

    fn client(&self, offer: ClientAuthOffer) -> ClientConfig {
        let mut client =
            self.pki.client_config(Some(&self.pki.agent), offer, &[self.shape.version]);
        client.enable_early_data = true;
        client
    }

    fn decide(&self, decision: ClientAuthDecision) {
        self.policy.set(When::Always, decision);
    }

    fn request(&self) -> ClientAuthDecision {
        ClientAuthDecision::Request(self.pki.demand("agents"))
    }

    fn require(&self) -> ClientAuthDecision {
        ClientAuthDecision::Require(self.pki.demand("agents"))
    }

    /// Whether early data can be accepted: rustls accepts it for stored sessions only.
    fn can_early(&self) -> bool {
        self.shape.version.version == TLS13.version && !self.shape.tickets
    }

    /// A connection that sends early data; returns whether it was resumed and authenticated.
    fn visit(&self, client: &Arc<ClientConfig>) -> Visit {
        let (mut c, mut s) = connect(client, &self.server);
        if let Some(mut early) = c.early_data() {
            early.write_all(b"early").unwrap();
        }
        pump(&mut c, &mut s).unwrap();
        let mut early = Vec::new();
        if let Some(mut data) = s.early_data() {
            let _ = data.read_to_end(&mut early);
        }
        Visit {
            resumed: s.handshake_kind() == Some(HandshakeKind::Resumed),
            early: early == b"early",
            client: c,
            server: s,
        }
    }
}

struct Visit {
    resumed: bool,
    early: bool,
    client: ClientConnection,
    server: ServerConnection,
}

impl Visit {
    fn authenticated(&self) -> bool {
        let identity = PeerIdentity::from_connection(&self.server, "agents");
        assert_eq!(identity.is_some(), self.server.peer_certificates().is_some());
        identity.is_some()
    }

    fn is(&self, resumed: bool, authenticated: bool) {
        assert_eq!((self.resumed, self.authenticated()), (resumed, authenticated));
        // RES-6
        assert!(!self.early || self.resumed);
        assert_eq!(self.client.is_early_data_accepted(), self.early);
    }
}

#[test]
fn res_2_a_session_resumes_only_where_the_demand_accepts_it() {
    for site in SHAPES.map(Site::new) {
        let client = Arc::new(site.client(ClientAuthOffer::default()));
        site.visit(&client).is(false, false);
        // without a demand, early data is accepted (or the next lines would prove nothing)
        let visit = site.visit(&client);
        visit.is(true, false);
        assert_eq!(visit.early, site.can_early());

        site.decide(site.require());
        site.visit(&client).is(false, true);
        let visit = site.visit(&client);
        visit.is(true, true);
        assert_eq!(visit.early, site.can_early());
        site.decide(site.request());
        site.visit(&client).is(true, true);

        // the same certificate in another scope
        let other = site.pki.demand("others");
        site.decide(ClientAuthDecision::Request(other));
        let visit = site.visit(&client);
        assert!(!visit.resumed && !visit.early);
        assert!(PeerIdentity::from_connection(&visit.server, "agents").is_none());
        assert!(PeerIdentity::from_connection(&visit.server, "others").is_some());

        // no client is authenticated if none is asked
        site.decide(ClientAuthDecision::None);
        site.visit(&client).is(false, false);
    }
}

#[test]
fn res_3_a_client_that_offers_does_not_resume_without_a_certificate() {
    for site in SHAPES.map(Site::new) {
        if site.shape.version.version != TLS13.version {
            continue; // the flag exists in TLS 1.3 only
        }
        let mut client = site.client(ClientAuthOffer::default());
        let resolver = Ready::new(&site.pki.agent);
        client.client_auth_cert_resolver = resolver.clone();
        site.decide(site.request());
        site.visit(&Arc::new(client.clone())).is(false, false);

        // The same client and its session, now with an offer.
        client.client_auth_offer = ClientAuthOffer::flag().prefer_resumption();
        resolver.ready();
        let visit = site.visit(&Arc::new(client));
        visit.is(false, true);
        assert!(!visit.early);
    }
}

#[test]
fn res_4_a_client_that_declined_and_does_not_offer_resumes_unasked() {
    for site in SHAPES.map(Site::new) {
        let mut client = site.client(ClientAuthOffer::default());
        let resolver = Ready::new(&site.pki.agent);
        client.client_auth_cert_resolver = resolver.clone();
        let client = Arc::new(client);
        site.decide(site.request());
        site.visit(&client).is(false, false);
        let visit = site.visit(&client);
        visit.is(true, false);
        assert_eq!(visit.server.client_auth().unwrap().status(), ClientAuthStatus::Declined);

        // that does not bypass a requirement
        resolver.ready();
        site.decide(site.require());
        let visit = site.visit(&client);
        visit.is(false, true);
        assert!(!visit.early);
    }
}

#[test]
fn res_5_the_stored_chain_is_verified_again() {
    for shape in SHAPES {
        let clock = Clock::now();
        let site = Site::at(shape, Some(clock.clone()));
        let client = Arc::new(site.client(ClientAuthOffer::default()));
        site.decide(site.require());
        let first = site.visit(&client);
        first.is(false, true);
        let when = PeerIdentity::from_connection(&first.server, "agents").unwrap().authenticated_at;

        clock.advance(60);
        let second = site.visit(&client);
        second.is(true, true);
        let identity = PeerIdentity::from_connection(&second.server, "agents").unwrap();
        assert!(identity.resumed);
        assert_eq!(identity.authenticated_at, when, "resuming is not authenticating");

        // The scope's anchors change under the same name: its sessions no longer resume.
        let impostor = rustls::server::ClientAuthDemand::new(site.pki.staff.verifier(), "agents");
        site.decide(ClientAuthDecision::Require(impostor.unwrap()));
        let failure = common::refused(&client, &site.server);
        assert_eq!(failure.alert(), Some(rustls::AlertDescription::UnknownCA));

        // Time passes, and the certificate expires.
        site.decide(site.require());
        clock.set(rcgen_not_after() + 1);
        let failure = common::refused(&client, &site.server);
        assert_eq!(failure.alert(), Some(rustls::AlertDescription::CertificateExpired));
    }
}

/// The age counts from the proof of possession, through any chain of resumptions.
#[test]
fn res_5_a_proof_of_possession_lasts_for_the_maximum_age() {
    const WEEK: u64 = 7 * 24 * 60 * 60;
    for shape in SHAPES {
        for (max_age, limit) in [(None, WEEK), (Some(Duration::from_secs(100)), 100)] {
            let clock = Clock::now();
            let site = Site::at(shape, Some(clock.clone()));
            let demand = site.pki.demand("agents");
            assert_eq!(demand.max_age(), Duration::from_secs(WEEK));
            let demand = match max_age {
                Some(max_age) => demand.with_max_age(max_age),
                None => demand,
            };
            site.decide(ClientAuthDecision::Require(demand));
            let client = Arc::new(site.client(ClientAuthOffer::default()));
            site.visit(&client).is(false, true);
            // Each resumption makes new sessions, at intervals of a quarter of the limit.
            for _ in 0..4 {
                clock.advance(limit / 4);
                site.visit(&client).is(true, true);
            }
            clock.advance(1);
            site.visit(&client).is(false, true);
            site.visit(&client).is(true, true);
        }
    }
}

#[test]
fn res_5_a_proof_in_the_future_does_not_count() {
    for shape in SHAPES {
        let clock = Clock::now();
        let site = Site::at(shape, Some(clock.clone()));
        site.decide(site.require());
        let client = Arc::new(site.client(ClientAuthOffer::default()));
        let before = clock.seconds();
        clock.advance(60);
        site.visit(&client).is(false, true);
        clock.set(before);
        site.visit(&client).is(false, true);
    }
}

#[test]
fn flags_11_an_offer_is_sent_with_early_data_as_in_any_handshake() {
    let site = Site::new(SHAPES[0]);
    site.decide(ClientAuthDecision::Require(site.pki.demand("agents").because_offered()));
    let client = Arc::new(site.client(ClientAuthOffer::flag()));
    site.visit(&client).is(false, true);
    let visit = site.visit(&client);
    visit.is(true, true);
    assert!(visit.early);
    let auth = visit.server.client_auth().unwrap();
    // A resumed connection has no CertificateRequest, so nothing could acknowledge.
    assert!(auth.offered() && !auth.acknowledged());
    assert_eq!(visit.client.client_auth_status(), rustls::client::ClientAuthOfferStatus::Offered);
}

#[test]
fn res_8_a_client_that_offers_does_not_resume_a_session_without_authentication() {
    for site in SHAPES.map(Site::new) {
        let client = site.client(ClientAuthOffer::default());
        site.visit(&Arc::new(client.clone())).is(false, false);
        let offering = |offer| {
            let mut client = client.clone(); // with the sessions of the client above
            client.client_auth_offer = offer;
            Arc::new(client)
        };
        site.visit(&offering(ClientAuthOffer::flag().prefer_resumption())).is(true, false);
        site.visit(&offering(ClientAuthOffer::flag())).is(false, false);

        // A session with authentication is resumed.
        let allowed = ClientAuthOffer::flag().with_certificate_under_tls12(true);
        site.decide(site.require());
        site.visit(&offering(allowed.clone())).is(false, true);
        site.visit(&offering(allowed.clone())).is(true, true);
        site.visit(&offering(allowed)).is(true, true);
    }
}

#[test]
fn res_7_a_session_of_a_server_without_a_policy_does_not_resume_where_one_demands() {
    for shape in SHAPES {
        let pki = Pki::new();
        let storage = ServerSessionMemoryCache::new(32);
        let ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        let share = |mut config: ServerConfig| {
            config.session_storage = storage.clone();
            if shape.tickets {
                config.ticketer = ticketer.clone();
            }
            Arc::new(config)
        };
        let plain = rustls::ServerConfig::builder_with_provider(common::provider())
            .with_protocol_versions(&[shape.version])
            .unwrap()
            .with_client_cert_verifier(pki.agents.verifier())
            .with_single_cert(pki.server.chain.clone(), pki.server.key())
            .unwrap();
        let policy = Switch::new(When::Always, ClientAuthDecision::Require(pki.demand("agents")));
        let plain = share(plain);
        let demanding = share(pki.server_with(&policy, &[shape.version]));
        let client =
            pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[shape.version]);
        let client = Arc::new(client);

        let kind = |server| handshake(&client, server).1.handshake_kind();
        assert_eq!(kind(&plain), Some(HandshakeKind::Full));
        assert_eq!(kind(&plain), Some(HandshakeKind::Resumed));
        assert_eq!(kind(&demanding), Some(HandshakeKind::Full));
        assert_eq!(kind(&demanding), Some(HandshakeKind::Resumed));
        // and vice versa: a session with a scope does not resume at a server without a policy
        assert_eq!(kind(&plain), Some(HandshakeKind::Full));
    }
}

/// Returns a replacement for the record of a session and its encoding.
type Alter = fn(Record<'_>, &[u8]) -> Vec<u8>;

/// Stores sessions, or makes unencrypted tickets, and replaces the record at the end of each session
/// when it is presented.
#[derive(Debug)]
struct Altered {
    stored: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    alter: Mutex<Alter>,
}

impl Altered {
    fn set(&self, alter: Alter) {
        *self.alter.lock().unwrap() = alter;
    }

    fn altered(&self, session: &[u8]) -> Option<Vec<u8>> {
        let Some(at) = session.windows(5).rposition(|bytes| bytes == b"rext\x01") else {
            return Some(session.to_vec()); // without a record, as of a server without a policy
        };
        let (rest, encoded) = session.split_at(at);
        let record = Record::decode(encoded).expect("a record that can be read");
        let altered = self.alter.lock().unwrap()(record, encoded);
        Some([rest, &altered].concat())
    }
}

impl StoresServerSessions for Altered {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.stored.lock().unwrap().insert(key, value);
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.altered(self.stored.lock().unwrap().get(key)?)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.altered(&self.stored.lock().unwrap().remove(key)?)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl ProducesTickets for Altered {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(plain.to_vec())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.altered(cipher)
    }
}

/// Earlier versions recorded a scope after its length, and eight bytes of time.
fn old_form(record: Record<'_>, _: &[u8]) -> Vec<u8> {
    let (scope, at) = match record {
        Record::NotAsked => panic!("it has a record"),
        Record::Declined { scope } => (scope, 0),
        Record::Authenticated { scope, at, .. } => (scope, at),
    };
    [&[u8::try_from(scope.len()).unwrap()], scope, &u64::to_be_bytes(at)].concat()
}

#[test]
fn res_7_a_session_whose_record_cannot_be_read_gets_a_full_handshake() {
    let unreadable: [Alter; 5] = [
        old_form,
        |_, encoded| encoded.split_last().unwrap().1.to_vec(),
        |_, encoded| [encoded, &[0]].concat(),
        |_, encoded| encoded.iter().map(|byte| if *byte == 1 { 2 } else { *byte }).collect(),
        |_, _| b"?".to_vec(),
    ];
    // These can be decoded, but their clients neither authenticated nor were asked.
    let others: [Alter; 2] = [|_, _| Vec::new(), |_, _| b"rext\x01\x00".to_vec()];
    let as_it_is = |_: Record<'_>, encoded: &[u8]| encoded.to_vec();

    for mut site in SHAPES.map(Site::new) {
        let storage = Arc::new(Altered { stored: Mutex::default(), alter: Mutex::new(as_it_is) });
        let share = |server: &ServerConfig| {
            let mut server = server.clone();
            server.session_storage = storage.clone();
            if site.shape.tickets {
                server.ticketer = storage.clone();
            }
            Arc::new(server)
        };
        let plain = share(&site.pki.server_config(&[site.shape.version]));
        site.server = share(&site.server);
        let agent = site.client(ClientAuthOffer::default());
        let mut visitor = agent.clone();
        visitor.client_auth_cert_resolver = Ready::new(&site.pki.agent);
        for (client, decision, authenticated) in
            [(agent, site.require(), true), (visitor, site.request(), false)]
        {
            // Each with the client's earlier sessions.
            let client = Arc::new(client);
            site.decide(decision.clone());
            site.visit(&client).is(false, authenticated);
            for alter in unreadable.iter().chain(&others) {
                site.visit(&client).is(true, authenticated);
                storage.set(*alter);
                let visit = site.visit(&client);
                visit.is(false, authenticated);
                assert!(!visit.early);
                storage.set(as_it_is);
            }
            // Also where no certificate is requested, by a policy or without one.
            for alter in unreadable {
                storage.set(alter);
                let kind = handshake(&client, &plain).1.handshake_kind();
                assert_eq!(kind, Some(HandshakeKind::Full));
                storage.set(as_it_is);
                site.visit(&client).is(false, authenticated);
                storage.set(alter);
                site.decide(ClientAuthDecision::None);
                site.visit(&client).is(false, false);
                storage.set(as_it_is);
                site.decide(decision.clone());
                site.visit(&client).is(false, authenticated);
            }
        }
    }
}

/// When rcgen's certificates expire by default, in seconds since the Unix epoch.
fn rcgen_not_after() -> u64 {
    rcgen::CertificateParams::default().not_after.unix_timestamp().unsigned_abs()
}
