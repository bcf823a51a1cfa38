//! Fields that are set from client certificates, for servers that do not know RFC 9440.

use axum::body::Body;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, SanType, SerialNumber, date_time_ymd,
};
use rext_cli::tls::{H2, HTTP1};

use crate::client::{Site, request, with_trailers};

const TABLE: &str = "
    [[gateway.routes]]
    upstream = 'UPSTREAM'
    [gateway.fields]
    scopes = ['staff', 'clients']
    remove = ['X-Tenant']
    keep = ['Remote-User']
    [gateway.fields.set]
    X-SSL-Client-S-DN = 'subject'
    X-SSL-Client-I-DN = 'issuer'
    X-SSL-Client-Serial = 'serial'
    X-SSL-Client-SHA256 = 'fingerprint'
    X-SSL-Client-Verify = 'verify'
    X-SSL-Client-Cert = 'pem'
    X-SSL-Client-DER = 'der'
    X-SSL-Client-Not-Before = 'not-before'
    X-SSL-Client-Not-After = 'not-after'
    X-Spiffe = 'spiffe-id'
    X-Names = 'dns-names'
    X-Scope = 'scope'
";

/// Writes the certificate and key of a client with these names.
fn issue(site: &Site, name: &str, common_name: &str, names: &[SanType]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = names.to_vec();
    params.serial_number = Some(SerialNumber::from(vec![0x0a, 0xbc]));
    (params.not_before, params.not_after) =
        (date_time_ymd(2020, 1, 2), date_time_ymd(2099, 12, 31));
    let issued = site.files.clients.sign(params, KeyPair::generate().unwrap()).unwrap();
    site.files.write(&format!("{name}.pem"), issued.cert_pem());
    site.files.write(&format!("{name}.key"), issued.key_pem());
    issued.der().to_vec()
}

/// The lines of the request that the table sets, without their values' certificates.
fn set(lines: &[&str]) -> Vec<String> {
    let names = ["x-ssl", "x_ssl", "x-spiffe", "x_spiffe", "x-names", "x-scope", "x.scope"];
    let lines = lines.iter().filter(|line| names.iter().any(|name| line.starts_with(name)));
    lines.map(ToString::to_string).collect()
}

const FORGED: [(&str, &str); 9] = [
    ("x-ssl-client-s-dn", "CN=admin"),
    ("X_SSL_CLIENT_VERIFY", "SUCCESS"),
    ("x-ssl-client-verify", "SUCCESS"),
    ("x-spiffe", "spiffe://example/admin"),
    ("x_spiffe", "spiffe://example/admin"),
    ("x.scope", "staff"),
    ("X-Names", "admin.example"),
    ("x_tenant", "admin"),
    ("remote-user", "kept"),
];

#[tokio::test]
async fn fields_are_set_from_the_certificate_and_never_by_the_client() {
    let site = Site::with_scopes(TABLE).await;
    let text = "Jürgen, \"admin\"\r\nX-Admin: 1";
    let uri = SanType::URI("spiffe://example/agent".try_into().unwrap());
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let der =
        issue(&site, "odd", text, &[dns("a.example"), uri.clone(), dns("b.example,c.example")]);
    let fingerprint = rustls_ext::http::Fingerprint::sha256(&der);
    let fingerprint: String =
        fingerprint.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for protocol in [H2, HTTP1] {
        for fields in [&[][..], &FORGED] {
            let request = || request("GET", "/echo", fields, Body::empty());
            let response = site.connect_as(protocol, "odd").await.send(request()).await;
            let (lines, ..) = response.echo();
            let mut found = set(&lines);
            let at = |found: &[String], name: &str| {
                found.iter().position(|line| line.starts_with(name)).unwrap()
            };
            let pem = found.remove(at(&found, "x-ssl-client-cert: "));
            let base64 = found.remove(at(&found, "x-ssl-client-der: "));
            assert_eq!(
                found,
                [
                    "x-names: a.example,b.example%2Cc.example",
                    "x-scope: clients",
                    "x-spiffe: spiffe://example/agent",
                    "x-ssl-client-i-dn: CN=Client CA",
                    "x-ssl-client-not-after: 2099-12-31T00:00:00Z",
                    "x-ssl-client-not-before: 2020-01-02T00:00:00Z",
                    "x-ssl-client-s-dn: CN=J\\c3\\bcrgen\\, \\\"admin\\\"\\0d\\0aX-Admin: 1",
                    "x-ssl-client-serial: 0abc",
                    &format!("x-ssl-client-sha256: {fingerprint}"),
                    "x-ssl-client-verify: SUCCESS",
                ]
            );
            let written = std::fs::read_to_string(site.files.path("odd.pem")).unwrap();
            let pem =
                percent_encoding::percent_decode_str(&pem).decode_utf8().unwrap().into_owned();
            let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
            assert_eq!(plain(&pem), format!("x-ssl-client-cert: {}", plain(&written)));
            let inner: String = written.lines().filter(|line| !line.starts_with('-')).collect();
            assert_eq!(base64, format!("x-ssl-client-der: {inner}"));
            assert!(!response.text.contains("tenant"), "{}", response.text);
            assert_eq!(response.text.contains("remote-user: kept"), !fields.is_empty());

            let unauthenticated = site.connect(protocol).await.send(request()).await;
            assert_eq!(set(&unauthenticated.echo().0), ["x-ssl-client-verify: NONE"]);
        }
    }
}

#[tokio::test]
async fn a_spiffe_id_is_set_only_if_it_is_the_one_uri() {
    let site = Site::with_scopes(TABLE).await;
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    for names in [
        &[uri("spiffe://example/a"), uri("spiffe://example/b")][..],
        &[uri("spiffe://example/a"), uri("https://example/")],
        &[uri("https://example/")],
        &[],
    ] {
        issue(&site, "more", "x", names);
        let response = site.connect_as(H2, "more").await.get("/echo").await;
        let (lines, ..) = response.echo();
        assert!(!lines.iter().any(|line| line.starts_with("x-spiffe")), "{lines:?}");
        assert!(lines.contains(&"x-ssl-client-verify: SUCCESS"), "{lines:?}");
    }
}

#[tokio::test]
async fn trailers_cannot_contain_the_fields_that_the_table_sets() {
    let site = Site::with_scopes(TABLE).await;
    for protocol in [H2, HTTP1] {
        let trailers = [("x-scope", "staff"), ("x_scope", "staff"), ("x-kept", "1")];
        let fields = [("te", "trailers"), ("trailer", "x-scope, x_scope, x-kept")];
        let request = request("POST", "/echo", &fields, with_trailers("text", &trailers));
        let response = site.connect_as(protocol, "client").await.send(request).await;
        let (lines, body, trailers) = response.echo();
        assert_eq!((body, &*trailers), ("text", &["x-kept: 1"][..]));
        assert!(lines.contains(&"x-scope: clients"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_client_in_another_scope_appears_unauthenticated() {
    let table = TABLE.replace("['staff', 'clients']", "['staff']");
    let site = Site::with_scopes(&table).await;
    let response = site.connect_as(H2, "client").await.get("/echo").await;
    assert_eq!(set(&response.echo().0), ["x-ssl-client-verify: NONE"]);
}

#[tokio::test]
async fn a_table_that_cannot_work_is_an_error_that_says_what_to_do() {
    let site = Site::start(&[]).await;
    site.files.write("staff-ca.pem", test_pki::Authority::new("Staff CA").unwrap().pem());
    for (fields, expected) in [
        ("scopes = ['agents']\n[gateway.fields.set]\nX-DN = 'subject'", "agents"),
        ("[gateway.fields.set]\nX-DN = 'subject'", "no scope is named: add scopes"),
        (
            "scopes = ['staff']\n[gateway.fields.set]\nConnection = 'subject'",
            "the field \"connection\" cannot be",
        ),
        ("scopes = ['staff']\n[gateway.fields.set]\nX-DN = 'subjekt'", "subjekt"),
        ("keep = ['Client-Cert']", "the field \"Client-Cert\" cannot be kept"),
        ("removed = []", "removed"),
    ] {
        let table =
            format!("[[gateway.routes]]\nupstream = 'UPSTREAM'\n[gateway.fields]\n{fields}\n");
        site.files.write("policy.toml", site.policy_file(&table));
        let args =
            ["gateway", "--listen", "127.0.0.1:0", "--cert", "server.pem", "--key", "server.key"];
        let args = [&args[..], &["--policy-file", "policy.toml"]].concat();
        let output = site.files.rext(&args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("policy.toml") && text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn the_fields_of_a_trusted_proxy_are_extended() {
    let table = "
        [gateway]
        trusted_proxies = ['127.0.0.0/8']
        [[gateway.routes]]
        upstream = 'UPSTREAM'
    ";
    let site = Site::with_scopes(table).await;
    for protocol in [H2, HTTP1] {
        let fields = [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-client-cert", "Subject=\"CN=admin\""),
            ("x_real_ip", "192.0.2.7"),
        ];
        let request = request("GET", "/echo", &fields, Body::empty());
        let response = site.connect(protocol).await.send(request).await;
        let (lines, ..) = response.echo();
        let found: Vec<_> = lines.iter().filter(|line| line.starts_with('x')).copied().collect();
        assert_eq!(
            found,
            [
                "x-forwarded-for: 192.0.2.7, 127.0.0.1",
                "x-forwarded-host: localhost",
                "x-forwarded-proto: http"
            ]
        );
        let forwarded = lines.iter().find(|line| line.starts_with("forwarded: ")).unwrap();
        assert!(forwarded.starts_with("forwarded: for=192.0.2.7, for=\"127.0.0.1:"), "{forwarded}");
    }
}
