//! The plan of a soak: the connections and their faults, determined by a seed.

use fastrand::Rng;

use super::fault::{Fault, RawBytes};
use super::honest_client::HonestClient;
use super::raw_client::{CASES, PLAIN, RawCase};
use super::server::{LONGEST_MESSAGE, MOST_EARLY, Port};

/// The connections of one client, one after the other.
#[derive(Clone, Debug)]
pub struct Job {
    /// The number of its first connection.
    pub first: u32,
    /// How many connections it makes.
    pub count: u32,
    /// The kind of client.
    pub kind: Kind,
    /// The port.
    pub port: Port,
    /// The length of the message on each connection, in bytes.
    pub message: usize,
    /// The fault of the last connection.
    pub fault: Option<Fault>,
}

/// A kind of client.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A rustls client, and the length of its 0-RTT data in bytes.
    Honest(HonestClient, usize),
    /// A raw peer that tests a rule.
    Raw(RawCase),
    /// A client that sends these bytes, which are not TLS.
    Noise(RawBytes),
}

impl Job {
    /// A short name, by which the report counts jobs.
    pub fn name(&self) -> &'static str {
        match (&self.kind, self.count) {
            (Kind::Honest(_, 0), 1) => "full",
            (Kind::Honest(_, 0), _) => "resumption",
            (Kind::Honest(..), _) => "0-RTT",
            (Kind::Raw(_), _) => "raw peer",
            (Kind::Noise(_), _) => "noise",
        }
    }
}

/// An iterator over jobs, up to a number of connections.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    next: u32,
    end: u32,
}

impl Plan {
    /// The plan that `seed` determines, for this many connections.
    pub fn new(seed: u64, connections: u32) -> Self {
        Self { seed, next: 0, end: connections }
    }
}

impl Iterator for Plan {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let first = self.next;
        let left = self.end.checked_sub(first).filter(|left| *left > 0)?;
        // A job does not depend on the random numbers of earlier jobs.
        let mut rng = Rng::with_seed(self.seed ^ u64::from(first).wrapping_mul(GOLDEN));
        let job = Job::draw(first, left, &mut rng);
        self.next += job.count;
        Some(job)
    }
}

/// 2^64 divided by the golden ratio: spreads consecutive numbers over the whole range.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Job {
    fn draw(first: u32, left: u32, rng: &mut Rng) -> Self {
        let mut port = Port { stores: rng.bool(), short_timeout: false };
        let (kind, count, faulty) = match rng.u8(..100) {
            0..30 => (Kind::Honest(HonestClient::random(rng), 0), 1, false),
            30..60 => (Kind::Honest(HonestClient::random(rng), 0), 1, true),
            60..75 => {
                (Kind::Honest(HonestClient::random(rng), 0), rng.u32(2..=3), rng.u8(..3) == 0)
            }
            75..82 => {
                let early = rng.usize(1..=MOST_EARLY);
                port.stores = true;
                (Kind::Honest(HonestClient::random(rng), early), 2, rng.u8(..3) == 0)
            }
            82..94 => {
                let case = rng.choice(CASES).unwrap_or(PLAIN);
                port = Port { stores: false, short_timeout: case.stalls() };
                (Kind::Raw(case), 1 + u32::from(case.resumes), false)
            }
            _ => {
                let mut bytes = vec![0; rng.usize(1..2000)];
                rng.fill(&mut bytes);
                // Half begin like a TLS record, so that the server does not refuse all at the first byte.
                if rng.bool() {
                    for (byte, usual) in bytes.iter_mut().zip([22, 3, 1, 0]) {
                        *byte = usual;
                    }
                }
                (Kind::Noise(RawBytes(bytes)), 1, false)
            }
        };
        let fault = faulty.then(|| Fault::random(rng));
        port.short_timeout |= fault.is_some();
        let message = match rng.u8(..50) {
            0 if !matches!(kind, Kind::Raw(_)) => rng.usize(..LONGEST_MESSAGE),
            _ => rng.usize(..2000),
        };
        Self { first, count: count.min(left), kind, port, message, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(jobs: impl Iterator<Item = Job>) -> Vec<String> {
        jobs.map(|job| format!("{job:?}")).collect()
    }

    #[test]
    fn a_plan_has_exactly_the_connections_that_are_wanted() {
        for wanted in [1, 2, 3, 10, 1000] {
            let jobs: Vec<_> = Plan::new(7, wanted).collect();
            assert_eq!(jobs.iter().map(|job| job.count).sum::<u32>(), wanted);
            let mut next = 0;
            for job in jobs {
                assert_eq!(job.first, next);
                next += job.count;
            }
        }
    }

    #[test]
    fn a_plan_follows_from_its_seed_alone() {
        assert_eq!(text(Plan::new(7, 500)), text(Plan::new(7, 500)));
        assert_ne!(text(Plan::new(7, 500)), text(Plan::new(8, 500)));
        // and does not depend on the number of connections
        let long = text(Plan::new(7, 500));
        let short = text(Plan::new(7, 300));
        assert_eq!(short[..short.len() - 1], long[..short.len() - 1]);
    }

    #[test]
    fn a_plan_has_every_kind_of_client_fault_and_rule() {
        let jobs: Vec<_> = Plan::new(7, 5000).collect();
        for name in ["full", "resumption", "0-RTT", "raw peer", "noise"] {
            assert!(jobs.iter().any(|job| job.name() == name), "{name}");
        }
        for name in ["cut", "reset", "stall", "bit flip", "garbage"] {
            let is = |job: &Job| job.fault.as_ref().is_some_and(|fault| fault.kind.name() == name);
            assert!(jobs.iter().any(is), "{name}");
        }
        for case in CASES {
            let is = |job: &Job| matches!(job.kind, Kind::Raw(drawn) if drawn.rule == case.rule);
            assert!(jobs.iter().any(is), "{}", case.rule);
        }
    }
}
