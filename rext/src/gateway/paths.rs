//! Requirements for paths. Another spelling of a path cannot bypass them.
//!
//! Servers interpret paths differently: one decodes `%2F`, another resolves it, a third refuses it.
//! So a path has more than one *reading*, and the gateway cannot know which one the server behind
//! uses. The rules:
//!
//! * For a path with one reading, the requirement with the longest prefix applies.
//! * For a path with several readings, the requirements of all of them apply together. `/admin=staff`
//!   with `/admin/help=agents` requires both scopes for `/admin//help`, since the server may read it
//!   as `/admin/help` or as something else below `/admin`.
//! * A path whose readings are too different is refused: see [`Ambiguous`].
//!
//! [`Demands::of`] finds the requirements of all readings without making them one by one. It compares
//! a [loose](loose) form of the path, which begins with a prefix if any reading does; and the path
//! itself, since all readings begin with a prefix that the path contains literally.

use std::fmt;

mod loose;

pub use loose::Ambiguous;

/// A requirement for clients that request certain paths: the option `--require`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathDemand {
    /// The prefix of these paths.
    pub prefix: String,
    /// The scope in which a client must be authenticated.
    pub scope: String,
}

pub(super) fn parse_demand(text: &str) -> Result<PathDemand, String> {
    let (prefix, scope) = text.rsplit_once('=').ok_or("not of the form PREFIX=SCOPE")?;
    if scope.is_empty() {
        return Err("not of the form PREFIX=SCOPE: the scope is missing".into());
    }
    check_prefix(prefix).map_err(|err| err.to_string())?;
    Ok(PathDemand { prefix: prefix.into(), scope: scope.into() })
}

/// Checks that all servers read a prefix in the same way.
///
/// # Errors
/// [`PrefixError::NotPlain`].
pub(super) fn check_prefix(prefix: &str) -> Result<(), PrefixError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~' | '.');
    let is_segment = |segment: &str| segment.chars().all(plain) && !segment.ends_with('.');
    match prefix.strip_prefix('/') {
        Some(rest) if rest.split('/').all(is_segment) => Ok(()),
        _ => Err(PrefixError::NotPlain(prefix.to_owned())),
    }
}

/// Why a list of prefixes is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// Servers may read this prefix differently.
    NotPlain(String),
    /// These prefixes are for the same paths.
    Duplicate(String, String),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPlain(prefix) => write!(
                f,
                "the path {prefix:?} does not begin with /, or does not consist of letters, digits and / - _ ~ \
                 and of dots that do not end a segment"
            ),
            Self::Duplicate(one, other) if one == other => {
                write!(f, "the path {one:?} has more than one requirement; remove one of them")
            }
            Self::Duplicate(one, other) => write!(
                f,
                "{one:?} and {other:?} are the same path, since servers may ignore case and repeated slashes; \
                 remove one of them"
            ),
        }
    }
}

impl std::error::Error for PrefixError {}

/// The requirements of a host's paths.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands(Vec<Demand>);

#[derive(Clone, Debug)]
struct Demand {
    /// Without a final slash.
    prefix: String,
    /// In lower case, without empty ones.
    segments: Vec<String>,
    scope: Option<String>,
}

impl Demands {
    /// Takes the requirements: prefixes, and the scope that each one requires. A prefix without a
    /// scope is an exception within a shorter prefix.
    ///
    /// # Errors
    /// If two prefixes are for the same paths, or one is not plain.
    pub(super) fn new<'a>(
        demands: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, PrefixError> {
        let mut all: Vec<Demand> = Vec::new();
        for (prefix, scope) in demands {
            let demand = Demand::new(prefix, scope)?;
            if let Some(other) = all.iter().find(|other| other.segments == demand.segments) {
                return Err(PrefixError::Duplicate(other.prefix.clone(), demand.prefix));
            }
            all.push(demand);
        }
        // So that the outermost requirement is challenged first. `of` needs this order, too.
        all.sort_by_key(|demand| demand.segments.len());
        Ok(Self(all))
    }

    /// Returns the scopes in which a client must be authenticated for this path, in all of them: the
    /// one of the shortest prefix first. Each scope occurs once.
    ///
    /// # Errors
    /// If the path's readings are too different.
    pub(super) fn of(&self, path: &str) -> Result<Vec<&str>, Ambiguous> {
        let mut scopes = Vec::new();
        if self.0.iter().all(|demand| demand.scope.is_none()) {
            return Ok(scopes);
        }
        let depth = self.0.last().map_or(0, |demand| demand.segments.len());
        if depth == 0 {
            // This requirement is for all paths, however they are read.
            return Ok(self.0.iter().filter_map(|demand| demand.scope.as_deref()).collect());
        }
        let readings = loose::readings(path, depth)?;
        // All readings begin with this prefix, so no shorter one is the longest of a reading.
        let certain = self.0.iter().filter(|demand| demand.is_certain(path));
        let shortest = certain.map(|demand| demand.segments.len()).max().unwrap_or_default();
        for demand in &self.0 {
            let Some(scope) = demand.scope.as_deref() else { continue };
            let applies = demand.segments.len() >= shortest
                && readings.iter().any(|reading| reading.begins_with(&demand.segments));
            if applies && !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Ok(scopes)
    }
}

impl Demand {
    fn new(prefix: &str, scope: Option<&str>) -> Result<Self, PrefixError> {
        check_prefix(prefix)?;
        let segments = prefix.split('/').filter(|segment| !segment.is_empty());
        Ok(Self {
            segments: segments.map(str::to_ascii_lowercase).collect(),
            prefix: prefix.trim_end_matches('/').to_owned(),
            scope: scope.map(str::to_owned),
        })
    }

    /// Returns true if the path contains this prefix literally, so that all readings begin with it:
    /// no server interprets these characters, and paths that lead out of the prefix are refused.
    fn is_certain(&self, path: &str) -> bool {
        // A reading of `//` at the beginning is a host, so the path is then not certain.
        let is_plain = !self.prefix.contains("//") && !path.starts_with("//");
        is_plain
            && path
                .strip_prefix(&self.prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests;
