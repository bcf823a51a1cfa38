//! What every adapter for servers must do, checked from outside: the adapter's example server over
//! TCP, and a client that sees every octet and can break the rules.
//!
//! Each check panics where something is not as it should be: they are for tests.
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

/// The flag 80, alone.
const FLAG: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// `tls_flags`.
const TLS_FLAGS: u16 = raw_peer::ext::TLS_FLAGS;
/// `client_authentication_request`.
const CARE: u16 = 0xffca;

/// An adapter's example server, and what its TLS library can do.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// The program.
    pub program: PathBuf,
    /// The alert for a hello that breaks a rule; `None` if the connection just ends.
    pub bad_hello: Option<u8>,
    /// The alert for a certificate of an unknown authority.
    pub unknown_ca: Option<u8>,
    /// The alert where there must be a certificate and is none.
    pub no_certificate: Option<u8>,
    /// Whether CertificateRequest names the authorities of the scope.
    pub names_authorities: bool,
    /// Whether a second hello without the offer of the first is refused, as a bad one.
    pub compares_second_hello: bool,
}

/// A PKI in files, and the adapter whose servers have them.
pub struct Site {
    adapter: Adapter,
    folder: tempfile::TempDir,
    client: IssuedCertificate,
    stranger: IssuedCertificate,
}

impl Site {
    /// A new one.
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

    /// A server that asks `ask`.
    fn server(&self, ask: &str) -> Server {
        let mut command = Command::new(&self.adapter.program);
        command.args(["--cert", "server.pem", "--key", "server.key"]);
        command.args(["--client-ca", "client-ca.pem", "--ask", ask]);
        Server::start(command.current_dir(Path::new(self.folder.path())))
    }

    /// The client with its certificate, and this in its `tls_flags`.
    fn offering(&self, body: impl Into<Vec<u8>>) -> ClientConfig {
        ClientConfig {
            answer: CertificateAnswer::With(self.client.for_raw()),
            // The one that it can use, so that it is the one that a server retries with.
            groups: vec![group::X25519],
            plan: Plan::one(Slot::ClientHello, Edit::add(TLS_FLAGS, body)),
            ..ClientConfig::default()
        }
    }

    /// Who does not offer is not asked, whatever it has.
    pub fn who_does_not_offer_is_left_alone(&self) {
        let server = self.server("offered");
        let config = ClientConfig { plan: Plan::default(), ..self.offering([]) };
        let seen = server.visit(config);
        assert!(!seen.asked());
        assert_eq!(seen.server["offer"], "none");
        assert_eq!(seen.server["decision"], "none");
        assert!(seen.server["verified_subject"].is_null());
    }

    /// Another flag is no offer (FLAGS-6).
    pub fn flags_6_another_flag_is_no_offer(&self) {
        let seen = self.server("offered").visit(self.offering([2, 0x01, 0x20]));
        assert!(!seen.asked());
        assert_eq!(seen.server["offer"], "none");
    }

    /// Who offers is asked, without acknowledgement, and known.
    pub fn who_offers_is_asked_and_known(&self) {
        let seen = self.server("offered").visit(self.offering(FLAG));
        assert!(seen.asked());
        let request = seen.peer.received(HandshakeType::CERTIFICATE_REQUEST).unwrap();
        assert_eq!(request.find_extension(TLS_FLAGS), None);
        let authorities = request.find_extension(raw_peer::ext::CERTIFICATE_AUTHORITIES);
        assert_eq!(authorities.is_some(), self.adapter.names_authorities);
        if let Some(authorities) = authorities {
            assert!(authorities.windows(9).any(|octets| octets == b"Client CA"));
        }
        assert_eq!(seen.server["offer"], "flag");
        assert_eq!(seen.server["decision"], "request");
        assert_eq!(seen.server["verified_subject"], "CN=client-1");
        assert_eq!(seen.server["acknowledged"], false);
    }

    /// CARE is an offer, too, and is not echoed.
    pub fn care_2_who_offers_by_care_is_asked(&self) {
        let mut config = self.offering([]);
        config.plan = Plan::one(Slot::ClientHello, Edit::add(CARE, []));
        let seen = self.server("offered").visit(config);
        assert!(seen.asked());
        let extensions = seen.peer.received(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
        assert_eq!(extensions.find_extension(CARE), None);
        assert_eq!(seen.server["offer"], "care");
        assert_eq!(seen.server["verified_subject"], "CN=client-1");
    }

    /// Who offers and has nothing to show is served by a server that does not insist.
    pub fn who_declines_is_served_and_not_known(&self) {
        let config = ClientConfig { answer: CertificateAnswer::Empty, ..self.offering(FLAG) };
        let seen = self.server("offered").visit(config);
        assert!(seen.asked());
        assert!(seen.server["verified_subject"].is_null());
    }

    /// … and refused by one that does.
    pub fn who_declines_is_refused_where_it_is_required(&self) {
        let config = ClientConfig { answer: CertificateAnswer::Empty, ..self.offering(FLAG) };
        let alert = self.server("require-offered").refusal(config);
        assert_eq!(alert, self.adapter.no_certificate);
    }

    /// A certificate of another authority counts nowhere (RCA-8).
    pub fn rca_8_a_certificate_of_another_authority_is_refused(&self) {
        let answer = CertificateAnswer::With(self.stranger.for_raw());
        let config = ClientConfig { answer, ..self.offering(FLAG) };
        for ask in ["offered", "require-offered"] {
            let alert = self.server(ask).refusal(config.clone());
            assert_eq!(alert, self.adapter.unknown_ca, "{ask}");
        }
    }

    /// Flags that break a rule end the handshake, on servers that ask nobody, too.
    pub fn flags_2_bad_flags_end_the_handshake(&self) {
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

    /// A server that asks nobody ignores an offer (RCA-9).
    pub fn rca_9_an_offer_can_be_ignored(&self) {
        let seen = self.server("nobody").visit(self.offering(FLAG));
        assert!(!seen.asked());
        assert_eq!(seen.server["offer"], "flag");
        assert_eq!(seen.server["decision"], "none");
    }

    /// Who is left alone may resume, and is nobody then, too.
    pub fn res_4_visitors_resume(&self) {
        let server = self.server("offered");
        let ticket = self.visitor_s_ticket(&server);
        let seen = server.visit(ClientConfig { ticket: Some(ticket), ..ClientConfig::default() });
        assert!(seen.peer.is_resumed());
        assert_eq!(seen.server["resumed"], true);
        assert!(seen.server["verified_subject"].is_null());
    }

    /// A session of a visitor does not stand in for a certificate (RES-2, RES-3).
    pub fn res_3_a_visitor_s_session_does_not_stand_in_for_a_certificate(&self) {
        for ask in ["offered", "require-offered"] {
            let server = self.server(ask);
            let ticket = self.visitor_s_ticket(&server);
            let seen = server.visit(ClientConfig { ticket: Some(ticket), ..self.offering(FLAG) });
            assert!(!seen.peer.is_resumed(), "{ask}");
            assert!(seen.asked(), "{ask}");
            assert_eq!(seen.server["resumed"], false, "{ask}");
            assert_eq!(seen.server["verified_subject"], "CN=client-1", "{ask}");
        }
        // Behind HelloRetryRequest, too.
        let server = self.server("require-offered");
        let config = ClientConfig {
            ticket: Some(self.visitor_s_ticket(&server)),
            shares: Shares::Only(Vec::new()),
            answer: CertificateAnswer::Empty,
            ..self.offering(FLAG)
        };
        assert_eq!(server.refusal(config), self.adapter.no_certificate);
    }

    /// Who was asked leaves no session behind that could come back elsewhere (RES-2).
    pub fn res_2_who_was_asked_gets_no_session(&self) {
        let server = self.server("offered");
        for answer in [CertificateAnswer::With(self.client.for_raw()), CertificateAnswer::Empty] {
            let seen = server.visit(ClientConfig { answer, ..self.offering(FLAG) });
            assert!(seen.asked());
            assert_eq!(seen.peer.tickets().len(), 0);
        }
    }

    /// An offer survives HelloRetryRequest, and what comes of a second hello without it is as the
    /// adapter says (FLAGS-12).
    pub fn flags_12_the_first_hello_counts(&self) {
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
            // Its absence weakens nothing.
            let seen = server.visit(config.clone());
            assert_eq!(seen.server["verified_subject"], "CN=client-1");
            let config = ClientConfig { answer: CertificateAnswer::Empty, ..config };
            assert_eq!(server.refusal(config), self.adapter.no_certificate);
        }
    }

    fn visitor_s_ticket(&self, server: &Server) -> Ticket {
        let seen = server.visit(ClientConfig::default());
        seen.peer.tickets().first().expect("a ticket").clone()
    }
}

/// A test for each check, of the adapter that this function returns.
#[macro_export]
macro_rules! checks {
    ($adapter:path) => {
        $crate::checks!($adapter:
            who_does_not_offer_is_left_alone,
            flags_6_another_flag_is_no_offer,
            who_offers_is_asked_and_known,
            care_2_who_offers_by_care_is_asked,
            who_declines_is_served_and_not_known,
            who_declines_is_refused_where_it_is_required,
            rca_8_a_certificate_of_another_authority_is_refused,
            flags_2_bad_flags_end_the_handshake,
            care_1_a_body_ends_the_handshake,
            rca_9_an_offer_can_be_ignored,
            res_4_visitors_resume,
            res_3_a_visitor_s_session_does_not_stand_in_for_a_certificate,
            res_2_who_was_asked_gets_no_session,
            flags_12_the_first_hello_counts
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
