//! Which paths a demand is on, so that nobody gets around it by another spelling.

use percent_encoding::percent_decode_str;

/// What is demanded of those who ask for certain paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathDemand {
    /// How these paths begin.
    pub prefix: String,
    /// The scope in which a client must be authenticated.
    pub scope: String,
}

pub(super) fn parse_demand(text: &str) -> Result<PathDemand, String> {
    let (prefix, scope) = text.rsplit_once('=').ok_or("not of the form PREFIX=SCOPE")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '~');
    if prefix.starts_with('/') && prefix.chars().all(plain) && !scope.is_empty() {
        Ok(PathDemand { prefix: prefix.into(), scope: scope.into() })
    } else {
        Err("not of the form PREFIX=SCOPE, with a PREFIX of / and letters, digits, - _ ~".into())
    }
}

/// A path, of which there is only one reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// `None` if a server could read it in another way than the one in front of it: segments of dots,
    /// slashes and backslashes that are escaped, a percent sign that escapes nothing, and what is no
    /// UTF-8 or has control characters in it.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut segments = Vec::new();
        // `*` is the one target that is no path.
        for segment in path.strip_prefix('/').or((path == "*").then_some("*"))?.split('/') {
            let escapes = segment.split('%').skip(1);
            let well_formed = |escape: &str| {
                escape
                    .get(..2)
                    .is_some_and(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
            };
            if !escapes.into_iter().all(well_formed) {
                return None;
            }
            let decoded = percent_decode_str(segment).decode_utf8().ok()?;
            // What stands behind a semicolon, some servers leave out (RFC 3986 section 3.3).
            let name = decoded.split(';').next().unwrap_or_default();
            if matches!(name, "." | "..") || decoded.contains(['/', '\\']) {
                return None;
            }
            if decoded.chars().any(char::is_control) {
                return None;
            }
            if !name.is_empty() {
                segments.push(name.to_ascii_lowercase());
            }
        }
        Some(Self(segments))
    }

    /// The scope that is demanded by the longest prefix of this path, whole segments of it.
    ///
    /// Case does not matter, nor do empty segments: that demands more of some paths, never less.
    pub(super) fn demand<'a>(&self, demands: &'a [PathDemand]) -> Option<&'a str> {
        demands
            .iter()
            .filter_map(|demand| {
                let prefix = Self::parse(&demand.prefix)?;
                self.0.starts_with(&prefix.0).then_some((prefix.0.len(), &*demand.scope))
            })
            .max_by_key(|(length, _)| *length)
            .map(|(_, scope)| scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(path: &str) -> Option<Option<&'static str>> {
        let demands = [("/admin", "staff"), ("/account/", "users"), ("/admin/help", "agents")];
        let demands = demands
            .map(|(prefix, scope)| PathDemand { prefix: prefix.into(), scope: scope.into() });
        let found = Path::parse(path)?.demand(&demands)?.to_owned();
        Some(["staff", "users", "agents"].into_iter().find(|scope| *scope == found))
    }

    #[test]
    fn a_demand_is_on_whole_segments_and_the_longest_prefix_counts() {
        for (path, scope) in [
            ("/admin", "staff"),
            ("/admin/", "staff"),
            ("/admin/x", "staff"),
            ("/admin/helpers", "staff"),
            ("/admin/help", "agents"),
            ("/admin/help/me", "agents"),
            ("/account", "users"),
            ("/account/x", "users"),
        ] {
            assert_eq!(demand(path), Some(Some(scope)), "{path}");
        }
        for path in ["/", "*", "/administer", "/x/admin", "/accounts", "/%c3%a4"] {
            assert!(Path::parse(path).is_some() && demand(path).is_none(), "{path}");
        }
    }

    #[test]
    fn no_other_spelling_gets_around_a_demand() {
        for path in [
            "//admin",
            "/Admin",
            "/ADMIN/x",
            "/%61dmin",
            "/%41DMIN",
            "/admin;x=y",
            "/;/admin",
            "///admin///x",
        ] {
            assert_eq!(demand(path), Some(Some("staff")), "{path}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for path in [
            "/./admin",
            "/x/../admin",
            "/x/%2e%2E/admin",
            "/x/..;/admin",
            "/x%2fadmin",
            "/x%5Cadmin",
            "/x\\admin",
            "/%",
            "/%4",
            "/%zz",
            "/%00",
            "/a%0ab",
            "/%ff",
            "admin",
            "",
        ] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_demand_is_on_a_plain_prefix() {
        let expected = PathDemand { prefix: "/admin/x".into(), scope: "staff".into() };
        assert_eq!(parse_demand("/admin/x=staff"), Ok(expected));
        for bad in
            ["", "/admin", "/admin=", "admin=staff", "/a%20b=staff", "/a/../b=staff", "/a;b=c"]
        {
            assert!(parse_demand(bad).is_err(), "{bad}");
        }
    }
}
