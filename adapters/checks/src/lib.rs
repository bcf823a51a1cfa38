//! Tests that every adapter for servers must pass. They run the adapter's example server, and
//! connect over TCP with a client that sees every byte and can break rules.
//!
//! Each check panics if it fails.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::process::Command;

use raw_peer::{
    CertificateAnswer, ClientConfig, Edit, HandshakeType, Plan, Shares, Slot, Ticket, group,
};
use test_pki::{Authority, IssuedCertificate};

mod client;
mod server;

pub use client::Seen;
pub use server::Server;

/// The body of `tls_flags` with flag 80 alone.
const FLAG: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// The extension `tls_flags`.
const TLS_FLAGS: u16 = raw_peer::ext::TLS_FLAGS;
/// The extension `client_authentication_request`.
const CARE: u16 = 0xffca;

/// An adapter's example server, and the capabilities of its TLS library.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// The path of the program.
    pub program: PathBuf,
    /// The alert for a ClientHello that breaks a rule; `None` if the server only closes the
    /// connection.
    pub bad_hello: Option<u8>,
    /// The alert for a certificate of an unknown authority, if any.
    pub unknown_ca: Option<u8>,
    /// The alert if a certificate is required and the client has none, if any.
    pub no_certificate: Option<u8>,
    /// True if CertificateRequest has the names of the scope's authorities.
    pub names_authorities: bool,
    /// True if a second ClientHello without the offer of the first is refused.
    pub compares_second_hello: bool,
}

/// Certificates and keys in files, and the adapter whose servers use them.
pub struct Site {
    adapter: Adapter,
    folder: tempfile::TempDir,
    client: IssuedCertificate,
    stranger: IssuedCertificate,
}

impl Site {
    /// Makes the certificates for this adapter.
    pub fn new(adapter: Adapter) -> Self {
        let servers = Authority::new("Server CA").unwrap();
        let clients = Authority::new("Client CA").unwrap();
        let foreign = Authority::new("Foreign CA").unwrap();
        let server = servers.server(&["localhost"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let site = Self {
            adapter,
            folder,
            client: clients.client("client-1").unwrap(),
            stranger: foreign.client("stranger").unwrap(),
        };
        for (name, text) in [
            ("server.pem", server.cert_pem()),
            ("server.key", &server.key_pem()),
            ("client-ca.pem", &clients.pem()),
        ] {
            std::fs::write(site.path(name), text).unwrap();
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a server with `--ask` and this value.
    fn server(&self, ask: &str) -> Server {
        let mut command = Command::new(&self.adapter.program);
        command.args(["--cert", "server.pem", "--key", "server.key"]);
        command.args(["--client-ca", "client-ca.pem", "--ask", ask]);
        Server::start(command.current_dir(Path::new(self.folder.path())))
    }

    /// A client with a certificate, and this body of `tls_flags`.
    fn offering(&self, body: impl Into<Vec<u8>>) -> ClientConfig {
        ClientConfig {
            answer: CertificateAnswer::With(self.client.for_raw()),
            // The only group of the raw peer, so that a server retries with it.
            groups: vec![group::X25519],
            plan: Plan::one(Slot::ClientHello, Edit::add(TLS_FLAGS, body)),
            ..ClientConfig::default()
        }
    }

    /// The server does not request a certificate from a client that does not offer.
    pub fn a_client_that_does_not_offer_is_not_asked(&self) {
        let server = self.server("offered");
        let config = ClientConfig { plan: Plan::default(), ..self.offering([]) };
        let seen = server.visit(config);
        assert!(!seen.asked());
        assert_eq!(seen.server["offer"], "none");
        assert_eq!(seen.server["decision"], "none");
        assert!(seen.server["verified_subject"].is_null());
    }

    /// Another flag is not an offer (FLAGS-6).
    pub fn flags_6_another_flag_is_not_an_offer(&self) {
        let seen = self.server("offered").visit(self.offering([2, 0x01, 0x20]));
        assert!(!seen.asked());
        assert_eq!(seen.server["offer"], "none");
    }

    /// The server requests a certificate from a client that offers, without an acknowledgement, and
    /// authenticates it.
    pub fn a_client_that_offers_is_asked_and_authenticated(&self) {
        let seen = self.server("offered").visit(self.offering(FLAG));
        assert!(seen.asked());
        let request = seen.peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
        assert_eq!(request.find_extension(TLS_FLAGS), None);
        let authorities = request.find_extension(raw_peer::ext::CERTIFICATE_AUTHORITIES);
        assert_eq!(authorities.is_some(), self.adapter.names_authorities);
        if let Some(authorities) = authorities {
            assert!(authorities.windows(9).any(|bytes| bytes == b"Client CA"));
        }
        assert_eq!(seen.server["offer"], "flag");
        assert_eq!(seen.server["decision"], "request");
        assert_eq!(seen.server["verified_subject"], "CN=client-1");
        assert_eq!(seen.server["acknowledged"], false);
    }

    /// CARE is an offer, too. The server does not echo it.
    pub fn care_2_a_client_that_offers_by_care_is_asked(&self) {
        let mut config = self.offering([]);
        config.plan = Plan::one(Slot::ClientHello, Edit::add(CARE, []));
        let seen = self.server("offered").visit(config);
        assert!(seen.asked());
        let extensions = seen.peer.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
        assert_eq!(extensions.find_extension(CARE), None);
        assert_eq!(seen.server["offer"], "care");
        assert_eq!(seen.server["verified_subject"], "CN=client-1");
    }

    /// A server that requests a certificate serves a client that has none.
    pub fn a_client_that_declines_is_served_unauthenticated(&self) {
        let config = ClientConfig { answer: CertificateAnswer::Empty, ..self.offering(FLAG) };
        let seen = self.server("offered").visit(config);
        assert!(seen.asked());
        assert!(seen.server["verified_subject"].is_null());
    }

    /// A server that requires a certificate refuses a client that has none.
    pub fn a_client_that_declines_is_refused_if_a_certificate_is_required(&self) {
        let config = ClientConfig { answer: CertificateAnswer::Empty, ..self.offering(FLAG) };
        let alert = self.server("require-offered").refusal(config);
        assert_eq!(alert, self.adapter.no_certificate);
    }

    /// A certificate of another authority is refused (RCA-8).
    pub fn rca_8_a_certificate_of_another_authority_is_refused(&self) {
        let answer = CertificateAnswer::With(self.stranger.for_raw());
        let config = ClientConfig { answer, ..self.offering(FLAG) };
        for ask in ["offered", "require-offered"] {
            let alert = self.server(ask).refusal(config.clone());
            assert_eq!(alert, self.adapter.unknown_ca, "{ask}");
        }
    }

    /// Malformed flags end the handshake, even if the server never requests a certificate.
    pub fn flags_2_malformed_flags_end_the_handshake(&self) {
        for ask in ["offered", "nobody"] {
            let server = self.server(ask);
            for body in [&[1, 0][..], &[2, 1, 0], &[0], &[1], &[1, 1, 1], &[]] {
                let alert = server.refusal(self.offering(body));
                assert_eq!(alert, self.adapter.bad_hello, "{ask}, {body:?}");
            }
        }
    }

    /// CARE with a body ends the handshake.
    pub fn care_1_a_body_ends_the_handshake(&self) {
        let mut config = self.offering([]);
        config.plan = Plan::one(Slot::ClientHello, Edit::add(CARE, [0]));
        assert_eq!(self.server("offered").refusal(config), self.adapter.bad_hello);
    }

    /// A server that never requests a certificate ignores an offer (RCA-9).
    pub fn rca_9_an_offer_can_be_ignored(&self) {
        let seen = self.server("nobody").visit(self.offering(FLAG));
        assert!(!seen.asked());
        assert_eq!(seen.server["offer"], "flag");
        assert_eq!(seen.server["decision"], "none");
    }

    /// A client that is not asked for a certificate may resume, and stays unauthenticated.
    pub fn res_4_a_client_that_is_not_asked_resumes(&self) {
        let server = self.server("offered");
        let ticket = self.unauthenticated_ticket(&server);
        let seen = server.visit(ClientConfig { ticket: Some(ticket), ..ClientConfig::default() });
        assert!(seen.peer.is_resumed());
        assert_eq!(seen.server["resumed"], true);
        assert!(seen.server["verified_subject"].is_null());
    }

    /// A session of an unauthenticated client does not replace a certificate (RES-2, RES-3).
    pub fn res_3_an_unauthenticated_session_does_not_replace_a_certificate(&self) {
        for ask in ["offered", "require-offered"] {
            let server = self.server(ask);
            let ticket = self.unauthenticated_ticket(&server);
            let seen = server.visit(ClientConfig { ticket: Some(ticket), ..self.offering(FLAG) });
            assert!(!seen.peer.is_resumed(), "{ask}");
            assert!(seen.asked(), "{ask}");
            assert_eq!(seen.server["resumed"], false, "{ask}");
            assert_eq!(seen.server["verified_subject"], "CN=client-1", "{ask}");
        }
        // After HelloRetryRequest, too.
        let server = self.server("require-offered");
        let config = ClientConfig {
            ticket: Some(self.unauthenticated_ticket(&server)),
            shares: Shares::Only(Vec::new()),
            answer: CertificateAnswer::Empty,
            ..self.offering(FLAG)
        };
        assert_eq!(server.refusal(config), self.adapter.no_certificate);
    }

    /// A client that was asked for a certificate gets no session that it could resume in another
    /// scope (RES-2).
    pub fn res_2_a_client_that_was_asked_gets_no_session(&self) {
        let server = self.server("offered");
        for answer in [CertificateAnswer::With(self.client.for_raw()), CertificateAnswer::Empty] {
            let seen = server.visit(ClientConfig { answer, ..self.offering(FLAG) });
            assert!(seen.asked());
            assert_eq!(seen.peer.tickets().len(), 0);
        }
    }

    /// The offer of the first ClientHello counts after HelloRetryRequest. A second ClientHello
    /// without it is refused, or makes no difference, as the adapter declares (FLAGS-12).
    pub fn flags_12_the_first_client_hello_counts(&self) {
        let server = self.server("require-offered");
        let shares = Shares::Only(Vec::new());
        let config = ClientConfig { shares, ..self.offering(FLAG) };
        let seen = server.visit(config.clone());
        assert!(seen.peer.received(HandshakeType::HELLO_RETRY_REQUEST).is_some());
        assert_eq!(seen.server["verified_subject"], "CN=client-1");

        let plan = config.plan.clone().with(Slot::SecondClientHello, Edit::remove(TLS_FLAGS));
        let config = ClientConfig { plan, ..config };
        if self.adapter.compares_second_hello {
            assert_eq!(server.refusal(config), self.adapter.bad_hello);
        } else {
            // The requirement stays.
            let seen = server.visit(config.clone());
            assert_eq!(seen.server["verified_subject"], "CN=client-1");
            let config = ClientConfig { answer: CertificateAnswer::Empty, ..config };
            assert_eq!(server.refusal(config), self.adapter.no_certificate);
        }
    }

    fn unauthenticated_ticket(&self, server: &Server) -> Ticket {
        let seen = server.visit(ClientConfig::default());
        seen.peer.tickets().first().expect("a ticket").clone()
    }
}

/// Makes a test of each check, for the adapter that this function returns.
#[macro_export]
macro_rules! checks {
    ($adapter:path) => {
        $crate::checks!($adapter:
            a_client_that_does_not_offer_is_not_asked,
            flags_6_another_flag_is_not_an_offer,
            a_client_that_offers_is_asked_and_authenticated,
            care_2_a_client_that_offers_by_care_is_asked,
            a_client_that_declines_is_served_unauthenticated,
            a_client_that_declines_is_refused_if_a_certificate_is_required,
            rca_8_a_certificate_of_another_authority_is_refused,
            flags_2_malformed_flags_end_the_handshake,
            care_1_a_body_ends_the_handshake,
            rca_9_an_offer_can_be_ignored,
            res_4_a_client_that_is_not_asked_resumes,
            res_3_an_unauthenticated_session_does_not_replace_a_certificate,
            res_2_a_client_that_was_asked_gets_no_session,
            flags_12_the_first_client_hello_counts
        );
    };
    ($adapter:path: $($check:ident),*) => {
        $(
            #[test]
            fn $check() {
                $crate::Site::new($adapter()).$check();
            }
        )*
    };
}
