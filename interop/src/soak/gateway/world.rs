//! Runs the jobs of the plan.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use command_line::Failure;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::ClientConfig;
use tokio::task::JoinSet;

use super::backend::Records;
use super::check::{Circumstances, Expected};
use super::client::{self, ConnectError, Connection};
use super::outcome::Outcome;
use super::plan::{Job, NODES, Protocol, Visit};
use super::report::RequestResult;
use super::request::{Action, Behind, Request};
use super::site::Site;

/// What all jobs use.
#[derive(Debug)]
pub struct World {
    /// The certificates and files.
    pub site: Site,
    /// The addresses of the gateways.
    pub nodes: [SocketAddr; NODES],
    /// What the server behind received.
    pub records: Arc<Records>,
    /// The state of the gateways' policy.
    pub policy: State,
    /// The state of the server behind that ends and starts again.
    pub mortal: State,
    /// The state of the ticket keys.
    pub keys: State,
    /// Counts for the report.
    pub counts: Counts,
    /// The requests that their clients broke off.
    pub broken_off: Mutex<Vec<u32>>,
}

/// Counts for the report.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections.
    pub connections: AtomicU64,
    /// Those that had a session which the gateway should resume.
    pub resumable: AtomicU64,
    /// Those that resumed a session of the same gateway.
    pub resumed: AtomicU64,
    /// Those that resumed a session of another gateway.
    pub resumed_elsewhere: AtomicU64,
    /// Requests under the changed policy.
    pub under_changed_policy: AtomicU64,
}

/// Something that changes and is changed back: a number that grows. Odd numbers mean that it is being
/// changed.
#[derive(Debug, Default)]
pub struct State(AtomicU8);

impl State {
    /// Begins or ends a change.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn now(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether it was changed since the number was `from`; both, if each was the case.
    fn since(&self, from: u8) -> Vec<bool> {
        let states = (from..=self.now()).flat_map(|state| match state % 4 {
            0 => &[false][..],
            2 => &[true],
            _ => &[false, true],
        });
        let mut changed: Vec<bool> = states.copied().collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }
}

/// A connection, and the conditions of its handshake.
#[derive(Clone, Debug)]
struct Link {
    connection: Result<Connection, ConnectError>,
    policies: Vec<bool>,
    /// True if no request has been sent on it.
    is_fresh: bool,
}

/// One connection of a job.
struct Visitor {
    world: Arc<World>,
    job: Arc<Job>,
    visit: Visit,
    config: ClientConfig,
}

impl World {
    /// Runs a job, and checks the outcome of each request.
    ///
    /// # Errors
    /// If a certificate cannot be used.
    pub async fn work(self: Arc<Self>, job: Job) -> Result<Vec<RequestResult>, Failure> {
        let config = client::config(&job, &self.site)?;
        let job = Arc::new(job);
        let mut results = Vec::new();
        let mut before = None;
        for visit in &job.visits {
            let mut config = config.clone();
            if visit.offers {
                config.client_auth_offer = ClientAuthOffer::flag();
            }
            let world = self.clone();
            let (job, visit) = (job.clone(), visit.clone());
            let visitor = Arc::new(Visitor { world, job, visit, config });
            let keys = self.keys.now();
            let link = visitor.open().await;
            self.count_resumption(&visitor.visit, &link, keys, before.as_ref());
            let policies = link.policies.clone();
            let (node, offers) = (visitor.visit.node, visitor.visit.offers);
            let responded = visitor.run(link).await;
            let was_served = responded.iter().any(|result| result.answer.is_some());
            before = was_served.then_some(Before { node, offers, policies, keys });
            results.extend(responded);
        }
        Ok(results)
    }

    fn count_resumption(&self, visit: &Visit, link: &Link, keys: u8, before: Option<&Before>) {
        let (Ok(connection), Some(before)) = (&link.connection, before) else { return };
        let counts = &self.counts;
        if connection.resumed {
            let same = before.node == visit.node;
            let count = if same { &counts.resumed } else { &counts.resumed_elsewhere };
            count.fetch_add(1, Ordering::Relaxed);
        }
        if before.explains_resumption(visit, link, keys) {
            counts.resumable.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The conditions of the connection before.
struct Before {
    node: usize,
    offers: bool,
    policies: Vec<bool>,
    keys: u8,
}

impl Before {
    /// Returns true if a connection should resume the session of this one: neither the policy nor the
    /// ticket keys were being changed, and the client offers as before.
    fn explains_resumption(&self, visit: &Visit, link: &Link, keys: u8) -> bool {
        self.offers == visit.offers
            && self.policies == link.policies
            && link.policies.len() == 1
            && self.keys % 2 == 0
            && keys % 2 == 0
    }
}

impl Visitor {
    async fn open(&self) -> Link {
        let Self { world, job, visit, config } = self;
        let from = world.policy.now();
        let addr = world.nodes.get(visit.node).copied().unwrap_or(world.nodes[0]);
        let address = client::address(job);
        let connection = Connection::open(config.clone(), job.host, address, addr).await;
        world.counts.connections.fetch_add(1, Ordering::Relaxed);
        Link { connection, policies: world.policy.since(from), is_fresh: true }
    }

    /// Sends all requests: one after the other over HTTP/1.1; the first one, and then all others at the
    /// same time, over HTTP/2 and HTTP/3.
    async fn run(self: Arc<Self>, mut link: Link) -> Vec<RequestResult> {
        let mut results = Vec::new();
        let mut requests = self.visit.requests.clone().into_iter();
        if let Some(first) = requests.next() {
            results.push(self.send(&first, &mut link).await);
        }
        match self.job.protocol {
            Protocol::Http1 => {
                for request in requests {
                    results.push(self.send(&request, &mut link).await);
                }
            }
            Protocol::Http2 | Protocol::Http3 => {
                let mut sending = JoinSet::new();
                for request in requests {
                    let (this, mut link) = (self.clone(), link.clone());
                    sending.spawn(async move { this.send(&request, &mut link).await });
                }
                while let Some(sent) = sending.join_next().await {
                    results.push(sent.unwrap_or_else(|err| RequestResult {
                        kind: "failed task".into(),
                        answer: None,
                        outcome: "panic".into(),
                        wrong: Some(err.to_string()),
                        retried: false,
                    }));
                }
            }
        }
        results
    }

    /// Sends a request, once more if the connection had ended before, and checks the outcome.
    async fn send(&self, request: &Request, link: &mut Link) -> RequestResult {
        let Self { world, job, visit, .. } = self;
        let is_usable = match &link.connection {
            Ok(connection) => link.is_fresh || connection.is_usable().await,
            Err(_) => link.is_fresh,
        };
        if !is_usable {
            *link = self.open().await;
        }
        let (from, mortal) = (world.policy.now(), world.mortal.now());
        let mut outcome = self.exchange(request, link).await;
        let was_fresh = std::mem::replace(&mut link.is_fresh, false);
        let aborts = request.action == Action::AbortUpload;
        let retried = is_unprocessed(&outcome)
            && !was_fresh
            && !aborts
            && world.records.of(request.number).is_empty();
        if retried {
            *link = self.open().await;
            outcome = self.exchange(request, link).await;
            link.is_fresh = false;
        }
        let seen = if aborts {
            let mut broken_off = world.broken_off.lock().unwrap_or_else(PoisonError::into_inner);
            broken_off.push(request.number);
            world.records.of(request.number)
        } else {
            world.records.take(request.number)
        };
        let circumstances = Circumstances {
            host: job.host,
            certificate: job.certificate,
            offers: visit.offers,
            address: client::address(job),
            handshake_policies: link.policies.clone(),
            request_policies: world.policy.since(from),
            upstream_died: world.records.was_cut_off(request.number)
                || request.behind == Behind::Mortal && world.mortal.since(mortal) == [false, true],
        };
        if circumstances.request_policies == [true] {
            world.counts.under_changed_policy.fetch_add(1, Ordering::Relaxed);
        }
        let wrong = circumstances.check(request, &outcome, &seen).err().map(|text| {
            format!(
                "request {}: {text}; observed {outcome:?}; {request:?}; {:?}, {circumstances:?}, \
                 gateway {}, fresh {was_fresh}, again {retried}",
                request.number, job.protocol, visit.node
            )
        });
        let passed_on = circumstances.expected(request, false, false);
        let passed_on = matches!(passed_on, Expected::PassedOn(_)) || !seen.is_empty();
        RequestResult {
            kind: format!("{} {}", job.protocol.name(), request.action.name()),
            answer: passed_on
                .then(|| format!("{}: {}", request.behind.name(), request.answer.name())),
            outcome: outcome.to_string(),
            wrong,
            retried,
        }
    }

    async fn exchange(&self, request: &Request, link: &Link) -> Outcome {
        match &link.connection {
            Ok(connection) => connection.exchange(request, self.job.host).await,
            Err(ConnectError::Refused) => Outcome::Refused,
            Err(ConnectError::Failed(reason)) => Outcome::NoResponse(reason.clone()),
        }
    }
}

/// Returns true if the gateway may not have read the request: an open connection had ended, or the
/// gateway asks the client to use another one.
fn is_unprocessed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NoResponse(_) => true,
        Outcome::Response(received) => received.status == 503 && received.number.is_none(),
        Outcome::Refused | Outcome::Hung => false,
    }
}
