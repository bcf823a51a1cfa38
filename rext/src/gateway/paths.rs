//! Requirements for paths. Another spelling of a path cannot bypass them.

use percent_encoding::percent_decode_str;

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
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '~');
    if prefix.starts_with('/') && prefix.chars().all(plain) && !scope.is_empty() {
        Ok(PathDemand { prefix: prefix.into(), scope: scope.into() })
    } else {
        Err("not of the form PREFIX=SCOPE, where PREFIX begins with / and consists of letters, digits \
             and / - _ ~".into())
    }
}

/// An unambiguous path, as its decoded segments in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Parses a path. Returns `None` if two servers could interpret it differently: dot segments,
    /// escaped slashes and backslashes, invalid percent-encoding, bytes that are not UTF-8, and
    /// control characters.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut segments = Vec::new();
        // `*` is the only target that is not a path.
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
            // Some servers ignore the text after a semicolon (RFC 3986 section 3.3).
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

    /// Returns the scope that the longest prefix of this path requires. Prefixes consist of whole
    /// segments.
    ///
    /// Case and empty segments are ignored: that can only add requirements, not remove them.
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
    fn a_demand_matches_whole_segments_and_the_longest_prefix_applies() {
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
    fn another_spelling_of_a_path_does_not_bypass_a_demand() {
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
    fn an_ambiguous_path_is_not_parsed() {
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
    fn the_prefix_of_a_demand_has_no_special_characters() {
        let expected = PathDemand { prefix: "/admin/x".into(), scope: "staff".into() };
        assert_eq!(parse_demand("/admin/x=staff"), Ok(expected));
        for bad in
            ["", "/admin", "/admin=", "admin=staff", "/a%20b=staff", "/a/../b=staff", "/a;b=c"]
        {
            assert!(parse_demand(bad).is_err(), "{bad}");
        }
    }
}
