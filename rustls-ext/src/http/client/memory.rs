use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::identity::Identity;
use super::limits::Limits;
use super::origin::Origin;
use super::paths::{Paths, make_room};
use super::transport::Failure;

/// Connections of one kind to one origin, however many they are: a lane.
///
/// A lane has one identity or none from beginning to end, so what matters is only who gets it.
#[derive(Debug)]
pub(super) struct Route<L> {
    pub(super) lane: Arc<L>,
    /// The protection space for which it is; `None` for the lane without authentication.
    pub(super) space: Option<Space>,
    /// Whether there was a response on it, or on one that it replaces, that is no challenge.
    accepted: Arc<AtomicBool>,
}

impl<L> Route<L> {
    /// The server has taken the identity of this lane for something.
    pub(super) fn accepted(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }
}

impl<L> Clone for Route<L> {
    fn clone(&self) -> Self {
        let Self { lane, space, accepted } = self;
        Self { lane: lane.clone(), space: space.clone(), accepted: accepted.clone() }
    }
}

/// What a lane is kept to, besides its origin (CANT-6).
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub(super) realm: Option<String>,
    pub(super) identity: Arc<Identity>,
}

impl PartialEq for Space {
    fn eq(&self, other: &Self) -> bool {
        self.realm == other.realm && self.identity.name() == other.identity.name()
    }
}

/// What is known of each origin: its lanes, and which paths belong to which protection space.
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
    /// Those used last come last.
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

/// When the server did not take an identity, and for how long it is not tried again.
#[derive(Clone, Copy, Debug)]
struct Refused {
    at: Instant,
    timeout: Duration,
}

impl Refused {
    /// How long the identity is still not to be tried; zero when that is over.
    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.at.elapsed())
    }
}

impl<L> Known<L> {
    fn is_refused(&self) -> bool {
        self.refused.is_some_and(|refused| !refused.left().is_zero())
    }
}

/// What came of looking for the lane of a protection space.
#[derive(Debug)]
pub(super) enum Entry<L> {
    Lane(Route<L>),
    /// The server did not take this identity a short time ago.
    RefusedEarlier,
}

impl<L> Memory<L> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { sites: Mutex::new(Sites { sites: HashMap::new(), clock: 0 }), limits }
    }

    fn lock(&self) -> MutexGuard<'_, Sites<L>> {
        // Whatever a panic interrupted, all of it can be forgotten.
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane of the protection space to which this path belongs, if one is known whose identity
    /// will do.
    pub(super) fn known(
        &self,
        origin: &Origin,
        path: &str,
        will_do: impl Fn(&Identity) -> bool,
    ) -> Option<Route<L>> {
        let mut sites = self.lock();
        let site = sites.get(origin)?;
        let best = site
            .spaces
            .iter()
            .enumerate()
            .filter(|(_, known)| !known.is_refused() && will_do(&known.space.identity))
            .filter_map(|(number, known)| Some((known.paths.depth(path)?, number)))
            .max()?;
        site.use_space(best.1)
    }

    /// The lane without authentication.
    pub(super) fn plain<E>(
        &self,
        origin: &Origin,
        make: impl FnOnce() -> Result<L, E>,
    ) -> Result<Route<L>, E> {
        let mut sites = self.lock();
        let site = sites.get_or_insert(origin, &self.limits);
        let lane = match &site.plain {
            Some(lane) => lane.clone(),
            None => site.plain.insert(Arc::new(make()?)).clone(),
        };
        Ok(Route { lane, space: None, accepted: Arc::default() })
    }

    /// The identity with which a realm's challenges were answered last.
    pub(super) fn identity(&self, origin: &Origin, realm: Option<&str>) -> Option<Arc<Identity>> {
        let mut sites = self.lock();
        let site = sites.get(origin)?;
        let known = site.spaces.get(site.number_of(realm)?)?;
        Some(known.space.identity.clone())
    }

    /// The lane of this protection space, to which the path belongs, as has just been learned.
    pub(super) fn enter<E>(
        &self,
        origin: &Origin,
        path: &str,
        space: Space,
        make: impl FnOnce(&Identity) -> Result<L, E>,
    ) -> Result<Entry<L>, E> {
        let mut sites = self.lock();
        let site = sites.get_or_insert(origin, &self.limits);
        let number = match site.number_of(space.realm.as_deref()) {
            Some(number) if site.identity(number) == Some(space.identity.name()) => number,
            in_place_of => {
                let lane = Arc::new(make(&space.identity)?);
                // Either the realm asks for another identity now, or it is new.
                let paths = match in_place_of {
                    Some(number) => site.spaces.remove(number).paths,
                    None => Paths::default(),
                };
                make_room(&mut site.spaces, self.limits.spaces_per_origin);
                site.spaces.push(Known {
                    lane,
                    space,
                    paths,
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
            known.paths.learn(path, self.limits.paths_per_space);
        }
        // Where it belonged to another, it does no more.
        let others = site.spaces.iter_mut().enumerate().filter(|(other, _)| *other != number);
        others.for_each(|(_, known)| known.paths.forget(path));
        Ok(site.use_space(number).map_or(Entry::RefusedEarlier, Entry::Lane))
    }

    /// A lane without the connections of this one, and in its place; the one that already is there
    /// if somebody else was faster.
    pub(super) fn renew<E>(
        &self,
        origin: &Origin,
        route: &Route<L>,
        make: impl FnOnce(Option<&Identity>) -> Result<L, E>,
    ) -> Result<Route<L>, E> {
        let mut sites = self.lock();
        let site = sites.get_or_insert(origin, &self.limits);
        let place = match &route.space {
            None => Some(site.plain.get_or_insert_with(|| route.lane.clone())),
            Some(space) => {
                let same = site.spaces.iter_mut().find(|known| known.space == *space);
                same.map(|known| &mut known.lane)
            }
        };
        let identity = route.space.as_ref().map(|space| &*space.identity);
        let lane = match place {
            Some(lane) if !Arc::ptr_eq(lane, &route.lane) => lane.clone(),
            Some(lane) => {
                *lane = Arc::new(make(identity)?);
                lane.clone()
            }
            // Forgotten in the meantime: this request has its own.
            None => Arc::new(make(identity)?),
        };
        Ok(Route { lane, ..route.clone() })
    }

    /// The server challenges still. Unless it has taken the identity of this lane before, and so
    /// means something else, it does not take it.
    pub(super) fn still_challenged(&self, origin: &Origin, route: &Route<L>) {
        if !route.accepted.load(Ordering::Relaxed) {
            self.refused(origin, route, self.limits.refusal_timeout);
        }
    }

    /// A request on this lane has failed.
    ///
    /// A connection that broke off tells little: the server may have crashed. So that counts only
    /// while the server has never taken the identity, and for a short time.
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

    /// The server does not take the identity of this lane: do not try it for this long.
    fn refused(&self, origin: &Origin, route: &Route<L>, timeout: Duration) {
        let mut sites = self.lock();
        let Some(site) = sites.get(origin) else { return };
        let known = site.spaces.iter_mut().find(|known| Arc::ptr_eq(&known.lane, &route.lane));
        if let Some(known) = known {
            let new = Refused { at: Instant::now(), timeout };
            // What is known for certain is not shortened by what is likely.
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
        let new = || Site { plain: None, spaces: Vec::new(), used: 0 };
        let site = self.sites.entry(origin.clone()).or_insert_with(new);
        site.used = self.clock;
        site
    }
}

impl<L> Site<L> {
    /// The lane of this protection space, which is used now.
    fn use_space(&mut self, number: usize) -> Option<Route<L>> {
        if number >= self.spaces.len() {
            return None;
        }
        let known = self.spaces.remove(number);
        let route = Route {
            lane: known.lane.clone(),
            space: Some(known.space.clone()),
            accepted: known.accepted.clone(),
        };
        self.spaces.push(known);
        Some(route)
    }

    fn number_of(&self, realm: Option<&str>) -> Option<usize> {
        self.spaces.iter().position(|known| known.space.realm.as_deref() == realm)
    }

    /// The name of the identity of this protection space.
    fn identity(&self, number: usize) -> Option<&str> {
        self.spaces.get(number).map(|known| known.space.identity.name())
    }
}
