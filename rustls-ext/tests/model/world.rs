//! The real clients and the real server, and the comparison with the model.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::client::{ClientAuthOfferStatus, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::kx_group::{SECP256R1, X25519};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::{
    ClientAuthStatus as Status, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions,
};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, Error, HandshakeKind, ServerConfig, ServerConnection,
};
use rustls_ext::{ClientAuthOffer, Live, PeerIdentity, Policy, Rule, Setup, Verdict};

use crate::cast::{Cast, START, Trust, seconds};
use crate::common::{provider, pump};
use crate::forger::Forger;
use crate::model::{ConnectResult, MAX_AGE, Model, Server, State, hint, offered};
use crate::steps::{Ask, Connect, HOSTS, Keeps, Of, Scope, Step, Version};
use crate::store::{Store, Wallet};
use crate::tally::Tally;

/// Runs `steps` in the world and in the model; returns the first difference, if there is any.
pub fn play(cast: &Cast, tally: &Tally, keeps: Keeps, steps: &[Step]) -> Result<(), String> {
    let mut model = Model::new(keeps);
    let mut world = World::new(cast, keeps);
    for (number, step) in steps.iter().enumerate() {
        let before = model.state.clone();
        model.state.apply(step);
        tally.step(step);
        match step {
            Step::Torn(_, at) => {
                world.start(&load_torn(&before, &model.state, *at, &world.servers))
            }
            Step::Connect(connect) => world
                .connect(connect, &mut model, tally)
                .map_err(|difference| format!("step {number}: {difference}"))?,
            Step::Pass(_) | Step::Clock(_) => world.set_clocks(&model.state),
            Step::Forge(forge) => world.memory.forger.set(*forge),
            Step::Forget => {
                world.memory = Memory::new(keeps, world.memory.forger.clone());
                world.start(&model.state);
            }
            Step::Rule(..) | Step::Trust(..) | Step::Bind(..) | Step::Revoke(_) | Step::Restart => {
                world.start(&model.state);
            }
        }
    }
    Ok(())
}

/// How many files an operator has: a rule for each host, the anchors of each scope, and the
/// revocation lists.
pub const FILES: usize = HOSTS.len() + Scope::ALL.len() + 1;

/// The content of the files.
fn files(state: &State) -> [Vec<u8>; FILES] {
    let [one, two] = state.rules.map(|rule| vec![rule.ask as u8, rule.scope as u8, rule.of as u8]);
    let [agents, staff] = Scope::ALL.map(|scope| {
        vec![state.trust[scope as usize] as u8, u8::from(state.bound[scope as usize])]
    });
    let listed = state.listed.to_be_bytes();
    let lists = [&[u8::from(state.revoked)][..], &listed].concat();
    [one, two, agents, staff, lists]
}

/// The server's state after loading them, if nothing else has changed since `state`.
fn read(files: &[Vec<u8>], state: &State) -> State {
    let [one, two, agents, staff, lists] = files else { panic!("{files:?}") };
    let rule = |file: &[u8]| crate::steps::Rule {
        ask: Ask::ALL[usize::from(file[0])],
        scope: Scope::ALL[usize::from(file[1])],
        of: Of::ALL[usize::from(file[2])],
    };
    let trust = |file: &[u8]| Trust::ALL[usize::from(file[0])];
    State {
        rules: [rule(one), rule(two)],
        trust: [trust(agents), trust(staff)],
        bound: [agents[1] == 1, staff[1] == 1],
        revoked: lists[0] == 1,
        listed: i64::from_be_bytes(lists[1..].try_into().unwrap()),
        ..state.clone()
    }
}

/// The files that a server loads while those of `before` are replaced by those of `after`, before
/// it reads the one with the number `at`.
fn load_torn(before: &State, after: &State, at: usize, servers: &[Arc<ServerConfig>]) -> State {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: usize| folder.path().join(number.to_string());
    let put = |state: &State| {
        for (number, content) in files(state).into_iter().enumerate() {
            std::fs::write(path(number), content).unwrap();
        }
    };
    put(before);
    let paths: Vec<_> = (0..FILES).map(path).collect();
    let (config, new, state) = (servers[0].clone(), files(after), after.clone());
    let mut replaced = false;
    let live = Live::load(move |files| {
        let mut found = Vec::new();
        for number in 0..=FILES {
            if number == at && !replaced {
                replaced = true;
                for (path, content) in paths.iter().zip(&new) {
                    std::fs::write(path, content)?;
                }
            }
            if let Some(path) = paths.get(number) {
                found.push(files.read(path)?);
            }
        }
        Ok(Setup::new(config.clone(), read(&found, &state)))
    });
    live.unwrap().current().policy().as_ref().clone()
}

#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn set(&self, hour: i64) {
        self.0.store(seconds(hour), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::Relaxed);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// The data that outlives a server's process.
struct Memory {
    forger: Forger,
    storage: Arc<dyn StoresServerSessions>,
    ticketer: Option<Arc<dyn ProducesTickets>>,
}

impl Memory {
    fn new(keeps: Keeps, forger: Forger) -> Self {
        let tickets = keeps == Keeps::Tickets;
        let ticketer = || forger.tickets(rustls::crypto::ring::Ticketer::new().unwrap());
        Self {
            storage: forger.storage(ServerSessionMemoryCache::new(256)),
            ticketer: tickets.then(ticketer),
            forger,
        }
    }
}

struct World<'a> {
    cast: &'a Cast,
    clock: Arc<Clock>,
    server_clock: Arc<Clock>,
    memory: Memory,
    /// The server, and one that cannot use the first key share of clients.
    servers: [Arc<ServerConfig>; 2],
    /// The client's sessions.
    store: Arc<Store>,
    wallet: Arc<Wallet>,
}

impl<'a> World<'a> {
    fn new(cast: &'a Cast, keeps: Keeps) -> Self {
        let [clock, server_clock] = [(); 2].map(|()| Arc::new(Clock(AtomicU64::new(START))));
        let memory = Memory::new(keeps, Forger::new(cast.leaves().cloned()));
        let servers = servers(cast, &server_clock, &memory, &State::new());
        let (store, wallet) = Default::default();
        Self { cast, clock, server_clock, memory, servers, store, wallet }
    }

    fn set_clocks(&self, state: &State) {
        self.clock.set(state.now);
        self.server_clock.set(state.server_now());
    }

    /// Makes the server's configuration again from its files and its stored data only.
    fn start(&mut self, state: &State) {
        self.servers = servers(self.cast, &self.server_clock, &self.memory, state);
    }

    fn connect(&self, connect: &Connect, model: &mut Model, tally: &Tally) -> Result<(), String> {
        self.wallet.put(connect.certificate.map(|cert| self.cast.key(cert).clone()));
        let name = ServerName::try_from(HOSTS[connect.host]).unwrap();
        let picked = self.store.begin(model.next(), &name, connect.version, |held| {
            connect.resume.filter(|_| held > 0).map(|index| index.index(held))
        });
        let server = self.servers[usize::from(connect.retry)].clone();
        let mut c = ClientConnection::new(self.client(connect), name).unwrap();
        let mut s = ServerConnection::new(server).unwrap();
        if let Some(mut early) = c.early_data().filter(|_| connect.early) {
            early.write_all(b"early").unwrap();
        }
        c.writer().write_all(b"ping").unwrap();
        let ended = match pump(&mut c, &mut s) {
            Ok(()) => None,
            Err(failure) => match failure.other {
                Some(Error::AlertReceived(alert)) => Some(alert),
                _ => return Err(format!("an error without an alert: {failure:?}")),
            },
        };
        let mut early = Vec::new();
        if let Some(mut data) = s.early_data() {
            data.read_to_end(&mut early).map_err(|err| err.to_string())?;
        }
        let mut ping = [0; 8];
        let ping = match s.reader().read(&mut ping) {
            Ok(length) => ping[..length] == *b"ping",
            Err(_) => false,
        };

        let seen = ConnectResult {
            resumed: ended.is_none() && s.handshake_kind() == Some(HandshakeKind::Resumed),
            early: early == b"early",
            client: c.client_auth_status(),
            echoed: c.client_auth_echoed(),
            server: match ended {
                Some(alert) => Server::Ended(alert),
                None => self.status(&s)?,
            },
            kept: self.store.kept(),
        };
        self.hold(&model.state, connect, &seen, ping || !early.is_empty())?;
        if ping != ended.is_none() {
            return Err(format!("application data: {ping}, though {ended:?}"));
        }
        let expected = model.connect(connect, picked);
        tally.connection(connect.version, picked.is_some(), &seen);
        self.memory.forger.take_seen().into_iter().for_each(|forge| tally.forged(forge));
        if seen == expected {
            Ok(())
        } else {
            Err(format!("{connect:?}\nexpected {expected:?}\nbut was  {seen:?}"))
        }
    }

    /// Checks the invariants, from the state of the world alone.
    fn hold(
        &self,
        state: &State,
        connect: &Connect,
        seen: &ConnectResult,
        data: bool,
    ) -> Result<(), String> {
        let authenticated = match seen.server {
            Server::Authenticated { scope, cert, .. } => {
                if let Err(alert) = state.verify(cert, scope) {
                    return Err(format!("{cert:?} is authenticated in {scope:?}, but {alert:?}"));
                }
                Some(scope)
            }
            _ => None,
        };
        let rule = state.rules[connect.host];
        let unasked = match rule.of {
            Of::All => false,
            Of::Offering => !offered(connect),
            Of::Hinting => hint(connect) != Some(rule.scope),
        };
        if unasked && asked(seen.client) {
            return Err("asked without an offer, or a hint".into());
        }
        let (ask, scope) = state.ask(connect);
        if ask == Ask::Require && authenticated != Some(scope) && data {
            Err("application data in spite of the requirement".into())
        } else {
            Ok(())
        }
    }

    fn status(&self, s: &ServerConnection) -> Result<Server, String> {
        let auth = s.client_auth().ok_or("no decision")?;
        let identities = Scope::ALL.map(|scope| {
            let identity = PeerIdentity::from_connection(s, scope.name())?;
            Some((scope, identity))
        });
        let found: Vec<_> = identities.into_iter().flatten().collect();
        match (auth.status(), found.as_slice()) {
            (Status::NotAsked, []) => Ok(Server::NotAsked),
            (Status::Declined, []) => Ok(Server::Declined),
            (Status::Refused, []) if auth.refusal().is_some() => Ok(Server::Refused),
            (Status::Authenticated { resumed, at }, [(scope, identity)])
                if (identity.resumed, identity.authenticated_at) == (resumed, at)
                    && resumed == (s.handshake_kind() == Some(HandshakeKind::Resumed)) =>
            {
                let cert = self.cast.whose(identity.chain).ok_or("nobody's certificate")?;
                let at =
                    (i64::try_from(at.as_secs()).unwrap() - i64::try_from(START).unwrap()) / 3600;
                Ok(Server::Authenticated { scope: *scope, cert, at })
            }
            other => Err(format!("a contradiction: {other:?}")),
        }
    }

    fn client(&self, connect: &Connect) -> Arc<ClientConfig> {
        let version = match connect.version {
            Version::Tls12 => &TLS12,
            Version::Tls13 => &TLS13,
        };
        let mut config = ClientConfig::builder_with_provider(with_groups(true))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_webpki_verifier(self.cast.server_verifier.clone())
            .with_client_cert_resolver(self.wallet.clone());
        config.resumption = Resumption::store(self.store.clone());
        config.time_provider = self.clock.clone();
        config.enable_early_data = true;
        let mut offer =
            ClientAuthOffer::new(connect.offer).with_certificate_under_tls12(connect.clear);
        if let Some(scope) = connect.hint {
            offer = offer.with_origins([scope.origin()]).unwrap();
        }
        config.client_auth_offer =
            if connect.prefer_resumption { offer.prefer_resumption() } else { offer };
        Arc::new(config)
    }
}

fn asked(status: ClientAuthOfferStatus) -> bool {
    matches!(
        status,
        ClientAuthOfferStatus::Acknowledged | ClientAuthOfferStatus::AskedWithoutAcknowledgement
    )
}

/// With the group of the clients' first key share, or without.
fn with_groups(first: bool) -> Arc<CryptoProvider> {
    let kx_groups = if first { vec![X25519, SECP256R1] } else { vec![SECP256R1] };
    Arc::new(CryptoProvider { kx_groups, ..(*provider()).clone() })
}

fn servers(
    cast: &Cast,
    clock: &Arc<Clock>,
    memory: &Memory,
    state: &State,
) -> [Arc<ServerConfig>; 2] {
    [true, false].map(|first| {
        let mut config = ServerConfig::builder_with_provider(with_groups(first))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(cast.server.chain.clone(), cast.server.key())
            .unwrap();
        config.time_provider = clock.clone();
        config.max_early_data_size = 1000;
        config.session_storage = memory.storage.clone();
        if let Some(ticketer) = &memory.ticketer {
            config.ticketer = ticketer.clone();
        }
        config.client_auth_policy = Some(policy(cast, state).for_config().unwrap());
        Arc::new(config)
    })
}

fn policy(cast: &Cast, state: &State) -> Policy {
    let max_age = Duration::from_secs(MAX_AGE.unsigned_abs() * 3600);
    let mut builder = Policy::builder().provider(provider());
    for scope in Scope::ALL {
        let mut anchors = cast.anchors(state.trust[scope as usize], state.revoked, state.listed);
        if state.is_bound(scope) {
            anchors = anchors.with_trust_domain(scope.origin()).unwrap();
        }
        builder = builder.scope(scope.name(), anchors.with_max_age(max_age));
    }
    for (host, rule) in HOSTS.into_iter().zip(state.rules) {
        let mut when = Rule::when().server_name(host);
        match rule.of {
            Of::All => {}
            Of::Offering => when = when.offered(true),
            Of::Hinting => when = when.origin(rule.scope.origin()),
        }
        let scope = rule.scope.name();
        builder = builder.rule(match rule.ask {
            Ask::Nothing => when.ask_nothing(),
            Ask::Request => when.request(scope),
            Ask::Lenient => when.request_lenient(scope),
            Ask::Require => when.require(scope),
        });
    }
    builder.otherwise(Verdict::None).build().unwrap()
}
