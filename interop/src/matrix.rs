//! `interop matrix`: every client connects to every server, in every case.
//!
//! Peers are programs, one file each in [`peers`]. Each file lists the features of its peer as data, and
//! [`expect`] derives the expected outcome of each pair. The server, the client and the wire between them
//! ([`tap`]) report the outcome of a connection, and each report must be as expected.

use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use command_line::{Failure, Progress, emit};

mod case;
pub mod expect;
mod pair;
mod peer;
pub mod peers;
pub mod report;
mod site;
pub mod tap;

pub use case::{Case, Serving};
pub use pair::PairResult;
pub use peer::{Can, Client, Peer, PeerView, Server, Step, Visit};
pub use site::{CLIENT, ORIGIN, Site};

use pair::RunningServer;
use report::{Cell, CellResult, Found, MatrixReport};

/// Options of `interop matrix`.
#[derive(Clone, Debug, Args)]
pub struct MatrixArgs {
    /// What to print
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: Format,
    /// Run these clients only
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    pub client: Vec<String>,
    /// Run these servers only
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    pub server: Vec<String>,
    /// Run these cases only
    #[arg(long, value_name = "CASE,…", value_delimiter = ',', value_enum)]
    pub case: Vec<Case>,
    /// Fail if one of these peers is missing
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    pub require: Vec<String>,
}

/// The output format of `interop matrix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Markdown tables
    Markdown,
    /// A JSON object
    Json,
}

/// Runs `interop matrix`.
///
/// # Errors
/// If an outcome is not the expected one, or a required peer is missing.
pub async fn run(args: &MatrixArgs) -> Result<(), Failure> {
    let (clients, servers) = (choose(args, true)?, choose(args, false)?);
    let cases = if args.case.is_empty() { Case::ALL.to_vec() } else { args.case.clone() };
    let site = Arc::new(Site::new()?);
    let mut found = BTreeMap::new();
    for peer in clients.iter().chain(&servers).chain(&named(&args.require)?) {
        found.entry(peer.name()).or_insert_with(|| match peer.find(&site) {
            Ok(version) => Found::Version(version),
            Err(why) => Found::Missing(why),
        });
    }
    let found = Arc::new(found);

    // Each row is a server in a case; as many rows run in parallel as there are processors.
    let places = Arc::new(Semaphore::new(
        std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
    ));
    let mut rows = JoinSet::new();
    for (case_at, case) in cases.iter().enumerate() {
        for (server_at, server) in servers.iter().enumerate() {
            let row = Row { server: *server, case: *case, clients: clients.clone() };
            let (site, found, places) = (site.clone(), found.clone(), places.clone());
            rows.spawn(async move {
                let _place = places.acquire_owned().await;
                ((case_at, server_at), row.run(&site, &found).await)
            });
        }
    }
    let progress = Progress::new("servers", rows.len());
    let mut done = Vec::new();
    while let Some(row) = rows.join_next().await {
        done.push(row.map_err(|err| Failure::Failed(err.to_string()))?);
        progress.step();
    }
    drop(progress);
    let mut rows = done;
    rows.sort_by_key(|(at, _)| *at);
    let report = MatrixReport {
        peers: found.iter().map(|(name, found)| (*name, found.clone())).collect(),
        cells: rows.into_iter().flat_map(|(_, cells)| cells).collect(),
    };

    emit(match args.format {
        Format::Markdown => report.markdown(),
        Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
    });
    let mut failures = 0;
    for (cell, result) in report.wrong() {
        failures += 1;
        eprintln!("wrong: {} at {}, {}:", cell.client, cell.server, cell.case.title());
        for line in &result.wrong {
            eprintln!("  {line}");
        }
    }
    for name in &args.require {
        if let Some(Found::Missing(why)) = report.peers.get(name.as_str()) {
            failures += 1;
            eprintln!("missing: {name}: {why}");
        }
    }
    match failures {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("{count} differences from the expected outcomes"))),
    }
}

/// The peers of `--client` or `--server`; without the option, all peers with that role.
fn choose(args: &MatrixArgs, clients: bool) -> Result<Vec<&'static dyn Peer>, Failure> {
    let names = if clients { &args.client } else { &args.server };
    let able = |peer: &&'static dyn Peer| {
        if clients { peer.client().is_some() } else { peer.server().is_some() }
    };
    let mut chosen = if names.is_empty() { peers::ALL.to_vec() } else { named(names)? };
    chosen.retain(able);
    if chosen.is_empty() {
        let role = if clients { "client" } else { "server" };
        Err(Failure::Usage(format!("--{role} {}: none of them is a {role}", names.join(","))))
    } else {
        Ok(chosen)
    }
}

fn named(names: &[String]) -> Result<Vec<&'static dyn Peer>, Failure> {
    let find = |name: &String| {
        peers::ALL.iter().copied().find(|peer| peer.name() == name.as_str()).ok_or_else(|| {
            let all: Vec<_> = peers::ALL.iter().map(|peer| peer.name()).collect();
            Failure::Usage(format!("there is no peer {name:?}: there are {}", all.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

/// A row of the matrix: a server in a case, and all clients.
struct Row {
    server: &'static dyn Peer,
    case: Case,
    clients: Vec<&'static dyn Peer>,
}

impl Row {
    async fn run(&self, site: &Site, found: &BTreeMap<&'static str, Found>) -> Vec<Cell> {
        let mut running = None;
        let mut cells = Vec::new();
        for client in &self.clients {
            let outcome = self.cell(*client, site, found, &mut running).await;
            let (client, server) = (client.name(), self.server.name());
            cells.push(Cell { case: self.case, client, server, outcome });
        }
        cells
    }

    async fn cell<'a>(
        &'a self,
        client: &'static dyn Peer,
        site: &Site,
        found: &BTreeMap<&'static str, Found>,
        running: &mut Option<Result<RunningServer<'a>, String>>,
    ) -> CellResult {
        for peer in [client, self.server] {
            if let Some(Found::Missing(_)) = found.get(peer.name()) {
                return CellResult::Missing { peer: peer.name() };
            }
        }
        let (Some(as_client), Some(as_server)) = (client.client(), self.server.server()) else {
            return CellResult::NotPossible {
                reason: "one of these peers does not have this role",
            };
        };
        let pair = ((client.name(), &as_client), (self.server.name(), &as_server));
        let (expected, remarks) = match expect::expected(pair.0, pair.1, self.case) {
            Ok(expected) => expected,
            Err(reason) => return CellResult::NotPossible { reason },
        };
        if running.is_none() {
            *running = Some(RunningServer::start(self.server, site, &self.case.serving()).await);
        }
        let result = match running {
            Some(Ok(running)) => running.run_pair(client, site, self.case, &expected).await,
            Some(Err(why)) => {
                let wrong = vec![format!("the server: {why}")];
                PairResult { client: PeerView::default(), server: PeerView::default(), wrong }
            }
            None => return CellResult::NotPossible { reason: "no server" },
        };
        if result.wrong.is_empty() {
            CellResult::AsExpected { expected, remarks, result }
        } else {
            CellResult::Wrong { expected, result }
        }
    }
}
