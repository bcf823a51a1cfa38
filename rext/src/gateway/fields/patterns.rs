//! Names of fields, and beginnings of names, as a server behind may fold them.

use std::collections::HashSet;

use http::HeaderName;
use rustls_ext::http::client_cert::fold;

/// A folded name, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Pattern {
    /// Parses a name. A final `*` stands for any text. Returns `None` if no field has such a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, is_prefix) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some(Self { text: fold(name.as_str()).into_owned(), is_prefix })
    }

    /// Returns the folded name, if it is a whole one.
    pub(super) fn name(&self) -> Option<&str> {
        (!self.is_prefix).then_some(&self.text)
    }

    /// Returns true if the name, which is folded, is or begins with this text.
    pub(super) fn matches(&self, name: &str) -> bool {
        if self.is_prefix { name.starts_with(&self.text) } else { name == self.text }
    }
}

/// A set of names, with exceptions.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: HashSet<String>,
    prefixes: Vec<String>,
    exceptions: HashSet<String>,
    /// The first characters of all names and prefixes, as bits: most names are found in none of them.
    firsts: u128,
}

impl Names {
    pub(super) fn insert(&mut self, pattern: &Pattern) {
        self.firsts |= first_of(&pattern.text);
        if pattern.is_prefix {
            self.prefixes.push(pattern.text.clone());
        } else {
            self.names.insert(pattern.text.clone());
        }
    }

    /// Inserts a folded name, for which there is no exception.
    pub(super) fn insert_name(&mut self, name: &str) {
        self.firsts |= first_of(name);
        self.exceptions.remove(name);
        self.names.insert(name.to_owned());
    }

    /// Makes an exception for a folded name.
    pub(super) fn except(&mut self, name: &str) {
        self.names.remove(name);
        self.exceptions.insert(name.to_owned());
    }

    /// Returns true if the set contains this folded name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.firsts & first_of(name) != 0
            && (self.names.contains(name)
                || (self.prefixes.iter().any(|prefix| name.starts_with(prefix))
                    && !self.exceptions.contains(name)))
    }
}

/// The bit of the first character of a folded name, which is ASCII.
fn first_of(name: &str) -> u128 {
    name.bytes().next().and_then(|first| 1_u128.checked_shl(first.into())).unwrap_or(u128::MAX)
}
