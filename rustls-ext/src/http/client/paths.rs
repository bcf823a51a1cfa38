/// The longest path that is remembered, in bytes.
const LONGEST: usize = 1024;

/// Paths that were challenged in one realm, in the order in which they were learned.
///
/// HTTP does not tell which paths belong to a protection space. Paths below a challenged path
/// probably do. Paths beside it may belong to another, so they are requested without authentication
/// first.
#[derive(Debug, Default)]
pub(super) struct Paths(Vec<String>);

impl Paths {
    /// The length of the longest challenged path that covers this path; `None` if none does.
    pub(super) fn depth(&self, path: &str) -> Option<usize> {
        self.0.iter().filter(|known| covers(known, path)).map(String::len).max()
    }

    /// Adds a path that was challenged. At most `limit` paths are kept, but at least one.
    pub(super) fn learn(&mut self, path: &str, limit: usize) {
        if path.len() > LONGEST || self.depth(path).is_some() {
            return;
        }
        // Paths below it are now covered by it.
        self.0.retain(|known| !covers(path, known));
        make_room(&mut self.0, limit);
        self.0.push(path.into());
    }

    /// Records that this path belongs to another realm.
    pub(super) fn forget(&mut self, path: &str) {
        self.0.retain(|known| known != path);
    }
}

/// Returns true if `path` is equal to the challenged path or below it.
fn covers(challenged: &str, path: &str) -> bool {
    match path.strip_prefix(challenged) {
        Some(rest) => rest.is_empty() || challenged.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// Makes room for one more element at the end, given this limit, which counts as at least one.
pub(super) fn make_room<T>(list: &mut Vec<T>, limit: usize) {
    let most = limit.saturating_sub(1);
    if list.len() > most {
        list.drain(..list.len() - most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenged_path_covers_itself_and_what_is_below_it() {
        for (challenged, path, covered) in [
            ("/", "/", true),
            ("/", "/a", true),
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a/", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/", "/a", false),
            ("/a/b", "/a", false),
            ("/a/b", "/a/c", false),
        ] {
            assert_eq!(covers(challenged, path), covered, "{challenged} {path}");
        }
    }

    #[test]
    fn paths_are_few_and_short() {
        let mut paths = Paths::default();
        for path in ["/a", "/b", "/c", "/b/d"] {
            paths.learn(path, 2);
        }
        assert_eq!(paths.0, ["/b", "/c"]);
        paths.learn("/", 2);
        assert_eq!(paths.0, ["/"]);

        let mut paths = Paths::default();
        paths.learn(&"/".repeat(LONGEST + 1), 2);
        assert!(paths.0.is_empty());
        paths.learn("/a", 0);
        assert_eq!(paths.0, ["/a"]);
    }
}
