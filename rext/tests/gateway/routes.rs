//! The table [gateway] of the policy file: routes, their requirements, errors, reloads, and the
//! gateway's own health endpoint.

use std::process::Command;

use axum::body::Body;
use http::Request;
use rext_cli::tls::{H2, HTTP1};

use crate::client::{Connection, POLICY, Site, get, request};
use crate::common::Files;
use crate::upstream::Upstream;

fn get_from(uri: &str) -> Request<Body> {
    let mut request = get("/");
    *request.uri_mut() = uri.parse().unwrap();
    request
}

async fn status(connection: &mut Connection, uri: &str) -> u16 {
    connection.send(get_from(uri)).await.status.as_u16()
}

#[tokio::test]
async fn the_most_specific_route_gets_the_request() {
    let (mut api, mut wild) = (Upstream::start().await, Upstream::start().await);
    let main = Upstream::start().await;
    let table = format!(
        "[[gateway.routes]]\nhost = 'localhost'\nupstream = '{}'\n\
         [[gateway.routes]]\nhost = 'localhost'\npath = '/stream/api'\nupstream = '{}'\n\
         [[gateway.routes]]\nhost = '*.example.com'\npath = '/echo'\nupstream = '{}'\n",
        main.url(),
        api.url(),
        wild.url(),
    );
    let mut site = Site::with_routes(main, &table);
    let mut connection = site.connect(H2).await;
    for (uri, expected, seen) in [
        ("https://localhost/echo", 200, ["GET /echo", "", ""]),
        ("https://LOCALHOST.:8443/echo?x=/stream/api", 200, ["GET /echo?x=/stream/api", "", ""]),
        ("https://localhost/stream/api", 404, ["", "GET /stream/api", ""]),
        ("https://localhost/stream/api/x?y", 404, ["", "GET /stream/api/x?y", ""]),
        ("https://localhost/stream/apis", 404, ["GET /stream/apis", "", ""]),
        ("https://a.b.example.com/echo", 200, ["", "", "GET /echo"]),
        // No route for this path, and none for these hosts.
        ("https://a.example.com/other", 404, ["", "", ""]),
        ("https://example.com/echo", 421, ["", "", ""]),
        ("https://127.0.0.1/echo", 421, ["", "", ""]),
        // Another route in another reading.
        ("https://localhost/stream//api", 400, ["", "", ""]),
        ("https://localhost/Stream/API", 400, ["", "", ""]),
        ("https://localhost/stream/%61pi", 400, ["", "", ""]),
        ("https://localhost/stream/x/../api", 400, ["", "", ""]),
        ("https://localhost/stream/api/../../echo", 400, ["", "", ""]),
    ] {
        assert_eq!(status(&mut connection, uri).await, expected, "{uri}");
        let all = [site.upstream.seen(), api.seen(), wild.seen()].map(|lines| lines.join(" "));
        assert_eq!(all, seen, "{uri}");
    }
}

#[tokio::test]
async fn the_scope_of_a_route_is_required_in_every_spelling_of_its_path() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let table = format!(
        "[[gateway.routes]]\nupstream = '{url}'\n\
         [[gateway.routes]]\npath = '/hop'\nrequire = 'clients'\nupstream = '{url}'\n\
         [[gateway.routes]]\npath = '/hop/open'\nupstream = '{url}'\n"
    );
    let mut site = Site::with_routes(upstream, &table);
    for protocol in [H2, HTTP1] {
        let mut unauthenticated = site.connect(protocol).await;
        for (path, status) in [
            ("/hop", 401),
            ("/hop/", 401),
            ("/hop/x", 401),
            ("/hop/opened", 401),
            ("//hop", 400),
            ("/HOP", 400),
            ("/%68op", 400),
            ("/hop//open", 400),
            ("/hop/open/../x", 400),
            ("/hop/open/..%2fx", 400),
            ("/hop/open;/x", 400),
        ] {
            assert_eq!(unauthenticated.get(path).await.status, status, "{path}");
        }
        assert_eq!(site.upstream.seen(), [""; 0]);
        assert_eq!(unauthenticated.get("/echo").await.status, 200);
        assert_eq!(unauthenticated.get("/hop/open").await.status, 404);
        assert_eq!(site.upstream.seen(), ["GET /echo", "GET /hop/open"]);
        let mut client = site.connect_as(protocol, "client").await;
        assert_eq!(client.get("/hop").await.status, 200);
        assert_eq!(client.get("/%68op").await.status, 400);
        assert_eq!(site.upstream.seen(), ["GET /hop"]);
    }
}

#[tokio::test]
async fn the_health_endpoint_is_exact_and_not_passed_on() {
    let upstream = Upstream::start().await;
    let table = format!(
        "[gateway]\nhealth = '/hop/healthz'\n\
         [[gateway.routes]]\nrequire = 'clients'\nupstream = '{}'\n",
        upstream.url()
    );
    let mut site = Site::with_routes(upstream, &table);
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        let response = connection.get("/hop/healthz?x").await;
        assert_eq!((response.status.as_u16(), &*response.text), (200, "ok\n"));
        let post = request("POST", "/hop/healthz", &[], Body::from("x"));
        assert_eq!(connection.send(post).await.status, 405);
        for path in ["/hop/healthz/", "/hop/healthz/x", "/hop//healthz", "/hop/Healthz", "/hop"] {
            assert_eq!(connection.get(path).await.status, 401, "{path}");
        }
        for path in ["/hop/healthz/..", "/hop/x/../healthz"] {
            // The route's requirement holds for all of its paths.
            assert_eq!(connection.get(path).await.status, 401, "{path}");
        }
    }
    assert_eq!(site.upstream.seen(), [""; 0]);
}

/// The error of a gateway with this policy file, or with these options instead.
fn error(files: &Files, command: &str, policy: &str, more: &[&str]) -> String {
    files.write("policy.toml", policy);
    let usual = [command, "--listen", "127.0.0.1:0", "--cert", "server.pem", "--key", "server.key"];
    let policy = ["--policy-file", "policy.toml"];
    let output = files.rext(&[&usual[..], &policy, more].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn errors_of_the_table_name_the_line_and_what_to_do() {
    let files = Files::new();
    // POLICY has six lines.
    for (table, expected) in [
        ("[gateway]", "line 7: no [[gateway.routes]]: add one with at least the key upstream"),
        ("[gateway]\nroute = 1", "line 8: unknown field `route`, expected one of"),
        (
            "[[gateway.routes]]\npath = '/'",
            "line 7: exactly one of upstream and upstreams must be given",
        ),
        (
            "[[gateway.routes]]\nupstream = 'http://a'\nupstreams = ['http://b']",
            "line 7: exactly one of upstream and upstreams must be given",
        ),
        (
            "[[gateway.routes]]\nupstream = 'http://a/x'",
            "line 7: \"http://a/x\": not an http or https URL that consists of a host and an \
             optional port",
        ),
        (
            "[[gateway.routes]]\nupstream = 'http://a'\nrequire = 'staff'",
            "line 7: the policy has no scope \"staff\"",
        ),
        (
            "[gateway]\nclient_cert = ['staff']\n[[gateway.routes]]\nupstream = 'http://a'",
            "line 8: the policy has no scope \"staff\"",
        ),
        (
            "[gateway]\nhealth = 'x'\n[[gateway.routes]]\nupstream = 'http://a'",
            "line 8: health must be a path, such as \"/healthz\"",
        ),
        (
            "[gateway]\ntrusted_proxies = ['10.0.0.1/8']\n[[gateway.routes]]\nupstream = 'http://a'",
            "line 8: \"10.0.0.1/8\" is neither an address such as \"10.0.0.1\" nor a network such \
             as \"10.0.0.0/8\"",
        ),
        (
            "[[gateway.routes]]\nupstream = 'http://a'\n[[gateway.routes]]\npath = '/'\nupstream = 'http://b'",
            "line 9: the route on line 7 is for the same host and path",
        ),
        (
            "[[gateway.routes]]\nhost = 'a:80'\nupstream = 'http://a'",
            "line 7: host \"a:80\" is neither a host name such as \"app.example.com\" nor a wildcard \
             such as \"*.example.com\", without a port",
        ),
        (
            "[[gateway.routes]]\nupstream = 'https://a'",
            "line 7: an https upstream needs ca, a file with the authorities that may issue its \
             certificate",
        ),
        (
            "[[gateway.routes]]\nupstream = 'https://a'\nca = 'server-ca.pem'\ncert = 'client.pem'",
            "line 7: cert and key must be given together",
        ),
        (
            "[[gateway.routes]]\nupstream = 'http://a'\nca = 'server-ca.pem'",
            "line 7: ca, cert, key and server_name are for https upstreams only",
        ),
    ] {
        let text = error(&files, "gateway", &format!("{POLICY}{table}\n"), &[]);
        assert!(text.contains(expected), "{table}\n{text}\n{expected}");
    }
    let text = error(
        &files,
        "gateway",
        &format!("{POLICY}[[gateway.routes]]\nupstream = 'https://a'\nca = 'none.pem'\n"),
        &[],
    );
    assert!(text.starts_with("error: none.pem: cannot read it"), "{text}");
}

#[test]
fn the_table_and_the_option_upstream_exclude_each_other_and_one_is_needed() {
    let files = Files::new();
    let table = format!("{POLICY}[[gateway.routes]]\nupstream = 'http://a'\n");
    let text = error(&files, "gateway", &table, &["--upstream", "http://127.0.0.1:1"]);
    let both = "line 7: the table [gateway] and the option --upstream exclude each other: remove one \
                of them";
    assert!(text.contains(both), "{text}");
    let text = error(&files, "gateway", POLICY, &[]);
    let none =
        "policy.toml: no table [gateway] with the servers behind; add one, or use --upstream";
    assert!(text.contains(none), "{text}");
    let text = error(&files, "serve", &table, &[]);
    let other =
        "line 7: the table [gateway] is for rext gateway only: remove it, or use another file";
    assert!(text.contains(other), "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn routes_and_policy_are_reloaded_together_or_not_at_all() {
    let mut other = Upstream::start().await;
    let upstream = Upstream::start().await;
    let table = |url: &str, more: &str| format!("[[gateway.routes]]\nupstream = '{url}'\n{more}");
    let (url, other_url) = (upstream.url(), other.url());
    let mut site = Site::with_routes(upstream, &table(&url, ""));
    let id = site.gateway.child.id().to_string();
    let reload = || assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    let mut connection = site.connect(H2).await;
    assert_eq!(connection.get("/hop").await.status, 200);
    assert_eq!(site.upstream.seen(), ["GET /hop"]);
    // The new route's scope is in the new policy only.
    let staff = POLICY.replace("scopes.clients", "scopes.staff").replace("'clients'", "'staff'");
    let broken = format!("{POLICY}{}", table(&other_url, "require = 'staff'"));
    site.files.write("policy.toml", broken);
    reload();
    site.gateway.wait_for_log(&["ERROR", "reload failed", "the policy has no scope"]);
    assert_eq!(connection.get("/hop").await.status, 200);
    assert_eq!((site.upstream.seen(), other.seen()), (vec!["GET /hop".to_owned()], vec![]));
    site.files.write("policy.toml", format!("{staff}{}", table(&other_url, "require = 'staff'")));
    reload();
    site.gateway.wait_for_log(&["INFO", "files reloaded"]);
    // The open connection uses them, too.
    assert_eq!(connection.get("/hop").await.status, 401);
    let mut client = site.connect_as(H2, "client").await;
    assert_eq!(client.get("/hop").await.status, 200);
    assert_eq!((site.upstream.seen(), other.seen()), (vec![], vec!["GET /hop".to_owned()]));
}
