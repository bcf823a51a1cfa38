//! Runs the jobs of the plan.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::SoakPki;
use super::check::{Circumstances, Expectation, Observed};
use super::client::Client;
use super::fault::{Fault, FaultKind, Faulty, Fired};
use super::honest_client::Position;
use super::outcome::{ClientOutcome, ServerOutcome};
use super::plan::{Job, Kind};
use super::raw_client::{self, PLAIN};
use super::report::ConnectionResult;
use super::server::{LONG_TIMEOUT, PendingReport, Server};
use command_line::Failure;

/// The client address of the first connection; lower ones are the server's.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 0, 1, 0]);

/// The certificates and the server that all jobs use.
pub(super) struct World {
    pub(super) pki: SoakPki,
    pub(super) server: Server,
}

impl World {
    /// Runs a job, and checks the outcome of each connection.
    pub(super) async fn work(&self, job: Job) -> Result<Vec<ConnectionResult>, Failure> {
        let mut outcomes = Vec::new();
        match &job.kind {
            Kind::Honest(who, early) => {
                let client = Client::new(who, *early, &self.pki)?;
                for at in 0..job.count {
                    let again = at > 0;
                    let position = Position { again, retries: job.port.stores, early: *early };
                    let expectation = Expectation::Exactly(who.expected(position));
                    let exchange = async |link: Faulty| client.exchange(link, job.message).await;
                    outcomes.push(self.connection(&job, at, expectation, exchange).await?);
                }
            }
            Kind::Raw(case) => {
                let mut ticket = None;
                for at in 0..job.count {
                    let case = if case.resumes && at == 0 { &PLAIN } else { case };
                    let mut peer = case.client(&self.pki, ticket.take()).map_err(|err| {
                        Failure::Failed(format!("no raw client for {}: {err}", case.rule))
                    })?;
                    let exchange = async |mut link: Faulty| {
                        let started = Instant::now();
                        let end = raw_client::exchange(&mut peer, &mut link, job.message).await;
                        (end, started.elapsed())
                    };
                    let expectation = Expectation::Exactly(case.expected());
                    outcomes.push(self.connection(&job, at, expectation, exchange).await?);
                    ticket = peer.tickets().first().cloned();
                }
            }
            Kind::Noise(bytes) => {
                let send_noise = async |mut link: Faulty| {
                    (raw_client::send_noise(&bytes.0, &mut link).await, Duration::ZERO)
                };
                outcomes
                    .push(self.connection(&job, 0, Expectation::NoHandshake, send_noise).await?);
            }
        }
        Ok(outcomes)
    }

    /// Makes connection number `at` of a job, and checks its outcome.
    async fn connection(
        &self,
        job: &Job,
        at: u32,
        expectation: Expectation,
        exchange: impl AsyncFnOnce(Faulty) -> (ClientOutcome, Duration),
    ) -> Result<ConnectionResult, Failure> {
        let number = job.first + at;
        let is_last = at + 1 == job.count;
        let circumstances = Circumstances {
            expectation,
            message: job.message,
            fault: job.fault.clone().filter(|_| is_last),
            short_timeout: job.port.short_timeout,
        };
        let (link, fired, reports) = self.link(number, job, circumstances.fault.clone()).await?;
        let stalls = circumstances.fault.as_ref().is_some_and(|f| f.kind == FaultKind::Stall);
        let (observed, took) = watch(exchange(link), reports, fired, stalls).await;
        Ok(ConnectionResult {
            name: job.name(),
            fault: circumstances.fault.as_ref().filter(|_| observed.fired).map(|f| f.kind.name()),
            took: matches!(observed.client, ClientOutcome::Served(_)).then_some(took),
            wrong: circumstances.check(&observed).err().map(|text| {
                format!(
                    "connection {number}: observed {text}, expected {:?}; {job:?}",
                    circumstances.expectation
                )
            }),
            server: observed.server,
        })
    }

    /// Opens a TCP connection from its own client address.
    async fn link(
        &self,
        number: u32,
        job: &Job,
        fault: Option<Fault>,
    ) -> Result<(Faulty, Fired, PendingReport), Failure> {
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

/// Observes a connection at the client and at the server.
async fn watch(
    client: impl Future<Output = (ClientOutcome, Duration)>,
    reports: PendingReport,
    fired: Fired,
    stalls: bool,
) -> (Observed, Duration) {
    let mut reported = std::pin::pin!(reports.end());
    let mut client = std::pin::pin!(timeout(LONG_TIMEOUT, client));
    let mut known = None;
    let ended = tokio::select! {
            ended = &mut client => ended,
            // A stalled client keeps its connection until the server times out.
            end = &mut reported, if stalls => {
                known = Some(end);
                if fired.get() {
    Ok((ClientOutcome::Stalled, Duration::ZERO))
    } else {
    client.await
    }
            }
        };
    let waits = |_| (ClientOutcome::Unexpected("the client does not end".into()), Duration::ZERO);
    let (client, took) = ended.unwrap_or_else(waits);
    let (server, application) = match known {
        Some(end) => end,
        // The server waits at most for the handshake, and then for the application data.
        None => timeout(3 * LONG_TIMEOUT, reported).await.unwrap_or_else(|_| {
            (ServerOutcome::Unexpected("the server does not report".into()), None)
        }),
    };
    (Observed { server, application, client, fired: fired.get() }, took)
}
