//! From which connections authenticators can be made.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use rustls_ext::ClientAuthOffer;
use rustls_ext::authenticator::{Endpoint, ExporterError, Exporters};
use rustls_ext::wire::authenticator::Connection as _;

use crate::common::{Pki, connect, handshake};
use crate::world::{SUITES, connection, plain, providers};

const ENDPOINTS: [Endpoint; 2] = [Endpoint::Client, Endpoint::Server];

fn configs(
    version: &'static SupportedProtocolVersion,
) -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
    let pki = Pki::new();
    let client = pki.client_config(None, ClientAuthOffer::default(), &[version]);
    (Arc::new(client), Arc::new(pki.server_config(&[version])))
}

#[test]
fn ea_1_both_sides_export_the_same_four_values() {
    for provider in providers() {
        for (suite, length) in SUITES.into_iter().zip([32, 48]) {
            let (client, server) = connection(&provider, suite);
            let (client, server) =
                (Exporters::of(&client).unwrap(), Exporters::of(&server).unwrap());
            for sender in ENDPOINTS {
                let context = client.handshake_context(sender);
                assert_eq!(context, server.handshake_context(sender));
                assert_eq!(context.len(), length);
                let mac = client.finished_mac(sender, b"message");
                assert_eq!(mac.as_ref(), server.finished_mac(sender, b"message").as_ref());
                assert_eq!(mac.as_ref().len(), length);
            }
            let [a, b] = ENDPOINTS.map(|sender| client.handshake_context(sender));
            assert_ne!(a, b);
        }
    }
}

#[test]
fn ea_1_the_values_are_those_of_the_exporter_with_an_empty_context() {
    let (client, server) = plain();
    let all = Exporters::of(&client).unwrap();
    for sender in ENDPOINTS {
        let export = |label: &str| {
            server.export_keying_material([0; 48], label.as_bytes(), Some(&[])).unwrap()
        };
        assert_eq!(all.handshake_context(sender), export(sender.handshake_context_label()));
        let suite = client.negotiated_cipher_suite().unwrap().tls13().unwrap();
        let key = rustls::crypto::tls13::OkmBlock::new(&export(sender.finished_key_label()));
        let tag = suite.hkdf_provider.hmac_sign(&key, b"message");
        assert_eq!(all.finished_mac(sender, b"message").as_ref(), tag.as_ref());
        // Those of one side only are the same.
        let only = Exporters::for_sender(&client, sender).unwrap();
        assert_eq!(only.handshake_context(sender), all.handshake_context(sender));
        assert_eq!(
            only.finished_mac(sender, b"m").as_ref(),
            all.finished_mac(sender, b"m").as_ref()
        );
        assert_eq!(only.handshake_context(sender.peer()), [0; 0]);
    }
}

#[test]
fn ea_1_there_are_no_values_before_the_handshake_is_complete() {
    let (client, server) = configs(&TLS13);
    let (client, server) = connect(&client, &server);
    let error = Exporters::of(&client).unwrap_err();
    assert_eq!((error.rule(), &error), (Some("EA-1"), &ExporterError::Handshaking));
    assert_eq!(Exporters::of(&server).unwrap_err(), ExporterError::Handshaking);
}

#[test]
fn ea_12_tls_1_2_is_refused_with_the_reason() {
    let (client, server) = configs(&TLS12);
    let (client, server) = handshake(&client, &server);
    for error in [Exporters::of(&client).unwrap_err(), Exporters::of(&server).unwrap_err()] {
        assert_eq!((error.rule(), &error), (Some("EA-12"), &ExporterError::NotTls13));
        assert_eq!(error.to_string(), "authenticators need TLS 1.3 (EA-12)");
    }
}

#[test]
fn exported_values_are_not_shown() {
    let (client, _) = plain();
    let shown = format!("{:?}", Exporters::for_sender(&client, Endpoint::Client).unwrap());
    assert_eq!(shown, "Exporters { suite: TLS13_AES_256_GCM_SHA384, sender: Some(Client), .. }");
}
