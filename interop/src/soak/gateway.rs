//! `interop soak --gateway`: many requests through gateways that share ticket keys, over a server that
//! breaks the rules, with reloads meanwhile. Each outcome is checked.
//!
//! The gateways are processes of `rext`. Each request is planned ([`plan`]): what its client does, and
//! what the server behind does ([`request`]). The server behind ([`backend`]) records what it
//! received, and each body has bytes of its own ([`pattern`]). So the outcome at both is known
//! beforehand, and [`check`] compares.
//!
//! A seed determines all requests; only timing differs between runs. Each client has its own address in
//! 127.0.0.0/8.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use clap::Args;
use command_line::{Failure, Progress, emit};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::SoakArgs;

pub mod backend;
pub mod body;
pub mod check;
pub mod client;
pub mod events;
pub mod link;
pub mod outcome;
pub mod pattern;
pub mod plan;
pub mod process;
pub mod report;
pub mod request;
pub mod site;
pub mod state;
pub mod world;

use backend::{Backends, Records};
use client::Unavailable;
use events::Fleet;
use link::Fallbacks;
use plan::Plan;
use process::Program;
use report::GatewayReport;
use site::Site;
use state::State;
use world::{Counts, World};

/// Options of `interop soak --gateway`.
#[derive(Clone, Debug, Args)]
pub struct GatewaySoakArgs {
    /// Send requests through three gateways (rext gateway) instead, over a server that breaks the rules
    #[arg(long, conflicts_with = "connections")]
    pub gateway: bool,
    /// With --gateway: how many requests to send
    #[arg(long, value_name = "N", default_value = "50000", requires = "gateway", conflicts_with = "connections",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub requests: u32,
    /// With --gateway: the program rext; by default, the one beside this program, or this program itself
    #[arg(long, value_name = "PATH", requires = "gateway", conflicts_with = "connections")]
    pub rext: Option<PathBuf>,
}

/// The maximum number of wrong outcomes to print.
const MOST_PRINTED: usize = 10;

/// Runs `interop soak --gateway`.
///
/// # Errors
/// If the soak cannot run, an outcome is wrong, or a limit is exceeded.
pub async fn run(args: &SoakArgs) -> Result<(), Failure> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    if !args.json {
        emit(format!("seed {seed}\n"));
    }
    let report = soak(args, seed).await?;
    emit(if args.json {
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        report.to_string()
    });
    for line in report.wrong.iter().chain(&report.strays).take(MOST_PRINTED) {
        eprintln!("wrong: seed {seed}, {line}");
    }
    match report.complaints() {
        complaints if complaints.is_empty() => Ok(()),
        complaints => Err(Failure::Failed(format!("seed {seed}: {}", complaints.join("; ")))),
    }
}

/// Runs all jobs of the plan, and the events between them.
async fn soak(args: &SoakArgs, seed: u64) -> Result<GatewayReport, Failure> {
    let total = args.gateway.requests;
    let rext = Program::find(args.gateway.rext.as_ref())?;
    let mut site = Site::new()?;
    let records = Arc::new(Records::new(site.certificates()));
    let mut backends = Backends::start(&site, &records).await?;
    site.route_to(&backends)?;
    let mut fleet = Fleet::start(&rext, &site).await?;
    let world = Arc::new(World {
        nodes: fleet.addresses(),
        logs: fleet.logs(),
        site,
        records,
        policy: State::default(),
        mortal: State::default(),
        keys: State::default(),
        takeovers: Arc::default(),
        fallbacks: Fallbacks::default(),
        counts: Counts::default(),
        broken_off: Default::default(),
    });
    let places = Arc::new(Semaphore::new(args.concurrency.into()));
    let mut report = GatewayReport {
        seed,
        concurrency: args.concurrency,
        memory_ceiling_kib: args.memory_ceiling.saturating_mul(1024),
        ..GatewayReport::default()
    };
    let progress = Progress::new("requests", total as usize);
    let started = Instant::now();
    let mut jobs = JoinSet::new();
    for job in Plan::new(seed, total) {
        // The jobs before go on meanwhile.
        let part = f64::from(job.first) / f64::from(total);
        fleet.act(part, &world, &mut backends, &mut report).await?;
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let world = world.clone();
        jobs.spawn(async move {
            let results = world.work(job).await;
            drop(place);
            results
        });
        while let Some(done) = jobs.try_join_next() {
            add(&mut report, done, &progress)?;
        }
    }
    while let Some(done) = jobs.join_next().await {
        add(&mut report, done, &progress)?;
    }
    // Of few requests, some events are due only now.
    while fleet.act(1.0, &world, &mut backends, &mut report).await? {}
    drop(progress);
    report.seconds = started.elapsed().as_secs_f64();
    fleet.stop(&mut report).await?;
    conclude(&world, &mut report);
    Ok(report)
}

fn add(
    report: &mut GatewayReport,
    job: Result<Result<Vec<report::RequestResult>, Failure>, tokio::task::JoinError>,
    progress: &Progress,
) -> Result<(), Failure> {
    for result in job.map_err(|err| Failure::Failed(format!("a client's task failed: {err}")))?? {
        report.add(result);
        progress.step();
    }
    Ok(())
}

/// Adds what is known only at the end.
fn conclude(world: &World, report: &mut GatewayReport) {
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
    report.connections = count(&world.counts.connections);
    report.resumed = count(&world.counts.resumed);
    report.resumable = count(&world.counts.resumable);
    let not_resumed = world.counts.not_resumed.lock().unwrap_or_else(PoisonError::into_inner);
    report.not_resumed = not_resumed.len() as u64;
    report.wrong.extend(not_resumed.iter().cloned());
    report.resumed_http3 = count(&world.counts.resumed_http3);
    report.resumed_elsewhere = count(&world.counts.resumed_elsewhere);
    report.under_changed_policy = count(&world.counts.under_changed_policy);
    report.http3_refused = world.fallbacks.count(Unavailable::Refused);
    report.http3_unanswered = world.fallbacks.count(Unavailable::Unanswered);
    report.strays = world.records.strays();
    for fallback in world.fallbacks.unexplained() {
        report
            .wrong
            .push(format!("HTTP/3 was not available, and no takeover explains it: {fallback}"));
    }
    let broken_off = world.broken_off.lock().unwrap_or_else(PoisonError::into_inner);
    for number in broken_off.iter() {
        let seen = world.records.of(*number);
        if seen.iter().any(|seen| seen.is_complete) {
            report.wrong.push(format!("request {number}: broken off, and yet complete: {seen:?}"));
        }
    }
}
