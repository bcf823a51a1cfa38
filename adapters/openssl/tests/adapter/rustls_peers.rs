//! rustls at the other end: our client at the server, and the client at our server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rext_cli::tls;
use rustls_ext::rustls::client::ClientAuthOfferStatus;
use rustls_ext::rustls::server::ServerConfig;
use rustls_ext::rustls::version::{TLS12, TLS13};
use rustls_ext::rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConnection, Stream};
use rustls_ext::{Anchors, ClientAuthOffer, PeerIdentity, Policy, Rule, Verdict};
use serde_json::{Value, json};

use crate::programs::{Server, assert_fields, visit, with};
use crate::site::Site;

/// What our client knows in the end, what it reads, and what the server says.
fn connect(
    config: &Arc<ClientConfig>,
    server: &mut Server,
) -> (ClientAuthOfferStatus, String, Value) {
    let mut tcp = TcpStream::connect(&server.address).unwrap();
    let name = "localhost".try_into().unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = Stream::new(&mut tls, &mut tcp);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
    drop(tcp);
    (tls.client_auth_status(), body, server.outcome())
}

#[test]
fn our_client_at_the_server() {
    use ClientAuthOfferStatus as S;
    let Some(site) = Site::new() else { return };
    let mut server = Server::demanding(&site, &["if-offered"]);
    let asked = S::AskedWithoutAcknowledgement;
    for (version, offer, status, name) in [
        (&TLS13, ClientAuthOffer::default(), S::NotOffered, "none"),
        (&TLS13, ClientAuthOffer::flag(), S::Acknowledged, "flag"),
        (&TLS13, ClientAuthOffer::care(), asked, "care"),
        (&TLS13, ClientAuthOffer::flag_and_care(), S::Acknowledged, "both"),
        (&TLS12, ClientAuthOffer::flag(), S::NotOffered, "none"),
        (&TLS12, ClientAuthOffer::flag_and_care(), asked, "care"),
    ] {
        let offered = offer != ClientAuthOffer::default();
        let offer = offer.with_certificate_under_tls12(true);
        let identity = site.client.certified_key().unwrap();
        let roots = site.servers.roots().unwrap();
        let config = tls::client_config(roots, Some(identity), offer, &[version], &[]).unwrap();
        let config = Arc::new(config);
        let authenticated = name != "none";
        let body = if authenticated { "hello CN=agent-1\n" } else { "hello nobody\n" };
        let full = connect(&config, &mut server);
        assert_eq!((&full.0, full.1.as_str()), (&status, body));
        let says = |resumed: bool| {
            json!({"offer": name, "authenticated": authenticated, "resumed": resumed,
                   "acknowledged": status == S::Acknowledged && !resumed, "error": null})
        };
        assert_fields(&full.2, says(false));

        let again = connect(&config, &mut server);
        let after = if authenticated { S::Offered } else { S::NotOffered };
        assert_eq!((&again.0, again.1.as_str()), (&after, body));
        // With an offer that cannot be made in this version, there is nothing to resume (RES-8).
        assert_fields(&again.2, says(authenticated || !offered));
    }
}

/// Our server, for some connections; who each of them was, and whether it was resumed.
fn serve(config: ServerConfig, connections: usize) -> (String, thread::JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let config = Arc::new(config);
    let serve = move |_| {
        let mut tcp = listener.accept().unwrap().0;
        let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = Stream::new(&mut tls, &mut tcp);
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        assert!(request[..length].ends_with(b"\r\n\r\n"));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nours\n").unwrap();
        tls.send_close_notify();
        tls.complete_io(&mut tcp).unwrap();
        let known = PeerIdentity::from_connection(&tls, "clients").is_some();
        (known, tls.handshake_kind() == Some(HandshakeKind::Resumed))
    };
    (address, thread::spawn(move || (0..connections).map(serve).collect()))
}

type Seen = (bool, bool);

#[test]
fn the_client_at_our_server() {
    let Some(site) = Site::new() else { return };
    for (version, offer, status, echoed) in [
        ("1.3", "none", "not-offered", false),
        ("1.3", "flag", "acknowledged", false),
        ("1.3", "care", "asked-without-acknowledgement", true),
        ("1.3", "both", "acknowledged", true),
        ("1.2", "flag", "not-offered", false),
        ("1.2", "both", "asked-without-acknowledgement", true),
    ] {
        let identity = site.server.certified_key().unwrap();
        let mut config = tls::server_config(identity, &[]).unwrap();
        let policy = Policy::builder()
            .provider(tls::provider())
            .scope("clients", Anchors::from_roots(site.clients.roots().unwrap()))
            .rule(Rule::when().offered(true).request("clients"))
            .otherwise(Verdict::None)
            .build()
            .unwrap();
        config.client_auth_policy = Some(policy.for_config().unwrap());
        let (address, server) = serve(config, 2);
        let session = format!("{version}-{offer}");
        let options = ["--max-version", version, "--offer", offer, "--session", &session];
        let options = with("agent", &[&options[..], &["--certificate-in-clear"]].concat());
        let authenticated = status != "not-offered";
        let full = visit(&site, &address, &options);
        assert_eq!((full.code, full.body.as_str()), (Some(0), "ours\n"), "{}", full.outcome);
        let expected = json!({"status": status, "echoed": echoed, "resumed": false,
                              "authenticated": authenticated});
        assert_fields(&full.outcome, expected);

        let again = visit(&site, &address, &options);
        assert_eq!((again.code, again.body.as_str()), (Some(0), "ours\n"), "{}", again.outcome);
        // With an offer that cannot be made in this version, its sessions are without a certificate.
        let resumes = authenticated || offer == "none";
        let expected = json!({"resumed": resumes, "authenticated": authenticated});
        assert_fields(&again.outcome, expected);
        let seen = server.join().unwrap();
        assert_eq!(seen, [(authenticated, false), (authenticated, resumes)], "{version} {offer}");
    }
}
