//! The report of a soak.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinError;

use super::SoakArgs;
use super::outcome::ServerOutcome;
use command_line::Failure;

/// The checked result of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionResult {
    /// The kind of client.
    pub name: &'static str,
    /// The fault that happened.
    pub fault: Option<&'static str>,
    /// The outcome of the handshake at the server.
    pub server: ServerOutcome,
    /// The duration of the client's handshake, if the client was served.
    pub took: Option<Duration>,
    /// The difference from the expected outcome.
    pub wrong: Option<String>,
}

/// The results of all connections.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SoakReport {
    /// The seed that determines the connections and their faults.
    pub seed: u64,
    /// How many connections were made.
    pub connections: u64,
    /// Counts of outcomes at the server, by kind of client.
    pub outcomes: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Counts of faults that happened, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many sessions were resumed.
    pub resumed: u64,
    /// How many handshakes had a HelloRetryRequest.
    pub retried: u64,
    /// On how many connections the server accepted 0-RTT data.
    pub early_data: u64,
    /// The duration of the soak in seconds.
    pub seconds: f64,
    /// Connections per second.
    pub per_second: f64,
    /// The duration of handshakes of served clients, in microseconds.
    pub latency_us: Latency,
    /// Connections that the server did not close.
    pub open_connections: usize,
    /// Tasks that did not end.
    pub tasks: usize,
    /// The peak memory of the process, in KiB.
    pub peak_memory_kib: u64,
    /// The limit of `peak_memory_kib`.
    pub memory_ceiling_kib: u64,
    /// Wrong outcomes, one line for each connection.
    pub wrong: Vec<String>,
    #[serde(skip)]
    took_us: Vec<u32>,
}

/// Percentiles.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: u32,
    /// The 90th percentile.
    pub p90: u32,
    /// The 99th percentile.
    pub p99: u32,
    /// The maximum.
    pub max: u32,
}

impl SoakReport {
    /// An empty report.
    pub fn new(seed: u64, args: &SoakArgs) -> Self {
        let memory_ceiling_kib = args.memory_ceiling.saturating_mul(1024);
        Self { seed, memory_ceiling_kib, ..Self::default() }
    }

    /// Adds the results of a job.
    ///
    /// # Errors
    /// If this machine could not make a connection, or a client's task panicked.
    pub fn add(
        &mut self,
        job: Result<Result<Vec<ConnectionResult>, Failure>, JoinError>,
    ) -> Result<(), Failure> {
        let outcomes =
            job.map_err(|err| Failure::Failed(format!("a client's task failed: {err}")))??;
        for outcome in outcomes {
            self.connections += 1;
            let counts = self.outcomes.entry(outcome.name).or_default();
            *counts.entry(outcome.server.to_string()).or_default() += 1;
            if let Some(fault) = outcome.fault {
                *self.faults.entry(fault).or_default() += 1;
            }
            if let ServerOutcome::Accepted(accepted) = &outcome.server {
                self.resumed += u64::from(accepted.resumed);
                self.retried += u64::from(accepted.retried);
                self.early_data += u64::from(accepted.early > 0);
            }
            let us = outcome.took.map(|took| u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            self.took_us.extend(us);
            self.wrong.extend(outcome.wrong);
        }
        Ok(())
    }

    /// Sets the duration of the soak, and computes rate and latency.
    pub fn took(&mut self, time: Duration) {
        self.seconds = time.as_secs_f64();
        self.per_second = self.connections as f64 / self.seconds;
        self.took_us.sort_unstable();
        let last = self.took_us.len().saturating_sub(1);
        let at = |part: f64| {
            self.took_us.get((last as f64 * part) as usize).copied().unwrap_or_default()
        };
        self.latency_us = Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) };
    }

    /// The reasons for which the soak fails; empty if it succeeds.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut check = |is_fine: bool, text: String| {
            if !is_fine {
                complaints.push(text);
            }
        };
        let wrong = self.wrong.len();
        check(wrong == 0, format!("{wrong} wrong outcomes"));
        let open = self.open_connections;
        check(open == 0, format!("{open} connections are still open"));
        check(self.tasks == 0, format!("{} tasks still run", self.tasks));
        let (peak, ceiling) = (self.peak_memory_kib / 1024, self.memory_ceiling_kib / 1024);
        check(
            self.peak_memory_kib <= self.memory_ceiling_kib,
            format!("peak memory is {peak} MiB, above the limit of {ceiling} MiB"),
        );
        complaints
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} connections in {:.1} s, {:.0}/s",
            self.connections, self.seconds, self.per_second
        )?;
        for (kind, counts) in &self.outcomes {
            writeln!(f, "{kind}: {}", counts.values().sum::<u64>())?;
            for (outcome, count) in counts {
                writeln!(f, "  {count:>7}  {outcome}")?;
            }
        }
        writeln!(f, "faults: {}", self.faults.values().sum::<u64>())?;
        for (fault, count) in &self.faults {
            writeln!(f, "  {count:>7}  {fault}")?;
        }
        writeln!(
            f,
            "{} resumed, {} with HelloRetryRequest, {} with 0-RTT data",
            self.resumed, self.retried, self.early_data
        )?;
        let Latency { p50, p90, p99, max } = self.latency_us;
        writeln!(f, "handshake time in µs: median {p50}, 90 % {p90}, 99 % {p99}, max {max}")?;
        writeln!(
            f,
            "peak memory: {} MiB, limit {} MiB",
            self.peak_memory_kib / 1024,
            self.memory_ceiling_kib / 1024
        )?;
        writeln!(f, "still open: {} connections, {} tasks", self.open_connections, self.tasks)?;
        writeln!(f, "wrong outcomes: {}", self.wrong.len())
    }
}

#[cfg(test)]
mod tests {
    use rustls_ext::rustls::AlertDescription;

    use super::*;

    fn outcome(
        server: ServerOutcome,
        fault: Option<&'static str>,
        wrong: Option<&str>,
    ) -> ConnectionResult {
        let took = Some(Duration::from_micros(7));
        ConnectionResult { name: "full", fault, server, took, wrong: wrong.map(str::to_owned) }
    }

    #[test]
    fn outcomes_are_counted() {
        let mut report = SoakReport::default();
        let sent = ServerOutcome::Sent(AlertDescription::UnknownCA);
        let outcomes = vec![
            outcome(sent.clone(), None, None),
            outcome(sent, Some("cut"), None),
            outcome(ServerOutcome::HungUp, Some("cut"), Some("that")),
        ];
        report.add(Ok(Ok(outcomes))).unwrap();
        report.took(Duration::from_secs(2));
        assert_eq!((report.connections, report.per_second), (3, 1.5));
        let counts = &report.outcomes["full"];
        assert_eq!((counts["unknown_ca from server"], counts["closed by client"]), (2, 1));
        assert_eq!(report.faults["cut"], 2);
        assert_eq!(report.latency_us.max, 7);
        assert_eq!(report.wrong, ["that"]);
        let failure = Failure::Failed("no more addresses".into());
        assert_eq!(report.add(Ok(Err(failure.clone()))), Err(failure));
    }

    #[test]
    fn wrong_outcomes_leaks_and_memory_are_complaints() {
        let good =
            SoakReport { memory_ceiling_kib: 1024, peak_memory_kib: 1024, ..SoakReport::default() };
        assert_eq!(good.complaints(), Vec::<String>::new());
        let bad = SoakReport {
            wrong: vec!["that".into()],
            open_connections: 1,
            tasks: 2,
            peak_memory_kib: 5 * 1024,
            ..good
        };
        let expected = [
            "1 wrong outcomes",
            "1 connections are still open",
            "2 tasks still run",
            "peak memory is 5 MiB, above the limit of 1 MiB",
        ];
        assert_eq!(bad.complaints(), expected);
    }
}
