//! A peer that breaks a rule gets the right alert, and other connections are not affected: all cases use one
//! config, one session storage and one open connection.

use std::sync::Arc;

use raw_peer::{HandshakeType, ServerConfig};
use rustls::Connection;
use rustls::client::{ClientAuthOffer, ClientAuthOfferStatus, Resumption};

use crate::bad_clients::{self, Known};
use crate::bad_servers;
use crate::demand::{Site, alerts, deciding, requiring};
use crate::harness::Pair;
use crate::honest::{ClientSessions, Honest, ServerSessions};
use crate::pki::Pki;

fn offer() -> ClientAuthOffer {
    ClientAuthOffer::flag_and_care().with_origins(["spiffe://example.org"]).unwrap()
}

#[test]
fn a_client_that_breaks_a_rule_gets_its_alert_and_does_no_harm() {
    let mut site = Site::new(false);
    let sessions = ServerSessions::new();
    Arc::make_mut(&mut site.server).session_storage = Arc::clone(&sessions) as _;
    let require = requiring(&site.pki, "clients");
    let honest = || {
        let mut config = site.pki.rustls_client(true);
        config.client_auth_offer = offer();
        Arc::new(config)
    };
    let cases = bad_clients::all(&site);
    site.tell(require.clone());
    let mut open = Honest::new("localhost", &honest(), &site.server);
    open.assert_full(ClientAuthOfferStatus::Acknowledged);

    for case in cases {
        let name = case.name;
        site.tell(case.decision);
        let before = sessions.ever();
        let mut pair = Pair::client(case.config, Arc::clone(&site.server));
        pair.run();
        match case.then {
            None => assert_eq!(sessions.ever(), before, "{name}: a session was stored"),
            Some(then) => {
                pair.assert_complete();
                then(&mut pair.raw);
                pair.run();
            }
        }
        let Connection::Server(server) = &pair.tls else { panic!("not a server") };
        match case.ends {
            Some((alert, error)) => {
                assert_eq!(pair.theirs, Err(error), "{name}");
                assert_eq!(alerts(&pair), [(2, alert)], "{name}");
            }
            None => {
                assert_eq!((&pair.theirs, alerts(&pair)), (&Ok(()), vec![]), "{name}");
                assert!(server.is_handshaking(), "{name}");
            }
        }
        let known = server.client_auth().map(|auth| Known::of(auth.status()));
        assert_eq!(known, case.known, "{name}");
        assert_eq!(pair.tls.peer_certificates().is_some(), known == Some(Known::Proven), "{name}");

        site.tell(require.clone());
        open.exchange();
        let client = honest();
        Honest::new("localhost", &client, &site.server)
            .assert_full(ClientAuthOfferStatus::Acknowledged);
        Honest::new("localhost", &client, &site.server)
            .assert_resumed(ClientAuthOfferStatus::Offered);
    }
}

#[test]
fn a_server_that_breaks_a_rule_gets_its_alert_and_does_no_harm() {
    let pki = Pki::new();
    // One whose sessions resume, and one that gives none.
    let server = Arc::new(deciding(&pki, requiring(&pki, "clients")));
    let mut fresh = deciding(&pki, requiring(&pki, "clients"));
    fresh.send_tls13_tickets = 0;
    let fresh = Arc::new(fresh);
    for offers in [true, false] {
        let sessions = ClientSessions::new();
        let mut client = pki.rustls_client(true);
        client.resumption = Resumption::store(Arc::clone(&sessions) as _);
        let (asked, resumed) = if offers {
            (ClientAuthOfferStatus::Acknowledged, ClientAuthOfferStatus::Offered)
        } else {
            (ClientAuthOfferStatus::AskedWithoutAcknowledgement, ClientAuthOfferStatus::NotOffered)
        };
        if offers {
            client.client_auth_offer = offer();
        }
        let client = Arc::new(client);
        let mut config = ServerConfig::new(pki.server.clone());
        config.ask_certificate = true;
        config.tickets = 1;
        let mut pair = Pair::server_at("other.example", config, Arc::clone(&client));
        pair.run();
        pair.assert_complete();
        let mut open = Honest::new("localhost", &client, &server);
        open.assert_full(asked);

        for case in bad_servers::all(&pki, offers, &pair.raw.tickets()[0]) {
            let name = case.name;
            let before = sessions.ever();
            let mut pair = Pair::server_at(case.at, case.config, Arc::clone(&client));
            pair.run();
            if let Some(then) = case.then {
                pair.assert_complete();
                then(&mut pair.raw);
                pair.run();
            }
            let (alert, error) = case.ends;
            assert_eq!(pair.theirs, Err(error), "{name}");
            assert_eq!(alerts(&pair), [(2, alert)], "{name}");
            let Connection::Client(tls) = &pair.tls else { panic!("not a client") };
            assert_eq!(tls.client_auth_status(), case.status, "{name}");
            assert_eq!(sessions.ever(), before, "{name}: a session was kept");
            // Who failed before its Finished got no certificate; who did so later did ask for it.
            let shown = pair.raw.received(HandshakeType::CERTIFICATE).is_some();
            assert_eq!(shown, pair.raw.is_complete(), "{name}");

            open.exchange();
            Honest::new("fresh.example", &client, &fresh).assert_full(asked);
            Honest::new("localhost", &client, &server).assert_resumed(resumed);
        }
    }
}
