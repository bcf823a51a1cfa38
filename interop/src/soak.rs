//! `interop soak`: many handshakes with one server, with injected faults, each outcome checked.
//!
//! The server uses [`rustls_ext::tokio::Acceptor`] with a policy like the demo's. It stores sessions on
//! two of its ports, and sends tickets on the other two. There are three kinds of client: rustls
//! clients, some over connections that fail ([`fault`]); raw peers that break rules; and clients
//! that send no TLS. Each client has an expected outcome ([`honest_client`], [`raw_client`]);
//! [`check`] also knows which other outcomes a fault explains.
//!
//! A seed determines all connections and their faults ([`plan`]); only timing differs between runs.
//! Each connection has its own client address in 127.0.0.0/8: the server finds its report by this
//! address, and ports do not run out.

use clap::Args;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::{Policy, Verdict};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::demo::DemoPki;
use command_line::{Failure, Progress, emit};

pub mod check;
pub mod client;
pub mod fault;
pub mod gateway;
pub mod honest_client;
pub mod memory;
pub mod outcome;
pub mod plan;
pub mod raw_client;
pub mod report;
pub mod server;
mod world;

use gateway::GatewaySoakArgs;
use honest_client::{Certificate, Host};
use plan::Plan;
use report::SoakReport;
use server::Server;
use world::World;

/// Options of `interop soak`.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// How many connections to make; required without --gateway
    #[arg(long, value_name = "N", required_unless_present = "gateway",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub connections: Option<u32>,
    #[command(flatten)]
    /// The soak of gateways.
    pub gateway: GatewaySoakArgs,
    /// The seed that determines all connections and their faults; random if not given, and always printed
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// How many clients run at the same time
    #[arg(long, value_name = "N", default_value = "64",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// The limit of the peak memory of the process; with --gateway, of each gateway
    #[arg(long, value_name = "MIB", default_value = "128",
          value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub memory_ceiling: u64,
    /// Print a JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The timeout for the last connections to end.
const LEAVE: Duration = Duration::from_secs(30);
/// The maximum number of wrong outcomes to print.
const MOST_PRINTED: usize = 20;

/// The certificates of a soak.
#[derive(Debug)]
pub struct SoakPki {
    /// The certificates of the demo.
    pub demo: DemoPki,
    keys: [(Certificate, Arc<CertifiedKey>); 4],
    /// The agent's certificate, for the raw peer.
    pub raw_agent: raw_peer::ChainAndKey,
}

impl SoakPki {
    /// Issues new certificates.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new() -> Result<Self, test_pki::Error> {
        let demo = DemoPki::new(&Host::ALL.map(Host::name))?;
        let expired = demo.agents.expired_client("agent-6")?;
        let keys = [
            (Certificate::Agent, demo.agent.certified_key()?),
            (Certificate::Admin, demo.admin.certified_key()?),
            (Certificate::Stranger, demo.stranger.certified_key()?),
            (Certificate::Expired, expired.certified_key()?),
        ];
        Ok(Self { raw_agent: demo.agent.for_raw(), demo, keys })
    }

    /// The certificate with its key; `None` for [`Certificate::None`].
    pub fn key(&self, certificate: Certificate) -> Option<&Arc<CertifiedKey>> {
        self.keys.iter().find(|(known, _)| *known == certificate).map(|(_, key)| key)
    }
}

/// Runs `interop soak`.
///
/// # Errors
/// If the soak cannot run, an outcome is wrong, or a limit is exceeded.
pub async fn run(args: &SoakArgs) -> Result<(), Failure> {
    // First, so that a system without this measurement fails at once.
    memory::peak()?;
    if args.gateway.gateway {
        return gateway::run(args).await;
    }
    let pki = SoakPki::new()?;
    let policy = server::policy(&pki.demo, server::rules(), Verdict::None)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    if !args.json {
        emit(format!("seed {seed}\n"));
    }
    let report = soak(args, seed, pki, policy).await?;
    emit(if args.json {
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        report.to_string()
    });
    for line in report.wrong.iter().take(MOST_PRINTED) {
        eprintln!("wrong: seed {seed}, {line}");
    }
    match report.complaints() {
        complaints if complaints.is_empty() => Ok(()),
        complaints => Err(Failure::Failed(format!("seed {seed}: {}", complaints.join("; ")))),
    }
}

/// Runs all jobs of the plan.
async fn soak(
    args: &SoakArgs,
    seed: u64,
    pki: SoakPki,
    policy: Policy,
) -> Result<SoakReport, Failure> {
    let tasks = Handle::current().metrics().num_alive_tasks();
    let server = Server::start(&pki.demo, policy).await?;
    let world = Arc::new(World { pki, server });
    let places = Arc::new(Semaphore::new(args.concurrency.into()));
    let mut report = SoakReport::new(seed, args);
    let mut jobs = JoinSet::new();
    let connections = args.connections.unwrap_or_default();
    let progress = Progress::new("connections", connections as usize);
    let started = Instant::now();
    for job in Plan::new(seed, connections) {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let world = world.clone();
        jobs.spawn(async move {
            let outcomes = world.work(job).await;
            drop(place);
            outcomes
        });
        while let Some(done) = jobs.try_join_next() {
            report.add(done)?;
            progress.step();
        }
    }
    while let Some(done) = jobs.join_next().await {
        report.add(done)?;
        progress.step();
    }
    drop(progress);
    report.took(started.elapsed());

    let Some(mut world) = Arc::into_inner(world) else {
        return Err(Failure::Failed("a client still runs after its job ended".into()));
    };
    world.server.stop().await;
    let left = || {
        let alive = Handle::current().metrics().num_alive_tasks();
        (world.server.open(), alive.saturating_sub(tasks))
    };
    let _ = timeout(LEAVE, async {
        while left() != (0, 0) {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    (report.open_connections, report.tasks) = left();
    report.peak_memory_kib = memory::peak()?;
    Ok(report)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustls_ext::Rule;

    use super::*;
    use outcome::{AGENTS, STAFF};

    /// The report of a soak of a server with these rules.
    async fn soaked(
        change: impl FnOnce(&mut SoakPki),
        rules: [Rule; 4],
        last: Verdict,
    ) -> SoakReport {
        let args = SoakArgs {
            connections: Some(300),
            gateway: GatewaySoakArgs { gateway: false, requests: 0, rext: None },
            seed: None,
            concurrency: 16,
            memory_ceiling: 1024,
            json: false,
        };
        let mut pki = SoakPki::new().unwrap();
        change(&mut pki);
        let policy = server::policy(&pki.demo, rules, last).unwrap();
        soak(&args, 1, pki, policy).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_correct_server_has_no_wrong_outcomes() {
        let report = soaked(|_| {}, server::rules(), Verdict::None).await;
        assert_eq!(report.wrong, Vec::<String>::new());
        assert_eq!(report.complaints(), Vec::<String>::new());
        assert_eq!(report.connections, 300);
    }

    #[track_caller]
    fn assert_found_out(report: &SoakReport) {
        let count = report.wrong.len();
        assert_ne!(count, 0);
        assert_eq!(report.complaints(), [format!("{count} wrong outcomes")]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_mistake_in_any_rule_is_found_out() {
        let mistakes = [
            Rule::when().server_name(Host::Admin.name()).request(STAFF),
            Rule::when().server_name(Host::Agents.name()).require(AGENTS),
            Rule::when().server_name(Host::Lenient.name()).request(AGENTS),
            Rule::when().offered(true).require(AGENTS),
        ];
        for (at, mistake) in mistakes.into_iter().enumerate() {
            let mut rules = server::rules();
            rules[at] = mistake;
            assert_found_out(&soaked(|_| {}, rules, Verdict::None).await);
        }
        let last = Verdict::Request(AGENTS.into());
        assert_found_out(&soaked(|_| {}, server::rules(), last).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_mistake_in_the_anchors_is_found_out() {
        let swap = |pki: &mut SoakPki| {
            std::mem::swap(&mut pki.demo.agents, &mut pki.demo.staff);
        };
        assert_found_out(&soaked(swap, server::rules(), Verdict::None).await);
    }
}
