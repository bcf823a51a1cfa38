//! Which fields are passed on, in both directions.

use axum::body::Body;
use rext_cli::tls::{H2, HTTP1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Site, get, request, with_trailers};

#[tokio::test]
async fn a_request_is_passed_on_unchanged_with_the_fields_of_the_proxy() {
    let mut site = Site::start(&[]).await;
    for (protocol, via) in [(H2, "2 rext"), (HTTP1, "1.1 rext")] {
        let mut connection = site.connect(protocol).await;
        let fields = [("accept", "text/*"), ("cookie", "a=b"), ("x-list", "1"), ("x-list", "2")];
        let request = request("PUT", "/echo?x=%2F&y=/..", &fields, Body::from("some text"));
        let answer = connection.send(request).await;
        let (fields, body, trailers) = answer.echo();
        assert_eq!((body, trailers.len()), ("some text", 0));
        let forwarded = fields.iter().find(|line| line.starts_with("forwarded: ")).unwrap();
        assert!(forwarded.starts_with("forwarded: for=\"127.0.0.1:"), "{forwarded}");
        assert!(forwarded.ends_with("\";host=\"localhost\";proto=https"), "{forwarded}");
        let others: Vec<_> = fields.iter().filter(|line| line != &forwarded).copied().collect();
        let via = format!("via: {via}");
        assert_eq!(
            others,
            [
                "accept: text/*",
                "content-length: 9",
                "cookie: a=b",
                "host: localhost",
                &via,
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-host: localhost",
                "x-forwarded-proto: https",
                "x-list: 1",
                "x-list: 2",
            ]
        );
        assert_eq!(site.upstream.seen(), ["PUT /echo?x=%2F&y=/.."]);
    }
}

#[tokio::test]
async fn a_request_without_a_body_is_passed_on_without_a_body() {
    let site = Site::start(&[]).await;
    for protocol in [H2, HTTP1] {
        let answer = site.connect(protocol).await.get("/echo").await;
        let (fields, body, _) = answer.echo();
        let framing = |line: &&&str| line.contains("length") || line.contains("encoding");
        assert_eq!((fields.iter().find(framing), body), (None, ""));
    }
}

#[tokio::test]
async fn the_host_and_port_are_passed_on_as_the_client_wrote_them() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(H2).await;
    let mut request = get("/echo");
    *request.uri_mut() = "https://LocalHost.:8443/echo".parse().unwrap();
    let answer = connection.send(request).await;
    let (fields, ..) = answer.echo();
    assert!(fields.contains(&"host: LocalHost.:8443"), "{fields:?}");
    assert!(fields.contains(&"x-forwarded-host: LocalHost.:8443"), "{fields:?}");
}

#[tokio::test]
async fn rfc_9110_7_6_1_hop_by_hop_fields_are_not_passed_on() {
    let site = Site::start(&[]).await;
    let mut connection = site.connect(HTTP1).await;
    let fields = [
        ("connection", "X-Secret, forwarded, keep-alive"),
        ("x-secret", "1"),
        ("x_secret", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("upgrade", "websocket"),
        ("x-kept", "1"),
    ];
    let answer = connection.send(request("GET", "/echo", &fields, Body::empty())).await;
    let (fields, ..) = answer.echo();
    let names: Vec<_> = fields.iter().filter_map(|line| line.split(':').next()).collect();
    // The proxy's own field is set even if the client names it in `Connection`.
    assert_eq!(
        names,
        [
            "forwarded",
            "host",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-kept"
        ]
    );

    for protocol in [H2, HTTP1] {
        let answer = site.connect(protocol).await.get("/hop").await;
        let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "date", "set-cookie", "via", "x-kept"]);
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!((answer.headers["via"].to_str().unwrap(), &*answer.text), ("1.1 rext", "whole"));
    }
}

#[tokio::test]
async fn forwarded_fields_of_clients_are_not_passed_on() {
    let site = Site::start(&[]).await;
    for protocol in [H2, HTTP1] {
        let forged = [
            ("forwarded", "for=1.1.1.1"),
            ("x-forwarded-for", "1.1.1.1"),
            ("X-Forwarded-For", "2.2.2.2"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-server", "x"),
            ("x-real-ip", "1.1.1.1"),
        ];
        let request = request("GET", "/echo", &forged, Body::empty());
        let answer = site.connect(protocol).await.send(request).await;
        assert!(!answer.text.contains("1.1.1.1") && !answer.text.contains("2.2.2.2"));
        let (fields, ..) = answer.echo();
        let count = fields.iter().filter(|line| line.contains("forwarded")).count();
        assert_eq!(count, 4, "{fields:?}");
        assert!(fields.contains(&"x-forwarded-proto: https"), "{fields:?}");
    }
}

/// cases/operators/legacy-identity-headers, and similar fields.
#[tokio::test]
async fn fields_in_which_other_proxies_pass_on_certificates_are_removed() {
    let site = Site::start(&["--client-cert", "clients"]).await;
    let forged = [
        ("ssl-client-verify", "SUCCESS"),
        ("SSL_CLIENT_VERIFY", "SUCCESS"),
        ("X-SSL-Client-Verify", "SUCCESS"),
        ("X-SSL-Client-S-DN", "CN=admin"),
        ("ssl-client-cert", "a"),
        ("X-SSL-Cert", "a"),
        ("X-ARR-ClientCert", "a"),
        ("X.Client.Cert", "a"),
        ("x-client-verified", "SUCCESS"),
        ("X-Client-DN", "CN=admin"),
        ("X-Amzn-Mtls-Clientcert-Subject", "CN=admin"),
        ("Remote-User", "admin"),
        ("client.cert", ":AAAA:"),
        ("Proxy", "http://192.0.2.1/"),
        ("X-Original-URL", "/admin"),
        ("X_Rewrite_URL", "/admin"),
        ("x-kept", "1"),
    ];
    for protocol in [H2, HTTP1] {
        let request = request("GET", "/echo", &forged, Body::empty());
        let answer = site.connect(protocol).await.send(request).await;
        let (fields, ..) = answer.echo();
        let names: Vec<_> = fields.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            names,
            [
                "forwarded",
                "host",
                "via",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-kept"
            ]
        );
        // Also from trailers.
        let body = with_trailers("text", &[("ssl-client-verify", "SUCCESS"), ("x-kept", "1")]);
        let announced = [("te", "trailers"), ("trailer", "ssl-client-verify, x-kept")];
        let request = crate::client::request("POST", "/echo", &announced, body);
        let answer = site.connect(protocol).await.send(request).await;
        let (_, _, trailers) = answer.echo();
        assert_eq!(trailers, ["x-kept: 1"]);
    }
}

/// cases/proxy/proxy1.py section 4.
#[tokio::test]
async fn no_spelling_of_client_cert_is_passed_on() {
    let site = Site::start(&["--client-cert", "clients"]).await;
    for name in [
        "client_cert",
        "Client.Cert",
        "client~cert",
        "client+cert",
        "client!cert",
        "client'cert",
        "client-cert-chain",
        "client_cert_chain",
        "x-client-cert",
        "x-ssl-client-cert",
        "ssl-client-verify",
    ] {
        for protocol in [H2, HTTP1] {
            let fields = [(name, ":Zm9yZ2Vk:"), ("x-kept", "1")];
            let request = request("GET", "/echo", &fields, Body::empty());
            let answer = site.connect(protocol).await.send(request).await;
            let (lines, ..) = answer.echo();
            assert!(
                !answer.text.contains("Zm9y") && lines.contains(&"x-kept: 1"),
                "{name}: {lines:?}"
            );
        }
    }
}

/// cases/proxy/fields2.py: each spelling of a name in `Connection` removes each spelling of the field.
#[tokio::test]
async fn fields_that_connection_names_are_removed_in_every_spelling() {
    let site = Site::start(&[]).await;
    for named in ["x_secret", "x-secret", "X.SECRET"] {
        let fields =
            [("connection", named), ("x_secret", "1"), ("x-secret", "2"), ("x-secrets", "3")];
        let request = request("GET", "/echo", &fields, Body::empty());
        let answer = site.connect(HTTP1).await.send(request).await;
        let (lines, ..) = answer.echo();
        let found: Vec<_> = lines.iter().filter(|line| line.contains("secret")).copied().collect();
        assert_eq!(found, ["x-secrets: 3"], "{named}");
    }
}

/// cases/proxy/connection_field.py: the cost does not depend on the number of names times fields. Here,
/// that it works at all; the unit test shows that no name is kept.
#[tokio::test]
async fn a_connection_field_with_29_000_names_is_an_ordinary_field() {
    let site = Site::start(&[]).await;
    let mut fields: Vec<(String, String)> =
        (0..85).map(|number| (format!("x{number}"), "y".into())).collect();
    fields.push(("connection".into(), format!("{}x7", "a,".repeat(29_000))));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let request = request("GET", "/echo", &fields, Body::empty());
    let answer = site.connect(HTTP1).await.send(request).await;
    let (lines, ..) = answer.echo();
    assert_eq!(lines.iter().filter(|line| line.ends_with(": y")).count(), 84);
    assert!(!lines.contains(&"x7: y"));
}

/// Sends these lines after the request line. Returns the status.
async fn status(site: &Site, target: &str, lines: &str) -> u16 {
    let mut stream = site.tls(HTTP1, None).await;
    let head = format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The server may close without an alert.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
}

/// cases/proxy/proxy1.py section 7: the host decides which rules apply, so it is never ambiguous.
#[tokio::test]
async fn a_host_is_passed_on_only_if_all_servers_read_it_in_the_same_way() {
    let mut site = Site::start(&[]).await;
    for (lines, expected) in [
        ("Host: localhost\r\n", 404),
        ("Host: LOCALHOST.:8443\r\n", 404),
        ("Host:\tlocalhost \r\n", 404),
        ("Host: localhost:\r\n", 404),
        ("Host: 127.0.0.1\r\n", 404),
        ("Host: [::1]\r\n", 404),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("", 400),
        ("Host: \r\n", 400),
        ("Host: localhost..\r\n", 400),
        ("Host: u@localhost\r\n", 400),
        ("Host: localhost, admin.localhost\r\n", 400),
        ("Host: localhost@admin.localhost\r\n", 400),
        ("Host: 0x7f.1\r\n", 400),
        ("Host: localhost:99999\r\n", 400),
        ("Host: localhost#\r\n", 400),
        ("Host : localhost\r\n", 400),
    ] {
        assert_eq!(status(&site, "/h", lines).await, expected, "{lines:?}");
        let seen = if expected == 404 { &["GET /h"][..] } else { &[] };
        assert_eq!(site.upstream.seen(), seen, "{lines:?}");
    }
    for (target, expected) in [
        ("http://localhost/h", 404),
        ("https://localhost@admin.localhost/h", 400),
        ("https://other.localhost/h", 400),
    ] {
        assert_eq!(status(&site, target, "Host: localhost\r\n").await, expected, "{target}");
    }
}

#[tokio::test]
async fn http_1_0_without_a_host_is_passed_on_for_the_server_name_of_the_connection() {
    let site = Site::start(&[]).await;
    let mut stream = site.tls(HTTP1, None).await;
    stream.write_all(b"GET /echo HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\nhost: localhost\n"), "{answer}");
    assert!(answer.contains("\nvia: 1.0 rext\n"), "{answer}");
}

#[tokio::test]
async fn responses_are_passed_on_unchanged() {
    let site = Site::start(&[]).await;
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        let answer = connection.get("/redirect").await;
        assert_eq!((answer.status.as_u16(), answer.headers["location"].as_bytes()), {
            (302, &b"http://other/"[..])
        });
        assert_eq!(connection.get("/nowhere").await.status, 404);
        let head = request("HEAD", "/hop", &[], Body::empty());
        let answer = connection.send(head).await;
        assert_eq!((answer.headers["content-length"].as_bytes(), &*answer.text), (&b"5"[..], ""));
    }
}

#[tokio::test]
async fn upgrades_and_tunnels_are_not_passed_on() {
    let mut site = Site::start(&[]).await;
    let mut http1 = site.connect(HTTP1).await;
    let fields = [("connection", "upgrade"), ("upgrade", "websocket")];
    // The server behind does not receive the upgrade, so it does not respond with 101.
    let answer = http1.send(request("GET", "/hop", &fields, Body::empty())).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (200, "whole"));
    assert_eq!(site.upstream.seen(), ["GET /hop"]);
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        let trace = request("TRACE", "/echo", &[], Body::empty());
        assert_eq!(connection.send(trace).await.status, 501);
    }
    let mut connect = get("/echo");
    *connect.method_mut() = http::Method::CONNECT;
    *connect.uri_mut() = "localhost:443".parse().unwrap();
    assert_eq!(site.connect(H2).await.begin(connect).await.unwrap().status(), 501);
    assert_eq!(site.upstream.seen(), [""; 0]);
}
