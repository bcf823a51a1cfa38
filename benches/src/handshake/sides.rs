//! Code for both rustls crates, whose types differ.

/// The ends of a case in the crate `$rustls`: `Sides`, to be built with `configs`, and the turns.
macro_rules! sides {
    ($rustls:ident) => {
        use std::any::Any;
        use std::sync::Arc;

        use $rustls::client::Resumption;
        use $rustls::crypto::CryptoProvider;
        use $rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
        use $rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
        use $rustls::{
            ClientConfig, ClientConnection, HandshakeKind, NamedGroup, RootCertStore, ServerConfig,
            ServerConnection, version,
        };

        use crate::handshake::pki::CertifiedKeyDer;
        use crate::handshake::{Case, Cost, Ends, Pki, Provider, SERVER_NAME, Scenario, Version};

        struct Sides {
            client: Arc<ClientConfig>,
            server: Arc<ServerConfig>,
            case: Case,
        }

        pub(super) fn ends(case: Case, pki: &Pki) -> Box<dyn Ends> {
            let (client, server) = configs(case, pki);
            let sides = Sides { client: client.into(), server: server.into(), case };
            if case.resumes() {
                sides.connect(HandshakeKind::Full);
            }
            Box::new(sides)
        }

        pub(super) fn idle(case: Case, pki: &Pki) -> Box<dyn FnMut() -> Box<dyn Any>> {
            let (client, server) = configs(case, pki);
            let sides = Sides { client: client.into(), server: server.into(), case };
            Box::new(move || Box::new(sides.connect(HandshakeKind::Full).1))
        }

        fn provider(case: Case) -> Arc<CryptoProvider> {
            let mut provider = match case.provider {
                Provider::Ring => $rustls::crypto::ring::default_provider(),
                Provider::AwsLcRs => $rustls::crypto::aws_lc_rs::default_provider(),
            };
            // The same as with the other libraries.
            provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
            Arc::new(provider)
        }

        fn roots(authorities: Vec<Vec<u8>>) -> Arc<RootCertStore> {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority.into()).expect("an authority");
            }
            roots.into()
        }

        fn identity(of: CertifiedKeyDer) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
            let chain = [of.certificate].into_iter().chain(of.intermediates);
            (chain.map(CertificateDer::from).collect(), PrivatePkcs8KeyDer::from(of.key).into())
        }

        /// The verifier of pristine rustls.
        fn plain_configs(case: Case, pki: &Pki) -> (ClientConfig, ServerConfig) {
            let versions = match case.version {
                Version::Tls12 => &[&version::TLS12],
                Version::Tls13 => &[&version::TLS13],
            };
            let client = ClientConfig::builder_with_provider(provider(case))
                .with_protocol_versions(versions)
                .expect("a version")
                .with_root_certificates(roots(vec![pki.authority.clone()]));
            let mut client = match case.scenario {
                Scenario::Unused | Scenario::Ignored | Scenario::Resumed => {
                    client.with_no_client_auth()
                }
                _ => {
                    let (chain, key) = identity(case.client(pki));
                    client.with_client_auth_cert(chain, key).expect("an identity")
                }
            };
            let server = ServerConfig::builder_with_provider(provider(case))
                .with_protocol_versions(versions)
                .expect("a version");
            let server = match case.scenario {
                Scenario::Mutual | Scenario::ResumedMutual => {
                    let roots = roots(case.authorities(pki));
                    let verifier =
                        WebPkiClientVerifier::builder_with_provider(roots, provider(case));
                    server.with_client_cert_verifier(verifier.build().expect("a verifier"))
                }
                _ => server.with_no_client_auth(),
            };
            let (chain, key) = identity(case.server(pki));
            let mut server = server.with_single_cert(chain, key).expect("an identity");
            if !case.resumes() {
                client.resumption = Resumption::disabled();
                server.session_storage = Arc::new(NoServerSessionStorage {});
            }
            if case.keeps_sessions_in_tickets() {
                server.ticketer = $rustls::crypto::ring::Ticketer::new().expect("randomness");
            }
            (client, server)
        }

        impl Sides {
            fn connect(&self, kind: HandshakeKind) -> (Cost, ServerConnection) {
                let mut cost = Cost::default();
                let (mut client, mut server) = (None, None);
                let (mut there, mut back) = (Vec::new(), Vec::new());
                let done = loop {
                    client_turn(&self.client, &mut client, &mut back, &mut there);
                    cost.count(there.len());
                    server_turn(&self.server, &mut server, &mut there, &mut back);
                    match &server {
                        Some(connection) if !connection.is_handshaking() => break connection,
                        _ => cost.count(back.len()),
                    }
                };
                assert_eq!(done.handshake_kind(), Some(kind));
                assert_eq!(done.peer_certificates().is_some(), self.case.authenticates());
                // Later messages: the server's Finished of TLS 1.2, and tickets.
                client_turn(&self.client, &mut client, &mut back, &mut there);
                assert!(client.is_some_and(|client| !client.is_handshaking()));
                (cost, server.expect("a server with a complete handshake"))
            }
        }

        impl Ends for Sides {
            fn shake(&mut self) -> Cost {
                let kind =
                    if self.case.resumes() { HandshakeKind::Resumed } else { HandshakeKind::Full };
                self.connect(kind).0
            }
        }

        /// The client reads its input, and answers; at first, it sends the ClientHello.
        #[inline(never)]
        fn client_turn(
            config: &Arc<ClientConfig>,
            client: &mut Option<ClientConnection>,
            inbox: &mut Vec<u8>,
            outbox: &mut Vec<u8>,
        ) {
            let client = client.get_or_insert_with(|| {
                let name = ServerName::try_from(SERVER_NAME).expect("a name");
                ClientConnection::new(config.clone(), name).expect("a client")
            });
            turn!(client, inbox, outbox);
        }

        /// The server reads its input, and answers.
        #[inline(never)]
        fn server_turn(
            config: &Arc<ServerConfig>,
            server: &mut Option<ServerConnection>,
            inbox: &mut Vec<u8>,
            outbox: &mut Vec<u8>,
        ) {
            let server = server
                .get_or_insert_with(|| ServerConnection::new(config.clone()).expect("a server"));
            turn!(server, inbox, outbox);
        }
    };
}

macro_rules! turn {
    ($connection:ident, $inbox:ident, $outbox:ident) => {
        let mut bytes = &$inbox[..];
        while !bytes.is_empty() {
            $connection.read_tls(&mut bytes).expect("bytes in memory");
            $connection.process_new_packets().expect("a peer without errors");
        }
        $inbox.clear();
        while $connection.wants_write() {
            $connection.write_tls($outbox).expect("bytes in memory");
        }
    };
}
