//! Whether what came of a connection is right.

use rustls_ext::rustls::AlertDescription as Alert;

use super::ends::{Application, ClientEnd, ServerEnd};
use super::fault::{Direction, Fault, FaultKind};
use super::who::Expected;

/// What is to be judged: a connection and what came of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How the handshake ended at the server.
    pub server: ServerEnd,
    /// What came of the application data there.
    pub application: Option<Application>,
    /// How the connection ended at the client.
    pub client: ClientEnd,
    /// Whether the fault has happened.
    pub fired: bool,
}

/// What is right without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// This.
    Exactly(Expected),
    /// An alert, or none, and no handshake.
    NoHandshake,
}

/// What a connection was like.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// What is right without a fault.
    pub right: Right,
    /// How many octets were to be sent back.
    pub message: usize,
    /// The fault.
    pub fault: Option<Fault>,
    /// Whether the server was one that soon loses its patience, which then is no error of its.
    pub impatient: bool,
}

impl Circumstances {
    /// Whether `seen` is right.
    ///
    /// | what happened | what is right |
    /// |---|---|
    /// | nothing | what is expected, at both ends |
    /// | cut, reset, stall | the same, or nothing: the server has seen the start of it |
    /// | bit flip, garbage | the same, or a fault found by one end, and then told to the other |
    ///
    /// # Errors
    /// What is not, in words.
    pub fn judge(&self, seen: &Seen) -> Result<(), String> {
        if let Some(odd) = seen.server.odd().or(seen.client.odd()) {
            return Err(odd.into());
        }
        let right = match &self.right {
            Right::NoHandshake => no_handshake(seen),
            Right::Exactly(expected) => {
                self.keeps_promises(expected, seen)
                    && match self.fault.as_ref().filter(|_| seen.fired) {
                        None => self.is_as_expected(expected, seen),
                        Some(fault) => may_come_of(fault, expected, seen),
                    }
            }
        };
        right.then_some(()).ok_or_else(|| format!("{seen:?}"))
    }

    /// What holds whatever happens: nobody is accepted as anybody else, or who is to be refused;
    /// and there is application data for who is accepted only.
    fn keeps_promises(&self, expected: &Expected, seen: &Seen) -> bool {
        let accepted = matches!(seen.server, ServerEnd::Accepted(_));
        let served = matches!(seen.client, ClientEnd::Served(_));
        (!accepted || seen.server == expected.server)
            && accepted == seen.application.is_some()
            && (!served || accepted && seen.client == expected.client)
    }

    fn is_as_expected(&self, expected: &Expected, seen: &Seen) -> bool {
        let served = matches!(seen.client, ClientEnd::Served(_));
        let as_expected = seen.server == expected.server
            && seen.client == expected.client
            && seen.application == served.then_some(Application::Echoed(self.message));
        as_expected || (self.impatient && lost_patience(seen))
    }
}

/// What may come of `fault`, beside what the promises say.
fn may_come_of(fault: &Fault, expected: &Expected, seen: &Seen) -> bool {
    let garbled = matches!(fault.kind, FaultKind::Flip(_) | FaultKind::Garbage(_));
    let stalled = fault.kind == FaultKind::Stall;
    let server = match &seen.server {
        end if *end == expected.server => true,
        // Whatever it is, it is not the server's own fault.
        ServerEnd::Sent(alert) => garbled && *alert != Alert::InternalError,
        ServerEnd::Refused | ServerEnd::Received(_) => garbled,
        ServerEnd::HungUp => !stalled,
        ServerEnd::Timeout => garbled || stalled,
        ServerEnd::Accepted(_) | ServerEnd::Odd(_) => false,
    };
    let client = match (&seen.client, &seen.server) {
        // What a client has heard was said, unless it was garbled on the way.
        (ClientEnd::Refused { alert, .. }, ServerEnd::Sent(sent)) if alert == sent => true,
        (ClientEnd::Refused { .. }, _) if fault.direction == Direction::Down => garbled,
        (ClientEnd::Refused { alert, .. }, ServerEnd::Refused) => garbled && is_unnamed(*alert),
        // Behind the handshake, the server does not tell what it has said.
        (ClientEnd::Refused { alert, .. }, ServerEnd::Accepted(_)) => {
            garbled && *alert != Alert::InternalError
        }
        (ClientEnd::Refused { .. }, _) => false,
        // What a client has said was heard, if the server could read it.
        (ClientEnd::GaveUp(Some(said)), ServerEnd::Received(heard)) => garbled && said == heard,
        (ClientEnd::GaveUp(None), ServerEnd::Received(heard)) => garbled && is_unnamed(*heard),
        (ClientEnd::GaveUp(_), _) => garbled,
        (_, ServerEnd::Received(_)) => false,
        (ClientEnd::Stalled, _) => stalled,
        _ => true,
    };
    server && client
}

/// Whether `alert` goes with errors that do not tell their alert.
fn is_unnamed(alert: Alert) -> bool {
    matches!(alert, Alert::BadRecordMac | Alert::DecryptError)
}

/// What may come of octets that are no TLS.
fn no_handshake(seen: &Seen) -> bool {
    let ends = match (&seen.server, &seen.client) {
        (ServerEnd::Sent(sent), ClientEnd::Refused { alert, late: false }) => {
            sent == alert && *alert != Alert::InternalError
        }
        (ServerEnd::Refused | ServerEnd::HungUp, ClientEnd::Broken) => true,
        _ => false,
    };
    ends && seen.application.is_none()
}

/// Whether the server has not waited long enough, to which a busy machine is reason enough.
fn lost_patience(seen: &Seen) -> bool {
    let broke_off =
        matches!(seen.client, ClientEnd::Broken | ClientEnd::LikelyRefused | ClientEnd::Stalled);
    let waited = seen.server == ServerEnd::Timeout || seen.application == Some(Application::Idle);
    broke_off && waited
}

#[cfg(test)]
mod tests;
