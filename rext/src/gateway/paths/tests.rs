use proptest::prelude::*;

use super::*;

/// One name per scope: `staff` for `/admin`, `agents` for `/admin/help`, `users` for `/account`, and an
/// exception for `/account/new`.
fn demands() -> Demands {
    Demands::new([
        ("/admin", Some("staff")),
        ("/account/", Some("users")),
        ("/admin/help", Some("agents")),
        ("/account/new", None),
    ])
    .unwrap()
}

#[test]
fn the_longest_prefix_applies_to_a_path_with_one_reading() {
    for (path, scopes) in [
        ("/admin", &["staff"][..]),
        ("/admin/", &["staff"]),
        ("/admin/x", &["staff"]),
        ("/admin/helpers", &["staff"]),
        ("/admin/help", &["agents"]),
        ("/admin/help/", &["agents"]),
        ("/admin/help/README.txt", &["agents"]),
        ("/admin/help/me//%20;x", &["agents"]),
        ("/account", &["users"]),
        ("/account/x", &["users"]),
        ("/account/new", &[]),
        ("/account/new/x", &[]),
    ] {
        assert_eq!(demands().of(path).unwrap(), scopes, "{path}");
    }
    for path in [
        "/",
        "*",
        "/administer",
        "/x/admin",
        "/accounts",
        "/%c3%a4",
        "/%E6%97%A5%E6%9C%AC",
        "/100%25",
        "/a%2fb",
        "/what%3f",
        "/a.b/c.d",
        "/~user/x",
        "/x%5cy",
        "/@me/admin",
        "/50%25up",
    ] {
        assert_eq!(demands().of(path), Ok(vec![]), "{path}");
    }
}

/// cases/proxy/proxy1.py section 5, and more spellings.
#[test]
fn the_requirements_of_all_readings_apply_together() {
    let both = &["staff", "agents"][..];
    for (path, scopes) in [
        // nginx decodes it, and Tomcat then takes `;\help` as the parameters of an empty segment.
        ("/%3b%5chel%70/admin", &["staff"][..]),
        ("/admin:x%5cy/help", both),
        ("//admin", &["staff"][..]),
        ("/Admin", &["staff"]),
        ("/ADMIN/x", &["staff"]),
        ("/%61dmin", &["staff"]),
        ("/%2561dmin", &["staff"]),
        ("/%252561dmin", &["staff"]),
        ("/%41DMIN", &["staff"]),
        ("/admin;x=y", &["staff"]),
        ("/;/admin", &["staff"]),
        ("///admin///x", &["staff"]),
        ("/admin%20/x", &["staff"]),
        ("/admin./x", &["staff"]),
        ("/%20admin", &["staff"]),
        ("/admin%c2%a0", &["staff"]),
        ("/%EF%BD%81dmin/x", &["staff"]),
        ("/adm%C4%B1n/x", &["staff"]),
        ("/%C3%A1dmin", &["staff"]),
        ("/ad%C2%ADmin", &["staff"]),
        ("/%E4%B9%A1dmin", &["staff"]),
        ("/admin%3f/x", &["staff"]),
        ("/admin%23/x", &["staff"]),
        ("/admin::$DATA", &["staff"]),
        ("/ADMIN~1", &["staff"]),
        ("/\\admin", &["staff"]),
        ("/%5cadmin", &["staff"]),
        ("/%2fadmin", &["staff"]),
        ("/admin%2fx", &["staff"]),
        ("/admin%ef%bc%8fx", &["staff"]),
        ("//evil/admin", &["staff"]),
        ("/\\evil/admin", &["staff"]),
        ("/account/New", &["users"]),
        ("/account;/new", &["users"]),
        ("/account//new", &["users"]),
        ("//account/new", &["users"]),
        ("/admin//help", both),
        ("//admin/help", both),
        ("/admin/HELP", both),
        ("/ADMIN/help", both),
        ("/admin/help;x", both),
        ("/admin/;/help", both),
        ("/admin;a/help", both),
        ("/admin/help;/delete-all", both),
        ("/admin//help/delete", both),
        ("/admin/hel%70", both),
        ("/admin/help%3Bx", both),
        ("/admin/help%2fx", both),
        ("/admin/help%5cx", both),
        ("/admin%2fhelp", both),
        ("/admin/help.", both),
    ] {
        assert_eq!(demands().of(path).unwrap(), scopes, "{path}");
    }
}

#[test]
fn a_path_with_too_different_readings_is_refused() {
    use Ambiguous::*;
    for (path, reason) in [
        ("/./admin", Dots),
        ("/x/../admin", Dots),
        ("/x/%2e%2E/admin", Dots),
        ("/x/..;/admin", Dots),
        ("/x/..%3b/admin", Dots),
        ("/x/.../admin", Dots),
        ("/admin/.%20./x", Dots),
        ("/admin/help/../x", Dots),
        ("/admin/help%2f..%2fx", Dots),
        ("/admin/help\\..\\x", Dots),
        ("/admin/help/..;/x", Dots),
        ("/%252e%252e/admin", Dots),
        ("/x/%252e%252e/admin/x", Dots),
        ("/x/%25252e%25252e/admin/x", Dots),
        ("/x/%ef%bc%8e%ef%bc%8e/admin", Dots),
        ("/x/%e2%80%a5/admin", Dots),
        ("/x/%e4%b8%ae%e4%b8%ae/admin", Dots),
        ("/x/%ef%bc%852e%ef%bc%852e/admin", Dots),
        ("/x/.%e2%80%8b./admin", Dots),
        ("/..", Dots),
        ("/x/..%23", Dots),
        ("/%", Escape),
        ("/%4", Escape),
        ("/%zz", Escape),
        ("/%u0061dmin", Escape),
        ("/%25u0061dmin", Escape),
        ("/%00", Control),
        ("/admin%00", Control),
        ("/a%0ab", Control),
        ("/a%2500", Control),
        ("/a%c2%85", Control),
        ("/%ff", NotUtf8),
        ("/%c0%af", NotUtf8),
        ("/%25ff", NotUtf8),
        ("/%2525252561dmin", Layers),
        ("admin", NoSlash),
        ("", NoSlash),
    ] {
        assert_eq!(demands().of(path), Err(reason), "{path}");
    }
    // Without a requirement, the gateway does not interpret paths.
    assert_eq!(Demands::default().of("/x/../y"), Ok(vec![]));
    assert_eq!(Demands::new([("/x", None)]).unwrap().of("/x/../y"), Ok(vec![]));
}

#[test]
fn a_requirement_for_all_paths_needs_no_reading() {
    let all = Demands::new([("/", Some("staff"))]).unwrap();
    for path in ["/", "*", "/x/../y", "/%00", "/%ff"] {
        assert_eq!(all.of(path), Ok(vec!["staff"]), "{path}");
    }
    let more = Demands::new([("/", Some("staff")), ("/public", None)]).unwrap();
    for path in ["/", "*", "/x", "/public%2f", "//public", "/Public"] {
        assert_eq!(more.of(path), Ok(vec!["staff"]), "{path}");
    }
    assert_eq!(more.of("/public/x"), Ok(vec![]));
    assert_eq!(more.of("/public/../x"), Err(Ambiguous::Dots));
}

/// cases/proxy/demands.py
#[test]
fn a_prefix_with_two_requirements_is_an_error_in_every_spelling() {
    for (one, other) in [("/a", "/a"), ("/a", "/A/"), ("/a/b", "//a//B"), ("/", "//")] {
        let found = Demands::new([(one, Some("staff")), (other, Some("agents"))]);
        assert!(matches!(found, Err(PrefixError::Duplicate(..))), "{one} {other}: {found:?}");
    }
    assert!(Demands::new([("/a", Some("staff")), ("/ab", Some("staff"))]).is_ok());
    let err = Demands::new([("/a", Some("staff")), ("/A/", None)]).unwrap_err();
    assert_eq!(
        err.to_string(),
        "\"/a\" and \"/A\" are the same path, since servers may ignore case and repeated slashes; remove one \
         of them"
    );
}

#[test]
fn the_prefix_of_a_demand_has_no_special_characters() {
    let expected = PathDemand { prefix: "/admin/x.js".into(), scope: "staff".into() };
    assert_eq!(parse_demand("/admin/x.js=staff"), Ok(expected));
    for bad in [
        "",
        "/admin",
        "/admin=",
        "admin=staff",
        "/a%20b=staff",
        "/a/../b=staff",
        "/a;b=c",
        "/a.=b",
        "/./a=b",
        "/a?=b",
        "/ä=b",
    ] {
        assert!(parse_demand(bad).is_err(), "{bad}");
    }
}

/// What a server does with the text of a path, one step after the other.
#[derive(Clone, Copy, Debug)]
enum Step {
    Decode,
    /// Decodes all escapes except those of slashes (Apache's `AllowEncodedSlashes NoDecode`).
    DecodeExceptSlashes,
    Merge,
    ResolveDots,
    BackslashToSlash,
    /// Removes `;x` from each segment.
    CutParameters,
    /// Ends the path at `?` or `#`.
    CutQuery,
    LowerCase,
    TrimDotsAndSpaces,
    FullWidth,
    DropHost,
    CutStreams,
}

use Step::*;

/// Models of servers: the order of steps matters.
const SERVERS: [(&str, &[Step]); 14] = [
    ("nginx", &[Decode, Merge, ResolveDots]),
    ("nginx, merge_slashes off", &[Decode, ResolveDots]),
    ("nginx before nginx", &[Decode, Merge, ResolveDots, Decode, Merge, ResolveDots]),
    ("Apache", &[DecodeExceptSlashes, Merge, ResolveDots]),
    ("Apache, AllowEncodedSlashes On", &[Decode, Merge, ResolveDots]),
    ("Tomcat", &[CutParameters, Decode, Merge, ResolveDots]),
    ("Tomcat, with backslashes", &[CutParameters, Decode, BackslashToSlash, Merge, ResolveDots]),
    (
        "nginx before Tomcat",
        &[Decode, Merge, ResolveDots, CutParameters, Decode, Merge, ResolveDots],
    ),
    (
        "IIS",
        &[
            Decode,
            CutQuery,
            BackslashToSlash,
            FullWidth,
            Merge,
            ResolveDots,
            TrimDotsAndSpaces,
            CutStreams,
            LowerCase,
        ],
    ),
    (
        "IIS, double escapes",
        &[Decode, Decode, BackslashToSlash, ResolveDots, TrimDotsAndSpaces, Merge, LowerCase],
    ),
    ("Node, url.parse", &[BackslashToSlash, DropHost, CutQuery, Decode]),
    ("Node, new URL", &[BackslashToSlash, DropHost, ResolveDots, Decode, Merge, LowerCase]),
    ("Python, urlsplit", &[DropHost, CutQuery, Decode]),
    ("Python, WSGI", &[Decode, Merge]),
];

fn map_segments(path: &str, each: impl Fn(&str) -> String) -> String {
    path.split('/').map(each).collect::<Vec<_>>().join("/")
}

fn apply(step: Step, path: &str) -> Option<String> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text).decode_utf8().ok().map(String::from)
    };
    Some(match step {
        Decode => decode(path)?,
        DecodeExceptSlashes => decode(&path.replace("%2f", "%252f").replace("%2F", "%252F"))?,
        Merge => {
            let merged =
                path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
            format!("/{merged}")
        }
        ResolveDots => {
            let mut kept: Vec<&str> = Vec::new();
            for part in path.split('/').skip(1) {
                match part {
                    "." => {}
                    ".." => drop(kept.pop()),
                    part => kept.push(part),
                }
            }
            format!("/{}", kept.join("/"))
        }
        BackslashToSlash => path.replace('\\', "/"),
        CutParameters => map_segments(path, |part| part.split(';').next().unwrap().to_owned()),
        CutQuery => path.split(['?', '#']).next().unwrap().to_owned(),
        LowerCase => path.to_lowercase(),
        TrimDotsAndSpaces => {
            map_segments(path, |part| part.trim_end_matches(['.', ' ']).to_owned())
        }
        FullWidth => path
            .chars()
            .map(|c| match c {
                '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap(),
                'ı' => 'i',
                c => c,
            })
            .collect(),
        DropHost => match path.strip_prefix("//") {
            Some(rest) => format!("/{}", rest.split_once('/').map_or("", |(_, path)| path)),
            None => path.to_owned(),
        },
        CutStreams => map_segments(path, |part| part.split(':').next().unwrap().to_owned()),
    })
}

/// The requirement of the longest prefix of a server's reading. `None` if the server refuses the path.
fn by_server(steps: &[Step], path: &str) -> Option<Option<&'static str>> {
    let path = steps.iter().try_fold(path.to_owned(), |path, step| apply(*step, &path))?;
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let table: [(&[&str], Option<&str>); 4] = [
        (&["admin", "help"], Some("agents")),
        (&["account", "new"], None),
        (&["admin"], Some("staff")),
        (&["account"], Some("users")),
    ];
    Some(table.iter().find(|(prefix, _)| parts.starts_with(prefix)).and_then(|(_, scope)| *scope))
}

/// Paths from parts that matter.
fn paths() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "/",
        "/",
        "/",
        "//",
        "admin",
        "admin",
        "help",
        "account",
        "new",
        "Admin",
        "HELP",
        "x",
        ".",
        "..",
        "...",
        ";",
        ";x",
        "%2f",
        "%2F",
        "%252f",
        "%5c",
        "\\",
        "%2e",
        "%252e",
        "%3b",
        "%3f",
        "%23",
        "%00",
        "%20",
        "%61dmin",
        "hel%70",
        "%2568elp",
        "%EF%BD%81dmin",
        "adm%C4%B1n",
        "%ef%bc%8f",
        "%ef%bc%8e",
        "%25",
        "%",
        "%ff",
        ":x",
        "+",
        "~1",
        "acc",
        "ount",
        "@",
        "%c3%a4",
    ]);
    let any = prop::collection::vec(part, 0..9).prop_map(|parts| format!("/{}", parts.concat()));
    prop_oneof![9 => any, 1 => "/[ -~]{0,30}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// No server's reading of a path that is passed on requires more than the gateway did.
    #[test]
    fn every_servers_requirement_is_among_those_of_the_gateway(path in paths()) {
        let demands = demands();
        let Ok(scopes) = demands.of(&path) else { return Ok(()) };
        for (server, steps) in SERVERS {
            if let Some(Some(scope)) = by_server(steps, &path) {
                prop_assert!(scopes.contains(&scope), "{server} reads {path} as {scope}: {scopes:?}");
            }
        }
    }

    /// Requirements are only added by spelling, never by the rest of the path.
    #[test]
    fn plain_paths_have_one_requirement(rest in "(/[a-z0-9_-]{1,8}){0,4}") {
        let demands = demands();
        prop_assert_eq!(demands.of(&format!("/admin/help{rest}")), Ok(vec!["agents"]));
        prop_assert_eq!(demands.of(&format!("/account/new{rest}")), Ok(vec![]));
    }

    /// Any text is a path with requirements, or is refused; it never panics.
    #[test]
    fn any_text_is_handled(path in "\\PC{0,40}") {
        let _ = demands().of(&path);
        let _ = demands().of(&format!("/{path}"));
    }
}
