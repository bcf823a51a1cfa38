//! A decision that was made outside of the handshake is passed as an argument.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::kx_group::SECP384R1;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientAuthDecision, ClientAuthStatus};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConnection, Error, HandshakeKind, PeerMisbehaved, ServerConfig, quic,
};
use rustls_ext::{ClientAuthOffer, PeerIdentity};

use crate::common::{Pki, Side, Switch, When, name, provider, pump, transfer};
use crate::{NotToBeAsked, accepted, handshake_under, quic_client, quic_pump};

/// The two ways to pass a decision.
#[derive(Clone, Copy, Debug)]
enum Way {
    Argument,
    Setter,
}

#[test]
fn a_decision_from_outside_decides_without_a_policy_and_in_place_of_the_configs() {
    let pki = Pki::new();
    let demand = pki.demand("agents");
    let (none, request, require) = (
        ClientAuthDecision::None,
        ClientAuthDecision::Request(demand.clone()),
        ClientAuthDecision::Require(demand),
    );
    // The decision, whether the client has a certificate, and the outcome at the server.
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Expected {
        Is(ClientAuthStatus),
        Authenticated,
        Refused,
    }
    let table = [
        (&none, true, Expected::Is(ClientAuthStatus::NotAsked)),
        (&none, false, Expected::Is(ClientAuthStatus::NotAsked)),
        (&request, true, Expected::Authenticated),
        (&request, false, Expected::Is(ClientAuthStatus::Declined)),
        (&require, true, Expected::Authenticated),
        (&require, false, Expected::Refused),
    ];
    for version in [&TLS13, &TLS12] {
        let mut with_policy = pki.server_config(&[version]);
        with_policy.client_auth_policy = Some(Arc::new(NotToBeAsked));
        let configs = [Arc::new(pki.server_config(&[version])), Arc::new(with_policy)];
        for ((decision, has_certificate, expected), way, config) in table
            .iter()
            .flat_map(|row| [(row, Way::Argument), (row, Way::Setter)])
            .flat_map(|(row, way)| [(row, way, &configs[0]), (row, way, &configs[1])])
        {
            let row = format!("{version:?} {way:?} {decision:?} {has_certificate}");
            let identity = has_certificate.then_some(&pki.agent);
            let client = pki.client_config(identity, ClientAuthOffer::default(), &[version]);
            let mut client = ClientConnection::new(Arc::new(client), name()).unwrap();
            let mut hello = accepted(&mut client);
            let decision = ClientAuthDecision::clone(decision);
            let server = match way {
                Way::Argument => hello.into_connection_with(config.clone(), Ok(decision)),
                Way::Setter => {
                    hello.decide(Ok(decision));
                    hello.into_connection(config.clone())
                }
            };
            let mut server = server.map_err(|(err, _)| err).unwrap();
            match pump(&mut client, &mut server) {
                Ok(()) => {
                    let status = server.client_auth().unwrap().status();
                    match expected {
                        Expected::Is(expected) => assert_eq!(status, *expected, "{row}"),
                        Expected::Authenticated => assert!(
                            matches!(
                                status,
                                ClientAuthStatus::Authenticated { resumed: false, .. }
                            ),
                            "{row}"
                        ),
                        Expected::Refused => panic!("{row}"),
                    }
                    let chain: Option<&[CertificateDer<'_>]> =
                        (*expected == Expected::Authenticated).then_some(&pki.agent.chain);
                    assert_eq!(server.peer_certificates(), chain, "{row}");
                }
                Err(failure) => {
                    assert_eq!(*expected, Expected::Refused, "{row}");
                    assert_eq!(
                        (failure.at, failure.error),
                        (Side::Server, Error::NoCertificatesPresented),
                        "{row}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_error_instead_of_a_decision_ends_the_handshake_with_internal_error_at_the_client() {
    let pki = Pki::new();
    let error = Error::General("the directory is down".into());
    for version in [&TLS13, &TLS12] {
        let config = Arc::new(pki.server_config(&[version]));
        let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[version]);
        let mut client = ClientConnection::new(Arc::new(client), name()).unwrap();
        let outcome = accepted(&mut client).into_connection_with(config, Err(error.clone()));
        let Err((returned, mut alert)) = outcome else { panic!("accepted without a decision") };
        assert_eq!(returned, error);
        let mut sent = Vec::new();
        alert.write_all(&mut sent).unwrap();
        client.read_tls(&mut &sent[..]).unwrap();
        assert_eq!(
            client.process_new_packets().unwrap_err(),
            Error::AlertReceived(AlertDescription::InternalError)
        );
    }
}

#[test]
fn of_several_decisions_for_one_connection_the_last_one_counts() {
    let pki = Pki::new();
    let client = pki.client_config(Some(&pki.boss), ClientAuthOffer::default(), &[&TLS13]);
    let mut client = ClientConnection::new(Arc::new(client), name()).unwrap();
    let mut hello = accepted(&mut client);
    hello.decide(Err(Error::General("not yet".into())));
    hello.decide(Ok(ClientAuthDecision::Require(pki.demand("agents"))));
    let decision = Ok(ClientAuthDecision::Require(pki.demand("staff")));
    let config = Arc::new(pki.server_config(&[&TLS13]));
    let server = hello.into_connection_with(config, decision);
    let mut server = server.map_err(|(err, _)| err).unwrap();
    pump(&mut client, &mut server).unwrap();
    assert!(PeerIdentity::from_connection(&server, "staff").is_some());
}

/// A server with one group, for which clients do not send a key share, so that it sends
/// HelloRetryRequest.
fn retrying(pki: &Pki) -> Arc<ServerConfig> {
    let mut suites: CryptoProvider = (*provider()).clone();
    suites.kx_groups = vec![SECP384R1];
    let mut server = ServerConfig::builder_with_provider(Arc::new(suites))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    // Not for the second ClientHello either.
    server.client_auth_policy = Some(Arc::new(NotToBeAsked));
    Arc::new(server)
}

#[test]
fn a_decision_from_outside_holds_through_hello_retry_request() {
    let pki = Pki::new();
    let client = Arc::new(pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13]));
    let demand = pki.demand("agents").because_offered();
    let decision = ClientAuthDecision::Require(demand);
    let (client, server) = handshake_under(&client, &retrying(&pki), decision).unwrap();
    assert_eq!(server.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
    assert!(PeerIdentity::from_connection(&server, "agents").is_some());
    assert_eq!(client.client_auth_status(), rustls::client::ClientAuthOfferStatus::Acknowledged);
}

#[test]
fn flags_12_a_second_hello_that_differs_is_refused_under_a_policy_of_one_connection() {
    let pki = Pki::new();
    let config = |offer| Arc::new(pki.client_config(Some(&pki.agent), offer, &[&TLS13]));
    let mut one = quic_client(&config(ClientAuthOffer::default()));
    let mut other = quic_client(&config(ClientAuthOffer::flag()));
    let policy = Switch::new(When::Offered, ClientAuthDecision::Require(pki.demand("agents")));
    let mut server = quic::ServerConnection::with_client_auth_policy(
        retrying(&pki),
        policy,
        quic::Version::V1,
        Vec::new(),
    )
    .unwrap();

    let (mut first, mut unused, mut retry, mut second) = (vec![], vec![], vec![], vec![]);
    assert!(one.write_hs(&mut first).is_none() && other.write_hs(&mut unused).is_none());
    server.read_hs(&first).unwrap();
    assert!(server.write_hs(&mut retry).is_none());
    // Over QUIC there is no session ID that connects the two ClientHellos.
    other.read_hs(&retry).unwrap();
    assert!(other.write_hs(&mut second).is_none());
    assert_eq!(
        server.read_hs(&second).unwrap_err(),
        PeerMisbehaved::ClientHelloDifferedOnRetry("tls_flags").into()
    );
    assert_eq!(server.alert(), Some(AlertDescription::IllegalParameter));
}

#[test]
fn a_quic_connection_is_decided_by_its_own_policy_and_others_by_theirs() {
    let pki = Pki::new();
    let config = Arc::new(pki.server_config(&[&TLS13]));
    let client =
        Arc::new(pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[&TLS13]));
    for (decision, authenticated) in [
        (ClientAuthDecision::Require(pki.demand("agents")), true),
        (ClientAuthDecision::None, false),
    ] {
        let mut client = quic_client(&client);
        let mut server = quic::ServerConnection::with_client_auth_policy(
            config.clone(),
            Switch::new(When::Always, decision),
            quic::Version::V1,
            Vec::new(),
        )
        .unwrap();
        quic_pump(&mut client, &mut server).unwrap();
        let status = server.client_auth().unwrap().status();
        let is = matches!(status, ClientAuthStatus::Authenticated { resumed: false, .. });
        assert_eq!((is, server.peer_certificates().is_some()), (authenticated, authenticated));
    }
    // The config has no policy, as before.
    let (mut client, mut server) = (
        quic_client(&client),
        quic::ServerConnection::new(config, quic::Version::V1, Vec::new()).unwrap(),
    );
    quic_pump(&mut client, &mut server).unwrap();
    assert!(server.client_auth().is_none());
}

#[test]
fn a_quic_policy_that_fails_ends_the_handshake_with_internal_error() {
    let pki = Pki::new();
    let client = Arc::new(pki.client_config(None, ClientAuthOffer::default(), &[&TLS13]));
    let mut server = quic::ServerConnection::with_client_auth_policy(
        Arc::new(pki.server_config(&[&TLS13])),
        Arc::new(NotToBeAsked),
        quic::Version::V1,
        Vec::new(),
    )
    .unwrap();
    let error = quic_pump(&mut quic_client(&client), &mut server).unwrap_err();
    assert_eq!(error, Error::General("this policy was not to be asked".into()));
    assert_eq!(server.alert(), Some(AlertDescription::InternalError));
}

#[test]
fn res_2_sessions_resume_in_the_scope_of_the_decision_from_outside_and_no_other() {
    let pki = Pki::new();
    let require = |scope| ClientAuthDecision::Require(pki.demand(scope));
    for version in [&TLS13, &TLS12] {
        let server = Arc::new(pki.server_config(&[version]));
        let client =
            Arc::new(pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[version]));
        let (_, first) = handshake_under(&client, &server, require("agents")).unwrap();
        assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));

        let (_, again) = handshake_under(&client, &server, require("agents")).unwrap();
        assert_eq!(again.handshake_kind(), Some(HandshakeKind::Resumed));
        assert!(PeerIdentity::from_connection(&again, "agents").unwrap().resumed);

        let (_, other) = handshake_under(&client, &server, ClientAuthDecision::None).unwrap();
        assert_eq!(other.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(other.peer_certificates(), None);

        // Nor does a session with a scope resume without a policy (RES-7).
        let (_, first) = handshake_under(&client, &server, require("agents")).unwrap();
        assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));
        let (_, plain) = crate::common::handshake(&client, &server);
        assert_eq!(plain.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        assert!(plain.client_auth().is_none());
    }
}

#[test]
fn res_6_early_data_is_accepted_only_in_the_scope_of_the_decision_from_outside() {
    let pki = Pki::new();
    let mut server = pki.server_config(&[&TLS13]);
    server.max_early_data_size = 100;
    let server = Arc::new(server);
    let mut client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[&TLS13]);
    client.enable_early_data = true;
    let client = Arc::new(client);
    let agents = ClientAuthDecision::Require(pki.demand("agents"));
    for (decision, early) in [(agents.clone(), true), (ClientAuthDecision::None, false)] {
        handshake_under(&client, &server, agents.clone()).unwrap();
        let mut client = ClientConnection::new(client.clone(), name()).unwrap();
        client.early_data().unwrap().write_all(b"early").unwrap();
        let accepted = accepted(&mut client);
        let mut server = accepted
            .into_connection_with(server.clone(), Ok(decision))
            .map_err(|(err, _)| err)
            .unwrap();
        let mut read = Vec::new();
        if let Some(mut data) = server.early_data() {
            data.read_to_end(&mut read).unwrap();
        }
        assert_eq!(read, if early { &b"early"[..] } else { b"" });
        transfer!(server, client);
        client.process_new_packets().unwrap();
        assert_eq!(client.is_early_data_accepted(), early);
    }
}
