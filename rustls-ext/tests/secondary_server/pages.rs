//! Pages that need a scope, on the connection that loaded the landing page.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rustls_ext::http::server::Denied;
use rustls_ext::{PostHandshake, Rule};
use tokio::time::Instant;

use crate::client::{forced, silent, with};
use crate::common::Authority;
use crate::site::{Site, both, client_config, staff};

#[tokio::test]
async fn scc_10_a_page_that_needs_a_scope_is_served_on_the_connection_of_the_landing_page() {
    let site = Site::new(staff);
    for path in ["/staff", "/named", "/layer"] {
        let connection = site.connect(with(&[&site.pki.boss])).await;
        assert_eq!(connection.get("www.example", "/").await.1, "home");
        assert_eq!(connection.client.requests(), 0);
        assert_eq!(connection.get("www.example", "/maybe").await.1, "nobody");
        let (status, text) = connection.get("www.example", path).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert_eq!(connection.get("www.example", "/maybe").await.1, "staff");
        assert_eq!(connection.get("www.example", "/staff").await.1, "staff: boss");
        assert_eq!(connection.get("www.example", "/all").await.1, "boss Authenticator");
        assert_eq!(connection.client.requests(), 1);
        assert_eq!(connection.client.settings(), [Some(1)]);
        connection.end().await;
    }
}

#[tokio::test]
async fn scc_10_a_certificate_that_is_requested_at_once_is_there_for_the_first_page() {
    let site = Site::new(|builder| builder.post_handshake(PostHandshake::at_once("staff")));
    let connection = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(connection.get("www.example", "/staff").await.1, "staff: boss");
    assert_eq!(connection.client.requests(), 1);
}

#[tokio::test]
async fn scc_11_a_second_identity_beside_the_first() {
    let site = Site::new(both);
    let connection = site.connect(with(&[&site.pki.agent, &site.pki.boss])).await;
    assert_eq!(connection.status("/agents").await, StatusCode::OK);
    assert_eq!(connection.get("www.example", "/maybe").await.1, "nobody");
    assert_eq!(connection.get("www.example", "/staff").await.1, "staff: boss");
    assert_eq!(
        connection.get("www.example", "/all").await.1,
        "agent Authenticator, boss Authenticator"
    );
    assert_eq!(connection.client.requests(), 2);
}

#[tokio::test]
async fn scc_11_an_identity_beside_that_of_the_handshake() {
    let site =
        Site::new(|builder| staff(builder).rule(Rule::when().offered(true).require("agents")));
    let config = client_config(&site.pki, Some(&site.pki.agent));
    let connection = site.connect_with(config, 1, with(&[&site.pki.boss])).await;
    assert_eq!(connection.status("/agents").await, StatusCode::OK);
    assert_eq!(connection.client.requests(), 0);
    assert_eq!(connection.get("www.example", "/staff").await.1, "staff: boss");
    assert_eq!(
        connection.get("www.example", "/all").await.1,
        "agent Handshake, boss Authenticator"
    );
    // For this host, "agents" could only be requested in a handshake.
    assert_eq!(connection.get("other.example", "/staff").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn ea_10_a_client_that_declines_gets_401_and_keeps_its_connection() {
    let site = Site::new(staff);
    let connection = site.connect(with(&[])).await;
    for path in ["/staff", "/named", "/layer"] {
        assert_eq!(connection.status(path).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(connection.status("/").await, StatusCode::OK);
    assert_eq!(connection.client.requests(), 1);
    connection.end().await;
}

#[tokio::test]
async fn scc_9_a_foreign_chain_gets_403_and_keeps_its_connection() {
    let site = Site::new(both);
    let stranger = Authority::new("others").issue("stranger");
    let connection = site.connect(forced(&stranger)).await;
    for path in ["/staff", "/named", "/layer", "/agents"] {
        let (status, text) = connection.get("www.example", path).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {text}");
    }
    assert_eq!(connection.get("www.example", "/staff").await.1, format!("{}\n", Denied::Refused));
    assert!(site.latest().refusal("staff").is_some());
    assert_eq!(connection.get("www.example", "/all").await.1, "");
    assert_eq!(connection.client.requests(), 2);
    connection.end().await;
}

#[tokio::test]
async fn scc_1_a_client_without_the_setting_gets_401_at_once() {
    let site = Site::new(staff);
    let config = client_config(&site.pki, None);
    let connection = site.connect_with(config, 0, silent()).await;
    assert_eq!(connection.status("/staff").await, StatusCode::UNAUTHORIZED);
    assert_eq!(connection.client.requests(), 0);
    // The server announces its 1 all the same.
    connection.end().await;
}

/// An endpoint with the extension off ignores it.
#[tokio::test]
async fn scc_1_a_server_without_rules_for_it_does_not_take_part() {
    let site = Site::new(|builder| builder);
    let connection = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(connection.status("/staff").await, StatusCode::FORBIDDEN);
    assert_eq!(connection.client.settings(), [None]);
    connection.end().await;
}

#[tokio::test]
async fn scc_6_one_request_for_all_pages_that_wait() {
    let site = Site::new(staff);
    let connection = Arc::new(site.connect(silent()).await);
    let pages: Vec<_> = (0..5)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.status("/staff").await })
        })
        .collect();
    while connection.client.requests() == 0 {
        tokio::task::yield_now().await;
    }
    connection.client.answer(&with(&[&site.pki.boss]));
    for page in pages {
        assert_eq!(page.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(connection.client.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn scc_12_a_client_that_never_answers_gets_401_after_the_time() {
    let site = Site::new(staff);
    let connection = site.connect(silent()).await;
    let before = Instant::now();
    assert_eq!(connection.status("/staff").await, StatusCode::UNAUTHORIZED);
    assert_eq!(before.elapsed().as_secs(), 10);
    let before = Instant::now();
    assert_eq!(connection.status("/layer").await, StatusCode::UNAUTHORIZED);
    assert!(before.elapsed() < Duration::from_secs(1));
    // Its answer, when it comes at last, counts for the next request.
    connection.client.answer(&with(&[&site.pki.boss]));
    while site.latest().identities().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    assert_eq!(connection.client.requests(), 1);
}
