//! Resumption, shutdown, reloads and revocation.

use std::sync::Arc;

use http::StatusCode;
use rustls_ext::{Anchors, Policy, PostHandshake, RevocationList, Setup, Verdict};

use crate::client::{silent, with};
use crate::common::provider;
use crate::site::{Site, client_config, staff};

#[tokio::test]
async fn scc_14_a_resumed_connection_begins_with_nobody_authenticated() {
    let site = Site::new(staff);
    let config = client_config(&site.pki, None);
    let first = site.connect_with(config.clone(), 1, with(&[&site.pki.boss])).await;
    assert_eq!(first.status("/staff").await, StatusCode::OK);
    let second = site.connect_with(config, 1, with(&[&site.pki.boss])).await;
    assert_eq!(second.get("www.example", "/all").await.1, "");
    assert!(site.latest().resumed());
    assert_eq!(second.get("www.example", "/maybe").await.1, "nobody");
    // It is asked again.
    assert_eq!(second.status("/staff").await, StatusCode::OK);
    assert_eq!(second.client.requests(), 1);
}

#[tokio::test]
async fn the_end_of_the_connection_frees_the_page_that_waits() {
    let site = Site::new(staff);
    let connection = site.connect(silent()).await;
    let mut sender = connection.sender.clone();
    let request = http::Request::get("https://www.example/staff");
    let page = sender.send_request(request.body(axum::body::Body::empty()).unwrap());
    let page = tokio::spawn(page);
    while connection.client.requests() == 0 {
        tokio::task::yield_now().await;
    }
    page.abort();
    drop(sender);
    let end = site.ends.lock().unwrap().pop().unwrap();
    connection.end().await;
    // The server may not have been able to write its last frames.
    let _ = end.await.unwrap();
}

#[tokio::test]
async fn a_scope_that_is_removed_does_not_count_any_more() {
    let site = Site::new(staff);
    let connection = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    site.reload(|builder| {
        builder.post_handshake(PostHandshake::when_needed("staff").host("app.example"))
    });
    assert_eq!(connection.status("/staff").await, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(connection.get("app.example", "/staff").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_certificate_that_is_revoked_does_not_count_any_more() {
    let site = Site::new(staff);
    let mut params = rcgen::CertificateParams::new(vec!["traitor".to_owned()]).unwrap();
    params.serial_number = Some(rcgen::SerialNumber::from(7));
    let traitor = site.pki.staff.sign(params);
    let connection = site.connect(with(&[&traitor])).await;
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    let revoke = |serial_numbers: &[u64]| {
        let list = RevocationList::from_der(site.pki.staff.revoke(serial_numbers)).unwrap();
        let policy = Policy::builder()
            .provider(provider())
            .scope("staff", Anchors::from_roots(site.pki.staff.roots()).with_crls([list]))
            .otherwise(Verdict::None)
            .post_handshake(PostHandshake::when_needed("staff"))
            .build()
            .unwrap();
        site.live.replace(Setup::new(site.live.current().config().clone(), policy));
    };
    revoke(&[8]);
    assert_eq!(connection.status("/staff").await, StatusCode::OK);
    revoke(&[7]);
    assert_eq!(connection.status("/staff").await, StatusCode::FORBIDDEN);
    // It can prove another one on a new connection.
    let other = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(other.status("/staff").await, StatusCode::OK);
    assert_eq!(connection.client.requests(), 1);
    drop(Arc::new(connection));
}
