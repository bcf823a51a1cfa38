//! Records what happens in this crate. Without the feature `metrics`, `no_record.rs` is in its place.
#![allow(dead_code)] // each feature uses a part

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustls::server::{ClientAuth, ClientAuthStatus};
use rustls::{Error, ProtocolVersion};

use crate::metrics::{is_enabled, reason, table};
use crate::wire::Offer;

/// A handshake of a server that has begun.
#[derive(Debug)]
pub(crate) struct Handshake {
    transport: &'static str,
    /// `None` if nothing is recorded.
    began: Option<Instant>,
}

impl Handshake {
    pub(crate) fn over_tcp() -> Self {
        Self { transport: "tcp", began: is_enabled().then(Instant::now) }
    }

    pub(crate) fn over_quic() -> Self {
        Self { transport: "quic", began: is_enabled().then(Instant::now) }
    }

    /// Records that it is complete.
    pub(crate) fn accepted(
        &mut self,
        auth: Option<&ClientAuth>,
        version: Option<ProtocolVersion>,
        resumed: bool,
    ) {
        if !self.ended("accepted", "none") {
            return;
        }
        let transport = self.transport;
        let version = match version {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "other",
        };
        let resumed = if resumed { "true" } else { "false" };
        table::SESSIONS.add(1, &[transport, version, resumed]);
        let offer = auth.map_or(Offer::NONE, |auth| auth.offer());
        let offer = offer.name();
        table::OFFERS.add(1, &[transport, offer]);
        let Some(auth) = auth else { return };
        if auth.acknowledged() {
            table::ACKNOWLEDGED.add(1, &[transport]);
        }
        let Some(demand) = auth.decision().demand() else { return };
        let outcome = match (auth.status(), auth.refusal()) {
            (_, Some(error)) => {
                let values = [transport, demand.scope(), reason::of_error(error)];
                table::REFUSED_CERTIFICATES.add(1, &values);
                "refused"
            }
            (ClientAuthStatus::Authenticated { .. }, _) => "authenticated",
            (ClientAuthStatus::Declined, _) => "declined",
            _ => "other",
        };
        table::CLIENT_AUTH.add(1, &[transport, demand.scope(), outcome]);
    }

    /// Records that it failed over TCP, after the policy requested a certificate of `scope`, if it
    /// did.
    #[cfg(feature = "tokio")]
    pub(crate) fn not_accepted(&mut self, error: &crate::tokio::AcceptError, scope: Option<&str>) {
        if self.ended("refused", reason::of_accept(error)) {
            let tls = match error {
                crate::tokio::AcceptError::Tls(error) => Some(error),
                _ => None,
            };
            self.failed_for(tls, scope);
        }
    }

    /// Records that it failed over QUIC.
    pub(crate) fn failed(&mut self, error: &Error) {
        if self.ended("refused", reason::of_error(error)) {
            self.failed_for(Some(error), None);
        }
    }

    /// Records that its connection ended before it was complete, unless its end was recorded.
    pub(crate) fn unfinished(&mut self) {
        self.ended("refused", "unfinished");
    }

    fn failed_for(&self, error: Option<&Error>, scope: Option<&str>) {
        if let Some(error @ Error::InvalidCertificate(_)) = error {
            let values = [self.transport, scope.unwrap_or_default(), reason::of_error(error)];
            table::REFUSED_CERTIFICATES.add(1, &values);
        }
        if let Some(scope) = scope {
            table::CLIENT_AUTH.add(1, &[self.transport, scope, "failed"]);
        }
    }

    /// Records the end once. Returns false if nothing is recorded.
    fn ended(&mut self, outcome: &str, reason: &str) -> bool {
        let Some(began) = self.began.take() else { return false };
        table::HANDSHAKES.add(1, &[self.transport, outcome, reason]);
        let took = began.elapsed().as_secs_f64();
        table::HANDSHAKE_SECONDS_SPENT.observe(took, &[self.transport, outcome]);
        true
    }
}

#[cfg(feature = "http")]
pub(crate) use crate::metrics::denied;

/// Records a certificate request on an open connection.
pub(crate) fn open_request(scope: &str) {
    table::OPEN_REQUESTS.add(1, &[scope]);
}

/// The outcome of a certificate request on an open connection.
pub(crate) enum OpenAnswer<'a> {
    Shown,
    Declined,
    Refused(&'a Error),
    Invalid,
}

/// Records the answer to a certificate request on an open connection.
pub(crate) fn open_answer(scope: &str, answer: OpenAnswer<'_>) {
    let outcome = match answer {
        OpenAnswer::Shown => "shown",
        OpenAnswer::Declined => "declined",
        OpenAnswer::Refused(error) => {
            let values = ["open", scope, reason::of_error(error)];
            table::REFUSED_CERTIFICATES.add(1, &values);
            "refused"
        }
        OpenAnswer::Invalid => "invalid",
    };
    table::OPEN_ANSWERS.add(1, &[scope, outcome]);
}

/// Records a load of a setup.
pub(crate) fn loaded(succeeded: bool) {
    if !is_enabled() {
        return;
    }
    table::LOADS.add(1, &[if succeeded { "success" } else { "failure" }]);
    if let (true, Ok(now)) = (succeeded, SystemTime::now().duration_since(UNIX_EPOCH)) {
        table::LAST_LOAD.set(now.as_secs_f64(), &[]);
    }
}
