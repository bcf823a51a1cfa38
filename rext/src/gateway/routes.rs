//! Routes: which server behind a request is for, and which scope it needs.
//!
//! Of the routes whose host and path both match, the one with the most specific host is used, then
//! the one with the longest path. A path that belongs to another route in another reading (escapes,
//! case, empty segments, parameters: see [`Demands`]) is refused: the server behind might read it in
//! that way, and the requirement of the other route would be bypassed.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use super::paths::{Ambiguous, Demands, PrefixError};
use super::upstream::Upstreams;

/// The host names of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostPattern {
    /// All hosts, and addresses.
    Any,
    /// All names below this domain, however many labels they have more.
    Below(String),
    /// This name.
    Exact(String),
}

impl HostPattern {
    /// Parses a pattern in a file.
    ///
    /// # Errors
    /// If it is not a host name, or `*.` and a host name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, is_wildcard) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        if !name.split('.').all(is_label) {
            return Err(format!(
                "host {text:?} is neither a host name such as \"app.example.com\" nor a wildcard \
                 such as \"*.example.com\", without a port"
            ));
        }
        let name = name.to_ascii_lowercase();
        Ok(if is_wildcard { Self::Below(name) } else { Self::Exact(name) })
    }

    /// Returns true if a name, in lower case and without a final dot, matches. `None` is an address.
    fn matches(&self, host: Option<&str>) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Exact(name), Some(host)) => name == host,
            (Self::Below(domain), Some(host)) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }

    /// Returns true if all names that match `other` match this pattern, too.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Exact(name)) => self.matches(Some(name)),
            (Self::Below(domain), Self::Below(other)) => {
                domain == other || self.matches(Some(other))
            }
            _ => false,
        }
    }

    /// More specific patterns have higher values.
    fn rank(&self) -> (u8, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Below(domain) => (1, domain.len()),
            Self::Exact(_) => (2, 0),
        }
    }
}

/// The path prefix of a route, as its segments; without any, all paths match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefix(Vec<String>);

impl Prefix {
    /// Parses a prefix in a file.
    ///
    /// # Errors
    /// If it is not a plain path.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~' | '.');
        let segments: Vec<&str> = match text.strip_prefix('/') {
            Some("") => Vec::new(),
            Some(rest) => rest.strip_suffix('/').unwrap_or(rest).split('/').collect(),
            None => vec![""],
        };
        let is_good =
            |segment: &&str| !matches!(*segment, "" | "." | "..") && segment.chars().all(plain);
        if !segments.iter().all(is_good) {
            return Err(format!(
                "path {text:?} is not a plain path: it must begin with / and consist of segments of \
                 letters, digits and - _ ~ ."
            ));
        }
        Ok(Self(segments.into_iter().map(str::to_owned).collect()))
    }

    fn matches(&self, segments: &[impl AsRef<str>]) -> bool {
        segments.len() >= self.0.len()
            && self.0.iter().zip(segments).all(|(wanted, found)| wanted == found.as_ref())
    }

    fn text(&self) -> String {
        format!("/{}", self.0.join("/"))
    }
}

/// A route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) host: HostPattern,
    pub(super) path: Prefix,
    /// The requirements for paths of this route.
    pub(super) demands: Demands,
    pub(super) upstreams: Arc<Upstreams>,
    /// The protocols to which connections may switch, in lower case.
    pub(super) upgrades: Vec<String>,
}

/// Why no route was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// No route is for this host.
    Host,
    /// No route of this host is for this path.
    Path,
    /// The path belongs to one route as it is spelled, and to another in another reading.
    Several,
    /// The path's readings are too different.
    Ambiguous(Ambiguous),
}

impl NoRoute {
    pub(super) fn status(self) -> StatusCode {
        match self {
            // RFC 9110 section 15.5.20: this server is not authoritative for the host.
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Path => StatusCode::NOT_FOUND,
            Self::Several | Self::Ambiguous(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("no route is for this host"),
            Self::Path => f.write_str("no route is for this path"),
            Self::Several => f.write_str("servers may interpret the path differently"),
            Self::Ambiguous(reason) => {
                write!(f, "{reason}, which servers may interpret differently")
            }
        }
    }
}

/// Why routes cannot be used together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RoutesError {
    /// The first of these is for the same host and path as the second.
    Duplicate(usize, usize),
    /// A prefix of this route's host is not plain, or two are the same to some servers.
    Prefix(usize, PrefixError),
}

/// All routes.
#[derive(Debug, Default)]
pub(super) struct Routes {
    routes: Vec<Route>,
    /// The most specific pattern first.
    hosts: Vec<HostRoutes>,
}

/// The routes for the names that match a pattern, and no more specific one.
#[derive(Debug)]
struct HostRoutes {
    pattern: HostPattern,
    /// The numbers of the routes for these names, including those for more names; the longest path
    /// first. Paths are different.
    routes: Vec<usize>,
    /// Finds the routes of all readings of a path, by their numbers; `None` if all paths belong to
    /// one route.
    readings: Option<Demands>,
}

impl Routes {
    /// Returns the maximum number of open connections to all servers behind.
    pub(super) fn max_connections(&self) -> usize {
        let all = self.routes.iter().map(|route| route.upstreams.max_connections());
        all.fold(0, usize::saturating_add)
    }

    /// # Errors
    /// If two routes are for the same host and path. Case is ignored.
    pub(super) fn new(routes: Vec<Route>) -> Result<Self, RoutesError> {
        for (second, route) in routes.iter().enumerate() {
            let same = |other: &Route| other.host == route.host && other.path == route.path;
            if let Some(first) = routes.iter().take(second).position(same) {
                return Err(RoutesError::Duplicate(second, first));
            }
        }
        let mut hosts: Vec<HostRoutes> = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            if !hosts.iter().any(|host| host.pattern == route.host) {
                let host = HostRoutes::new(route.host.clone(), &routes);
                hosts.push(host.map_err(|err| RoutesError::Prefix(number, err))?);
            }
        }
        hosts.sort_by_key(|host| std::cmp::Reverse(host.pattern.rank()));
        Ok(Self { routes, hosts })
    }

    /// Chooses the route of a request. `host` is in lower case and without a final dot, or `None`
    /// for an address; `path` is as the client wrote it, without the query. Returns the route's
    /// number.
    ///
    /// # Errors
    /// If no route matches, or if the choice depends on how the path is read.
    pub(super) fn choose(&self, host: Option<&str>, path: &str) -> Result<usize, NoRoute> {
        let host = self.hosts.iter().find(|it| it.pattern.matches(host)).ok_or(NoRoute::Host)?;
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let matches =
            |number: &&usize| self.get(**number).is_some_and(|route| route.path.matches(&segments));
        let written = host.routes.iter().find(matches).copied();
        match &host.readings {
            // `*` is the only target that is not a path.
            Some(readings) if path != "*" => {
                let all = readings.of(path).map_err(NoRoute::Ambiguous)?;
                match (written, &*all) {
                    (Some(number), [only]) if *only == number.to_string() => Ok(number),
                    (None, []) => Err(NoRoute::Path),
                    _ => Err(NoRoute::Several),
                }
            }
            _ => written.ok_or(NoRoute::Path),
        }
    }

    /// Returns the route of this number.
    pub(super) fn get(&self, number: usize) -> Option<&Route> {
        self.routes.get(number)
    }
}

impl HostRoutes {
    fn new(pattern: HostPattern, routes: &[Route]) -> Result<Self, PrefixError> {
        let mut of_host: Vec<_> =
            routes.iter().enumerate().filter(|(_, route)| route.host.covers(&pattern)).collect();
        // The most specific host first. Its paths hide all paths below them of less specific hosts. Of
        // those that remain, the longest one that matches is of the most specific host.
        of_host.sort_by_key(|(_, route)| std::cmp::Reverse(route.host.rank()));
        let mut seen: Vec<(usize, &Route)> = Vec::new();
        for (number, route) in of_host {
            let hides =
                |other: &Route| other.host != route.host && other.path.matches(&route.path.0);
            if !seen.iter().any(|(_, other)| hides(other)) {
                seen.push((number, route));
            }
        }
        let mut kept: Vec<(usize, &Prefix)> =
            seen.into_iter().map(|(number, route)| (number, &route.path)).collect();
        kept.sort_by_key(|(_, path)| std::cmp::Reverse(path.0.len()));
        let readings = if kept.iter().any(|(_, path)| !path.0.is_empty()) {
            let named: Vec<_> =
                kept.iter().map(|(number, path)| (path.text(), number.to_string())).collect();
            let all = named.iter().map(|(path, number)| (path.as_str(), Some(number.as_str())));
            Some(Demands::new(all)?)
        } else {
            None
        };
        let routes = kept.into_iter().map(|(number, _)| number).collect();
        Ok(Self { pattern, routes, readings })
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
