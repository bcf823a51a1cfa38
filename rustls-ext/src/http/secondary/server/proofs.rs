//! The answers of a connection, and whether they count.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::PostHandshakeDemand;
use crate::http::server::Identity;
use crate::wire::resumption::is_recent;

/// How long a chain is not verified again, in seconds, if its verifier is the same: a revocation
/// list may expire meanwhile.
const UNCHANGED: u64 = 60;

/// The last answer in each scope.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    answers: Vec<Answer>,
    latest: u64,
}

#[derive(Debug)]
struct Answer {
    scope: String,
    at: UnixTime,
    /// `None` if the client declined.
    proved: Option<Arc<Proved>>,
}

impl Proofs {
    /// Records a proof of possession, and whether its chain meets the demand.
    pub(super) fn proved(
        &mut self,
        demand: &PostHandshakeDemand,
        chain: &[CertificateDer<'static>],
        at: UnixTime,
        verified: Result<(), rustls::Error>,
    ) {
        self.latest += 1;
        let scope = demand.scope().to_owned();
        let verifier = demand.demand().verifier();
        let proved = Identity::by_authenticator(&scope, chain, at).map(|identity| {
            let checked = Mutex::new(Checked::new(verifier, chain, at, verified));
            Arc::new(Proved { number: self.latest, identity, checked })
        });
        self.record(Answer { scope, at, proved });
    }

    /// Records that the client declined.
    pub(super) fn declined(&mut self, scope: &str, at: UnixTime) {
        self.record(Answer { scope: scope.to_owned(), at, proved: None });
    }

    fn record(&mut self, answer: Answer) {
        self.answers.retain(|earlier| earlier.scope != answer.scope);
        self.answers.push(answer);
    }

    /// The number of the latest proof.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    pub(super) fn all(&self) -> Vec<Arc<Proved>> {
        self.answers.iter().filter_map(|answer| answer.proved.clone()).collect()
    }

    pub(super) fn in_scope(&self, scope: &str) -> Option<Arc<Proved>> {
        self.answers.iter().find(|answer| answer.scope == scope)?.proved.clone()
    }

    /// Returns true if the client has answered in this scope and must not be asked again.
    pub(super) fn is_final(&self, demand: &PostHandshakeDemand, now: UnixTime) -> bool {
        let answer = self.answers.iter().find(|answer| answer.scope == demand.scope());
        answer.is_some_and(|answer| match demand.asks_again_after() {
            Some(age) => is_recent(answer.at.as_secs(), now.as_secs(), age.as_secs()),
            None => true,
        })
    }
}

/// A proof of possession on this connection. It is an identity as long as its chain meets the
/// current demand.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) number: u64,
    pub(super) identity: Identity,
    checked: Mutex<Checked>,
}

/// Why a proof does not count.
pub(super) enum Refused {
    TooOld,
    Chain(rustls::Error),
}

impl Proved {
    /// Returns `Ok` if the proof counts in the scope of this demand now.
    ///
    /// The chain is verified again if the verifier is another one, as after a reload, or if a
    /// certificate has expired meanwhile; otherwise once a minute.
    pub(super) fn check(&self, demand: &PostHandshakeDemand, now: UnixTime) -> Result<(), Refused> {
        let ages = [Some(demand.demand().max_age()), demand.asks_again_after()];
        let age = ages.into_iter().flatten().min().unwrap_or(Duration::ZERO);
        if !is_recent(self.identity.authenticated_at().as_secs(), now.as_secs(), age.as_secs()) {
            return Err(Refused::TooOld);
        }
        let verifier = demand.demand().verifier();
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !(Arc::ptr_eq(&checked.verifier, verifier) && checked.covers(now)) {
            let chain = self.identity.chain();
            let was_accepted = checked.was_accepted;
            *checked = Checked::new(verifier, chain, now, verify(&**verifier, chain, now));
            checked.was_accepted |= was_accepted;
        }
        checked.result.clone().map_err(Refused::Chain)
    }

    /// Returns true if the chain has ever been accepted.
    pub(super) fn was_accepted(&self) -> bool {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).was_accepted
    }

    /// Returns why the chain does not meet this demand.
    pub(super) fn refusal(
        &self,
        demand: &PostHandshakeDemand,
        now: UnixTime,
    ) -> Option<rustls::Error> {
        match self.check(demand, now) {
            Err(Refused::Chain(error)) => Some(error),
            Ok(()) | Err(Refused::TooOld) => None,
        }
    }
}

fn verify(
    verifier: &dyn ClientCertVerifier,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let (own, others) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
    verifier.verify_client_cert(own, others, now).map(drop)
}

/// The result of a verification.
#[derive(Debug)]
struct Checked {
    verifier: Arc<dyn ClientCertVerifier>,
    at: u64,
    /// The last second for which the result stands.
    until: u64,
    result: Result<(), rustls::Error>,
    /// True if this or an earlier verification succeeded.
    was_accepted: bool,
}

impl Checked {
    fn new(
        verifier: &Arc<dyn ClientCertVerifier>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
        result: Result<(), rustls::Error>,
    ) -> Self {
        let at = now.as_secs();
        let later = chain.iter().filter_map(expires).filter(|end| *end >= at);
        let until = later.min().unwrap_or(u64::MAX).min(at.saturating_add(UNCHANGED));
        let was_accepted = result.is_ok();
        Self { verifier: verifier.clone(), at, until, result, was_accepted }
    }

    fn covers(&self, now: UnixTime) -> bool {
        (self.at..=self.until).contains(&now.as_secs())
    }
}

/// The last second of a certificate's validity.
fn expires(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    u64::try_from(certificate.validity().not_after.timestamp()).ok()
}
