use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;

use crate::authenticator::{Exporters, Request};
use crate::http::client::{
    ClientIdentity, Considered, Credentials, NotShown, OpenConnection, Origin, Shown, WhyNotShown,
};
use crate::http::secondary::{
    Answer, ChooseCertificate, ClientExchange, ClientLimits, ConnectionError, Declined,
    HttpCodePoints, Outbox,
};

/// How requests for certificates on open connections are answered.
#[derive(Clone)]
pub(super) struct Secondary {
    pub(super) credentials: Credentials,
    pub(super) clock: Arc<dyn TimeProvider>,
    pub(super) code_points: HttpCodePoints,
    pub(super) limits: ClientLimits,
}

impl Secondary {
    /// Returns true if an identity may be shown to this origin; only `only`, if there is one.
    pub(super) fn is_for(&self, origin: &Origin, only: Option<&ClientIdentity>) -> bool {
        self.limits.outstanding > 0
            && origin.is_https()
            && self.credentials.has_identity_for(origin.host(), self.now(), only)
    }

    fn now(&self) -> UnixTime {
        self.clock.current_time().unwrap_or_else(UnixTime::now)
    }
}

impl fmt::Debug for Secondary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secondary").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// One connection on which a server may request certificates (SCC-15): what was shown there, and
/// which requests wait for a response.
#[derive(Debug)]
pub(super) struct Open {
    secondary: Arc<Secondary>,
    origin: Origin,
    /// The identity that the connection is reserved for from its beginning.
    only: Option<Arc<ClientIdentity>>,
    outbox: Outbox,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next HTTP request.
    next: u64,
    /// The paths of HTTP requests without a response.
    waiting: BTreeMap<u64, Arc<str>>,
    /// For each request for a certificate without an answer, the HTTP requests that waited when it
    /// arrived.
    requested: VecDeque<BTreeMap<u64, Arc<str>>>,
    /// The choice for the request that is being answered.
    chosen: Option<Result<Arc<ClientIdentity>, Vec<Considered>>>,
    /// The identity that was proved on a connection that was reserved for none.
    proved: Option<Arc<ClientIdentity>>,
    /// The paths for which it was requested.
    paths: Vec<Arc<str>>,
    shown: Vec<Shown>,
    declined: Vec<NotShown>,
}

impl Open {
    pub(super) fn new(
        secondary: &Arc<Secondary>,
        origin: &Origin,
        only: Option<&Arc<ClientIdentity>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            secondary: secondary.clone(),
            origin: origin.clone(),
            only: only.cloned(),
            outbox: Outbox::new(),
            state: Mutex::default(),
        })
    }

    /// The client's side of the connection.
    pub(super) fn exchange(self: &Arc<Self>, exporters: Exporters) -> Arc<ClientExchange> {
        let run = |work| drop(tokio::task::spawn_blocking(work));
        let (limits, outbox) = (self.secondary.limits, self.outbox.clone());
        Arc::new(ClientExchange::new(exporters, Chooser(self.clone()), outbox, limits, run))
    }

    pub(super) fn code_points(&self) -> HttpCodePoints {
        self.secondary.code_points
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Why the client ended the connection, if it did.
    pub(super) fn error(&self) -> Option<ConnectionError> {
        self.outbox.error()
    }

    /// An HTTP request waits for its response, until the guard is dropped. `None` if an identity was
    /// proved in the meantime, unless the request may travel with it.
    pub(super) fn begin(self: &Arc<Self>, path: &str, with_identity: bool) -> Option<InFlight> {
        let mut state = self.lock();
        if state.proved.is_some() && !with_identity {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, path.into());
        Some(InFlight { open: self.clone(), number })
    }

    /// The identity that was proved on a connection that was reserved for none.
    pub(super) fn proved(&self) -> Option<Arc<ClientIdentity>> {
        self.lock().proved.clone()
    }

    /// Takes the paths that are not recorded yet.
    pub(super) fn take_paths(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.lock().paths)
    }

    /// What has happened so far.
    pub(super) fn context(&self) -> OpenConnection {
        let mut state = self.lock();
        OpenConnection {
            proved: state.proved.clone(),
            paths: std::mem::take(&mut state.paths),
            shown: state.shown.clone(),
            declined: state.declined.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while this is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An HTTP request that waits for its response.
#[derive(Debug)]
pub(super) struct InFlight {
    open: Arc<Open>,
    number: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.open.lock().waiting.remove(&self.number);
    }
}

/// Chooses the identities for a connection.
struct Chooser(Arc<Open>);

impl ChooseCertificate for Chooser {
    fn requested(&self, _: &Request) {
        let mut state = self.0.lock();
        let mut waiting = state.waiting.clone();
        if state.next == 0 {
            // The server requests it of every connection, so it is for all paths.
            waiting.insert(0, "/".into());
        }
        state.requested.push_back(waiting);
    }

    fn choose(&self, request: &Request) -> Option<Arc<CertifiedKey>> {
        let Open { secondary, origin, only, .. } = &*self.0;
        let only = only.clone().or_else(|| self.0.proved());
        let (host, now) = (origin.host(), secondary.now());
        let chosen = secondary.credentials.choose_for_request(host, request, now, only.as_deref());
        let key = chosen.as_ref().ok().map(|identity| identity.key().clone());
        self.0.lock().chosen = Some(chosen);
        key
    }

    fn answering(&self, _: &Request, answer: &Answer) {
        let at = self.0.secondary.now();
        let mut state = self.0.lock();
        let (chosen, requested) = (state.chosen.take(), state.requested.pop_front());
        let why = match (answer, chosen) {
            (Answer::Shown(_), Some(Ok(identity))) => {
                state.shown.push(Shown { identity: identity.shared_name(), at });
                if self.0.only.is_none() {
                    state.paths_need(requested.unwrap_or_default());
                    state.proved = Some(identity);
                }
                return;
            }
            (Answer::Declined(Declined::TooManyRequests { most }), _) => {
                WhyNotShown::TooManyRequests { most: *most }
            }
            (Answer::Declined(Declined::TooLong { length, most }), _) => {
                WhyNotShown::TooLong { length: *length, most: *most }
            }
            (Answer::Declined(Declined::Failed(error)), _) => {
                WhyNotShown::Failed(error.to_string())
            }
            (_, Some(Err(considered))) => WhyNotShown::NoIdentity(considered),
            (_, _) => WhyNotShown::NoIdentity(Vec::new()),
        };
        state.declined.push(NotShown { why, at });
    }
}

impl State {
    /// Records for which paths the server requested the identity: probably those of the HTTP
    /// requests that still wait. If there are none, the server did not wait for the answer.
    fn paths_need(&mut self, requested: BTreeMap<u64, Arc<str>>) {
        let still = requested.iter().filter(|(number, _)| self.waiting.contains_key(number));
        let still: Vec<_> = still.map(|(_, path)| path.clone()).collect();
        let paths = if still.is_empty() { requested.into_values().collect() } else { still };
        for path in paths {
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
        }
    }
}
