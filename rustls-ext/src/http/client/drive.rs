use std::sync::Arc;

use http::StatusCode;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use super::credentials::{Credentials, fault};
use super::identity::{ClientIdentity, Validity};
use super::limits::Limits;
use super::memory::{Area, Entry, Memory, Route, Space};
use super::origin::Origin;
use super::report::{Considered, Report, Unanswered};
use super::transport::{Failure, Moved, ResponseContext, Target, Transport};
use crate::http::{Challenge, Challenges};

/// How often a request is sent at most: once, once more for a challenge, and once more after 421.
const MOST_SENT: u32 = 3;

/// Sends requests with a transport, and answers challenges.
#[derive(Debug)]
pub(crate) struct Driver<T: Transport> {
    pub(crate) transport: T,
    credentials: Credentials,
    memory: Memory<T::Lane>,
    clock: Arc<dyn TimeProvider>,
}

/// What to do about a response.
enum Next<L> {
    /// Return it to the caller, with the reason if it asks for something.
    Done(Option<Unanswered>),
    /// Send the request again, on this lane.
    Again(Target, Route<L>),
}

impl<T: Transport> Driver<T> {
    pub(crate) fn new(
        transport: T,
        credentials: Credentials,
        limits: Limits,
        clock: Arc<dyn TimeProvider>,
    ) -> Self {
        Self { transport, credentials, memory: Memory::new(limits), clock }
    }

    fn now(&self) -> UnixTime {
        self.clock.current_time().unwrap_or_else(UnixTime::now)
    }

    /// Sends a request. Sends it again at most once for a challenge (CANT-7), and at most once
    /// after a 421 response.
    pub(crate) async fn send(&self, request: T::Request) -> Result<T::Response, T::Error> {
        let mut target = self.transport.target(&request)?;
        self.move_proved(&target.origin)?;
        let mut route = self.first_route(&target)?;
        let mut request = request;
        let mut report = Report::default();
        // The response with the challenge that is being answered.
        let mut before: Option<T::Response> = None;
        loop {
            let copy = T::copy(&request);
            let (mut response, context) = match self.transport.send(&route.lane, request).await {
                Ok(sent) => sent,
                Err(error) => {
                    let failure = T::failure(&error);
                    self.memory.failed(&target.origin, &route, failure);
                    let (Failure::NotConfidential, Some(mut challenge)) = (failure, before) else {
                        return Err(error);
                    };
                    report.challenged = false;
                    report.unanswered = Some(Unanswered::NotConfidential);
                    T::extensions(&mut challenge).insert(report);
                    return Ok(challenge);
                }
            };
            report.sent += 1;
            let redirected = context.redirected.clone();
            self.move_proved(&target.origin)?;
            let proved = context.open.proved.clone();
            if let Some(identity) = &proved {
                self.opened(&target.origin, identity, &context.open.paths)?;
            }
            note(&mut report, &route, context);
            let at = redirected.as_ref().unwrap_or(&target);
            let next = self.next(at, redirected.is_some(), &route, proved, &response, &report)?;
            match again::<T>(next, copy, redirected.is_some(), &response, &report) {
                Err(unanswered) => {
                    report.unanswered = unanswered;
                    T::extensions(&mut response).insert(report);
                    return Ok(response);
                }
                Ok(again) => {
                    match T::head(&response).0 {
                        StatusCode::MISDIRECTED_REQUEST => report.misdirected = true,
                        _ => report.challenged = true,
                    }
                    Again { target, route, request } = again;
                    before = Some(response);
                }
            }
        }
    }

    /// The lane on which a request is sent first.
    fn first_route(&self, target: &Target) -> Result<Route<T::Lane>, T::Error> {
        let Target { origin, path, other_host } = target;
        if origin.is_https() && !other_host {
            let may_use =
                |identity: &ClientIdentity| identity.validity_at(self.now()) == Validity::Valid;
            if let Some(route) = self.memory.known(origin, path, may_use) {
                return Ok(route);
            }
        }
        // Servers must not request a certificate for it on an open connection, either.
        let silent = *other_host && self.transport.has_secondary();
        self.memory.plain(origin, silent, || {
            if silent {
                self.transport.silent_lane(origin)
            } else {
                self.transport.lane(origin, None)
            }
        })
    }

    /// Moves connections on which an identity was proved out of the lane without authentication,
    /// each to the lane of its identity.
    fn move_proved(&self, origin: &Origin) -> Result<(), T::Error> {
        if !self.transport.has_secondary() {
            return Ok(());
        }
        let Some(plain) = self.memory.existing_plain(origin) else { return Ok(()) };
        while let Some(Moved { connection, identity, paths }) = T::take_moved(&plain) {
            // Otherwise the connection is closed.
            if let Entry::Lane(route) = self.opened(origin, &identity, &paths)? {
                T::adopt(&route.lane, connection);
            }
        }
        Ok(())
    }

    /// The lane of this identity, which was proved on an open connection, for these paths.
    fn opened(
        &self,
        origin: &Origin,
        identity: &Arc<ClientIdentity>,
        paths: &[impl AsRef<str>],
    ) -> Result<Entry<T::Lane>, T::Error> {
        let space = Space { area: Area::Open, identity: identity.clone() };
        let make = |identity: &Arc<ClientIdentity>| self.transport.lane(origin, Some(identity));
        self.memory.enter(origin, paths, space, make)
    }

    fn next(
        &self,
        target: &Target,
        redirected: bool,
        route: &Route<T::Lane>,
        proved: Option<Arc<ClientIdentity>>,
        response: &T::Response,
        report: &Report,
    ) -> Result<Next<T::Lane>, T::Error> {
        let (status, headers) = T::head(response);
        match status {
            StatusCode::MISDIRECTED_REQUEST if report.misdirected => {
                Ok(Next::Done(Some(Unanswered::StillMisdirected)))
            }
            // The origin of the redirect is unknown, so the lane to replace is unknown, too.
            StatusCode::MISDIRECTED_REQUEST if redirected => {
                Ok(Next::Done(Some(Unanswered::Redirected)))
            }
            StatusCode::MISDIRECTED_REQUEST => {
                let origin = &target.origin;
                let make = |identity: Option<&Arc<ClientIdentity>>| {
                    if route.silent {
                        self.transport.silent_lane(origin)
                    } else {
                        self.transport.lane_anew(origin, identity)
                    }
                };
                let route = self.memory.renew(origin, route, make)?;
                Ok(Next::Again(target.clone(), route))
            }
            // A 407 is about the hop to a proxy, whose connections this client does not make.
            StatusCode::UNAUTHORIZED => {
                let read = Challenges::of_parts(status, headers);
                self.answer(target, route, proved, read, report)
            }
            _ => {
                route.accepted();
                Ok(Next::Done(None))
            }
        }
    }

    fn answer(
        &self,
        target: &Target,
        route: &Route<T::Lane>,
        proved: Option<Arc<ClientIdentity>>,
        read: Challenges,
        report: &Report,
    ) -> Result<Next<T::Lane>, T::Error> {
        let Challenges { challenges, errors, .. } = read;
        if challenges.is_empty() {
            let unreadable = (!errors.is_empty()).then_some(Unanswered::Unreadable(errors));
            return Ok(Next::Done(unreadable));
        }
        let Target { origin, path, other_host } = target;
        if !origin.is_https() {
            return Ok(Next::Done(Some(Unanswered::Insecure)));
        }
        if *other_host {
            return Ok(Next::Done(Some(Unanswered::OtherHost)));
        }
        // This lane already answers one of the challenges, or is the lane that would answer it.
        let still = route.space.as_ref().is_some_and(|space| {
            challenges.iter().any(|challenge| {
                Area::of(challenge) == space.area
                    && fault(&space.identity, origin.host(), challenge, self.now()).is_none()
            })
        });
        if still {
            self.memory.still_challenged(origin, route);
        }
        if still || report.challenged {
            return Ok(Next::Done(Some(Unanswered::StillChallenged)));
        }
        // The server responded before it had the proof, or for another reason: the same connection
        // may answer the challenge now.
        if let Some(identity) = proved.filter(|_| route.space.is_none()) {
            let accepts = |challenge| fault(&identity, origin.host(), challenge, self.now());
            if challenges.iter().any(|challenge| accepts(challenge).is_none()) {
                if let Entry::Lane(route) = self.opened(origin, &identity, &[path])? {
                    return Ok(Next::Again(target.clone(), route));
                }
            }
        }
        let mut considered = Vec::new();
        for challenge in &challenges {
            match self.choose(origin, challenge) {
                Err(because) => considered = because,
                Ok(identity) => {
                    let space = Space { area: Area::of(challenge), identity };
                    let make = |identity: &Arc<ClientIdentity>| {
                        self.transport.lane(origin, Some(identity))
                    };
                    let entry = self.memory.enter(origin, &[path], space, make)?;
                    return Ok(match entry {
                        Entry::Lane(route) => Next::Again(target.clone(), route),
                        Entry::RefusedEarlier => Next::Done(Some(Unanswered::RefusedEarlier)),
                    });
                }
            }
        }
        Ok(Next::Done(Some(Unanswered::NoIdentity { challenges, considered })))
    }

    /// The identity for this challenge: the one that its realm already uses, if the challenge
    /// accepts it.
    fn choose(
        &self,
        origin: &Origin,
        challenge: &Challenge,
    ) -> Result<Arc<ClientIdentity>, Vec<Considered>> {
        let (host, now) = (origin.host(), self.now());
        self.memory
            .identity(origin, challenge.realm())
            .filter(|identity| fault(identity, host, challenge, now).is_none())
            .map_or_else(|| self.credentials.choose(host, challenge, now).cloned(), Ok)
    }
}

/// A request that is sent again.
struct Again<T: Transport> {
    target: Target,
    route: Route<T::Lane>,
    request: T::Request,
}

/// The request to send again and its lane, or the reason not to send it.
fn again<T: Transport>(
    next: Next<T::Lane>,
    copy: Option<T::Request>,
    redirected: bool,
    response: &T::Response,
    report: &Report,
) -> Result<Again<T>, Option<Unanswered>> {
    let (target, route) = match next {
        Next::Done(unanswered) => return Err(unanswered),
        // The caller of this function prevents this.
        Next::Again(..) if report.sent >= MOST_SENT => {
            return Err(Some(Unanswered::StillChallenged));
        }
        Next::Again(target, route) => (target, route),
    };
    let copy = copy.ok_or(Some(Unanswered::NotReplayable))?;
    let request = if redirected {
        T::follow(copy, response).ok_or(Some(Unanswered::Redirected))?
    } else {
        copy
    };
    Ok(Again { target, route, request })
}

/// Records on which connection the last response arrived.
fn note<L>(report: &mut Report, route: &Route<L>, context: ResponseContext) {
    report.status = context.status;
    report.tls_version = context.tls_version;
    let identity = route.space.as_ref().map(|space| &space.identity);
    report.identity =
        identity.or(context.open.proved.as_ref()).map(|identity| identity.shared_name());
    let realm = route.space.as_ref().and_then(|space| space.area.realm());
    report.realm = realm.map(str::to_owned);
    report.shown = context.open.shown;
    report.declined = context.open.declined;
}
