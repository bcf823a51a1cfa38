//! The values for authenticators, of client and server, over QUIC.

use quinn_proto::crypto::ExportKeyingMaterialError;
use rustls::sign::CertifiedKey;
use rustls_ext::authenticator::{Endpoint, ExporterError, Exporters, Proof, Request};
use rustls_ext::quic::HandshakeData;
use rustls_ext::{ClientAuthOffer, with_causes};

use crate::common::provider;
use crate::harness::Site;

fn exporters(connection: &quinn::Connection) -> Exporters {
    let handshake = HandshakeData::from_quinn(connection.handshake_data()).unwrap();
    let export = |output: &mut [u8], label: &[u8], context: &[u8]| {
        connection.export_keying_material(output, label, context)
    };
    handshake.exporters(Endpoint::Client, export).unwrap()
}

#[tokio::test]
async fn ea_13_authenticators_are_tied_to_their_quic_connection() {
    let site = Site::new();
    let tls = site.client(None, ClientAuthOffer::default());
    let visit = site.visit(&tls).await;
    let another = site.visit(&tls).await;

    let verifier = site.pki.agents.verifier();
    let request = Request::for_verifier(&*verifier, &provider()).unwrap();
    let heard = Request::parse(Endpoint::Server, request.bytes()).unwrap();
    let agent = &site.pki.agent;
    let key = CertifiedKey::from_der(agent.chain.clone(), agent.key(), &provider()).unwrap();
    let answer = heard.authenticate(&exporters(&visit.client), &key).unwrap();
    let declined = heard.decline(&exporters(&visit.client)).unwrap();

    let validate = |connection, answer: &[u8]| {
        request.validate(&exporters(connection), answer, |message, certificate, signature| {
            verifier.verify_tls13_signature(message, certificate, signature)
        })
    };
    let proof = validate(&visit.server, &answer).unwrap();
    assert!(matches!(proof, Proof::Possession(_)), "{proof:?}");
    let proof = validate(&visit.server, &declined).unwrap();
    assert!(matches!(proof, Proof::Declined), "{proof:?}");
    for answer in [&answer, &declined] {
        let err = validate(&another.server, answer).unwrap_err();
        assert_eq!(err.rule(), "EA-9", "{err}");
    }
}

#[tokio::test]
async fn ea_1_values_are_not_taken_during_the_handshake_or_if_quinn_fails() {
    let site = Site::new();
    let tls = site.client(None, ClientAuthOffer::default());
    let visit = site.visit(&tls).await;
    let failing = |_: &mut [u8], _: &[u8], _: &[u8]| Err(ExportKeyingMaterialError);
    let err = visit.at_client().exporters(Endpoint::Client, failing).unwrap_err();
    assert_eq!(
        with_causes(&err),
        "the connection cannot export: unexpected error: quinn cannot export keying material"
    );

    // The server's data is there with the ClientHello.
    let connecting = site.connect(&tls);
    let accepted = async {
        let mut connecting = site.incoming().await.accept().unwrap();
        let data = HandshakeData::from_quinn(connecting.handshake_data().await.unwrap()).unwrap();
        let err = data.exporters(Endpoint::Client, failing).unwrap_err();
        assert_eq!((&err, err.rule()), (&ExporterError::Handshaking, Some("EA-1")));
        connecting.await.unwrap()
    };
    site.exchange(connecting, accepted).await;
}
