//! Routes: which server behind a request is for, and which scope it needs.
//!
//! Of the routes whose host and path both match, the one with the most specific host is used, then
//! the one with the longest path. A path that matches another route when it is spelled in another
//! way (escapes, case, empty segments, parameters) is ambiguous, and refused: the server behind
//! might read it in that way, and the requirement of the other route would be bypassed.

use std::sync::Arc;

use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::paths::PathDemand;
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
        let segments: Option<Vec<&str>> = text.strip_prefix('/').map(|rest| {
            rest.strip_suffix('/').unwrap_or(rest).split('/').collect()
        });
        let segments = match segments.as_deref() {
            Some([""]) => Vec::new(),
            Some(segments) => segments.to_vec(),
            None => vec![""],
        };
        let is_good = |segment: &&str| {
            !matches!(*segment, "" | "." | "..") && segment.chars().all(plain)
        };
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

    /// The same prefix for normalized paths.
    fn in_lower_case(&self) -> Self {
        Self(self.0.iter().map(|segment| segment.to_ascii_lowercase()).collect())
    }
}

/// A route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) host: HostPattern,
    pub(super) path: Prefix,
    /// The requirements for paths of this route.
    pub(super) demands: Vec<PathDemand>,
    pub(super) upstreams: Arc<Upstreams>,
}

impl Route {
    fn rank(&self) -> ((u8, usize), usize) {
        (self.host.rank(), self.path.0.len())
    }
}

/// Why no route was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// No route is for this host.
    Host,
    /// No route of this host is for this path.
    Path,
    /// The path belongs to one route as it is spelled, and to another in another reading.
    Ambiguous,
}

impl NoRoute {
    pub(super) fn status(self) -> StatusCode {
        match self {
            // RFC 9110 section 15.5.20: this server is not authoritative for the host.
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Path => StatusCode::NOT_FOUND,
            Self::Ambiguous => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Host => "no route is for this host",
            Self::Path => "no route is for this path",
            Self::Ambiguous => "the path has more than one interpretation",
        }
    }
}

/// All routes.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// With their paths in lower case; the most specific first.
    routes: Vec<(Route, Prefix)>,
}

impl Routes {
    /// Sorts the routes. Fails with the numbers of two routes that are for the same host and path.
    ///
    /// # Errors
    /// If two routes have the same host and the same path. Case is ignored.
    pub(super) fn new(routes: Vec<Route>) -> Result<Self, (usize, usize)> {
        for (second, route) in routes.iter().enumerate() {
            let same = |other: &Route| {
                other.host == route.host && other.path.in_lower_case() == route.path.in_lower_case()
            };
            if let Some(first) = routes.iter().take(second).position(same) {
                return Err((first, second));
            }
        }
        let mut routes: Vec<_> = routes
            .into_iter()
            .map(|route| {
                let lower = route.path.in_lower_case();
                (route, lower)
            })
            .collect();
        routes.sort_by_key(|(route, _)| std::cmp::Reverse(route.rank()));
        Ok(Self { routes })
    }

    /// Chooses the route of a request. `host` is in lower case and without a final dot, or `None`
    /// for an address; `path` is as the client wrote it, without the query. Returns the route's
    /// number.
    ///
    /// # Errors
    /// If no route matches, or if the choice depends on how the path is read.
    pub(super) fn choose(&self, host: Option<&str>, path: &str) -> Result<usize, NoRoute> {
        let of_host =
            || self.routes.iter().enumerate().filter(|(_, (route, _))| route.host.matches(host));
        if of_host().next().is_none() {
            return Err(NoRoute::Host);
        }
        let as_written: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let written = of_host().find(|(_, (route, _))| route.path.matches(&as_written));
        let written = written.map(|(number, _)| number);
        if of_host().any(|(_, (route, _))| !route.path.0.is_empty()) {
            let normal = normalized(path).ok_or(NoRoute::Ambiguous)?;
            let other = of_host().find(|(_, (_, lower))| lower.matches(&normal));
            if written != other.map(|(number, _)| number) {
                return Err(NoRoute::Ambiguous);
            }
        }
        written.ok_or(NoRoute::Path)
    }

    /// Returns the route of this number.
    pub(super) fn get(&self, number: usize) -> Option<&Route> {
        self.routes.get(number).map(|(route, _)| route)
    }
}

/// How often a path is decoded at most.
const MAX_DECODINGS: usize = 4;

/// Returns the segments of a path in the reading that removes the most: decoded until nothing is
/// left to decode, in lower case, without parameters (RFC 3986 section 3.3) and empty segments.
/// `None` if a server may also remove other segments, or split one.
fn normalized(path: &str) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        let mut text = segment.to_owned();
        let mut decodings = 0;
        while text.contains('%') && decodings < MAX_DECODINGS {
            let decoded = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
            if decoded == text {
                break;
            }
            text = decoded;
            decodings += 1;
        }
        let name = text.split(';').next().unwrap_or_default();
        let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
        if decodings == MAX_DECODINGS || matches!(name, "." | "..") || text.contains(is_odd) {
            return None;
        }
        if !name.is_empty() {
            segments.push(name.to_lowercase());
        }
    }
    Some(segments)
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
