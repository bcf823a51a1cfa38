//! Checks the outcome of a request, at its client and at the server behind.

use std::net::IpAddr;

use super::backend::Seen;
use super::outcome::{BodyEnd, Outcome, Received};
use super::plan::{Certificate, Host};
use super::request::{Action, Answer, Request, Scope};

/// The conditions of a request.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The server name of the connection.
    pub host: Host,
    /// The client's certificate.
    pub certificate: Certificate,
    /// True if the client offered to authenticate.
    pub offers: bool,
    /// The client's address.
    pub address: IpAddr,
    /// Whether the policy was the changed one during the handshake; both, if it was being changed.
    pub handshake_policies: Vec<bool>,
    /// The same during the request.
    pub request_policies: Vec<bool>,
    /// True if the server behind may have ended during the request, or its connection.
    pub upstream_died: bool,
}

/// What must happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The gateway refuses the handshake.
    Refused,
    /// The gateway responds with this status code, and passes nothing on.
    Denied(u16),
    /// The gateway passes the request on, for a client with this scope.
    PassedOn(Option<Scope>),
}

impl Circumstances {
    /// Checks the outcome.
    ///
    /// | the server behind | the client |
    /// |---|---|
    /// | responds, however oddly framed | receives the response |
    /// | breaks off or breaks the rules in a body | receives a body that does not look complete |
    /// | ends the connection, or sends no valid head | receives 502 from the gateway |
    /// | sends nothing | receives 504 from the gateway |
    ///
    /// The server behind receives each request once, with the right scope, address and body, and an
    /// upload that its client broke off never looks complete.
    ///
    /// # Errors
    /// A text that describes the difference.
    pub fn check(&self, request: &Request, outcome: &Outcome, seen: &[Seen]) -> Result<(), String> {
        let mut first = None;
        for handshake in &self.handshake_policies {
            for now in &self.request_policies {
                let expected = self.expected(request, *handshake, *now);
                match self.check_one(request, &expected, outcome, seen) {
                    Ok(()) => return Ok(()),
                    Err(text) => {
                        first.get_or_insert(format!("{text}; expected {expected:?}"));
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| "no policy was in use".into()))
    }

    /// What must happen under these policies.
    pub fn expected(&self, request: &Request, handshake: bool, now: bool) -> Expected {
        let Some(scope) = self.scope(handshake) else { return Expected::Refused };
        if request.misdirected {
            return Expected::Denied(421);
        }
        match (request.demand, scope) {
            (Some(demand), Some(scope)) if demand != scope => Expected::Denied(403),
            (Some(demand), None) if self.may_request(demand, now) => Expected::Denied(401),
            (Some(_), None) => Expected::Denied(403),
            _ => Expected::PassedOn(scope),
        }
    }

    fn scope(&self, is_changed: bool) -> Option<Option<Scope>> {
        scope(self.host, self.certificate, self.offers, is_changed)
    }

    /// Returns true if another connection to this host may be authenticated in this scope.
    fn may_request(&self, scope: Scope, is_changed: bool) -> bool {
        match self.host {
            Host::App => scope == Scope::Agents,
            Host::Switch => is_changed && scope == Scope::Agents,
            Host::Login | Host::Admin => scope == Scope::Staff,
        }
    }

    fn check_one(
        &self,
        request: &Request,
        expected: &Expected,
        outcome: &Outcome,
        seen: &[Seen],
    ) -> Result<(), String> {
        if let Outcome::Response(received) = outcome {
            if !received.is_right {
                return Err("the body is not the one of this request's response".into());
            }
        }
        match expected {
            Expected::Refused | Expected::Denied(_) if !seen.is_empty() => {
                return Err(format!("passed on: {seen:?}"));
            }
            Expected::Refused if *outcome == Outcome::Refused => return Ok(()),
            Expected::Denied(status) if is_by_gateway(outcome, *status) => return Ok(()),
            // It may have broken off before the refusal arrived.
            Expected::Refused | Expected::Denied(_) if broke_off(request, outcome) => return Ok(()),
            Expected::Refused | Expected::Denied(_) => return Err("another outcome".into()),
            Expected::PassedOn(_) => {}
        }
        let Expected::PassedOn(scope) = expected else { return Ok(()) };
        if self.upstream_died && died_with_upstream(outcome, seen) {
            return Ok(());
        }
        self.check_seen(request, *scope, seen)?;
        if is_explained(request, outcome) { Ok(()) } else { Err("another outcome".into()) }
    }

    /// Checks what the server behind received.
    fn check_seen(
        &self,
        request: &Request,
        scope: Option<Scope>,
        seen: &[Seen],
    ) -> Result<(), String> {
        let aborts = request.action == Action::AbortUpload;
        let seen = match seen {
            [seen] => seen,
            [] if aborts => return Ok(()),
            _ => return Err(format!("the server behind received it {} times", seen.len())),
        };
        let is_whole = match request.action {
            Action::AbortUpload => !seen.is_complete,
            _ => {
                seen.is_complete
                    && seen.bytes == request.up
                    && seen.has_trailers == (request.action == Action::Trailers)
            }
        };
        let unread = matches!(request.answer, Answer::Reset | Answer::Early);
        let is_right = seen.method == request.action.method().as_str()
            && seen.scope == scope
            && seen.address == Some(self.address)
            && seen.is_right
            && (is_whole || unread);
        if is_right { Ok(()) } else { Err(format!("the server behind received {seen:?}")) }
    }
}

/// The scope of a connection, under the first or the changed policy; `None` if its handshake is refused.
pub fn scope(
    host: Host,
    certificate: Certificate,
    offers: bool,
    is_changed: bool,
) -> Option<Option<Scope>> {
    match (host, certificate) {
        (Host::Login, Certificate::Staff) | (Host::Admin, Certificate::Staff) => {
            Some(Some(Scope::Staff))
        }
        (Host::Login, _) => Some(None),
        (Host::Admin, _) => None,
        (Host::Switch, _) if !is_changed => Some(None),
        (Host::App | Host::Switch, certificate) => match certificate {
            _ if !offers => Some(None),
            Certificate::None => Some(None),
            Certificate::Agent => Some(Some(Scope::Agents)),
            Certificate::Staff | Certificate::Stranger => None,
        },
    }
}

fn is_by_gateway(outcome: &Outcome, status: u16) -> bool {
    match outcome {
        Outcome::Response(received) => {
            received.status == status && received.number.is_none() && received.end == BodyEnd::Whole
        }
        _ => false,
    }
}

/// Returns true if the end of the server behind explains the outcome.
fn died_with_upstream(outcome: &Outcome, seen: &[Seen]) -> bool {
    let ended = match outcome {
        Outcome::Response(received) => received.end == BodyEnd::Broken || received.status == 502,
        // Over HTTP/2 and HTTP/3, a reset may overtake the head of the response.
        Outcome::NoResponse(_) => true,
        Outcome::Refused | Outcome::Rejected(_) | Outcome::Hung => false,
    };
    ended && seen.len() <= 1 && seen.iter().all(|seen| seen.is_right)
}

fn broke_off(request: &Request, outcome: &Outcome) -> bool {
    let is_without = matches!(outcome, Outcome::NoResponse(_) | Outcome::Rejected(_));
    request.action == Action::AbortUpload && is_without
}

/// Returns true if what the client and the server behind do explains the outcome.
fn is_explained(request: &Request, outcome: &Outcome) -> bool {
    let breaks = matches!(
        request.answer,
        Answer::Short | Answer::TruncatedChunks | Answer::BadChunk | Answer::StallInBody
    );
    // Over HTTP/2 and HTTP/3, a reset may overtake what was to be sent before it.
    if breaks && matches!(outcome, Outcome::NoResponse(_)) {
        return true;
    }
    let Outcome::Response(received) = outcome else { return broke_off(request, outcome) };
    let length = if request.action == Action::Head { 0 } else { request.down };
    let is_whole = |received: &Received, status: u16, trailers: bool| {
        received.number.is_some()
            && received.status == status
            && received.end == BodyEnd::Whole
            && received.bytes == length
            && received.has_trailers == trailers
    };
    match request.action {
        // A response to half a body is the gateway's.
        Action::AbortUpload => return received.number.is_none() && received.status >= 400,
        Action::AbortDownload => {
            return received.number.is_some()
                && received.status == 200
                && received.end == BodyEnd::Left;
        }
        _ => {}
    }
    match request.answer {
        Answer::Length
        | Answer::Chunked
        | Answer::CloseAfter
        | Answer::EqualLengths
        | Answer::LengthAndChunked
        | Answer::EarlyHints
        | Answer::TwoResponses
        | Answer::Long => is_whole(received, 200, false),
        Answer::Trailers | Answer::Echo => is_whole(received, 200, true),
        // Over HTTP/2, the response to an extended CONNECT is 200 (RFC 8441 section 5).
        Answer::Upgrade => is_whole(received, 101, false) || is_whole(received, 200, false),
        Answer::Early => is_whole(received, 413, false),
        Answer::Short | Answer::TruncatedChunks | Answer::BadChunk | Answer::StallInBody => {
            received.number.is_some()
                && received.status == 200
                && received.end == BodyEnd::Broken
                && received.bytes <= length
        }
        Answer::Close
        | Answer::Reset
        | Answer::Unsolicited101
        | Answer::Garbage
        | Answer::HugeHead
        | Answer::DifferentLengths => is_by_gateway(outcome, 502),
        Answer::Stall => is_by_gateway(outcome, 504),
    }
}

#[cfg(test)]
mod tests;
