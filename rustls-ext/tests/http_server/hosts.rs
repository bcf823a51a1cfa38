//! Requests on connections that were made for another host: 421, and the forms of an authority.

use http::StatusCode;
use rustls_ext::{ClientAuthOffer, Rule, Setup, Verdict};

use crate::site::{Client, Site, app, builder, server_config};

const MISDIRECTED: u16 = 421;

/// Requests for each of these hosts on one connection to `name`, over HTTP/2 and HTTP/1.1.
async fn statuses(site: &Site, client: Client<'_>, name: &str, expected: &[(&str, u16)]) {
    for client in [client.clone(), client.http1()] {
        let mut connection = client.connect(name).await;
        for (authority, status) in expected {
            let answer = connection.get(authority, "/").await;
            assert_eq!(answer.status, *status, "{authority} on a connection to {name}");
            let reached = if *status == 200 { &["/"][..] } else { &[] };
            assert_eq!(site.reached(), reached, "{authority}");
        }
    }
}

#[tokio::test]
async fn a_host_that_asks_for_more_is_not_reached_on_the_connection_of_another() {
    let site = Site::start().await;
    statuses(
        &site,
        site.client(),
        "www.example",
        &[
            ("www.example", 200),
            ("other.example", 200),
            ("admin.example", MISDIRECTED),
            ("login.example", MISDIRECTED),
            ("soft.example", MISDIRECTED),
            // The connection continues nevertheless.
            ("www.example", 200),
        ],
    )
    .await;
}

#[tokio::test]
async fn neither_case_nor_port_nor_final_dot_is_a_way_around_that() {
    let site = Site::start().await;
    statuses(
        &site,
        site.client(),
        "www.example",
        &[
            ("WWW.EXAMPLE", 200),
            ("www.example.", 200),
            ("www.example:8443", 200),
            ("ADMIN.example", MISDIRECTED),
            ("Admin.Example.", MISDIRECTED),
            ("admin.example:80", MISDIRECTED),
            ("admin.example.:443", MISDIRECTED),
            ("admin.example:", MISDIRECTED),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_client_sends_no_server_name_for_an_address() {
    let site = Site::start().await;
    let addresses = [("127.0.0.1", 200), ("127.0.0.1:443", 200), ("[::1]", 200), ("[::1]:1", 200)];
    statuses(&site, site.client(), "www.example", &addresses).await;
    // A client that sends no name gets the same as one that sends another name.
    let expected = [&addresses[..], &[("www.example", 200), ("admin.example", MISDIRECTED)]];
    statuses(&site, site.client(), "127.0.0.1", &expected.concat()).await;

    // Addresses need more than a name does.
    let policy = |pki: &_| {
        builder(pki)
            .rule(Rule::when().server_name("www.example").ask_nothing())
            .otherwise(Verdict::Request("agents".into()))
            .build()
            .unwrap()
    };
    let site = Site::with(policy, app).await;
    let addresses = [("127.0.0.1", MISDIRECTED), ("[::1]", MISDIRECTED), ("www.example", 200)];
    statuses(&site, site.client(), "www.example", &addresses).await;
    statuses(&site, site.client(), "127.0.0.1", &[("127.0.0.1", 200), ("[::1]", 200)]).await;
}

#[tokio::test]
async fn a_request_for_one_host_suffices_for_another_with_the_same_demand() {
    let site = Site::start().await;
    let boss = site.client().with(&site.pki.boss);
    let expected = [("admin.example", 200), ("www.example", 200), ("login.example", MISDIRECTED)];
    statuses(&site, boss, "admin.example", &expected).await;
    // Both if it declined, and if it has an identity.
    let expected = [
        ("login.example", 200),
        ("soft.example", 200),
        ("www.example", 200),
        ("admin.example", MISDIRECTED),
    ];
    statuses(&site, site.client(), "login.example", &expected).await;
    statuses(&site, site.client().with(&site.pki.agent), "login.example", &expected).await;
    // Asked because of its offer, or because of the host: the scope is the same.
    statuses(&site, site.agent(), "www.example", &expected).await;
    statuses(&site, site.client().offering(ClientAuthOffer::care()), "www.example", &expected)
        .await;
}

#[tokio::test]
async fn where_a_certificate_is_required_to_have_been_asked_is_not_enough() {
    let policy = |pki: &_| {
        builder(pki)
            .rule(Rule::when().server_name("vault.example").require("agents"))
            .otherwise(Verdict::Request("agents".into()))
            .build()
            .unwrap()
    };
    let site = Site::with(policy, app).await;
    let expected = [("www.example", 200), ("vault.example", MISDIRECTED)];
    statuses(&site, site.client(), "www.example", &expected).await;
    let expected = [("www.example", 200), ("vault.example", 200)];
    statuses(&site, site.client().with(&site.pki.agent), "www.example", &expected).await;
}

#[tokio::test]
async fn a_host_with_rules_on_offers_is_decided_for_this_client() {
    let policy = |pki: &_| {
        builder(pki)
            .rule(Rule::when().server_name("api.example").offered(true).require("agents"))
            .rule(Rule::when().server_name("app.example").alpn("h3").request("agents"))
            .otherwise(Verdict::None)
            .build()
            .unwrap()
    };
    let site = Site::with(policy, app).await;
    // It would not be asked there; the rest of its list of protocols is unknown.
    let expected = [("api.example", 200), ("app.example", MISDIRECTED)];
    statuses(&site, site.client(), "www.example", &expected).await;
    // It would be asked.
    let expected = [("www.example", 200), ("api.example", MISDIRECTED)];
    statuses(&site, site.agent(), "www.example", &expected).await;
    // On the host's own connections, all possible requests were made.
    statuses(&site, site.client(), "app.example", &[("app.example", 200)]).await;

    // Under TLS 1.2 an offer by flag does not count, and is not known afterwards. A policy that
    // decided before the version was chosen saw it.
    let expected = [("www.example", 200), ("api.example", MISDIRECTED)];
    statuses(&site, site.client().tls12(), "www.example", &expected).await;
}

#[tokio::test]
async fn a_changed_policy_counts_at_once_for_hosts_other_than_the_connection_s_own() {
    let site = Site::start().await;
    let mut connection = site.client().connect("www.example").await;
    for authority in ["www.example", "other.example"] {
        assert_eq!(connection.get(authority, "/").await.status, StatusCode::OK);
    }
    let all = builder(&site.pki).otherwise(Verdict::Request("agents".into())).build().unwrap();
    site.live.replace(Setup::new(server_config(&site.pki, &[b"h2"]), all));
    assert_eq!(connection.get("other.example", "/").await.status, MISDIRECTED);
    // A connection keeps its decision.
    assert_eq!(connection.get("www.example", "/").await.status, StatusCode::OK);
    // But the new rules can challenge it.
    assert_eq!(connection.get("www.example", "/agents").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn misdirected_is_checked_before_the_client_s_identity() {
    let site = Site::start().await;
    // On the right connection: 401 without a certificate, and 403 with another one.
    let mut agent = site.agent().connect("www.example").await;
    for path in ["/staff", "/agents", "/", "/nowhere"] {
        let answer = agent.get("admin.example", path).await;
        assert_eq!(answer.status, MISDIRECTED, "{path}");
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
    let mut anybody = site.client().connect("www.example").await;
    assert_eq!(anybody.get("login.example", "/agents").await.status, MISDIRECTED);
    assert_eq!(site.reached(), [""; 0]);
}
