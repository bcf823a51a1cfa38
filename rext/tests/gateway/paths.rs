//! Requirements for paths: no spelling of a path reaches the server behind with less than any
//! server's reading of it requires.

use axum::body::Body;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Site, request};

/// Sends a request with this target, as it is. Returns the status.
async fn status(site: &Site, name: Option<&str>, target: &str) -> u16 {
    let mut stream = site.tls(HTTP1, name).await;
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The server may close without an alert.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
}

/// cases/proxy/proxy1.py section 5: `/admin` requires one scope, `/admin/help` another one, in which
/// the client is authenticated.
#[tokio::test]
async fn a_nested_requirement_is_never_weakened_by_spelling() {
    let mut site = Site::start(&[]).await;
    let policy = site.policy_file("");
    site.files.write("policy.toml", policy);
    site.files.write("staff-ca.pem", test_pki::Authority::new("Staff CA").unwrap().pem());
    let url = site.upstream.url();
    let options = ["--policy-file", "policy.toml", "--upstream", &url];
    let demands = ["--require", "/admin=staff", "--require", "/admin/help=clients"];
    site.gateway = site.files.start("gateway", &[&options[..], &demands].concat(), |_| {});

    for target in [
        "/admin/help",
        "/admin/help/",
        "/admin/help/me",
        "/admin/help?x=/../..",
        "/admin/help/me%20;x",
    ] {
        assert_eq!(status(&site, Some("client"), target).await, 404, "{target}");
        assert_eq!(site.upstream.seen(), [format!("GET {target}")]);
        assert_eq!(status(&site, None, target).await, 401, "{target}");
    }
    for (target, expected) in [
        ("/admin", 403),
        ("/admin/x", 403),
        ("/admin//help", 403),
        ("//admin/help", 403),
        ("/admin/HELP", 403),
        ("/ADMIN/help", 403),
        ("/admin/help;x", 403),
        ("/admin/;/help", 403),
        ("/admin;a/help", 403),
        ("/admin/help;/delete-all", 403),
        ("/admin//help/delete", 403),
        ("/admin/hel%70", 403),
        ("/admin/help%3Bx", 403),
        ("/admin/help/../x", 400),
        ("/admin/help%2f..%2fx", 400),
        ("/admin/help/..;/x", 400),
        ("/admin%20/x", 403),
        ("/admin./x", 403),
        ("/%EF%BD%81dmin/x", 403),
        ("/adm%C4%B1n/x", 403),
        ("/admin%00", 400),
        ("/admin/.%20./x", 400),
        ("/%252e%252e/admin", 400),
        ("/x/%252e%252e/admin/x", 400),
        ("/admin%3f/x", 403),
        ("/\\admin", 403),
        ("//evil/admin", 403),
        ("/%2561dmin", 403),
        ("/admin~1/..", 400),
    ] {
        for name in [Some("client"), None] {
            assert_eq!(status(&site, name, target).await, expected, "{target} as {name:?}");
        }
        assert_eq!(site.upstream.seen(), [""; 0], "{target}");
    }
    assert_eq!(status(&site, None, "/public%2fx").await, 404);
    assert_eq!(site.upstream.seen(), ["GET /public%2fx"]);
}

/// cases/proxy/proxy1.py section 6: `:path` without a slash, and absolute targets.
#[tokio::test]
async fn targets_that_are_not_paths_are_refused_or_passed_on_as_paths() {
    let mut site = Site::start(&["--require", "/admin=clients"]).await;
    for (target, expected, seen) in [
        // It is for OPTIONS only.
        ("*", 400, &[][..]),
        ("http://localhost/x", 404, &["GET /x"]),
        ("https://localhost/admin", 401, &[]),
        ("https://localhost@evil/x", 400, &[]),
        ("//evil/x", 404, &["GET //evil/x"]),
        ("/x?/../admin", 404, &["GET /x?/../admin"]),
        ("admin", 400, &[]),
        ("localhost:443", 400, &[]),
    ] {
        assert_eq!(status(&site, None, target).await, expected, "{target}");
        assert_eq!(site.upstream.seen(), seen, "{target}");
    }
}

#[tokio::test]
async fn a_route_is_chosen_by_all_readings_of_a_path() {
    let table = "
        [[gateway.routes]]
        upstream = 'UPSTREAM'
        [[gateway.routes]]
        path = '/echo'
        require = 'clients'
        upstream = 'UPSTREAM'
    ";
    let mut site = Site::with_scopes(table).await;
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        for (path, expected) in [
            ("/echo", 401),
            ("/echo/x", 401),
            ("/%65cho", 400),
            ("/ECHO", 400),
            ("//echo", 400),
            ("/echo;x", 400),
            ("/echo%20", 400),
            ("/x/../echo", 400),
        ] {
            let request = request("GET", path, &[], Body::empty());
            assert_eq!(connection.send(request).await.status, expected, "{path}");
        }
        assert_eq!(site.upstream.seen(), [""; 0]);
        assert_eq!(site.connect_as(protocol, "client").await.get("/echo").await.status, 200);
        assert_eq!(connection.get("/echoes").await.status, 404);
        assert_eq!(site.upstream.seen(), ["GET /echo", "GET /echoes"]);
    }
}

/// cases/proxy/demands.py
#[test]
fn two_requirements_for_one_path_are_an_error() {
    let files = crate::common::Files::new();
    let usual =
        ["gateway", "--listen", "127.0.0.1:0", "--cert", "server.pem", "--key", "server.key"];
    let policy =
        ["--client-ca", "client-ca.pem", "--policy", "offered", "--upstream", "http://127.0.0.1:1"];
    for (one, other, expected) in [
        (
            "/a=clients",
            "/a=clients",
            "the path \"/a\" has more than one requirement; remove one of them",
        ),
        (
            "/a=clients",
            "/A/=clients",
            "\"/a\" and \"/A\" are the same path, since servers may ignore case and repeated slashes; remove one \
             of them",
        ),
    ] {
        let demands = ["--require", one, "--require", other];
        let output = files.rext(&[&usual[..], &policy, &demands].concat()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}
