use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::common::Files;
use crate::prometheus::Metrics;

#[test]
fn rext_route_counts_connections_by_backend_and_outcome_and_their_bytes() {
    let files = Files::new();
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = backend.local_addr().unwrap().to_string();
    let down = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let args = ["route", "--offered", &down, "--default", &to, "--metrics", "127.0.0.1:0"];
    let router = files.start_with_args(&args, |_| {});
    let metrics = Metrics::of(&router);

    let hello = client_hello(false);
    let mut client = TcpStream::connect(("127.0.0.1", router.port)).unwrap();
    client.write_all(&hello).unwrap();
    let (mut server, _) = backend.accept().unwrap();
    let mut received = vec![0; hello.len()];
    server.read_exact(&mut received).unwrap();
    assert_eq!(received, hello);
    client.write_all(b"123").unwrap();
    server.read_exact(&mut received[..3]).unwrap();
    server.write_all(b"12345").unwrap();
    client.read_exact(&mut received[..5]).unwrap();
    drop((client, server));
    // To the backend that is down, and one that is not TLS.
    for bytes in [client_hello(true), b"SSH-2.0-x\r\n".to_vec()] {
        let mut client = TcpStream::connect(("127.0.0.1", router.port)).unwrap();
        client.write_all(&bytes).unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    }

    metrics.wait_until("all connections have ended", |metrics| {
        metrics.sum("rext_routed_connections_total") == 3.0
            && metrics.sum("rext_connections_open") == 0.0
    });
    assert_eq!(
        metrics.lines("rext_routed_connections_total"),
        [
            "backend=default,outcome=routed 1",
            "backend=none,outcome=no_client_hello 1",
            "backend=offered,outcome=connect_failed 1",
        ]
    );
    assert_eq!(
        metrics.lines("rext_routed_bytes_total"),
        ["direction=to_backend 3", "direction=to_client 5"]
    );
}

fn client_hello(offers: bool) -> Vec<u8> {
    use rext_cli::tls;
    use rustls_ext::ClientAuthOffer;
    use rustls_ext::rustls::{ClientConnection, DEFAULT_VERSIONS, RootCertStore};
    let offer = if offers { ClientAuthOffer::flag() } else { ClientAuthOffer::default() };
    let own = Files::new().client.certified_key().unwrap();
    let config =
        tls::client_config(RootCertStore::empty(), Some(own), offer, DEFAULT_VERSIONS, &[])
            .unwrap();
    let mut tls = ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    bytes
}
