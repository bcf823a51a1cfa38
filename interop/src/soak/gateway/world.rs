//! Runs the jobs of the plan.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use command_line::Failure;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::ClientConfig;
use tokio::task::JoinSet;

use super::backend::Records;
use super::check::{self, Circumstances, Expected};
use super::client::{self, ConnectError};
use super::link::{Fallbacks, Link};
use super::outcome::Outcome;
use super::plan::{Host, Job, NODES, Protocol, Visit};
use super::process::Log;
use super::report::RequestResult;
use super::request::{Action, Behind, Request};
use super::site::Site;
use super::state::State;

/// What all jobs use.
#[derive(Debug)]
pub struct World {
    /// The certificates and files.
    pub site: Site,
    /// The addresses of the gateways.
    pub nodes: [SocketAddr; NODES],
    /// What the gateways log.
    pub logs: Vec<Log>,
    /// What the server behind received.
    pub records: Arc<Records>,
    /// The state of the gateways' policy.
    pub policy: State,
    /// The state of the server behind that ends and starts again.
    pub mortal: State,
    /// The state of the ticket keys.
    pub keys: State,
    /// The states of the gateways' processes: being changed from SIGUSR2 until the new process serves
    /// HTTP/3.
    pub takeovers: Arc<[State; NODES]>,
    /// The HTTP/3 connections that were not possible.
    pub fallbacks: Fallbacks,
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
    /// Those that had such a session, and did not resume it.
    pub not_resumed: Mutex<Vec<String>>,
    /// Those that resumed a session over HTTP/3.
    pub resumed_http3: AtomicU64,
    /// Requests under the changed policy.
    pub under_changed_policy: AtomicU64,
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
            self.count_resumption(&visitor.job, &visitor.visit, &link, keys, before.as_ref());
            let policies = link.policies.clone();
            let (node, offers) = (visitor.visit.node, visitor.visit.offers);
            let responded = visitor.run(link).await;
            let was_served = responded.iter().any(|result| result.has_response);
            let was_retried = responded.iter().any(|result| result.retried.is_some());
            before =
                (was_served && !was_retried).then_some(Before { node, offers, policies, keys });
            results.extend(responded);
        }
        Ok(results)
    }

    fn count_resumption(
        &self,
        job: &Job,
        visit: &Visit,
        link: &Link,
        keys: u8,
        before: Option<&Before>,
    ) {
        let (Ok(connection), Some(before)) = (&link.connection, before) else { return };
        let counts = &self.counts;
        if connection.resumed {
            let same = before.node == visit.node;
            let count = if same { &counts.resumed } else { &counts.resumed_elsewhere };
            count.fetch_add(1, Ordering::Relaxed);
        }
        if before.explains_resumption(job, visit, link, keys) {
            counts.resumable.fetch_add(1, Ordering::Relaxed);
            if !connection.resumed {
                let text = format!("the session of {:?} was not resumed by {visit:?}", before);
                counts.not_resumed.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
        }
        if connection.resumed && link.protocol == Protocol::Http3 {
            counts.resumed_http3.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The conditions of the connection before, if no request of its visit was sent again: that uses up
/// tickets.
#[derive(Debug)]
struct Before {
    node: usize,
    offers: bool,
    policies: Vec<bool>,
    keys: u8,
}

impl Before {
    /// Returns true if a connection should resume the session of this one: neither the policy nor the
    /// ticket keys were being changed, and the client offers as before. A client that offers does not
    /// present a session without a certificate (RES-8), and one that does not offer presents one
    /// where it is not requested to authenticate.
    fn explains_resumption(&self, job: &Job, visit: &Visit, link: &Link, keys: u8) -> bool {
        let &[policy] = link.policies.as_slice() else { return false };
        let scope = check::scope(job.host, job.certificate, visit.offers, policy);
        let is_authenticated = matches!(scope, Some(Some(_)));
        let is_kept = is_authenticated || !visit.offers && job.host != Host::Login;
        // An attempt over HTTP/3 uses up a ticket, too.
        is_kept
            && link.protocol == job.protocol
            && self.offers == visit.offers
            && self.policies == link.policies
            && self.keys % 2 == 0
            && keys % 2 == 0
    }
}

impl Visitor {
    async fn open(&self) -> Link {
        Link::open(&self.world, &self.job, &self.visit, &self.config).await
    }

    /// Sends all requests: one after the other over HTTP/1.1; the first one, and then all others at the
    /// same time, over HTTP/2 and HTTP/3.
    async fn run(self: Arc<Self>, mut link: Link) -> Vec<RequestResult> {
        let mut results = Vec::new();
        let mut requests = self.visit.requests.clone().into_iter();
        if let Some(first) = requests.next() {
            results.push(self.send(&first, &mut link).await);
        }
        match link.protocol {
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
                        has_response: false,
                        wrong: Some(err.to_string()),
                        retried: None,
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
        let retried = (is_unprocessed(&outcome) && !was_fresh || is_rejected(&outcome))
            && !aborts
            && world.records.of(request.number).is_empty();
        let before = retried.then(|| outcome.to_string());
        if retried {
            *link = self.open().await;
            outcome = self.exchange(request, link).await;
            link.is_fresh = false;
        }
        if let Outcome::Rejected(reason) = &outcome {
            // The connection was closed in order, and the gateway had accepted the request.
            if !world.records.of(request.number).is_empty() {
                outcome = Outcome::NoResponse(reason.clone());
            }
        }
        if is_bad_gateway(&outcome) {
            world.records.arrival(request.number).await;
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
            request_policies: world.policy.since(link.policy_of_request(world, visit, from)),
            upstream_died: world.records.was_cut_off(request.number)
                || request.behind == Behind::Mortal && world.mortal.since(mortal) == [false, true],
        };
        if circumstances.request_policies == [true] {
            world.counts.under_changed_policy.fetch_add(1, Ordering::Relaxed);
        }
        let wrong = circumstances.check(request, &outcome, &seen).err().map(|text| {
            let logged = self.logged(circumstances.address);
            format!(
                "request {}: {text}; observed {outcome:?}; {request:?}; {:?}, {circumstances:?}, \
                 gateway {}, fresh {was_fresh}, again {retried}; it logged {logged:?}",
                request.number, link.protocol, visit.node
            )
        });
        let passed_on = circumstances.expected(request, false, false);
        let passed_on = matches!(passed_on, Expected::PassedOn(_)) || !seen.is_empty();
        RequestResult {
            kind: format!("{} {}", link.protocol.name(), request.action.name()),
            answer: passed_on
                .then(|| format!("{}: {}", request.behind.name(), request.answer.name())),
            outcome: outcome.to_string(),
            has_response: matches!(outcome, Outcome::Response(_)),
            wrong,
            retried: before,
        }
    }

    /// What the gateway has logged about this client, other than its connections.
    fn logged(&self, address: IpAddr) -> Vec<String> {
        let log = self.world.logs.get(self.visit.node);
        log.map_or_else(Vec::new, |log| log.matching(0, &format!("{address}:")))
    }

    async fn exchange(&self, request: &Request, link: &Link) -> Outcome {
        match &link.connection {
            Ok(connection) => connection.exchange(request, self.job.host).await,
            Err(ConnectError::Refused) => Outcome::Refused,
            Err(ConnectError::Failed(reason)) => Outcome::NoResponse(reason.clone()),
            Err(ConnectError::Unavailable(reason)) => Outcome::NoResponse(format!("{reason:?}")),
        }
    }
}

/// Returns true if the gateway may not have read the request: an open connection had ended, or the
/// gateway asks the client to use another one.
fn is_unprocessed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NoResponse(_) => true,
        Outcome::Response(received) => received.status == 503 && received.number.is_none(),
        Outcome::Rejected(_) | Outcome::Refused | Outcome::Hung => false,
    }
}

/// Returns true if the server behind did not respond, as far as the gateway knows. The server may read
/// the request only after that.
fn is_bad_gateway(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Response(received) if received.status == 502)
}

/// Returns true if the client knows that the gateway did not process the request.
fn is_rejected(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected(_))
}
