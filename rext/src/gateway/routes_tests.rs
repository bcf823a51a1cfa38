use super::*;

/// Routes with these hosts and paths. No upstream is used.
fn routes(list: &[(&str, &str)]) -> Result<Routes, RoutesError> {
    let route = |(host, path): &(&str, &str)| Route {
        host: if host.is_empty() { HostPattern::Any } else { HostPattern::parse(host).unwrap() },
        path: Prefix::parse(path).unwrap(),
        demands: Demands::default(),
        upstreams: Upstreams::new(Vec::new()),
        upgrades: Vec::new(),
    };
    Routes::new(list.iter().map(route).collect())
}

/// The host and path of the route that is chosen.
fn choice(
    routes: &Routes,
    host: Option<&str>,
    path: &str,
) -> Result<(HostPattern, String), NoRoute> {
    let route = routes.get(routes.choose(host, path)?).unwrap();
    Ok((route.host.clone(), route.path.text()))
}

#[test]
fn the_most_specific_host_and_then_the_longest_path_wins() {
    let routes = routes(&[
        ("", "/"),
        ("", "/api"),
        ("*.example.com", "/"),
        ("*.b.example.com", "/"),
        ("a.example.com", "/x"),
        ("A.example.com", "/x/y"),
    ])
    .unwrap();
    let any = HostPattern::Any;
    let below = |name: &str| HostPattern::Below(name.into());
    let exact = |name: &str| HostPattern::Exact(name.into());
    for (host, path, chosen) in [
        (Some("other"), "/", (any.clone(), "/")),
        (None, "/api", (any.clone(), "/api")),
        (None, "/api/", (any.clone(), "/api")),
        (None, "/api/x", (any.clone(), "/api")),
        (None, "/apis", (any.clone(), "/")),
        (Some("example.com"), "/", (any.clone(), "/")),
        (Some("xexample.com"), "/", (any, "/")),
        (Some("c.example.com"), "/api", (below("example.com"), "/")),
        (Some("c.b.example.com"), "/api", (below("b.example.com"), "/")),
        (Some("a.example.com"), "/x/y/z", (exact("a.example.com"), "/x/y")),
        (Some("a.example.com"), "/x/z", (exact("a.example.com"), "/x")),
        (Some("a.example.com"), "/z", (below("example.com"), "/")),
    ] {
        let expected = Ok((chosen.0, chosen.1.to_owned()));
        assert_eq!(choice(&routes, host, path), expected, "{host:?} {path}");
    }
}

#[test]
fn a_path_that_another_reading_sends_to_another_route_is_ambiguous() {
    let routes = routes(&[("", "/"), ("", "/admin"), ("", "/admin/help")]).unwrap();
    for path in [
        "//admin",
        "/Admin",
        "/%61dmin",
        "/%2561dmin",
        "/admin;x/help",
        "/admin//help",
        "/admin/HELP",
        "/admin/hel%70",
        "/admin/help;x",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/..;/admin",
        "/admin%2fhelp",
        "/admin%5chelp",
        "/x%2f..%2fadmin",
        "/%00",
        "/%ff",
        "/%25252525252561dmin",
    ] {
        let refused = choice(&routes, None, path).map_err(NoRoute::status);
        assert_eq!(refused, Err(StatusCode::BAD_REQUEST), "{path}");
    }
    for (path, chosen) in [
        ("/a%20b", "/"),
        ("/a%2fb", "/"),
        ("/x//y;z", "/"),
        ("/admin/x;y", "/admin"),
        ("/admin/help/%c3%a4", "/admin/help"),
        ("*", "/"),
    ] {
        let found = choice(&routes, None, path).map(|(_, path)| path);
        assert_eq!(found, Ok(chosen.to_owned()), "{path}");
    }
}

#[test]
fn without_paths_the_spelling_of_a_path_does_not_matter() {
    let routes = routes(&[("", "/")]).unwrap();
    for path in ["//admin", "/x/../y", "/%00", "*", ""] {
        assert_eq!(routes.choose(None, path), Ok(0), "{path}");
    }
}

#[test]
fn no_route_for_the_host_differs_from_no_route_for_the_path() {
    let routes = routes(&[("a.example", "/x")]).unwrap();
    assert_eq!(routes.choose(Some("b.example"), "/x"), Err(NoRoute::Host));
    assert_eq!(routes.choose(None, "/x"), Err(NoRoute::Host));
    assert_eq!(routes.choose(Some("a.example"), "/y"), Err(NoRoute::Path));
    let statuses = [NoRoute::Host, NoRoute::Path, NoRoute::Several].map(NoRoute::status);
    assert_eq!(statuses.map(|status| status.as_u16()), [421, 404, 400]);
}

#[test]
fn the_same_host_and_path_twice_is_an_error_in_any_case() {
    let duplicate = |second, first| Some(RoutesError::Duplicate(second, first));
    assert_eq!(routes(&[("", "/"), ("", "/x"), ("", "/x/")]).err(), duplicate(2, 1));
    assert_eq!(routes(&[("a.b", "/x"), ("A.B", "/x")]).err(), duplicate(1, 0));
    let case = routes(&[("", "/x"), ("", "/X")]).err();
    assert!(matches!(case, Some(RoutesError::Prefix(0, PrefixError::Duplicate(..)))), "{case:?}");
    assert!(routes(&[("a.b", "/x"), ("*.a.b", "/x"), ("", "/x"), ("", "/")]).is_ok());
}

#[test]
fn hosts_and_paths_of_files_are_plain() {
    for bad in ["", "*", "*.", "a..b", "a.*", "a:80", "[::1]", "a b", ".a", "a."] {
        assert!(HostPattern::parse(bad).is_err(), "{bad}");
    }
    for bad in ["", "x", "//", "/a//b", "/a/../b", "/.", "/a%20b", "/a;b", "/a?b", "/ä"] {
        assert!(Prefix::parse(bad).is_err(), "{bad}");
    }
    for (good, segments) in [("/", 0), ("/v1.0", 1), ("/a/b/", 2)] {
        assert_eq!(Prefix::parse(good).unwrap().0.len(), segments, "{good}");
    }
}
