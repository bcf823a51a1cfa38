//! The site, with agents that answer challenges and with clients that act like browsers.

mod common;

use common::Files;
use common::site::{LOGIN, SITE, STAFF, Site};
use reqwest::StatusCode;
use rext_cli::tls;
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::client::{ClientIdentity, Credentials, Report};
use rustls_ext::http::reqwest as challenged;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use test_pki::IssuedCertificate;

fn config(
    site: &Site,
    identity: Option<&IssuedCertificate>,
    offer: ClientAuthOffer,
) -> ClientConfig {
    let key = identity.map(|identity| identity.certified_key().unwrap());
    let roots = site.servers.roots().unwrap();
    tls::client_config(roots, key, offer, DEFAULT_VERSIONS, &[tls::H2]).unwrap()
}

fn configure(each: reqwest::ClientBuilder, port: u16) -> reqwest::ClientBuilder {
    let addr = ([127, 0, 0, 1], port).into();
    [SITE, LOGIN, STAFF].iter().fold(each.no_proxy(), |each, host| each.resolve(host, addr))
}

/// A client that makes no offer, and sends this certificate, if any, when it is requested.
fn browser(site: &Site, identity: Option<&IssuedCertificate>) -> reqwest::Client {
    let config = config(site, identity, ClientAuthOffer::default());
    let each = reqwest::Client::builder().tls_backend_preconfigured(config);
    configure(each, site.server.port).build().unwrap()
}

/// A client that answers challenges with these certificates.
fn agent(site: &Site, identities: &[&IssuedCertificate]) -> challenged::Client {
    let port = site.server.port;
    let credentials = identities.iter().enumerate().fold(Credentials::new(), |known, (n, own)| {
        let own = ClientIdentity::new(n.to_string(), own.certified_key().unwrap()).unwrap();
        known.with(own.for_any_host()).unwrap()
    });
    challenged::Client::builder(config(site, None, ClientAuthOffer::default()), credentials)
        .configure(move |each| configure(each, port))
        .build()
        .unwrap()
}

async fn page(site: &Site, client: &reqwest::Client, host: &str, path: &str) -> (u16, String) {
    let answer = client.get(site.url(host, path)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The value of a row of the page.
#[track_caller]
fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<dt>{name}</dt><dd>")).expect(name);
    rest.split_once("</dd>").unwrap().0
}

#[tokio::test]
async fn the_public_pages_request_no_certificate() {
    let site = Site::start();
    for identity in [None, Some(&site.user)] {
        let client = browser(&site, identity);
        let (status, text) = page(&site, &client, SITE, "/").await;
        assert_eq!(status, 200);
        assert_eq!(row(&text, "Certificate requested"), "no");
        assert_eq!(row(&text, "Host name"), SITE);
        assert_eq!(row(&text, "Protocol"), "HTTP/2, TLSv1.3");
        // The links to the hosts that request one.
        assert!(text.contains(&format!("href=\"{}\"", site.url(LOGIN, "/account"))));
        assert!(text.contains(&format!("href=\"{}\"", site.url(STAFF, "/admin"))));
        site.server.wait_for_log(&["connected", "decision=\"none\"", "status=\"not_asked\""]);
        let (status, text) = page(&site, &client, SITE, "/nowhere").await;
        assert!(status == 404 && text.contains("<h1>Not found</h1>"));
    }
}

#[tokio::test]
async fn cant_5_an_agent_answers_the_challenge_on_the_same_host() {
    let site = Site::start();
    let agent = agent(&site, &[&site.user, &site.admin]);
    for (host, path, realm, name) in [
        (SITE, "/account", "users", "&lt;b&gt;Ursula&lt;/b&gt;"),
        (STAFF, "/admin", "staff", "Sam"),
        // Also on the host for people.
        (LOGIN, "/account", "users", "&lt;b&gt;Ursula&lt;/b&gt;"),
    ] {
        let request = agent.plain().get(site.url(host, path)).build().unwrap();
        let answer = agent.execute(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{host}{path}");
        let report = Report::of(answer.extensions()).unwrap();
        assert_eq!((report.challenged, report.realm.as_deref()), (true, Some(realm)));
        let text = answer.text().await.unwrap();
        assert!(text.contains(&format!("You are logged in as <strong>{name}</strong>.")), "{text}");
        assert_eq!(row(&text, "Scope"), realm);
        assert_eq!(row(&text, "Certificate offered"), "yes, by the TLS flag");
    }
}

#[tokio::test]
async fn an_agent_that_offers_is_logged_in_without_a_challenge() {
    let site = Site::start();
    for (offer, way) in [
        (ClientAuthOffer::flag(), "yes, by the TLS flag"),
        (ClientAuthOffer::care(), "yes, by the extension CARE"),
    ] {
        let each = reqwest::Client::builder().tls_backend_preconfigured(config(
            &site,
            Some(&site.user),
            offer,
        ));
        let client = configure(each, site.server.port).build().unwrap();
        let (status, text) = page(&site, &client, SITE, "/account").await;
        assert_eq!((status, row(&text, "Certificate offered")), (200, way));
    }
}

#[tokio::test]
async fn a_client_that_is_not_logged_in_gets_a_challenge_and_a_link_to_log_in() {
    let site = Site::start();
    let client = browser(&site, Some(&site.user));
    let answer = client.get(site.url(SITE, "/account")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("ClientCertificate realm=\"users\", dn="));
    let text = answer.text().await.unwrap();
    assert!(text.contains("<h1>Log in to see this page</h1>"));
    assert!(text.contains(&format!("href=\"{}\"", site.url(LOGIN, "/account"))));
    // No certificate of "staff" is requested on this host, so there is no challenge for it.
    let (status, text) = page(&site, &client, SITE, "/admin").await;
    assert_eq!(status, 403);
    assert!(text.contains(&format!("href=\"{}\"", site.url(STAFF, "/admin"))));
}

#[tokio::test]
async fn a_person_logs_in_on_the_host_that_requests_a_certificate() {
    let site = Site::start();
    let user = browser(&site, Some(&site.user));
    let (status, text) = page(&site, &user, LOGIN, "/account").await;
    assert_eq!(status, 200);
    assert!(text.contains("You are logged in as <strong>&lt;b&gt;Ursula&lt;/b&gt;</strong>."));
    assert!(text.contains("You are logged in on <code>login.site.test</code> only."));
    assert_eq!(row(&text, "Subject"), "CN=\\&lt;b\\&gt;Ursula\\&lt;/b\\&gt;");
    assert_eq!(row(&text, "Issuer"), "CN=Users CA");
    assert_eq!(row(&text, "Proof of possession"), "less than a minute ago, on this connection");
    assert_eq!(row(&text, "Outcome"), "the server accepted the certificate");
    // The public pages are on another connection, without the login.
    assert_eq!(row(&page(&site, &user, SITE, "/").await.1, "Certificate requested"), "no");

    let admin = browser(&site, Some(&site.admin));
    let (status, text) = page(&site, &admin, STAFF, "/admin").await;
    assert!(status == 200 && text.contains("You are logged in as <strong>Sam</strong>."));
    // A certificate of "staff" is not valid for "users".
    let (status, text) = page(&site, &admin, STAFF, "/account").await;
    assert!(status == 403 && text.contains("<h1>Your certificate is not for this page</h1>"));
}

#[tokio::test]
async fn a_failed_login_page_has_the_reason() {
    let site = Site::start();
    for (identity, heading, reason) in [
        (Some(&site.revoked), "Your certificate was not accepted", "it has been revoked"),
        (
            Some(&site.stranger),
            "Your certificate was not accepted",
            "this site does not trust its issuer",
        ),
        (
            Some(&site.admin),
            "Your certificate was not accepted",
            "this site does not trust its issuer",
        ),
        (None, "You are not logged in", "browser sent none"),
    ] {
        let client = browser(&site, identity);
        let (status, text) = page(&site, &client, LOGIN, "/account").await;
        assert_eq!(status, 401);
        assert!(text.contains(&format!("<h1>{heading}</h1>")), "{text}");
        assert!(text.contains(reason), "{reason}: {text}");
        assert!(!text.contains("You are logged in as"));
    }
}

#[tokio::test]
async fn pages_have_the_security_headers() {
    let site = Site::start();
    let client = browser(&site, None);
    for (host, path) in [(SITE, "/"), (SITE, "/account"), (LOGIN, "/account"), (SITE, "/nowhere")] {
        let answer = client.get(site.url(host, path)).send().await.unwrap();
        let field = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(field("content-type"), "text/html; charset=utf-8");
        assert_eq!(
            field("content-security-policy"),
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        assert_eq!(field("cache-control"), "no-store");
        assert_eq!(field("x-content-type-options"), "nosniff");
        assert_eq!(field("referrer-policy"), "no-referrer");
        assert_eq!(field("strict-transport-security"), "max-age=31536000");
        assert!(!answer.headers().contains_key("set-cookie"));
        let text = answer.text().await.unwrap();
        assert!(text.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{text}");
        assert!(!text.contains("<script") && !text.contains("style=\""));
        // Exactly one main heading and one main element.
        assert_eq!((text.matches("<h1>").count(), text.matches("<main").count()), (1, 1));
    }
    let answer = client.get(site.url(SITE, "/style.css")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/css; charset=utf-8");
}

#[test]
fn a_policy_that_does_not_fit_the_site_is_an_error() {
    let files = Files::new();
    let scopes = "
        [scopes.users]
        anchors = ['client-ca.pem']
        [scopes.staff]
        anchors = ['client-ca.pem']
    ";
    let login = "[[rules]]\nserver_name = 'login.site.test'\nrequest = 'users'\n";
    let staff = "[[rules]]\nserver_name = 'id.site.test'\nrequest = 'staff'\n";
    let error = |rules: &str| {
        files.write("policy.toml", format!("{scopes}{rules}"));
        let output = files
            .rext(&["serve", "--listen", "127.0.0.1:0", "--cert", "server.pem"])
            .args(["--key", "server.key", "--policy-file", "policy.toml"])
            .args(["--site", "Site.test", "--staff-host", "id.site.test"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = |option: &str, host: &str, scope: &str| {
        format!(
            "error: {option} {host}: the policy does not request a certificate of the scope {scope:?} \
             from every client on this host: add a rule with `server_name = {host:?}` and \
             `request = {scope:?}`\n"
        )
    };
    let nothing = "[otherwise]\nask = 'nothing'\n";
    assert_eq!(error(nothing), missing("--login-host", "login.site.test", "users"));
    assert_eq!(
        error(&format!("{login}{nothing}")),
        missing("--staff-host", "id.site.test", "staff")
    );
    // To require is an error, too: a failed handshake cannot show a page.
    let require = staff.replace("request", "require");
    assert!(error(&format!("{login}{require}{nothing}")).starts_with("error: --staff-host"));
    assert_eq!(
        error(&format!("{login}{staff}[otherwise]\nrequest = 'users'\n")),
        "error: --site site.test: the policy may request a certificate on this host from clients that \
         make no offer; the site needs rules that request none there\n"
    );
}
