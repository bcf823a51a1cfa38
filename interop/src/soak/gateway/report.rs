//! The report of a soak of gateways.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The checked result of one request.
#[derive(Clone, Debug)]
pub struct RequestResult {
    /// The kind of request.
    pub kind: String,
    /// What the server behind did, if it received the request.
    pub answer: Option<String>,
    /// The outcome at the client.
    pub outcome: String,
    /// True if a response has begun, so that the session of the connection has arrived before.
    pub has_response: bool,
    /// The difference from the expected outcome.
    pub wrong: Option<String>,
    /// Why the client sent it again: the outcome before, if the request had not been passed on.
    pub retried: Option<String>,
}

/// The results of all requests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GatewayReport {
    /// The seed that determines the requests.
    pub seed: u64,
    /// How many clients were active at a time.
    #[serde(skip)]
    pub concurrency: u16,
    /// How many requests were made.
    pub requests: u64,
    /// Counts of outcomes at the client, by kind of request.
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Counts of what the servers behind did.
    pub answers: BTreeMap<String, u64>,
    /// How many connections there were.
    pub connections: u64,
    /// How many of them had a session that the gateway should resume.
    pub resumable: u64,
    /// How many of these did not resume it.
    pub not_resumed: u64,
    /// How many connections resumed a session over HTTP/3.
    pub resumed_http3: u64,
    /// How many of them resumed a session of the same gateway.
    pub resumed: u64,
    /// How many of them resumed a session of another gateway.
    pub resumed_elsewhere: u64,
    /// How many connections over HTTP/3 were refused during a takeover. Their clients used HTTP/2.
    pub http3_refused: u64,
    /// How many connections over HTTP/3 got no answer during a takeover. Their clients used HTTP/2.
    pub http3_unanswered: u64,
    /// How many requests were sent again, since they had not been passed on, by the outcome before.
    pub retried: BTreeMap<String, u64>,
    /// How many requests were made on connections with the changed policy.
    pub under_changed_policy: u64,
    /// What happened to the gateways, in order.
    pub events: Vec<String>,
    /// The duration in seconds.
    pub seconds: f64,
    /// The peak memory of each process of a gateway, in KiB.
    pub peak_memory_kib: BTreeMap<String, u64>,
    /// The limit of each of these.
    pub memory_ceiling_kib: u64,
    /// What the server behind received and no client sent.
    pub strays: Vec<String>,
    /// What went wrong with the gateways' processes.
    pub failures: Vec<String>,
    /// Wrong outcomes, one line for each request.
    pub wrong: Vec<String>,
}

impl GatewayReport {
    /// Adds the result of a request.
    pub fn add(&mut self, result: RequestResult) {
        self.requests += 1;
        let outcomes = self.outcomes.entry(result.kind).or_default();
        *outcomes.entry(result.outcome).or_default() += 1;
        if let Some(answer) = result.answer {
            *self.answers.entry(answer).or_default() += 1;
        }
        if let Some(reason) = result.retried {
            *self.retried.entry(reason).or_default() += 1;
        }
        self.wrong.extend(result.wrong);
    }

    /// The reasons for which the soak fails; empty if it succeeds.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = self.failures.clone();
        let mut count = |of: &[String], what: &str| {
            if !of.is_empty() {
                complaints.push(format!("{} {what}", of.len()));
            }
        };
        count(&self.wrong, "wrong outcomes");
        count(&self.strays, "messages that no client sent");
        // Open connections end seldom before their next request, and each client may have one at a
        // takeover.
        let retried: u64 = self.retried.values().sum();
        if retried > self.requests / 100 + 10 + u64::from(self.concurrency) {
            complaints.push(format!("{retried} requests had to be sent again"));
        }
        for (process, peak) in &self.peak_memory_kib {
            if *peak > self.memory_ceiling_kib {
                complaints.push(format!(
                    "peak memory of {process} is {} MiB, above the limit of {} MiB",
                    peak / 1024,
                    self.memory_ceiling_kib / 1024
                ));
            }
        }
        complaints
    }
}

impl fmt::Display for GatewayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.requests as f64 / self.seconds;
        writeln!(f, "{} requests in {:.1} s, {rate:.0}/s", self.requests, self.seconds)?;
        for (kind, counts) in &self.outcomes {
            writeln!(f, "{kind}: {}", counts.values().sum::<u64>())?;
            for (outcome, count) in counts {
                writeln!(f, "  {count:>7}  {outcome}")?;
            }
        }
        writeln!(f, "the servers behind: {}", self.answers.values().sum::<u64>())?;
        for (answer, count) in &self.answers {
            writeln!(f, "  {count:>7}  {answer}")?;
        }
        writeln!(
            f,
            "{} connections, {} of them with a session to resume, of which {} did not",
            self.connections, self.resumable, self.not_resumed
        )?;
        writeln!(
            f,
            "{} resumed, {} resumed at another gateway, {} of both over HTTP/3",
            self.resumed, self.resumed_elsewhere, self.resumed_http3
        )?;
        writeln!(
            f,
            "{} connections over HTTP/3 refused during takeovers, {} not answered, then HTTP/2",
            self.http3_refused, self.http3_unanswered
        )?;
        writeln!(f, "{} requests under the changed policy", self.under_changed_policy)?;
        writeln!(f, "requests sent again: {}", self.retried.values().sum::<u64>())?;
        for (reason, count) in &self.retried {
            writeln!(f, "  {count:>7}  {reason}")?;
        }
        for event in &self.events {
            writeln!(f, "event: {event}")?;
        }
        for (process, peak) in &self.peak_memory_kib {
            let limit = self.memory_ceiling_kib / 1024;
            writeln!(f, "peak memory of {process}: {} MiB, limit {limit} MiB", peak / 1024)?;
        }
        writeln!(f, "messages that no client sent: {}", self.strays.len())?;
        writeln!(f, "wrong outcomes: {}", self.wrong.len())
    }
}
