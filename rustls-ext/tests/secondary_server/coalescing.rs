//! Requests for several hosts on one connection.

use http::StatusCode;
use rustls_ext::{PostHandshake, Rule};

use crate::client::with;
use crate::site::{Site, staff};

#[tokio::test]
async fn a_proof_counts_for_another_host_whose_rules_may_ask_for_its_scope() {
    let site = Site::new(staff);
    let connection = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    assert_eq!(connection.get("app.example", "/staff").await.1, "staff: boss");
    assert_eq!(connection.client.requests(), 1);
}

#[tokio::test]
async fn a_host_that_never_asks_for_the_scope_answers_421() {
    let site = Site::new(staff);
    let connection = site.connect(with(&[&site.pki.boss])).await;
    // Without a proof, no connection could help.
    assert_eq!(connection.get("other.example", "/staff").await.0, StatusCode::FORBIDDEN);
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    for path in ["/staff", "/named", "/layer"] {
        let (status, _) = connection.get("other.example", path).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
    }
    assert_eq!(connection.get("other.example", "/maybe").await.1, "nobody");
    assert_eq!(connection.get("other.example", "/").await.1, "home");
}

#[tokio::test]
async fn a_host_is_asked_for_on_the_connection_of_another_host() {
    let site = Site::new(|builder| {
        builder.post_handshake(PostHandshake::when_needed("staff").host("app.example"))
    });
    let connection = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(connection.status("/staff").await, StatusCode::FORBIDDEN);
    assert_eq!(connection.get("app.example", "/staff").await.1, "staff: boss");
}

#[tokio::test]
async fn a_host_that_requires_a_certificate_needs_a_connection_that_has_proved_it() {
    let site = Site::new(|builder| {
        staff(builder).rule(Rule::when().server_name("app.example").require("staff"))
    });
    let connection = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(connection.get("app.example", "/").await.0, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    assert_eq!(connection.get("app.example", "/").await.1, "home");
}
