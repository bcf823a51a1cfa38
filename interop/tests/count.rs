//! The counts of the demo are exact.

use std::sync::Arc;

use interop::count_io::CountIo;
use rext_cli::tls;
use rustls_ext::rustls::DEFAULT_VERSIONS;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::tokio::Acceptor;
use rustls_ext::{Anchors, ClientAuthOffer, Policy, Rule, Verdict};
use test_pki::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsConnector;

#[tokio::test]
async fn data_that_a_client_sends_with_its_finished_is_not_counted() {
    let authority = Authority::new("CA").unwrap();
    let identity = authority.server(&["localhost"]).unwrap().certified_key().unwrap();
    let mut config = tls::server_config(identity, &[]).unwrap();
    config.send_tls13_tickets = 0;
    let policy = Policy::builder()
        .provider(tls::provider())
        .scope("all", Anchors::from_roots(authority.roots().unwrap()))
        .rule(Rule::when().offered(true).require("all"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let acceptor = Acceptor::new(Arc::new(config), policy);
    let key = authority.client("client").unwrap().certified_key().unwrap();
    let (roots, offer) = (authority.roots().unwrap(), ClientAuthOffer::flag());
    let config = tls::client_config(roots, Some(key), offer, DEFAULT_VERSIONS, &[]).unwrap();

    let (client_io, server_io) = duplex(64 * 1024);
    let (client_io, client_counter) = CountIo::new(client_io);
    let (server_io, server_counter) = CountIo::new(server_io);

    // The client sends all its data before the server reads its Finished: this runtime has one
    // thread, and the client does not wait in between.
    let client = async {
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, client_io).await.unwrap();
        let count = client_counter.stop();
        stream.write_all(&[7; 1000]).await.unwrap();
        stream.flush().await.unwrap();
        (stream, count)
    };
    let server = async {
        let mut stream = acceptor.accept(server_io, None).await.unwrap();
        let count = server_counter.stop();
        let mut early = [0; 1000];
        stream.read_exact(&mut early).await.unwrap();
        assert_eq!(early, [7; 1000]);
        count
    };
    let ((_stream, at_client), at_server) = tokio::join!(client, server);
    assert_eq!(at_server.bytes, at_client.bytes);
    // The client counts more: it answers the ServerHello with a ChangeCipherSpec at once.
    assert_eq!(at_server.flights, 3);
}
