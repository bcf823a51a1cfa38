//! Responses that the soak of gateways once found wrong.

use axum::body::Body;
use rext_cli::tls::{H2, HTTP1};

use crate::client::{Site, request};

/// A client over HTTP/2 resets a stream on which a response to HEAD has a body.
#[tokio::test]
async fn the_gateways_own_responses_to_head_have_no_body() {
    let mut site = Site::start(&["--require", "/echo=clients"]).await;
    for protocol in [H2, HTTP1] {
        let mut connection = site.connect(protocol).await;
        for (method, path, status, text) in [
            ("GET", "/echo", 401, true),
            ("HEAD", "/echo", 401, false),
            ("HEAD", "/%00echo", 400, false),
            ("HEAD", "/close", 502, false),
        ] {
            let response = connection.send(request(method, path, &[], Body::empty())).await;
            assert_eq!(response.status, status, "{method} {path}");
            assert_eq!(!response.text.is_empty(), text, "{method} {path}");
        }
        assert_eq!(site.upstream.seen(), ["HEAD /close"]);
    }
}
