//! The status of denied requests: 401 with a challenge, 403, and errors before that.

use http::StatusCode;
use rustls_ext::http::{Challenge, Challenges};
use rustls_ext::wire::Offer;
use rustls_ext::{ClientAuthOffer, Rule, Verdict};

use crate::site::{Answer, Site, app, builder};

/// The challenge of a 401, read as a client reads it.
#[track_caller]
fn challenge(answer: &Answer) -> Challenge {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    let mut response = http::Response::new(());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers.clone();
    let read = Challenges::from_response(&response);
    assert_eq!((read.errors.len(), read.challenges.len()), (0, 1), "{answer:?}");
    read.challenges[0].clone()
}

#[tokio::test]
async fn cant_2_a_client_that_could_authenticate_is_challenged() {
    let site = Site::start().await;
    for client in [site.client(), site.client().http1()] {
        for path in ["/agents", "/named/agents"] {
            let answer = client.get("www.example", path).await;
            let challenge = challenge(&answer);
            assert_eq!(challenge.realm(), Some("agents"));
            // The challenge accepts exactly the right certificate.
            assert!(challenge.accepts(&site.pki.agent.chain));
            assert!(!challenge.accepts(&site.pki.boss.chain));
            assert!(answer.challenge().starts_with("ClientCertificate realm=\"agents\", dn="));
        }
        assert_eq!(site.reached(), [""; 0]);
    }
    // And the server accepts it.
    assert_eq!(site.agent().get("www.example", "/agents").await.status, StatusCode::OK);
    assert_eq!(site.reached(), ["/agents"]);
}

#[tokio::test]
async fn a_client_that_declined_or_was_refused_is_challenged() {
    let site = Site::start().await;
    for (client, name) in [
        // On a host that requests a certificate on all connections.
        (site.client(), "login.example"),
        // As a browser: without an offer, and with another certificate.
        (site.client().with(&site.pki.boss), "soft.example"),
        // Though it had offered.
        (site.client().offering(ClientAuthOffer::flag()), "www.example"),
    ] {
        assert_eq!(challenge(&client.get(name, "/agents").await).realm(), Some("agents"));
    }
    assert_eq!(site.reached(), [""; 0]);
}

#[tokio::test]
async fn a_client_that_is_authenticated_in_another_scope_is_forbidden() {
    let site = Site::start().await;
    let agent = site.agent().get("www.example", "/staff").await;
    assert_eq!((agent.status, agent.text.as_str()), (StatusCode::FORBIDDEN, OTHER));
    let boss = site.client().with(&site.pki.boss);
    for path in ["/agents", "/named/agents"] {
        let answer = boss.get("admin.example", path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(site.reached(), [""; 0]);
    let answer = boss.get("admin.example", "/staff").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "staff: boss"));
    // Resources without a requirement still work.
    assert_eq!(boss.get("admin.example", "/maybe").await.text, "nobody");
}

const OTHER: &str = "your certificate is for another scope\n";
const NEVER: &str = "the policy never requests the required certificate for this host\n";

#[tokio::test]
async fn a_host_that_never_requests_a_certificate_sends_no_challenge() {
    let site = Site::start().await;
    // A certificate of staff is requested on another host only.
    for path in ["/staff", "/named/staff", "/realm"] {
        let answer = site.client().get("www.example", path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!answer.headers.contains_key("www-authenticate"));
        assert!(["", NEVER].contains(&answer.text.as_str()), "{answer:?}");
    }
    assert_eq!(site.reached(), [""; 0]);
}

#[tokio::test]
async fn a_scope_that_the_policy_does_not_have_is_the_server_s_mistake() {
    let site = Site::start().await;
    for client in [site.client(), site.agent()] {
        let answer = client.get("www.example", "/typo").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        let answer = client.get("www.example", "/named/agent").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.text, "the server's policy has no scope \"agent\"\n");
    }
    assert_eq!(site.reached(), [""; 0]);
}

#[tokio::test]
async fn flags_9_under_tls_1_2_there_is_a_challenge_where_an_offer_by_care_would_help() {
    let site = Site::start().await;
    for offer in [ClientAuthOffer::default(), ClientAuthOffer::flag(), ClientAuthOffer::care()] {
        let client = site.client().offering(offer).tls12();
        assert_eq!(client.get("www.example", "/staff").await.status, StatusCode::FORBIDDEN);
        // If all clients are asked, no offer is needed.
        for host in ["www.example", "login.example"] {
            let challenge = challenge(&client.get(host, "/agents").await);
            assert_eq!(challenge.realm(), Some("agents"));
        }
    }

    // A new connection with a flag would not help, since flags do not count there.
    let by_flag = |pki: &_| {
        let rule = Rule::when().offered_by(Offer::FLAG).request("agents");
        builder(pki).rule(rule).otherwise(Verdict::None).build().unwrap()
    };
    let site = Site::with(by_flag, app).await;
    let answer = site.client().tls12().get("www.example", "/agents").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.headers.contains_key("www-authenticate"));
    challenge(&site.client().get("www.example", "/agents").await);
    assert_eq!(site.reached(), [""; 0]);
}

#[tokio::test]
async fn a_realm_of_one_s_own_is_in_the_challenge() {
    let site = Site::with(
        |pki| {
            let rule = Rule::when().offered(true).request("staff");
            builder(pki).rule(rule).otherwise(Verdict::None).build().unwrap()
        },
        app,
    )
    .await;
    let answer = site.client().get("www.example", "/realm").await;
    assert_eq!(challenge(&answer).realm(), Some("the office"));
}

#[tokio::test]
async fn a_scope_of_too_many_anchors_is_challenged_without_their_names() {
    let many: Vec<_> =
        (0..200).map(|n| crate::common::Authority::new(&format!("authority {n}"))).collect();
    let site = Site::with(
        |pki| {
            let mut roots = pki.agents.roots();
            roots.extend(many.iter().flat_map(|authority| authority.roots().roots));
            rustls_ext::Policy::builder()
                .provider(crate::common::provider())
                .scope("agents", rustls_ext::Anchors::from_roots(roots))
                .rule(Rule::when().offered(true).request("agents"))
                .otherwise(Verdict::None)
                .build()
                .unwrap()
        },
        app,
    )
    .await;
    let answer = site.client().get("www.example", "/agents").await;
    assert_eq!(answer.challenge(), "ClientCertificate realm=\"agents\"");
    assert!(challenge(&answer).accepts(&site.pki.agent.chain));
}

#[tokio::test]
async fn without_a_caller_layer_every_request_is_denied() {
    use axum::body::Body;
    use tower::ServiceExt;

    let log = crate::site::Log::default();
    for path in ["/staff", "/maybe", "/named/agents", "/agents"] {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let response = app(log.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
    assert_eq!(log.lock().unwrap().as_slice(), [""; 0]);
}
