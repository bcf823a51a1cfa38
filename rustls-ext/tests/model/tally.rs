//! Counts of the steps and the outcomes of connections: sequences in which nothing happens prove
//! nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use rustls::AlertDescription as Alert;

use crate::model::{ConnectResult, Server};
use crate::steps::{Forge, Step, Version};

/// The origin of the session that a connection presented.
const SESSIONS: [&str; 3] = ["no session", "session refused", "session resumed"];

/// The steps between connections.
const STEPS: [&str; 10] =
    ["rule", "trust", "bind", "revoke", "torn", "pass", "clock", "forge", "restart", "forget"];

/// How often each kind of step and of connection occurred.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    pub fn step(&self, step: &Step) {
        let name = match step {
            Step::Rule(..) => "rule",
            Step::Trust(..) => "trust",
            Step::Bind(..) => "bind",
            Step::Revoke(_) => "revoke",
            Step::Torn(..) => "torn",
            Step::Pass(_) => "pass",
            Step::Clock(_) => "clock",
            Step::Forge(_) => "forge",
            Step::Restart => "restart",
            Step::Forget => "forget",
            Step::Connect(_) => return, // counted by outcome
        };
        *self.0.lock().unwrap().entry(name.into()).or_default() += 1;
    }

    pub fn connection(&self, version: Version, presented: bool, outcome: &ConnectResult) {
        let session = SESSIONS[usize::from(presented) + usize::from(outcome.resumed)];
        let server = match outcome.server {
            Server::Ended(alert) => format!("{alert:?}"),
            Server::NotAsked => "not asked".into(),
            Server::Declined => "declined".into(),
            Server::Refused => "refused".into(),
            Server::Authenticated { .. } => "authenticated".into(),
        };
        let mut counts = self.0.lock().unwrap();
        let mut count = |what: String| *counts.entry(what).or_default() += 1;
        count(format!("{version:?}, {session}, {server}"));
        if outcome.early {
            count(format!("{version:?}, early data, {server}"));
        }
    }

    /// Counts a session with a voucher whose altered form the server read.
    pub fn forged(&self, forge: Forge) {
        *self.0.lock().unwrap().entry(format!("voucher, forged: {forge:?}")).or_default() += 1;
    }

    /// The kinds that must occur, but did not.
    pub fn unseen(&self) -> Vec<String> {
        let full = ["not asked", "declined", "refused", "authenticated"].map(str::to_owned);
        let alerts = [
            Alert::CertificateRequired,
            Alert::UnknownCA,
            Alert::CertificateExpired,
            Alert::CertificateUnknown,
            Alert::CertificateRevoked,
            Alert::UnsupportedCertificate,
            Alert::AccessDenied,
        ];
        let endings: Vec<_> =
            full.into_iter().chain(alerts.map(|alert| format!("{alert:?}"))).collect();
        let mut wanted = STEPS.map(str::to_owned).to_vec();
        wanted.extend(Forge::ALL.map(|forge| format!("voucher, forged: {forge:?}")));
        for version in [Version::Tls12, Version::Tls13] {
            for session in &SESSIONS[..2] {
                wanted.extend(endings.iter().map(|end| format!("{version:?}, {session}, {end}")));
            }
            for end in ["not asked", "declined", "authenticated"] {
                wanted.push(format!("{version:?}, {}, {end}", SESSIONS[2]));
            }
        }
        for end in ["not asked", "declined", "authenticated"] {
            wanted.push(format!("{:?}, early data, {end}", Version::Tls13));
        }
        let counts = self.0.lock().unwrap();
        wanted.retain(|kind| !counts.contains_key(kind));
        wanted
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in self.0.lock().unwrap().iter() {
            writeln!(f, "{count:>8}  {kind}")?;
        }
        Ok(())
    }
}
