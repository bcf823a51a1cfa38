use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

mod options;
mod proofs;
mod requests;
#[cfg(test)]
mod tests;

use super::{ConnectionError, Exchange, Frame, Outbox};
use crate::PostHandshakeDemand;
use crate::authenticator::{Contexts, Exporters, Proof, Request, ValidateError};
use crate::http::server::{
    ConnectionInfo, HostPolicy, Identity, NoLongerVerified, WeakConnectionInfo,
};
use crate::record::{self, OpenAnswer};
pub use options::ServerOptions;
use proofs::{Proofs, Proved};

/// The server's side of secondary certificates on one connection: requests certificates, and
/// validates the client's answers.
///
/// Handlers do not see it: [`Caller::ask`](crate::http::server::Caller::ask),
/// [`RequireScope`](crate::http::server::RequireScope) and the extractors of axum use it. It is made
/// by [`ServerStream`](crate::http::server::ServerStream), or by [`attach`](Self::attach) for other
/// transports.
///
/// Requests are sent in the order in which they are needed, as many at a time as the client
/// announced (SCC-1, SCC-6). There is one request for a scope however many HTTP requests wait for
/// it, and it stays outstanding if they stop waiting. Answers are validated in order, in tokio's
/// pool for blocking work.
///
/// # HTTP/3
#[cfg_attr(
    all(feature = "h3", feature = "quic", any(feature = "ring", feature = "aws-lc-rs")),
    doc = "```no_run"
)]
#[cfg_attr(
    not(all(feature = "h3", feature = "quic", any(feature = "ring", feature = "aws-lc-rs"))),
    doc = "```text"
)]
/// use std::sync::Arc;
///
/// use rustls_ext::Live;
/// use rustls_ext::authenticator::Endpoint;
/// use rustls_ext::http::secondary::{Http3, ServerExchange, ServerOptions};
/// use rustls_ext::http::server::ConnectionInfo;
/// use rustls_ext::quic::HandshakeData;
///
/// # fn open(connection: quinn::Connection, live: Live) -> Result<(), Box<dyn std::error::Error>> {
/// let handshake = HandshakeData::from_quinn(connection.handshake_data()).ok_or("no handshake")?;
/// let info = ConnectionInfo::from_quic(&handshake, connection.remote_address());
/// let exporters = handshake.exporters(Endpoint::Client, |output, label, context| {
///     connection.export_keying_material(output, label, context)
/// })?;
/// let options = ServerOptions::default();
/// let (config, points) = (live.current().config().clone(), options.code_points());
/// let exchange =
///     ServerExchange::attach(&info, exporters, &config, Arc::new(live.clone()), options);
/// let outbox = exchange.outbox().clone();
/// let transport = h3_quinn::Connection::new(connection);
/// let transport: Http3<_> = Http3::new(transport, points, exchange, outbox);
/// // Serve `transport` with h3, with a `CallerLayer` that has `info`.
/// # Ok(())
/// # }
/// ```
pub struct ServerExchange {
    /// The connection, which has this exchange.
    connection: WeakConnectionInfo,
    config: Arc<ServerConfig>,
    hosts: Arc<dyn HostPolicy>,
    options: ServerOptions,
    outbox: Outbox,
    state: Mutex<State>,
}

/// ```text
///            client's number allows       CERTIFICATE            permit
///   Queued ─────────────────────────▶ Sent ─────────▶ Answered ─────────▶ Validating ─▶ removed
/// ```
enum Stage {
    Queued,
    Sent(Request),
    Answered(Request, Vec<u8>),
    Validating,
}

/// A request for a certificate.
struct Ask {
    number: u64,
    demand: PostHandshakeDemand,
    /// Until when HTTP requests wait for the answer.
    deadline: Instant,
    stage: Stage,
}

/// Each connection has this, even if no certificate is ever requested on it, so it is small.
#[derive(Default)]
struct State {
    /// The number that the client announced, or 0 if it does not take part; `None` before its first
    /// SETTINGS. It is [`MOST`] at most.
    client: Option<u16>,
    closed: bool,
    exporters: Option<Arc<Exporters>>,
    /// `None` until the first request.
    asking: Option<Box<Asking>>,
}

/// More requests than this are not outstanding at a time, whatever the client allows.
const MOST: u16 = u16::MAX;

/// The requests of a connection, and their outcomes.
struct Asking {
    runtime: Handle,
    /// In the order in which they are sent and answered. At most one for each scope.
    asks: VecDeque<Ask>,
    /// How many there have been.
    asked: u64,
    contexts: Contexts<Vec<u8>>,
    proofs: Proofs,
    /// How many HTTP requests wait.
    waiting: usize,
    /// True if a task validates answers.
    validating: bool,
    /// Tells waiting HTTP requests that something has changed.
    changed: Arc<Notify>,
}

impl Asking {
    fn new(runtime: Handle, most: u32) -> Self {
        Self {
            runtime,
            asks: VecDeque::new(),
            asked: 0,
            contexts: requests::contexts(most),
            proofs: Proofs::default(),
            waiting: 0,
            validating: false,
            changed: Arc::default(),
        }
    }

    fn in_scope(&self, scope: &str) -> Option<&Ask> {
        self.asks.iter().find(|ask| ask.demand.scope() == scope)
    }

    fn sent(&self) -> usize {
        self.asks.iter().filter(|ask| matches!(ask.stage, Stage::Sent(_))).count()
    }
}

impl State {
    /// The requests, from the first one on. `None` if they cannot be made here, since this is not
    /// in a tokio runtime.
    fn asking(&mut self, options: &ServerOptions) -> Option<&mut Asking> {
        if self.asking.is_none() {
            let runtime = Handle::try_current().ok()?;
            self.asking = Some(Box::new(Asking::new(runtime, options.0.max_requests)));
        }
        self.asking.as_deref_mut()
    }

    fn ask(&self, number: u64) -> Option<&Ask> {
        self.asking.as_ref()?.asks.iter().find(|ask| ask.number == number)
    }

    fn in_scope(&self, scope: &str) -> Option<Arc<Proved>> {
        self.asking.as_ref()?.proofs.in_scope(scope)
    }

    /// Gives up all requests.
    fn clear(&mut self) {
        if let Some(asking) = &mut self.asking {
            asking.asks.clear();
        }
    }
}

impl ServerExchange {
    /// Makes the exchange of a connection, and makes it known to `connection` and all of its clones.
    /// Call it before the first request is served, and keep one of them as long as the connection is
    /// open.
    ///
    /// `exporters` are those for authenticators of the client. `config` is the connection's, for its
    /// clock and its random numbers. `hosts` decides which scopes may be requested, and which
    /// certificates count in them, at the time of each use. Certificates are requested only in a
    /// tokio runtime.
    ///
    /// If `connection` has an exchange already, that one is returned.
    pub fn attach(
        connection: &ConnectionInfo,
        exporters: Exporters,
        config: &Arc<ServerConfig>,
        hosts: Arc<dyn HostPolicy>,
        options: ServerOptions,
    ) -> Arc<Self> {
        let exchange = Self::without_exporters(connection, config, hosts, options);
        exchange.set_exporters(exporters);
        exchange
    }

    /// The same, without exporters: they are only needed if [`Outbox::has_sent`].
    pub(in crate::http) fn without_exporters(
        connection: &ConnectionInfo,
        config: &Arc<ServerConfig>,
        hosts: Arc<dyn HostPolicy>,
        options: ServerOptions,
    ) -> Arc<Self> {
        connection.exchange_or(|| {
            Arc::new(Self {
                connection: connection.downgrade(),
                config: config.clone(),
                hosts,
                options,
                outbox: Outbox::new(),
                state: Mutex::default(),
            })
        })
    }

    /// Sets the exporters, before an answer can arrive.
    pub(in crate::http) fn set_exporters(&self, exporters: Exporters) {
        self.lock().exporters.get_or_insert_with(|| Arc::new(exporters));
    }

    /// Returns the frames to send, for the filter of the connection.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Returns the number of the latest proof: an HTTP request that is admitted now sees this one
    /// and the earlier ones.
    pub(in crate::http) fn latest(&self) -> u64 {
        self.lock().asking.as_ref().map_or(0, |asking| asking.proofs.latest())
    }

    /// Returns true if the client has proved possession of a certificate for this scope, whether it
    /// counts or not.
    pub(in crate::http) fn has_proof(&self, scope: &str) -> bool {
        self.proved(scope).is_some()
    }

    /// Returns the client, if it has proved possession of a certificate that meets the demand now,
    /// and if `sees` accepts the number of the proof.
    pub(in crate::http) fn identity(
        &self,
        demand: &PostHandshakeDemand,
        sees: impl FnOnce(u64) -> bool,
    ) -> Option<Identity> {
        let proved = self.proved(demand.scope())?;
        (sees(proved.number) && proved.check(demand, self.now()?).is_ok())
            .then(|| proved.identity.clone())
    }

    /// Returns the client in each scope in which the current policy still accepts its certificate.
    pub(in crate::http) fn identities(&self) -> Vec<Identity> {
        let all = self.lock().asking.as_ref().map(|asking| asking.proofs.all());
        let counts = |proved: &Arc<Proved>| {
            self.current(proved.identity.scope()).is_some_and(|demand| {
                self.now().is_some_and(|now| proved.check(&demand, now).is_ok())
            })
        };
        all.into_iter().flatten().filter(counts).map(|proved| proved.identity.clone()).collect()
    }

    /// Returns a client that the policy once accepted, and no longer accepts, and the reason.
    pub(in crate::http) fn no_longer_verified(&self) -> Option<(Identity, rustls::Error)> {
        let all = self.lock().asking.as_ref().map(|asking| asking.proofs.all());
        all.into_iter().flatten().filter(|proved| proved.was_accepted()).find_map(|proved| {
            let identity = &proved.identity;
            let error = match self.current(identity.scope()) {
                Some(demand) => proved.refusal(&demand, self.now()?)?,
                None => NoLongerVerified::no_scope(),
            };
            Some((identity.clone(), error))
        })
    }

    /// Returns the client, if the current policy accepts its certificate in this scope, for any
    /// host.
    pub(in crate::http) fn identity_anywhere(&self, scope: &str) -> Option<Identity> {
        self.proved(scope)?;
        self.identity(&self.current(scope)?, |_| true)
    }

    /// Returns why the certificate that the client proved possession of does not count in the scope
    /// of the demand.
    pub(in crate::http) fn refusal(&self, demand: &PostHandshakeDemand) -> Option<rustls::Error> {
        self.proved(demand.scope())?.refusal(demand, self.now()?)
    }

    /// The same with the current demand of the scope.
    pub(in crate::http) fn refusal_anywhere(&self, scope: &str) -> Option<rustls::Error> {
        self.refusal(&self.current(scope)?)
    }

    /// What counts in this scope now.
    fn current(&self, scope: &str) -> Option<PostHandshakeDemand> {
        self.hosts.demand(scope).map(PostHandshakeDemand::when_needed)
    }

    fn proved(&self, scope: &str) -> Option<Arc<Proved>> {
        self.lock().in_scope(scope)
    }

    fn now(&self) -> Option<UnixTime> {
        self.config.time_provider.current_time()
    }

    /// Requests a certificate if none is requested in this scope already, and waits for the answer:
    /// until it is validated, the time is over, the client is known not to take part, or the
    /// connection ends. Returns at once if the client must not be asked again, or if a limit is
    /// reached.
    ///
    /// Returns the number of the proof, if the client has given one.
    pub(in crate::http) async fn ask(&self, demand: &PostHandshakeDemand) -> Option<u64> {
        if let Some((number, _waiting)) = self.begin(demand) {
            self.wait(number).await;
        }
        self.proved(demand.scope()).map(|proved| proved.number)
    }

    /// Returns the number of the request for which to wait.
    fn begin(&self, demand: &PostHandshakeDemand) -> Option<(u64, Waiting<'_>)> {
        let now = self.now()?;
        let mut state = self.lock();
        if state.closed || state.client == Some(0) {
            return None;
        }
        let asking = state.asking(&self.options)?;
        if asking.waiting >= self.options.0.max_waiting {
            return None;
        }
        let number = match asking.in_scope(demand.scope()) {
            Some(ask) => ask.number,
            None if asking.proofs.is_final(demand, now) => return None,
            None => self.add(asking, demand.clone())?,
        };
        asking.waiting += 1;
        self.send(&mut state);
        Some((number, Waiting(self)))
    }

    async fn wait(&self, number: u64) {
        let changed = self.changed(&self.lock());
        let Some(changed) = changed else { return };
        loop {
            let mut changed = pin!(changed.notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            let deadline = match self.lock().ask(number) {
                Some(ask) if Instant::now() < ask.deadline => ask.deadline,
                _ => return,
            };
            // The deadline may have changed meanwhile, so it is read again.
            let _ = timeout_at(deadline, changed).await;
        }
    }

    /// Puts a request into the queue, unless there were too many on this connection (SCC-12).
    fn add(&self, asking: &mut Asking, demand: PostHandshakeDemand) -> Option<u64> {
        if asking.asked >= u64::from(self.options.0.max_requests) {
            return None;
        }
        asking.asked += 1;
        let (number, deadline) = (asking.asked, self.deadline());
        asking.asks.push_back(Ask { number, demand, deadline, stage: Stage::Queued });
        Some(number)
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        /// For a time that the clock cannot represent.
        const LONG: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
        now.checked_add(self.options.0.answer_timeout).unwrap_or(now + LONG)
    }

    /// Sends requests from the queue while the client's number allows (SCC-6).
    fn send(&self, state: &mut State) {
        let most = state.client.map_or(0, usize::from);
        let Some(asking) = &mut state.asking else { return };
        while asking.sent() < most {
            let is_queued = |ask: &Ask| matches!(ask.stage, Stage::Queued);
            let Some(place) = asking.asks.iter().position(is_queued) else { break };
            let Some(ask) = asking.asks.get_mut(place) else { break };
            let provider = self.config.crypto_provider();
            match requests::send(&self.outbox, &ask.demand, provider, &mut asking.contexts) {
                Some(request) => {
                    record::open_request(ask.demand.scope());
                    ask.stage = Stage::Sent(request);
                    ask.deadline = self.deadline();
                }
                None => {
                    asking.asks.remove(place);
                    asking.changed.notify_waiters();
                }
            }
        }
    }

    /// Requests what is requested at the beginning of a connection.
    fn send_at_once(&self, state: &mut State) {
        let Some(connection) = self.connection.upgrade() else { return };
        for demand in self.hosts.post_handshake(connection.server_name()) {
            // The scope of the handshake's identity need not be proved again.
            if demand.is_at_once() && connection.of_handshake(demand.scope()).is_none() {
                let Some(asking) = state.asking(&self.options) else { return };
                if asking.in_scope(demand.scope()).is_none() {
                    self.add(asking, demand);
                }
            }
        }
    }

    /// The way to tell waiting HTTP requests that something has changed. Use it without the lock.
    fn changed(&self, state: &State) -> Option<Arc<Notify>> {
        state.asking.as_ref().map(|asking| asking.changed.clone())
    }

    /// Tells waiting HTTP requests that something has changed.
    fn tell(&self, state: MutexGuard<'_, State>) {
        let changed = self.changed(&state);
        drop(state);
        if let Some(changed) = changed {
            changed.notify_waiters();
        }
    }

    /// Validates the answers in order, until there is none left.
    async fn validate_all(self: Arc<Self>) {
        while let Some((number, work)) = self.next_answer() {
            let permit = self.options.0.validations.clone().acquire_owned().await;
            let this = self.clone();
            let (demand, outcome) = {
                let demand = work.demand.clone();
                let validated = spawn_blocking(move || this.validate(&work)).await;
                (demand, validated.ok())
            };
            drop(permit);
            self.finish(number, &demand, outcome);
        }
    }

    fn next_answer(&self) -> Option<(u64, Answer)> {
        let mut state = self.lock();
        let exporters = state.exporters.clone();
        let asking = state.asking.as_mut()?;
        let answered = asking.asks.iter_mut().find(|ask| matches!(ask.stage, Stage::Answered(..)));
        let next =
            answered.and_then(|ask| match std::mem::replace(&mut ask.stage, Stage::Validating) {
                Stage::Answered(request, authenticator) => {
                    let demand = ask.demand.clone();
                    Some((ask.number, Answer { demand, request, authenticator, exporters }))
                }
                _ => None,
            });
        asking.validating = next.is_some();
        next
    }

    fn validate(&self, answer: &Answer) -> Result<Outcome, ConnectionError> {
        let verifier = answer.demand.demand().verifier();
        // There are none only if the answer came before the request was sent.
        let exporters = answer.exporters.as_deref();
        let proof = answer.request.validate(
            exporters.ok_or(ConnectionError::UnexpectedCertificate)?,
            &answer.authenticator,
            |message, certificate, signature| {
                verifier.verify_tls13_signature(message, certificate, signature)
            },
        );
        match proof {
            Ok(Proof::Declined) => Ok(Outcome::Declined),
            Ok(Proof::Possession(possession)) => {
                let now = self.now();
                let verified = match now {
                    Some(now) => possession.verify_client(&**verifier, now),
                    None => Err(rustls::Error::FailedToGetCurrentTime),
                };
                Ok(Outcome::Proved(possession.chain().to_vec(), now, verified))
            }
            Err(ValidateError::Authenticator(error)) => Err(ConnectionError::Authenticator(error)),
            Err(ValidateError::Signature(_)) => Err(ConnectionError::Signature),
        }
    }

    /// Records the outcome of a request. `None` if the verifier panicked: nobody is authenticated.
    fn finish(
        &self,
        number: u64,
        demand: &PostHandshakeDemand,
        outcome: Option<Result<Outcome, ConnectionError>>,
    ) {
        let now = self.now().unwrap_or_else(UnixTime::now);
        record::open_answer(
            demand.scope(),
            match &outcome {
                Some(Ok(Outcome::Proved(_, _, Ok(())))) => OpenAnswer::Shown,
                Some(Ok(Outcome::Proved(_, _, Err(error)))) => OpenAnswer::Refused(error),
                Some(Ok(Outcome::Declined)) => OpenAnswer::Declined,
                Some(Err(_)) | None => OpenAnswer::Invalid,
            },
        );
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(asking) = &mut state.asking else { return };
        match outcome {
            Some(Ok(Outcome::Proved(chain, Some(at), verified))) => {
                asking.proofs.proved(demand, &chain, at, verified);
            }
            Some(Ok(_)) | None => asking.proofs.declined(demand.scope(), now),
            Some(Err(error)) => {
                self.outbox.fail(error);
                state.closed = true;
                asking.asks.clear();
            }
        }
        asking.asks.retain(|ask| ask.number != number);
        self.tell(guard);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while this is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that has arrived.
struct Answer {
    demand: PostHandshakeDemand,
    request: Request,
    authenticator: Vec<u8>,
    exporters: Option<Arc<Exporters>>,
}

/// A valid answer.
enum Outcome {
    Declined,
    /// A chain, when it was proved, and whether it counts.
    Proved(Vec<CertificateDer<'static>>, Option<UnixTime>, Result<(), rustls::Error>),
}

/// An HTTP request that waits; counted until it is dropped.
struct Waiting<'a>(&'a ServerExchange);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(asking) = &mut self.0.lock().asking {
            asking.waiting -= 1;
        }
    }
}

impl Exchange for ServerExchange {
    fn announces(&self) -> u32 {
        1
    }

    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
        let mut state = self.lock();
        let before = state.client;
        let number = match value {
            Some(value) => u16::try_from(value).unwrap_or(MOST),
            None => before.unwrap_or(0),
        };
        if number == 0 && before.is_some_and(|before| before > 0) {
            return Err(ConnectionError::SettingWithdrawn);
        }
        state.client = Some(number);
        if number == 0 {
            state.clear();
        } else {
            if before.is_none_or(|before| before == 0) {
                self.send_at_once(&mut state);
            }
            self.send(&mut state);
        }
        self.tell(state);
        Ok(())
    }

    fn head(&self, frame: Frame, on_control: bool, length: u64) -> Result<(), ConnectionError> {
        if length > self.options.0.max_authenticator {
            return Err(ConnectionError::TooLong { frame, length });
        }
        if frame == Frame::AuthenticatorRequests {
            return Err(ConnectionError::RequestsOfClient);
        }
        if !on_control {
            return Err(ConnectionError::OnStream(frame));
        }
        let state = self.lock();
        if state.client.unwrap_or(0) == 0 {
            Err(ConnectionError::NotAnnounced(frame))
        } else if state.asking.as_ref().is_none_or(|asking| asking.sent() == 0) {
            Err(ConnectionError::UnexpectedCertificate)
        } else {
            Ok(())
        }
    }

    fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
        if frame == Frame::AuthenticatorRequests {
            return Err(ConnectionError::RequestsOfClient);
        }
        let mut guard = self.lock();
        let state = &mut *guard;
        let asking = state.asking.as_mut().ok_or(ConnectionError::UnexpectedCertificate)?;
        let sent = asking.asks.iter_mut().find(|ask| matches!(ask.stage, Stage::Sent(_)));
        let ask = sent.ok_or(ConnectionError::UnexpectedCertificate)?;
        let Stage::Sent(request) = std::mem::replace(&mut ask.stage, Stage::Validating) else {
            return Err(ConnectionError::UnexpectedCertificate);
        };
        asking.contexts.answered(request.context()).map_err(ConnectionError::Context)?;
        ask.stage = Stage::Answered(request, payload);
        let is_first = !std::mem::replace(&mut asking.validating, true);
        let runtime = is_first.then(|| asking.runtime.clone());
        self.send(state);
        drop(guard);
        let this = self.connection.upgrade().and_then(|info| info.exchange().cloned());
        if let (Some(runtime), Some(this)) = (runtime, this) {
            runtime.spawn(this.validate_all());
        }
        Ok(())
    }

    fn closed(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.clear();
        self.tell(state);
    }
}

impl fmt::Debug for ServerExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("ServerExchange")
            .field("client", &state.client)
            .field("requests", &state.asking.as_ref().map_or(0, |asking| asking.asks.len()))
            .field("waiting", &state.asking.as_ref().map_or(0, |asking| asking.waiting))
            .finish_non_exhaustive()
    }
}
