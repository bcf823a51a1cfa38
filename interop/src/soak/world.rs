//! The clients, doing their jobs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::Cast;
use super::client::Client;
use super::ends::{ClientEnd, ServerEnd};
use super::fault::{Fault, FaultKind, Faulty, Fired};
use super::judge::{Circumstances, Right, Seen};
use super::plan::{Job, Kind};
use super::raw_client::{self, PLAIN};
use super::report::Outcome;
use super::server::{PATIENCE, Reports, Server};
use super::who::Moment;
use command_line::Failure;

/// The address of the first connection; those below are the server's.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 0, 1, 0]);

/// Where the clients live.
pub(super) struct World {
    pub(super) cast: Cast,
    pub(super) server: Server,
}

impl World {
    /// Does a job, and judges what came of each connection.
    pub(super) async fn work(&self, job: Job) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::new();
        match &job.kind {
            Kind::Honest(who, early) => {
                let client = Client::new(who, *early, &self.cast)?;
                for at in 0..job.count {
                    let again = at > 0;
                    let moment = Moment { again, retries: job.port.stores, early: *early };
                    let right = Right::Exactly(who.expected(moment));
                    let exchange = async |link: Faulty| client.exchange(link, job.message).await;
                    outcomes.push(self.connection(&job, at, right, exchange).await?);
                }
            }
            Kind::Raw(case) => {
                let mut ticket = None;
                for at in 0..job.count {
                    let case = if case.resumes && at == 0 { &PLAIN } else { case };
                    let mut peer = case.client(&self.cast, ticket.take()).map_err(|err| {
                        Failure::Failed(format!("no raw client for {}: {err}", case.rule))
                    })?;
                    let exchange = async |mut link: Faulty| {
                        let started = Instant::now();
                        let end = raw_client::exchange(&mut peer, &mut link, job.message).await;
                        (end, started.elapsed())
                    };
                    let right = Right::Exactly(case.expected());
                    outcomes.push(self.connection(&job, at, right, exchange).await?);
                    ticket = peer.tickets().first().cloned();
                }
            }
            Kind::Noise(octets) => {
                let shout = async |mut link: Faulty| {
                    (raw_client::shout(&octets.0, &mut link).await, Duration::ZERO)
                };
                outcomes.push(self.connection(&job, 0, Right::NoHandshake, shout).await?);
            }
        }
        Ok(outcomes)
    }

    /// Makes the connection of this number of a job, and judges it.
    async fn connection(
        &self,
        job: &Job,
        at: u32,
        right: Right,
        exchange: impl AsyncFnOnce(Faulty) -> (ClientEnd, Duration),
    ) -> Result<Outcome, Failure> {
        let number = job.first + at;
        let is_last = at + 1 == job.count;
        let circumstances = Circumstances {
            right,
            message: job.message,
            fault: job.fault.clone().filter(|_| is_last),
            impatient: job.port.impatient,
        };
        let (link, fired, reports) = self.link(number, job, circumstances.fault.clone()).await?;
        let stalls = circumstances.fault.as_ref().is_some_and(|f| f.kind == FaultKind::Stall);
        let (seen, took) = watch(exchange(link), reports, fired, stalls).await;
        Ok(Outcome {
            name: job.name(),
            fault: circumstances.fault.as_ref().filter(|_| seen.fired).map(|f| f.kind.name()),
            took: matches!(seen.client, ClientEnd::Served(_)).then_some(took),
            wrong: circumstances.judge(&seen).err().map(|text| {
                format!(
                    "connection {number}: {text}, where right was {:?}; {job:?}",
                    circumstances.right
                )
            }),
            server: seen.server,
        })
    }

    /// A TCP connection from an address of its own.
    async fn link(
        &self,
        number: u32,
        job: &Job,
        fault: Option<Fault>,
    ) -> Result<(Faulty, Fired, Reports), Failure> {
        let failed = |err: std::io::Error| {
            Failure::Failed(format!("connection {number}: cannot connect: {err}"))
        };
        let ip = Ipv4Addr::from(FIRST_ADDRESS.saturating_add(number));
        let reports = self.server.expect(ip);
        let socket = TcpSocket::new_v4().map_err(failed)?;
        socket.bind(SocketAddr::from((ip, 0))).map_err(failed)?;
        let tcp = socket.connect(self.server.addr(job.port)).await.map_err(failed)?;
        let _ = tcp.set_nodelay(true);
        let (link, fired) = Faulty::new(tcp, fault);
        Ok((link, fired, reports))
    }
}

/// Both ends of a connection.
async fn watch(
    client: impl Future<Output = (ClientEnd, Duration)>,
    reports: Reports,
    fired: Fired,
    stalls: bool,
) -> (Seen, Duration) {
    let mut reported = std::pin::pin!(reports.end());
    let mut client = std::pin::pin!(timeout(PATIENCE, client));
    let mut known = None;
    let ended = tokio::select! {
            ended = &mut client => ended,
            // A stalled client keeps its connection until the server gives up.
            end = &mut reported, if stalls => {
                known = Some(end);
                if fired.get() {
    Ok((ClientEnd::Stalled, Duration::ZERO))
    } else {
    client.await
    }
            }
        };
    let waits = |_| (ClientEnd::Odd("it waits for ever".into()), Duration::ZERO);
    let (client, took) = ended.unwrap_or_else(waits);
    let (server, application) = match known {
        Some(end) => end,
        // More than enough: the server gives up on the client, and then on its goodbye.
        None => timeout(3 * PATIENCE, reported)
            .await
            .unwrap_or_else(|_| (ServerEnd::Odd("the server does not report".into()), None)),
    };
    (Seen { server, application, client, fired: fired.get() }, took)
}
