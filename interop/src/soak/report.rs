//! What came of it all.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinError;

use super::SoakArgs;
use super::outcome::ServerOutcome;
use command_line::Failure;

/// What came of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionResult {
    /// What kind of client it was.
    pub name: &'static str,
    /// Which fault happened.
    pub fault: Option<&'static str>,
    /// How the handshake ended at the server.
    pub server: ServerOutcome,
    /// How long the client's handshake took, if it was served.
    pub took: Option<Duration>,
    /// What is wrong about it.
    pub wrong: Option<String>,
}

/// What came of all connections.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SoakReport {
    /// What decided which connections there were.
    pub seed: u64,
    /// How many there were.
    pub connections: u64,
    /// How many of each kind ended in which way at the server.
    pub outcomes: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// How many faults of each kind happened.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many sessions were resumed.
    pub resumed: u64,
    /// How many handshakes had a HelloRetryRequest.
    pub retried: u64,
    /// How many clients had their 0-RTT data taken.
    pub early_data: u64,
    /// How long all of it took.
    pub seconds: f64,
    /// How many connections there were in a second.
    pub per_second: f64,
    /// How long clients that were served took for their handshake, in microseconds.
    pub latency_us: Latency,
    /// The connections that the server still has open.
    pub open_connections: usize,
    /// The tasks that still run.
    pub tasks: usize,
    /// The most memory that the process has had, in KiB.
    pub peak_memory_kib: u64,
    /// The most that it may have had, in KiB.
    pub memory_ceiling_kib: u64,
    /// What is wrong, a line for each connection.
    pub wrong: Vec<String>,
    #[serde(skip)]
    took_us: Vec<u32>,
}

/// Percentiles.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: u32,
    /// 9 of 10 took no longer.
    pub p90: u32,
    /// 99 of 100 took no longer.
    pub p99: u32,
    /// None took longer.
    pub max: u32,
}

impl SoakReport {
    /// A report of nothing yet.
    pub fn new(seed: u64, args: &SoakArgs) -> Self {
        let memory_ceiling_kib = args.memory_ceiling.saturating_mul(1024);
        Self { seed, memory_ceiling_kib, ..Self::default() }
    }

    /// Counts what came of a job.
    ///
    /// # Errors
    /// If a connection could not be made, for which nobody is to blame but this machine.
    pub fn add(
        &mut self,
        job: Result<Result<Vec<ConnectionResult>, Failure>, JoinError>,
    ) -> Result<(), Failure> {
        let outcomes = job.map_err(|err| Failure::Failed(format!("a client broke: {err}")))??;
        for outcome in outcomes {
            self.connections += 1;
            let ends = self.outcomes.entry(outcome.name).or_default();
            *ends.entry(outcome.server.to_string()).or_default() += 1;
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

    /// All connections together took this long.
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

    /// What is not as it should be, in a few words for each.
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
            format!("{peak} MiB of memory are more than {ceiling}"),
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
        for (kind, ends) in &self.outcomes {
            writeln!(f, "{kind}: {}", ends.values().sum::<u64>())?;
            for (end, count) in ends {
                writeln!(f, "  {count:>7}  {end}")?;
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
        writeln!(f, "handshakes in µs: half within {p50}, 90 % {p90}, 99 % {p99}, all {max}")?;
        writeln!(
            f,
            "memory: {} MiB at most, of {}",
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
        let ends = &report.outcomes["full"];
        assert_eq!((ends["unknown_ca from server"], ends["hung up"]), (2, 1));
        assert_eq!(report.faults["cut"], 2);
        assert_eq!(report.latency_us.max, 7);
        assert_eq!(report.wrong, ["that"]);
        let failure = Failure::Failed("no more addresses".into());
        assert_eq!(report.add(Ok(Err(failure.clone()))), Err(failure));
    }

    #[test]
    fn all_that_is_not_as_it_should_be_is_a_complaint() {
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
            "5 MiB of memory are more than 1",
        ];
        assert_eq!(bad.complaints(), expected);
    }
}
