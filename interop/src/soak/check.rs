//! Whether what came of a connection is expectation.

use rustls_ext::rustls::AlertDescription as Alert;

use super::fault::{Direction, Fault, FaultKind};
use super::honest_client::Expected;
use super::outcome::{Application, ClientOutcome, ServerOutcome};

/// What is to be judged: a connection and what came of it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// How the handshake ended at the server.
    pub server: ServerOutcome,
    /// What came of the application data there.
    pub application: Option<Application>,
    /// How the connection ended at the client.
    pub client: ClientOutcome,
    /// Whether the fault has happened.
    pub fired: bool,
}

/// What is expectation without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// This.
    Exactly(Expected),
    /// An alert, or none, and no handshake.
    NoHandshake,
}

/// What a connection was like.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// What is expectation without a fault.
    pub expectation: Expectation,
    /// How many bytes were to be sent back.
    pub message: usize,
    /// The fault.
    pub fault: Option<Fault>,
    /// Whether the server was one that soon loses its patience, which then is no error of its.
    pub short_timeout: bool,
}

impl Circumstances {
    /// Whether `observed` is expectation.
    ///
    /// | what happened | what is expectation |
    /// |---|---|
    /// | nothing | what is expected, at both ends |
    /// | cut, reset, stall | the same, or nothing: the server has observed the start of it |
    /// | bit flip, garbage | the same, or a fault found by one end, and then told to the other |
    ///
    /// # Errors
    /// What is not, in words.
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

    /// What holds whatever happens: nobody is accepted as anybody else, or who is to be refused;
    /// and there is application data for who is accepted only.
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

/// What may come of `fault`, beside what the promises say.
fn is_explained_by(fault: &Fault, expected: &Expected, observed: &Observed) -> bool {
    let garbled = matches!(fault.kind, FaultKind::Flip(_) | FaultKind::Garbage(_));
    let stalled = fault.kind == FaultKind::Stall;
    let server = match &observed.server {
        end if *end == expected.server => true,
        // Whatever it is, it is not the server's own fault.
        ServerOutcome::Sent(alert) => garbled && *alert != Alert::InternalError,
        ServerOutcome::Refused | ServerOutcome::Received(_) => garbled,
        ServerOutcome::HungUp => !stalled,
        ServerOutcome::Timeout => garbled || stalled,
        ServerOutcome::Accepted(_) | ServerOutcome::Unexpected(_) => false,
    };
    let client = match (&observed.client, &observed.server) {
        // What a client has heard was said, unless it was garbled on the way.
        (ClientOutcome::Refused { alert, .. }, ServerOutcome::Sent(sent)) if alert == sent => true,
        (ClientOutcome::Refused { .. }, _) if fault.direction == Direction::Down => garbled,
        (ClientOutcome::Refused { alert, .. }, ServerOutcome::Refused) => {
            garbled && is_unnamed(*alert)
        }
        // Behind the handshake, the server does not tell what it has said.
        (ClientOutcome::Refused { alert, .. }, ServerOutcome::Accepted(_)) => {
            garbled && *alert != Alert::InternalError
        }
        (ClientOutcome::Refused { .. }, _) => false,
        // What a client has said was heard, if the server could read it.
        (ClientOutcome::GaveUp(Some(said)), ServerOutcome::Received(heard)) => {
            garbled && said == heard
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

/// Whether `alert` goes with errors that do not tell their alert.
fn is_unnamed(alert: Alert) -> bool {
    matches!(alert, Alert::BadRecordMac | Alert::DecryptError)
}

/// What may come of bytes that are no TLS.
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

/// Whether the server has not waited long enough, to which a busy machine is reason enough.
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
