//! Which requests are passed on, and with which certificates.

use axum::body::Body;
use rext_cli::tls::{H2, HTTP1};
use rustls_ext::http::client_cert::client_cert;
use rustls_ext::rustls::HandshakeKind;

use crate::client::{Connection, Site, get, request};
use crate::common::Files;

/// The lines of `Client-Cert` and `Client-Cert-Chain`, in any spelling, that the server behind received.
fn certificate_lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.replace('_', "-").starts_with("client-cert")).collect()
}

const FORGED: [(&str, &str); 5] = [
    ("Client-Cert", ":AAAA:"),
    ("CLIENT-CERT", ":BBBB:"),
    ("client_cert", ":CCCC:"),
    ("Client-Cert-Chain", ":DDDD:"),
    // An attempt to make the proxy remove its own field.
    ("Connection", "Client-Cert, client_cert"),
];

#[tokio::test]
async fn rfc_9440_certificates_are_passed_on_and_forged_fields_are_not() {
    let site = Site::start(&["--client-cert", "clients"]).await;
    let identity =
        rext_cli::files::identity(&site.files.path("client.pem"), &site.files.path("client.key"))
            .unwrap();
    let value = client_cert(&identity.cert[0]).unwrap();
    let line = format!("client-cert: {}", value.to_str().unwrap());
    for protocol in [H2, HTTP1] {
        // `Connection` is no field of HTTP/2.
        let forged = &FORGED[..if protocol == H2 { 4 } else { 5 }];
        for fields in [&[][..], forged] {
            let request = || request("GET", "/echo", fields, Body::empty());
            let client = site.connect_as(protocol, "client").await.send(request()).await;
            assert_eq!(certificate_lines(&client.text), [&line], "{fields:?}");
            let unauthenticated = site.connect(protocol).await.send(request()).await;
            assert_eq!(certificate_lines(&unauthenticated.text), [""; 0], "{fields:?}");
        }
    }
}

#[tokio::test]
async fn rfc_9440_a_resumed_connection_passes_on_the_certificate_of_its_session() {
    let site = Site::start(&["--client-cert", "clients"]).await;
    for protocol in [H2, HTTP1] {
        let config = site.config(protocol, Some("client"));
        let mut lines = Vec::new();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = site.tls_by(&config).await;
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            let mut connection = Connection::over(stream, protocol == H2).await;
            let request = request("GET", "/echo", &FORGED[..4], Body::empty());
            let response = connection.send(request).await;
            lines.push(
                certificate_lines(&response.text)
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
            );
        }
        assert_eq!(lines[0].len(), 1);
        assert_eq!(lines[0], lines[1]);
    }
}

#[tokio::test]
async fn without_client_cert_no_certificate_is_passed_on() {
    let site = Site::start(&[]).await;
    let request = request("GET", "/echo", &FORGED[..4], Body::empty());
    let response = site.connect_as(H2, "client").await.send(request).await;
    assert_eq!(certificate_lines(&response.text), [""; 0]);
}

#[tokio::test]
async fn paths_with_a_requirement_need_authentication_in_its_scope() {
    let demands = ["--require", "/echo=clients", "--require", "/hop=clients"];
    let mut site = Site::start(&demands).await;
    for protocol in [H2, HTTP1] {
        let mut unauthenticated = site.connect(protocol).await;
        for path in ["/echo", "/echo/", "/echo?x", "//echo", "/ECHO", "/%65cho", "/hop"] {
            let response = unauthenticated.get(path).await;
            assert_eq!(response.status, 401, "{path}");
            let challenge = response.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("ClientCertificate realm=\"clients\", dn="));
        }
        for path in ["/x/../echo", "/./echo", "/x%2f..%2fecho", "/%2e/echo", "/%", "/echo%00"] {
            assert_eq!(unauthenticated.get(path).await.status, 400, "{path}");
        }
        assert_eq!(site.upstream.seen(), [""; 0]);
        assert_eq!(unauthenticated.get("/nowhere").await.status, 404);
        assert_eq!(site.upstream.seen(), ["GET /nowhere"]);
        let mut client = site.connect_as(protocol, "client").await;
        assert_eq!(client.get("/echo").await.status, 200);
        assert_eq!(site.upstream.seen(), ["GET /echo"]);
    }
}

#[tokio::test]
async fn a_host_with_a_stricter_rule_is_421_on_the_connection_of_another_host() {
    let mut site = Site::start(&[]).await;
    let policy = "
        [scopes.clients]
        anchors = ['client-ca.pem']
        [[rules]]
        server_name = 'localhost'
        ask = 'nothing'
        [otherwise]
        require = 'clients'
    ";
    site.files.write("policy.toml", policy);
    let url = site.upstream.url();
    let options = ["--policy-file", "policy.toml", "--upstream", &url];
    site.gateway = site.files.start("gateway", &options, |_| {});
    let mut connection = site.connect(H2).await;
    for (uri, status) in [
        ("https://localhost/echo", 200),
        ("https://admin.localhost/echo", 421),
        ("https://127.0.0.1/echo", 421),
    ] {
        let mut request = get("/echo");
        *request.uri_mut() = uri.parse().unwrap();
        assert_eq!(connection.send(request).await.status, status, "{uri}");
    }
    assert_eq!(site.upstream.seen(), ["GET /echo"]);
}

#[test]
fn a_scope_that_the_policy_does_not_have_is_an_error() {
    let files = Files::new();
    let usual = [
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--cert",
        "server.pem",
        "--key",
        "server.key",
        "--client-ca",
        "client-ca.pem",
        "--policy",
        "offered",
        "--upstream",
    ];
    let error = |more: &[&str]| {
        let output = files.rext(&[&usual, more].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    for (more, line) in [
        (
            &["http://127.0.0.1:1", "--client-cert", "agents"][..],
            "error: --client-cert agents: the policy has no such scope\n",
        ),
        (
            &["http://127.0.0.1:1", "--require", "/a=agents"],
            "error: --require agents: the policy has no such scope\n",
        ),
    ] {
        assert_eq!(error(more), line);
    }
    for bad in ["https://127.0.0.1:1", "http://127.0.0.1/app", "127.0.0.1:80"] {
        assert!(error(&[bad]).contains("'--upstream <URL>'"), "{bad}");
    }
    let text = error(&["http://127.0.0.1:1", "--require", "admin=clients"]);
    assert!(text.contains("'--require <PREFIX=SCOPE>'"), "{text}");
    let text = error(&["http://127.0.0.1:1", "--client-cert-chain"]);
    assert!(text.contains("--client-cert <SCOPE>"), "{text}");
}
