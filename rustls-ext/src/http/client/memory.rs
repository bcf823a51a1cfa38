use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::identity::ClientIdentity;
use super::limits::Limits;
use super::origin::Origin;
use super::paths::{Paths, make_room};
use super::transport::Failure;
use crate::http::Challenge;

/// A lane: all connections of one kind to one origin.
///
/// A lane has the same identity, or none, for its whole life, so only the choice of the lane
/// matters.
#[derive(Debug)]
pub(super) struct Route<L> {
    pub(super) lane: Arc<L>,
    /// The protection space of the lane; `None` for a lane without authentication.
    pub(super) space: Option<Space>,
    /// True for the lane without authentication on which no identity can be proved later.
    pub(super) silent: bool,
    /// True if a response other than a challenge arrived on this lane, or on one that it replaces.
    accepted: Arc<AtomicBool>,
}

impl<L> Route<L> {
    /// Records that the server has accepted the identity of this lane for a request.
    pub(super) fn accepted(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }
}

impl<L> Clone for Route<L> {
    fn clone(&self) -> Self {
        let Self { lane, space, silent, accepted } = self;
        let (lane, space, accepted) = (lane.clone(), space.clone(), accepted.clone());
        Self { lane, space, silent: *silent, accepted }
    }
}

/// What a lane is reserved for, besides its origin (CANT-6).
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub(super) area: Area,
    pub(super) identity: Arc<ClientIdentity>,
}

impl PartialEq for Space {
    fn eq(&self, other: &Self) -> bool {
        self.area == other.area && self.identity.name() == other.identity.name()
    }
}

/// What a protection space is named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The realm of challenges, if they have one. It has one identity at a time.
    Realm(Option<String>),
    /// The identity alone: the server requested it on an open connection, where there are no
    /// realms. So there may be several.
    Open,
}

impl Area {
    pub(super) fn of(challenge: &Challenge) -> Self {
        Self::Realm(challenge.realm().map(str::to_owned))
    }

    /// The realm, if there is one.
    pub(super) fn realm(&self) -> Option<&str> {
        match self {
            Self::Realm(realm) => realm.as_deref(),
            Self::Open => None,
        }
    }
}

/// The known origins, each with its lanes and with the paths of its protection spaces.
#[derive(Debug)]
pub(super) struct Memory<L> {
    sites: Mutex<Sites<L>>,
    limits: Limits,
}

#[derive(Debug)]
struct Sites<L> {
    sites: HashMap<Origin, Site<L>>,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct Site<L> {
    plain: Option<Arc<L>>,
    silent: Option<Arc<L>>,
    /// In order of use, the most recent last.
    spaces: Vec<Known<L>>,
    used: u64,
}

#[derive(Debug)]
struct Known<L> {
    lane: Arc<L>,
    space: Space,
    paths: Paths,
    accepted: Arc<AtomicBool>,
    refused: Option<Refused>,
}

/// When the server refused an identity, and for how long the identity is not tried again.
#[derive(Clone, Copy, Debug)]
struct Refused {
    at: Instant,
    timeout: Duration,
}

impl Refused {
    /// How much longer the identity is not tried; zero when that time is over.
    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.at.elapsed())
    }
}

impl<L> Known<L> {
    fn is_refused(&self) -> bool {
        self.refused.is_some_and(|refused| !refused.left().is_zero())
    }
}

/// The result of looking for the lane of a protection space.
#[derive(Debug)]
pub(super) enum Entry<L> {
    Lane(Route<L>),
    /// The server refused this identity a short time ago.
    RefusedEarlier,
}

impl<L> Memory<L> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { sites: Mutex::new(Sites { sites: HashMap::new(), clock: 0 }), limits }
    }

    fn lock(&self) -> MutexGuard<'_, Sites<L>> {
        // If a panic interrupted a change, the state is still safe to use: any of it may be
        // forgotten.
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane of the protection space to which this path belongs, if it is known and its identity
    /// may be used.
    pub(super) fn known(
        &self,
        origin: &Origin,
        path: &str,
        may_use: impl Fn(&ClientIdentity) -> bool,
    ) -> Option<Route<L>> {
        let mut sites = self.lock();
        let site = sites.get(origin)?;
        let best = site
            .spaces
            .iter()
            .enumerate()
            .filter(|(_, known)| !known.is_refused() && may_use(&known.space.identity))
            .filter_map(|(number, known)| Some((known.paths.depth(path)?, number)))
            .max()?;
        site.use_space(best.1)
    }

    /// The lane without authentication, or the one on which no identity can be proved later.
    pub(super) fn plain<E>(
        &self,
        origin: &Origin,
        silent: bool,
        make: impl FnOnce() -> Result<L, E>,
    ) -> Result<Route<L>, E> {
        let mut sites = self.lock();
        let site = sites.get_or_insert(origin, &self.limits);
        let place = site.plain_place(silent);
        let lane = match place {
            Some(lane) => lane.clone(),
            None => place.insert(Arc::new(make()?)).clone(),
        };
        Ok(Route { lane, space: None, silent, accepted: Arc::default() })
    }

    /// The lane without authentication, if there is one: on its connections, identities may have
    /// been proved.
    pub(super) fn existing_plain(&self, origin: &Origin) -> Option<Arc<L>> {
        self.lock().sites.get(origin)?.plain.clone()
    }

    /// The identity with which the last challenge of this realm was answered.
    pub(super) fn identity(
        &self,
        origin: &Origin,
        realm: Option<&str>,
    ) -> Option<Arc<ClientIdentity>> {
        let mut sites = self.lock();
        let site = sites.get(origin)?;
        let is = |known: &&Known<L>| match &known.space.area {
            Area::Realm(known) => known.as_deref() == realm,
            Area::Open => false,
        };
        let known = site.spaces.iter().find(is)?;
        Some(known.space.identity.clone())
    }

    /// The lane of this protection space, to which these paths belong according to a new challenge,
    /// or to a request for a certificate on an open connection.
    pub(super) fn enter<E>(
        &self,
        origin: &Origin,
        paths: &[impl AsRef<str>],
        space: Space,
        make: impl FnOnce(&Arc<ClientIdentity>) -> Result<L, E>,
    ) -> Result<Entry<L>, E> {
        let mut sites = self.lock();
        let site = sites.get_or_insert(origin, &self.limits);
        let number = match site.number_of(&space) {
            Some(number) if site.identity(number) == Some(space.identity.name()) => number,
            in_place_of => {
                let lane = Arc::new(make(&space.identity)?);
                // Either the realm now needs another identity, or it is new.
                let known = match in_place_of {
                    Some(number) => site.spaces.remove(number).paths,
                    None => Paths::default(),
                };
                make_room(&mut site.spaces, self.limits.spaces_per_origin);
                site.spaces.push(Known {
                    lane,
                    space,
                    paths: known,
                    accepted: Arc::default(),
                    refused: None,
                });
                site.spaces.len() - 1
            }
        };
        if let Some(known) = site.spaces.get_mut(number) {
            if known.is_refused() {
                return Ok(Entry::RefusedEarlier);
            }
            known.refused = None;
            for path in paths {
                known.paths.learn(path.as_ref(), self.limits.paths_per_space);
            }
        }
        // If a path belonged to another space, it no longer does.
        let others = site.spaces.iter_mut().enumerate().filter(|(other, _)| *other != number);
        for (_, known) in others {
            paths.iter().for_each(|path| known.paths.forget(path.as_ref()));
        }
        Ok(site.use_space(number).map_or(Entry::RefusedEarlier, Entry::Lane))
    }

    /// Replaces this lane by one without its connections, or returns the replacement that another
    /// request has already made.
    pub(super) fn renew<E>(
        &self,
        origin: &Origin,
        route: &Route<L>,
        make: impl FnOnce(Option<&Arc<ClientIdentity>>) -> Result<L, E>,
    ) -> Result<Route<L>, E> {
        let mut sites = self.lock();
        let site = sites.get_or_insert(origin, &self.limits);
        let place = match &route.space {
            None => Some(site.plain_place(route.silent).get_or_insert_with(|| route.lane.clone())),
            Some(space) => {
                let same = site.spaces.iter_mut().find(|known| known.space == *space);
                same.map(|known| &mut known.lane)
            }
        };
        let identity = route.space.as_ref().map(|space| &space.identity);
        let lane = match place {
            Some(lane) if !Arc::ptr_eq(lane, &route.lane) => lane.clone(),
            Some(lane) => {
                *lane = Arc::new(make(identity)?);
                lane.clone()
            }
            // The space was forgotten in the meantime: this request gets its own lane.
            None => Arc::new(make(identity)?),
        };
        Ok(Route { lane, ..route.clone() })
    }

    /// Records that the server still sends a challenge. That is a refusal, unless the server has
    /// accepted the identity of this lane before, so that the challenge has another cause.
    pub(super) fn still_challenged(&self, origin: &Origin, route: &Route<L>) {
        if !route.accepted.load(Ordering::Relaxed) {
            self.refused(origin, route, self.limits.refusal_timeout);
        }
    }

    /// Records that a request on this lane has failed.
    ///
    /// A connection that broke off proves little: the server may have crashed. So it counts only if
    /// the server has never accepted the identity, and for a short time.
    pub(super) fn failed(&self, origin: &Origin, route: &Route<L>, failure: Failure) {
        let Limits { refusal_timeout, likely_refusal_timeout, .. } = self.limits;
        match failure {
            Failure::NotConfidential | Failure::Refused => {
                self.refused(origin, route, refusal_timeout);
            }
            Failure::LikelyRefused if !route.accepted.load(Ordering::Relaxed) => {
                self.refused(origin, route, likely_refusal_timeout.min(refusal_timeout));
            }
            Failure::LikelyRefused | Failure::Other => {}
        }
    }

    /// Records that the server refuses the identity of this lane: it is not tried again for this
    /// long.
    fn refused(&self, origin: &Origin, route: &Route<L>, timeout: Duration) {
        let mut sites = self.lock();
        let Some(site) = sites.get(origin) else { return };
        let known = site.spaces.iter_mut().find(|known| Arc::ptr_eq(&known.lane, &route.lane));
        if let Some(known) = known {
            let new = Refused { at: Instant::now(), timeout };
            // A certain refusal is not shortened by a likely one.
            if known.refused.is_none_or(|old| old.left() <= new.left()) {
                known.refused = Some(new);
            }
        }
    }
}

impl<L> Sites<L> {
    fn get(&mut self, origin: &Origin) -> Option<&mut Site<L>> {
        self.clock += 1;
        let site = self.sites.get_mut(origin)?;
        site.used = self.clock;
        Some(site)
    }

    fn get_or_insert(&mut self, origin: &Origin, limits: &Limits) -> &mut Site<L> {
        self.clock += 1;
        if !self.sites.contains_key(origin) && self.sites.len() >= limits.origins {
            let oldest = self.sites.iter().min_by_key(|(_, site)| site.used);
            if let Some(oldest) = oldest.map(|(origin, _)| origin.clone()) {
                self.sites.remove(&oldest);
            }
        }
        let new = || Site { plain: None, silent: None, spaces: Vec::new(), used: 0 };
        let site = self.sites.entry(origin.clone()).or_insert_with(new);
        site.used = self.clock;
        site
    }
}

impl<L> Site<L> {
    /// The lane of this protection space, marked as used now.
    fn use_space(&mut self, number: usize) -> Option<Route<L>> {
        if number >= self.spaces.len() {
            return None;
        }
        let known = self.spaces.remove(number);
        let route = Route {
            lane: known.lane.clone(),
            space: Some(known.space.clone()),
            silent: false,
            accepted: known.accepted.clone(),
        };
        self.spaces.push(known);
        Some(route)
    }

    fn plain_place(&mut self, silent: bool) -> &mut Option<Arc<L>> {
        if silent { &mut self.silent } else { &mut self.plain }
    }

    /// The number of this space, or of the one that it replaces.
    fn number_of(&self, space: &Space) -> Option<usize> {
        self.spaces.iter().position(|known| match &space.area {
            Area::Realm(_) => known.space.area == space.area,
            Area::Open => known.space == *space,
        })
    }

    /// The name of the identity of this protection space.
    fn identity(&self, number: usize) -> Option<&str> {
        self.spaces.get(number).map(|known| known.space.identity.name())
    }
}
