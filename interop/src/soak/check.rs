//! Checks the observed outcome of a connection.

use rustls_ext::rustls::AlertDescription as Alert;

use super::fault::{Direction, Fault, FaultKind};
use super::honest_client::Expected;
use super::outcome::{Application, ClientOutcome, ServerOutcome};

/// The observed outcome of a connection.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The outcome of the handshake at the server.
    pub server: ServerOutcome,
    /// The outcome of the application data at the server.
    pub application: Option<Application>,
    /// The outcome at the client.
    pub client: ClientOutcome,
    /// Whether the injected fault happened.
    pub fired: bool,
}

/// The expected outcome without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Exactly this outcome.
    Exactly(Expected),
    /// No complete handshake, with or without an alert.
    NoHandshake,
}

/// The conditions of a connection.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The expected outcome without a fault.
    pub expectation: Expectation,
    /// How many bytes the server should send back.
    pub message: usize,
    /// The injected fault.
    pub fault: Option<Fault>,
    /// Whether the server has a short timeout: then a timeout is not an error.
    pub short_timeout: bool,
}

impl Circumstances {
    /// Checks `observed` against the expected outcome.
    ///
    /// | fault | accepted outcomes |
    /// |---|---|
    /// | none | the expected outcome, at the server and the client |
    /// | cut, reset, stall | the expected outcome, or a connection that ends without an alert |
    /// | bit flip, garbage | the expected outcome, or an error of one side, with its alert at the other |
    ///
    /// # Errors
    /// A text that describes the difference.
    pub fn check(&self, observed: &Observed) -> Result<(), String> {
        if let Some(unexpected) = observed.server.unexpected().or(observed.client.unexpected()) {
            return Err(unexpected.into());
        }
        let expectation = match &self.expectation {
            Expectation::NoHandshake => no_handshake(observed),
            Expectation::Exactly(expected) => {
                self.upholds_invariants(expected, observed)
                    && match self.fault.as_ref().filter(|_| observed.fired) {
                        None => self.is_as_expected(expected, observed),
                        Some(fault) => is_explained_by(fault, expected, observed),
                    }
            }
        };
        expectation.then_some(()).ok_or_else(|| format!("{observed:?}"))
    }

    /// Invariants under any fault: the server never accepts a client in another way than
    /// expected, and only an accepted client exchanges application data.
    fn upholds_invariants(&self, expected: &Expected, observed: &Observed) -> bool {
        let accepted = matches!(observed.server, ServerOutcome::Accepted(_));
        let served = matches!(observed.client, ClientOutcome::Served(_));
        (!accepted || observed.server == expected.server)
            && accepted == observed.application.is_some()
            && (!served || accepted && observed.client == expected.client)
    }

    fn is_as_expected(&self, expected: &Expected, observed: &Observed) -> bool {
        let served = matches!(observed.client, ClientOutcome::Served(_));
        let as_expected = observed.server == expected.server
            && observed.client == expected.client
            && observed.application == served.then_some(Application::Echoed(self.message));
        as_expected || (self.short_timeout && timed_out_early(observed))
    }
}

/// Whether `fault` explains the outcome. The invariants are checked separately.
fn is_explained_by(fault: &Fault, expected: &Expected, observed: &Observed) -> bool {
    let garbled = matches!(fault.kind, FaultKind::Flip(_) | FaultKind::Garbage(_));
    let stalled = fault.kind == FaultKind::Stall;
    let server = match &observed.server {
        end if *end == expected.server => true,
        // An internal error is always a defect of the server.
        ServerOutcome::Sent(alert) => garbled && *alert != Alert::InternalError,
        ServerOutcome::Refused | ServerOutcome::Received(_) => garbled,
        ServerOutcome::HungUp => !stalled,
        ServerOutcome::Timeout => garbled || stalled,
        ServerOutcome::Accepted(_) | ServerOutcome::Unexpected(_) => false,
    };
    let client = match (&observed.client, &observed.server) {
        // The server sent the alert that the client received, unless it was garbled on the way.
        (ClientOutcome::Refused { alert, .. }, ServerOutcome::Sent(sent)) if alert == sent => true,
        (ClientOutcome::Refused { .. }, _) if fault.direction == Direction::Down => garbled,
        (ClientOutcome::Refused { alert, .. }, ServerOutcome::Refused) => {
            garbled && is_unnamed(*alert)
        }
        // After the handshake, the server does not report its alerts.
        (ClientOutcome::Refused { alert, .. }, ServerOutcome::Accepted(_)) => {
            garbled && *alert != Alert::InternalError
        }
        (ClientOutcome::Refused { .. }, _) => false,
        // The server received the alert that the client sent, if it could decrypt it.
        (ClientOutcome::GaveUp(Some(sent)), ServerOutcome::Received(alert)) => {
            garbled && sent == alert
        }
        (ClientOutcome::GaveUp(None), ServerOutcome::Received(heard)) => {
            garbled && is_unnamed(*heard)
        }
        (ClientOutcome::GaveUp(_), _) => garbled,
        (_, ServerOutcome::Received(_)) => false,
        (ClientOutcome::Stalled, _) => stalled,
        _ => true,
    };
    server && client
}

/// Whether `alert` belongs to an error of rustls that does not name its alert.
fn is_unnamed(alert: Alert) -> bool {
    matches!(alert, Alert::BadRecordMac | Alert::DecryptError)
}

/// Whether the outcome is right for a client that sends no TLS.
fn no_handshake(observed: &Observed) -> bool {
    let ends = match (&observed.server, &observed.client) {
        (ServerOutcome::Sent(sent), ClientOutcome::Refused { alert, late: false }) => {
            sent == alert && *alert != Alert::InternalError
        }
        (ServerOutcome::Refused | ServerOutcome::HungUp, ClientOutcome::Broken) => true,
        _ => false,
    };
    ends && observed.application.is_none()
}

/// Whether the short timeout of the server ended the connection: a busy machine can cause this.
fn timed_out_early(observed: &Observed) -> bool {
    let broke_off = matches!(
        observed.client,
        ClientOutcome::Broken | ClientOutcome::LikelyRefused | ClientOutcome::Stalled
    );
    let waited = observed.server == ServerOutcome::Timeout
        || observed.application == Some(Application::Idle);
    broke_off && waited
}

#[cfg(test)]
mod tests;
