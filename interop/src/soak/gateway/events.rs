//! The gateways, and what happens to them during a soak.

use std::net::SocketAddr;

use command_line::Failure;
use tokio::task::JoinSet;

use super::backend::Backends;
use super::plan::NODES;
use super::process::{Gateway, Log, Program};
use super::report::GatewayReport;
use super::site::Site;
use super::state::State;
use super::world::World;

/// The folder of the ticket keys.
const TICKETS: &str = "tickets";
/// The program that the gateways run.
const PROGRAM: &str = "rext";

/// What happens to the gateways, and after which part of the requests.
const EVENTS: [(f64, Event); 8] = [
    (0.15, Event::ChangePolicy),
    (0.3, Event::RotateKeys),
    (0.4, Event::EndMortal),
    (0.5, Event::StartMortal),
    (0.6, Event::Upgrade(0)),
    (0.65, Event::Upgrade(1)),
    (0.7, Event::Upgrade(2)),
    (0.85, Event::RestorePolicy),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// All gateways reload; the policy is changed.
    ChangePolicy,
    /// All gateways reload; the policy is the first one again.
    RestorePolicy,
    /// A new ticket key, which all gateways load.
    RotateKeys,
    /// The program of this gateway is replaced, and then its process.
    Upgrade(usize),
    /// A server behind ends, with all its connections.
    EndMortal,
    /// It starts again.
    StartMortal,
}

/// The gateways.
#[derive(Debug)]
pub struct Fleet {
    gateways: Vec<Gateway>,
    /// The program that was given.
    rext: Program,
    /// The peak memory of processes that were replaced, in KiB.
    replaced: Vec<(String, u64)>,
    /// Wait until new processes serve HTTP/3.
    takeovers: JoinSet<Result<(), Failure>>,
    /// How many events have happened.
    happened: usize,
}

impl Fleet {
    /// Starts the gateways.
    ///
    /// # Errors
    /// If one of them does not start.
    pub async fn start(rext: &Program, site: &Site) -> Result<Self, Failure> {
        let args = [
            "--listen",
            "127.0.0.1:0",
            "--cert",
            "server.pem",
            "--key",
            "server.key",
            "--policy-file",
            "policy.toml",
            "--handshake-timeout",
            "30",
            "--idle-timeout",
            "10",
            "--drain-timeout",
            "100",
            "--ticket-keys",
            TICKETS,
            "--http3",
        ];
        let args = args.map(str::to_owned);
        ticket_keys(rext, site, &["init"]).await?;
        install(rext, site)?;
        let installed = Program { path: site.path().join(PROGRAM), ..rext.clone() };
        let mut gateways = Vec::new();
        for _ in 0..NODES {
            gateways.push(Gateway::start(&installed, site.path(), &args).await?);
        }
        let (replaced, takeovers) = (Vec::new(), JoinSet::new());
        Ok(Self { gateways, rext: rext.clone(), replaced, takeovers, happened: 0 })
    }

    /// The addresses of the gateways.
    pub fn addresses(&self) -> [SocketAddr; NODES] {
        let unused = SocketAddr::from(([127, 0, 0, 1], 0));
        std::array::from_fn(|at| self.gateways.get(at).map_or(unused, |gateway| gateway.addr))
    }

    /// What the gateways log.
    pub fn logs(&self) -> Vec<Log> {
        self.gateways.iter().map(|gateway| gateway.log.clone()).collect()
    }

    /// Does what is due after this part of the requests. Returns false if nothing is.
    ///
    /// # Errors
    /// If a gateway has ended, or does not do what it should.
    pub async fn act(
        &mut self,
        part: f64,
        world: &World,
        backends: &mut Backends,
        report: &mut GatewayReport,
    ) -> Result<bool, Failure> {
        let Some((_, event)) = EVENTS.get(self.happened).filter(|(due, _)| part >= *due) else {
            return Ok(false);
        };
        self.happened += 1;
        match event {
            Event::ChangePolicy => self.reload(true, world).await?,
            Event::RestorePolicy => self.reload(false, world).await?,
            Event::RotateKeys => {
                world.keys.advance();
                // The new key encrypts at once, though not all gateways have it yet.
                ticket_keys(&self.rext, &world.site, &["rotate", "--delay", "0"]).await?;
                for gateway in &self.gateways {
                    gateway.reload().await?;
                }
                world.keys.advance();
            }
            Event::Upgrade(at) => self.upgrade(*at, world).await?,
            Event::EndMortal | Event::StartMortal => {
                world.mortal.advance();
                backends.toggle_mortal(&world.records).await?;
                world.mortal.advance();
            }
        }
        report.events.push(format!("{event:?} after {:.0} % of the requests", 100.0 * part));
        Ok(true)
    }

    async fn upgrade(&mut self, at: usize, world: &World) -> Result<(), Failure> {
        install(&self.rext, &world.site)?;
        if let Some(gateway) = self.gateways.get_mut(at) {
            self.replaced.push((format!("gateway {at}, first"), gateway.peak_memory()?));
            let (log, states) = (gateway.log.clone(), world.takeovers.clone());
            let from = log.len();
            let advance = move || states.get(at).map_or((), State::advance);
            advance();
            gateway.upgrade().await?;
            self.takeovers.spawn(async move {
                // When the old process has closed its UDP socket.
                log.wait_for(from, "serving HTTP/3").await?;
                advance();
                Ok(())
            });
        }
        Ok(())
    }

    async fn reload(&self, changed: bool, world: &World) -> Result<(), Failure> {
        world.policy.advance();
        world.site.write_policy(changed)?;
        for gateway in &self.gateways {
            gateway.reload().await?;
        }
        world.policy.advance();
        Ok(())
    }

    /// Ends all gateways, and adds what is known of them to the report.
    ///
    /// # Errors
    /// If a gateway has ended before.
    pub async fn stop(mut self, report: &mut GatewayReport) -> Result<(), Failure> {
        while let Some(served) = self.takeovers.join_next().await {
            served.map_err(|err| Failure::Failed(format!("a task failed: {err}")))??;
        }
        report.peak_memory_kib.extend(self.replaced);
        for (at, mut gateway) in self.gateways.into_iter().enumerate() {
            if gateway.is_replaced() {
                report.failures.extend(gateway.predecessor_ends().await);
            }
            let name = format!("gateway {at}");
            report.peak_memory_kib.insert(name.clone(), gateway.peak_memory()?);
            let panics = gateway.log.matching(0, "panicked");
            report.failures.extend(panics.into_iter().map(|line| format!("{name}: {line}")));
            report.failures.extend(gateway.stop().await?);
        }
        Ok(())
    }
}

/// Writes the program that the gateways run, in place of the one that may be there.
fn install(rext: &Program, site: &Site) -> Result<(), Failure> {
    let next = site.path().join("rext.next");
    std::fs::copy(&rext.path, &next)?;
    Ok(std::fs::rename(next, site.path().join(PROGRAM))?)
}

/// Runs `rext ticket-keys`.
async fn ticket_keys(rext: &Program, site: &Site, args: &[&str]) -> Result<(), Failure> {
    let mut command = rext.command("ticket-keys");
    command.args(["--directory", TICKETS]).args(args).current_dir(site.path());
    let output = command.output().await?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::Failed(format!("rext ticket-keys failed: {reason}")))
}
