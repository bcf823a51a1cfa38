//! The configuration of a connection.

use super::crypto::public_key;
use super::{EchKey, Error, Plan, RecordOptions, Suite, Ticket};

/// Groups by number (RFC 8446 section 4.2.7).
pub mod group {
    /// secp256r1. The peer can list it, but not use it.
    pub const SECP256R1: u16 = 0x0017;
    /// x25519, the one group that the peer can use.
    pub const X25519: u16 = 0x001d;
}

/// Protocol versions by number.
pub mod version {
    /// TLS 1.2.
    pub const TLS12: u16 = 0x0303;
    /// TLS 1.3.
    pub const TLS13: u16 = 0x0304;
}

/// A certificate chain and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainAndKey {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// A P-256 key as PKCS#8, DER.
    pub key: Vec<u8>,
}

impl ChainAndKey {
    /// The public half of the key: an uncompressed point, 65 bytes.
    ///
    /// # Errors
    /// If the key is not a P-256 key in PKCS#8.
    pub fn public_key(&self) -> Result<Vec<u8>, Error> {
        public_key(&self.key)
    }
}

/// The key shares of the first ClientHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shares {
    /// One for x25519.
    X25519,
    /// Exactly these (group, key_exchange). An empty list provokes a HelloRetryRequest.
    Only(Vec<(u16, Vec<u8>)>),
}

/// A client's answer to a CertificateRequest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateAnswer {
    /// A Certificate without entries, by which a client declines (RFC 8446 section 4.4.2).
    Empty,
    /// This chain, and a CertificateVerify by its key.
    With(ChainAndKey),
    /// No Certificate, only Finished: against the rules.
    NoCertificate,
    /// No more messages, like a client that waits for its user.
    Silence,
}

/// The configuration of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// server_name, left out when `None`.
    pub server_name: Option<String>,
    /// ALPN protocols, left out when empty.
    pub alpn: Vec<Vec<u8>>,
    /// supported_versions. If the server chooses TLS 1.2, the peer only logs unencrypted
    /// messages.
    pub versions: Vec<u16>,
    /// Cipher suites of TLS 1.3, best first.
    pub suites: Vec<Suite>,
    /// supported_groups.
    pub groups: Vec<u16>,
    /// key_share of the first ClientHello.
    pub shares: Shares,
    /// The answer to a CertificateRequest.
    pub answer: CertificateAnswer,
    /// Send a Certificate even without a CertificateRequest: against the rules.
    pub answer_unasked: bool,
    /// Send our certificate compressed, whether or not the server can read that.
    pub compress_certificate: bool,
    /// Offer to read the server's certificate compressed.
    pub accept_compression: bool,
    /// Resume this session.
    pub ticket: Option<Ticket>,
    /// Send this as 0-RTT data, whether or not the ticket allows it. Needs a ticket.
    pub early_data: Option<Vec<u8>>,
    /// Send an alert after an error.
    pub alert_on_error: bool,
    /// Options of the record layer, such as fragmentation.
    pub records: RecordOptions,
    /// The edits of messages.
    pub plan: Plan,
}

impl Default for ClientConfig {
    /// An honest client without a certificate, for "localhost".
    fn default() -> Self {
        Self {
            server_name: Some("localhost".into()),
            alpn: Vec::new(),
            versions: vec![version::TLS13],
            suites: vec![Suite::Aes128GcmSha256, Suite::Aes256GcmSha384],
            groups: vec![group::X25519, group::SECP256R1],
            shares: Shares::X25519,
            answer: CertificateAnswer::Empty,
            answer_unasked: false,
            compress_certificate: false,
            accept_compression: false,
            ticket: None,
            early_data: None,
            alert_on_error: true,
            records: RecordOptions::default(),
            plan: Plan::default(),
        }
    }
}

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The server's certificate.
    pub identity: ChainAndKey,
    /// ALPN protocols; the first that the client has too is chosen.
    pub alpn: Vec<Vec<u8>>,
    /// Cipher suites, best first.
    pub suites: Vec<Suite>,
    /// Send a HelloRetryRequest even when the client has an x25519 share; it then asks only for
    /// the cookie to come back. (Without such a share there always is one.)
    pub hello_retry: bool,
    /// The cookie of a HelloRetryRequest, left out when empty.
    pub cookie: Vec<u8>,
    /// Send a CertificateRequest.
    pub ask_certificate: bool,
    /// certificate_authorities of the CertificateRequest, left out when empty.
    pub authorities: Vec<Vec<u8>>,
    /// Offer in the CertificateRequest to read the certificate compressed.
    pub accept_compression: bool,
    /// Send our certificate compressed when the client can read that.
    pub compress_certificate: bool,
    /// How many NewSessionTickets follow the handshake.
    pub tickets: usize,
    /// ticket_lifetime, seconds.
    pub ticket_lifetime: u32,
    /// max_early_data_size of the tickets; 0 leaves the extension out.
    pub max_early_data: u32,
    /// The sessions that may be resumed: [`Peer::tickets`](super::Peer::tickets) of earlier
    /// connections.
    pub known_tickets: Vec<Ticket>,
    /// Accept 0-RTT data on resumption; otherwise it is skipped.
    pub accept_early_data: bool,
    /// Decrypt Encrypted ClientHellos with these keys. If none fits, use the outer ClientHello.
    pub ech_keys: Vec<EchKey>,
    /// The ECHConfigList for clients whose outer ClientHello is used, left out when empty.
    pub ech_retry_configs: Vec<u8>,
    /// Verify the client's CertificateVerify, if its key is one for P-256.
    pub check_proof: bool,
    /// Only log messages, and answer none: for callers that send the server's messages with
    /// [`Peer::send_handshake`](super::Peer::send_handshake), for example in TLS 1.2.
    pub watches: bool,
    /// Send an alert after an error.
    pub alert_on_error: bool,
    /// Options of the record layer, such as fragmentation.
    pub records: RecordOptions,
    /// The edits of messages.
    pub plan: Plan,
}

impl ServerConfig {
    /// An honest server that requests no certificate and sends no tickets.
    pub fn new(identity: ChainAndKey) -> Self {
        Self {
            identity,
            alpn: Vec::new(),
            suites: vec![Suite::Aes128GcmSha256, Suite::Aes256GcmSha384],
            hello_retry: false,
            cookie: b"cookie".to_vec(),
            ask_certificate: false,
            authorities: Vec::new(),
            accept_compression: false,
            compress_certificate: false,
            tickets: 0,
            ticket_lifetime: 7200,
            max_early_data: 0,
            known_tickets: Vec::new(),
            accept_early_data: false,
            ech_keys: Vec::new(),
            ech_retry_configs: Vec::new(),
            check_proof: false,
            watches: false,
            alert_on_error: true,
            records: RecordOptions::default(),
            plan: Plan::default(),
        }
    }
}
