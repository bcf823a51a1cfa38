//! Random sequences of events on several connections, against a small model.
//!
//! Nobody is ever reported in a scope without a chain that verifies there now, and a proof on that
//! connection.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::JoinHandle;

use super::*;
use crate::RevocationList;

const SEQUENCES: u32 = 400;
const HOUR: u64 = 3600;
/// Hours for which a proof counts.
const MAX_AGE: u64 = 20;
/// Hours until the brief certificate has expired.
const BRIEF: u64 = 10;
const HOSTS: [&str; 2] = ["www.example", "app.example"];
const SCOPES: [&str; 2] = ["users", "devices"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cert {
    User,
    /// The same, but expires within hours.
    Brief,
    /// The same, but may be revoked.
    Traitor,
    Device,
    Stranger,
}

const CERTS: [Cert; 5] = [Cert::User, Cert::Brief, Cert::Traitor, Cert::Device, Cert::Stranger];

/// What a client sends instead of an answer.
#[derive(Clone, Copy, Debug)]
enum Bad {
    /// An answer with another MAC.
    Changed,
    /// An answer of another connection.
    Foreign,
    /// An answer to another request.
    Other,
}

#[derive(Clone, Debug)]
enum Step {
    Connect {
        number: u64,
    },
    Ask {
        connection: usize,
        host: usize,
        scope: usize,
    },
    Answer {
        connection: usize,
        with: Option<Cert>,
    },
    Break {
        connection: usize,
        how: Bad,
    },
    /// The server gives up waiting for answers.
    GiveUp,
    Close {
        connection: usize,
    },
    /// The operator changes which authorities a scope trusts: those of "users", of "devices".
    Trust {
        scope: usize,
        trusts: [bool; 2],
    },
    Revoke(bool),
    /// The operator changes whether a scope may be requested for a host.
    Allow {
        host: usize,
        scope: usize,
        allowed: bool,
    },
    /// Hours after which the clients are asked again.
    Again(Option<u64>),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (connection, host, scope) = (0..3usize, 0..HOSTS.len(), 0..SCOPES.len());
    let cert = prop_oneof![
        5 => select(&CERTS).prop_map(Some),
        1 => Just(None),
    ];
    let trusts = select(&[[true, false], [false, true], [true, true]]);
    let step = prop_oneof![
        2 => (1..3u64).prop_map(|number| Step::Connect { number }),
        8 => (connection.clone(), host.clone(), scope.clone())
            .prop_map(|(connection, host, scope)| Step::Ask { connection, host, scope }),
        6 => (connection.clone(), cert)
            .prop_map(|(connection, with)| Step::Answer { connection, with }),
        1 => (connection.clone(), select(&[Bad::Changed, Bad::Foreign, Bad::Other]))
            .prop_map(|(connection, how)| Step::Break { connection, how }),
        1 => Just(Step::GiveUp),
        1 => connection.prop_map(|connection| Step::Close { connection }),
        1 => (scope.clone(), trusts).prop_map(|(scope, trusts)| Step::Trust { scope, trusts }),
        1 => any::<bool>().prop_map(Step::Revoke),
        2 => (host, scope, proptest::bool::weighted(0.7))
            .prop_map(|(host, scope, allowed)| Step::Allow { host, scope, allowed }),
        1 => select(&[None, Some(1), Some(5)]).prop_map(Step::Again),
        1 => select(&[1, 4, 9]).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 5..40)
}

/// The operator's settings, and the time in hours.
#[derive(Clone, Copy, Debug)]
struct State {
    now: u64,
    trusts: [[bool; 2]; 2],
    revoked: bool,
    allowed: [[bool; 2]; 2],
    again: Option<u64>,
}

impl State {
    fn verifies(&self, cert: Cert, scope: usize) -> bool {
        let [users, devices] = self.trusts[scope];
        match cert {
            Cert::User => users,
            Cert::Brief => users && self.now <= BRIEF,
            Cert::Traitor => users && !self.revoked,
            Cert::Device => devices,
            Cert::Stranger => false,
        }
    }

    /// Whether a proof of this hour is recent enough; the option is the entry's, so it counts only
    /// where an entry is looked at.
    fn is_recent(&self, at: u64, by_entry: bool) -> bool {
        let again = self.again.filter(|_| by_entry).unwrap_or(MAX_AGE);
        self.now - at <= MAX_AGE.min(again)
    }
}

/// A request for a certificate.
#[derive(Debug)]
struct Pending {
    scope: usize,
    sent: Option<Request>,
    late: bool,
}

struct Waiting {
    scope: usize,
    host: usize,
    task: JoinHandle<Result<Identity, Denied>>,
}

struct Connection {
    fixture: Fixture,
    number: usize,
    pending: Vec<Pending>,
    /// The last answer in each scope, and its hour.
    answers: [Option<(Option<Cert>, u64)>; 2],
    waiting: Vec<Waiting>,
}

struct World {
    live: Live,
    clock: Arc<Clock>,
    certs: [IssuedCertificate; CERTS.len()],
    lists: [Vec<RevocationList>; 2],
    state: State,
    connections: Vec<Option<Connection>>,
    seen: BTreeMap<String, u64>,
}

fn list(authority: &Authority, revoked: &[&IssuedCertificate]) -> RevocationList {
    let pem = authority.crl(revoked).unwrap();
    let list = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap();
    RevocationList::from_der(list).unwrap()
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(UnixTime::now().as_secs())));
        let end = clock.current_time().unwrap().as_secs() + BRIEF * HOUR;
        let mut brief = rcgen::CertificateParams::new(Vec::new()).unwrap();
        brief.distinguished_name.push(rcgen::DnType::CommonName, "brief");
        brief.not_after = (std::time::UNIX_EPOCH + Duration::from_secs(end)).into();
        let certs = CERTS.map(|cert| match cert {
            Cert::User => PKI.users.client("user").unwrap(),
            Cert::Brief => {
                PKI.users.sign(brief.clone(), rcgen::KeyPair::generate().unwrap()).unwrap()
            }
            Cert::Traitor => PKI.users.client("traitor").unwrap(),
            Cert::Device => PKI.devices.client("device").unwrap(),
            Cert::Stranger => Authority::new("others").unwrap().client("stranger").unwrap(),
        });
        let traitor = &certs[Cert::Traitor as usize];
        let devices = list(&PKI.devices, &[]);
        let lists = [
            vec![list(&PKI.users, &[]), devices.clone()],
            vec![list(&PKI.users, &[traitor]), devices],
        ];
        let state = State {
            now: 0,
            trusts: [[true, false], [false, true]],
            revoked: false,
            allowed: [[true; 2]; 2],
            again: None,
        };
        let setup = Setup::new(config(&clock), policy(&state, &lists));
        Self {
            live: Live::from(setup),
            clock,
            certs,
            lists,
            state,
            connections: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn reload(&self) {
        let config = self.live.current().config().clone();
        self.live.replace(Setup::new(config, policy(&self.state, &self.lists)));
    }

    /// The certificate that authenticates this connection in a scope for a host now.
    fn expected(&self, connection: &Connection, host: usize, scope: usize) -> Option<Cert> {
        let (cert, at) = connection.answers[scope]?;
        let counts = self.state.allowed[host][scope] && self.state.is_recent(at, true);
        cert.filter(|cert| counts && self.state.verifies(*cert, scope))
    }

    /// The same without a host.
    fn expected_anywhere(&self, connection: &Connection, scope: usize) -> Option<Cert> {
        let (cert, at) = connection.answers[scope]?;
        let counts = self.state.is_recent(at, false);
        cert.filter(|cert| counts && self.state.verifies(*cert, scope))
    }

    /// The result of a request that has asked.
    fn outcome(&self, connection: &Connection, host: usize, scope: usize) -> String {
        if let Some(cert) = self.expected(connection, host, scope) {
            return format!("{cert:?}").to_lowercase();
        }
        let [cert, at] = [0, 1].map(|_| connection.answers[scope]);
        let refused = cert.and_then(|(cert, _)| cert).is_some_and(|cert| {
            let recent = at.is_some_and(|(_, at)| self.state.is_recent(at, true));
            recent && !self.state.verifies(cert, scope)
        });
        match self.state.allowed[host][scope] {
            true if refused => "refused".into(),
            true => "unauthenticated".into(),
            false if self.expected_anywhere(connection, scope).is_some() => "misdirected".into(),
            false => "never asked".into(),
        }
    }

    async fn play(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Connect { number } => {
                if self.connections.len() < 3 {
                    let fixture = Fixture::of(self.live.clone(), self.clock.clone());
                    fixture.exchange.setting(Some(number)).unwrap();
                    self.connections.push(Some(Connection {
                        fixture,
                        number: usize::try_from(number).unwrap(),
                        pending: Vec::new(),
                        answers: [None; 2],
                        waiting: Vec::new(),
                    }));
                }
            }
            Step::Ask { connection, host, scope } => self.ask(connection, host, scope).await?,
            Step::Answer { connection, with } => self.answer(connection, with).await?,
            Step::Break { connection, how } => self.break_it(connection, how).await?,
            Step::GiveUp => {
                tokio::time::advance(Duration::from_secs(11)).await;
                for place in 0..self.connections.len() {
                    let Some(mut connection) = self.connections[place].take() else { continue };
                    for pending in &mut connection.pending {
                        pending.late = true;
                    }
                    let result = self.finish(&mut connection, |_| true).await;
                    self.connections[place] = Some(connection);
                    result?;
                }
            }
            Step::Close { connection } => {
                let Some(slot) = self.connections.get_mut(connection) else { return Ok(()) };
                let Some(mut connection) = slot.take() else { return Ok(()) };
                connection.fixture.exchange.closed();
                self.finish(&mut connection, |_| true).await?;
            }
            Step::Trust { scope, trusts } => self.state.trusts[scope] = trusts,
            Step::Revoke(revoked) => self.state.revoked = revoked,
            Step::Allow { host, scope, allowed } => self.state.allowed[host][scope] = allowed,
            Step::Again(again) => self.state.again = again,
            Step::Pass(hours) => {
                self.state.now += hours;
                self.clock.advance(hours * HOUR);
            }
        }
        if matches!(
            step,
            Step::Trust { .. } | Step::Revoke(_) | Step::Allow { .. } | Step::Again(_)
        ) {
            self.reload();
        }
        self.hold()
    }

    /// Whether everything that is reported is what the model expects.
    fn hold(&mut self) -> Result<(), String> {
        for connection in self.connections.iter().flatten() {
            for (scope, name) in SCOPES.into_iter().enumerate() {
                let whose = |identity: Option<Identity>| {
                    let chain = identity?.chain().to_vec();
                    let place = self.certs.iter().position(|it| chain == [it.der().clone()]);
                    Some(CERTS[place.unwrap()])
                };
                let found = whose(connection.fixture.info.identity(name));
                let expected = self.expected_anywhere(connection, scope);
                if found != expected {
                    return Err(format!("{name}: expected {expected:?}, found {found:?}"));
                }
                for (host, host_name) in HOSTS.into_iter().enumerate() {
                    let caller = connection.fixture.caller(host_name);
                    let found = whose(caller.identity(name));
                    let expected = self.expected(connection, host, scope);
                    if found != expected {
                        return Err(format!(
                            "{host_name}, {name}: expected {expected:?}, found {found:?}"
                        ));
                    }
                    let kind = if found.is_some() { "authenticated" } else { "not authenticated" };
                    *self.seen.entry(kind.into()).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    async fn ask(&mut self, place: usize, host: usize, scope: usize) -> Result<(), String> {
        let Some(slot) = self.connections.get_mut(place) else { return Ok(()) };
        let Some(mut connection) = slot.take() else { return Ok(()) };
        let counts = self.expected(&connection, host, scope).is_some();
        let again = |at: u64| self.state.again.is_some_and(|again| self.state.now - at > again);
        let pending = connection.pending.iter().find(|pending| pending.scope == scope);
        let waits = match pending {
            _ if counts || !self.state.allowed[host][scope] => false,
            Some(pending) => !pending.late,
            None => connection.answers[scope].is_none_or(|(_, at)| again(at)),
        };
        let is_new = waits && pending.is_none();
        let caller = connection.fixture.caller(HOSTS[host]);
        let task = tokio::spawn(async move { caller.ask(SCOPES[scope]).await });
        connection.waiting.push(Waiting { scope, host, task });
        if is_new {
            connection.pending.push(Pending { scope, sent: None, late: false });
        }
        let mut result = self.sent(&mut connection).await;
        if !waits {
            let last = connection.waiting.len() - 1;
            let finished = self.finish(&mut connection, |number| number == last).await;
            result = result.and(finished);
        }
        self.connections[place] = Some(connection);
        result
    }

    /// Takes the requests that the server has sent, which must be those that the model expects.
    async fn sent(&mut self, connection: &mut Connection) -> Result<(), String> {
        let outstanding = connection.pending.iter().filter(|it| it.sent.is_some()).count();
        let queued = connection.pending.iter_mut().filter(|it| it.sent.is_none());
        let expected: Vec<_> = queued.take(connection.number - outstanding).collect();
        let requests = connection.fixture.requests().await;
        if requests.len() != expected.len() {
            return Err(format!("{} requests, expected {}", requests.len(), expected.len()));
        }
        for (pending, request) in expected.into_iter().zip(requests) {
            (pending.sent, pending.late) = (Some(request), false);
        }
        Ok(())
    }

    /// Waits for the HTTP requests that `which` selects, by their places, and compares.
    async fn finish(
        &mut self,
        connection: &mut Connection,
        which: impl Fn(usize) -> bool,
    ) -> Result<(), String> {
        let waiting = std::mem::take(&mut connection.waiting);
        for (place, it) in waiting.into_iter().enumerate() {
            if !which(place) {
                connection.waiting.push(it);
                continue;
            }
            let found = match it.task.await.unwrap() {
                Ok(identity) => identity.certificate().common_name().unwrap().to_owned(),
                Err(Denied::Unauthenticated { .. }) => "unauthenticated".into(),
                Err(Denied::Refused) => "refused".into(),
                Err(Denied::Misdirected) => "misdirected".into(),
                Err(Denied::NeverAsked) => "never asked".into(),
                Err(other) => format!("{other:?}"),
            };
            let expected = self.outcome(connection, it.host, it.scope);
            if found != expected {
                return Err(format!("an ask: expected {expected}, found {found}"));
            }
            *self.seen.entry(found).or_default() += 1;
        }
        Ok(())
    }

    async fn answer(&mut self, place: usize, with: Option<Cert>) -> Result<(), String> {
        let Some(slot) = self.connections.get_mut(place) else { return Ok(()) };
        let Some(mut connection) = slot.take() else { return Ok(()) };
        let first = connection.pending.first().and_then(|first| first.sent.clone());
        let mut result = Ok(());
        if let Some(request) = first {
            let fixture = &connection.fixture;
            let answer = match with {
                Some(cert) => fixture.force(&request, &self.certs[cert as usize]),
                None => fixture.decline(&request),
            };
            fixture.answer(answer).map_err(|error| error.to_string())?;
            fixture.settle().await;
            let scope = connection.pending.remove(0).scope;
            connection.answers[scope] = Some((with, self.state.now));
            result = self.sent(&mut connection).await;
            let of_scope: Vec<_> = connection.waiting.iter().map(|it| it.scope == scope).collect();
            let finished = self.finish(&mut connection, |number| of_scope[number]).await;
            result = result.and(finished);
        }
        self.connections[place] = Some(connection);
        result
    }

    async fn break_it(&mut self, place: usize, how: Bad) -> Result<(), String> {
        let Some(slot) = self.connections.get_mut(place) else { return Ok(()) };
        let Some(mut connection) = slot.take() else { return Ok(()) };
        let Some(request) = connection.pending.first().and_then(|first| first.sent.clone()) else {
            self.connections[place] = Some(connection);
            return Ok(());
        };
        let user = &self.certs[Cert::User as usize];
        let fixture = &connection.fixture;
        let answer = match how {
            Bad::Changed => {
                let mut answer = fixture.force(&request, user);
                *answer.last_mut().unwrap() ^= 1;
                answer
            }
            Bad::Foreign => {
                Fixture::of(self.live.clone(), self.clock.clone()).force(&request, user)
            }
            Bad::Other => {
                let other = Fixture::announced(users(), 1);
                let task = other.ask("users");
                let answer = fixture.force(&other.request().await, user);
                task.abort();
                answer
            }
        };
        fixture.answer(answer).map_err(|error| error.to_string())?;
        fixture.error().await;
        *self.seen.entry("ended".into()).or_default() += 1;
        self.finish(&mut connection, |_| true).await
    }
}

fn policy(state: &State, lists: &[Vec<RevocationList>; 2]) -> Policy {
    let mut builder = Policy::builder().provider(provider()).otherwise(Verdict::None);
    for (scope, trusts) in SCOPES.into_iter().zip(state.trusts) {
        let trusted = [&PKI.users, &PKI.devices].into_iter().zip(trusts);
        let trusted = trusted.filter(|(_, trusts)| *trusts).map(|(it, _)| it.der().clone());
        let anchors = Anchors::from_certificates(trusted)
            .unwrap()
            .with_crls(lists[usize::from(state.revoked)].clone())
            .with_usage(crate::Usage::any())
            .with_max_age(Duration::from_secs(MAX_AGE * HOUR));
        builder = builder.scope(scope, anchors);
    }
    for (scope, name) in SCOPES.into_iter().enumerate() {
        let mut entry = PostHandshake::when_needed(name);
        for (host, allowed) in HOSTS.into_iter().zip(state.allowed) {
            if allowed[scope] {
                entry = entry.host(host);
            }
        }
        if let Some(hours) = state.again {
            entry = entry.ask_again_after(Duration::from_secs(hours * HOUR));
        }
        if state.allowed.iter().any(|allowed| allowed[scope]) {
            builder = builder.post_handshake(entry);
        }
    }
    builder.build().unwrap()
}

#[test]
fn scc_9_scc_10_scc_11_nobody_is_reported_without_a_chain_that_verifies_and_a_proof() {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let seen = std::cell::RefCell::new(BTreeMap::<String, u64>::new());
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps(), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for (number, step) in [Step::Connect { number: 1 }].iter().chain(&steps).enumerate() {
                let played = world.play(step).await;
                played.map_err(|why| TestCaseError::fail(format!("step {number}: {why}")))?;
            }
            for (kind, count) in world.seen {
                *seen.borrow_mut().entry(kind).or_default() += count;
            }
            Ok(())
        })
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => panic!("{reason}\n{steps:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    // Otherwise the sequences prove less than they seem to.
    let seen = seen.into_inner();
    for kind in [
        "authenticated",
        "not authenticated",
        "user",
        "brief",
        "traitor",
        "device",
        "refused",
        "unauthenticated",
        "misdirected",
        "never asked",
        "ended",
    ] {
        assert!(seen.contains_key(kind), "never seen: {kind}; seen: {seen:?}");
    }
}
