//! The example of a `Connector` in the guide, word for word, against a server of this crate.

use std::sync::Arc;

use crate::site::Site;

include!("connector.in");

#[tokio::test]
async fn the_connector_of_the_guide_gets_an_answer_of_our_own_server() {
    let page = include_str!("../../../docs/guide/client.md");
    assert!(page.contains(include_str!("connector.in")));
    let site = Site::start().await;
    let mut config = Arc::unwrap_or_clone(site.client().config());
    config.alpn_protocols = vec![];
    let tcp = TcpStream::connect(site.addr).await.unwrap();
    let name = "www.example".try_into().unwrap();
    let answer = ask(Connector::new(Arc::new(config)), name, tcp).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhome"), "{answer}");
    assert_eq!(site.reached(), ["/"]);
}
