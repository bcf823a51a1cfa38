//! The features of a server, and which cases need them.

use std::rc::Rc;

use clap::ValueEnum;

use super::{Lab, Target, asks, body, received};
use crate::grade::HANDSHAKE_FAILURE;
use crate::origins::UNKNOWN;
use crate::talk::{Talk, Verdict};
use command_line::Failure;
use raw_peer::{CertificateAnswer, ClientConfig, HandshakeType, ext, version};

/// Which extensions the peer should implement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Implements {
    /// Those that the tester detects
    #[default]
    Auto,
    /// None: only the rules for every TLS implementation
    Nothing,
    /// The flags
    Flags,
    /// CARE
    Care,
    /// Both
    Both,
    /// Both and the origin hint
    All,
}

impl Implements {
    /// Whether the peer should implement flags and CARE; `shown` is what the tester detected.
    pub fn or(self, shown: (bool, bool)) -> (bool, bool) {
        match self {
            Self::Auto => shown,
            Self::Nothing => (false, false),
            Self::Flags => (true, false),
            Self::Care => (false, true),
            Self::Both | Self::All => (true, true),
        }
    }

    /// Whether the peer should implement the origin hint; `shown` is what the tester detected.
    pub fn or_hint(self, shown: bool) -> bool {
        match self {
            Self::Auto => shown,
            Self::All => true,
            Self::Nothing | Self::Flags | Self::Care | Self::Both => false,
        }
    }
}

/// A feature that a case needs of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It reads tls_flags.
    Flags,
    /// It reads CARE.
    Care,
    /// It reads workload_identifier_origin_hint.
    Hints,
    /// It does not refuse clients that hint at the origin of `--origin`.
    Origin,
    /// It requests a certificate exactly of clients that offer by the flag.
    AsksForFlag,
    /// It requests a certificate exactly of clients that offer by CARE.
    AsksForCare,
    /// It requests a certificate of clients that hint at the origin of `--origin`, and not of every client.
    AsksForOrigin,
    /// The same, and not of clients that hint at another origin.
    AsksByOrigin,
    /// It requests a certificate of every client.
    AsksAnyway,
    /// It requests a certificate, at least of clients that offer by the flag.
    Asks,
    /// There is a certificate that it accepts.
    Certificate,
    /// It reads compressed certificates.
    ReadsCompressed,
    /// It sends its certificate compressed.
    SendsCompressed,
    /// It resumes sessions.
    Resumes,
    /// Its tickets allow 0-RTT data.
    EarlyData,
    /// It supports TLS 1.3.
    Tls13,
    /// It supports TLS 1.2.
    Tls12,
    /// It supports TLS 1.2, and not TLS 1.3.
    Tls12Alone,
    /// It announces that it requests certificates on open HTTP/2 connections.
    Secondary,
    /// It requests a certificate for the page of `--secondary-path`.
    SecondaryRequests,
    /// There is a certificate with which it answers that page.
    SecondaryCertificate,
}

/// The features of a server.
#[derive(Clone, Debug)]
pub struct ServerFeatures {
    /// Its reaction to a client that keeps all rules. Unless this is [`Verdict::Accepted`], its
    /// messages after the Finished prove nothing.
    pub honest: Verdict,
    /// The status of its response to a client that offers, and then sends no certificate.
    pub anonymous_status: Option<u16>,
    /// The status of its response to the certificate, if it shows that the server does not accept it.
    pub refusing_status: Option<u16>,
    /// It reads tls_flags.
    pub flags: bool,
    /// It reads CARE.
    pub care: bool,
    /// It reads workload_identifier_origin_hint.
    pub hints: bool,
    /// It refuses clients that hint at the origin of `--origin`, since it does not know it.
    pub refuses_origin: bool,
    /// It requests a certificate of clients that do not offer.
    pub asks_anyway: bool,
    /// It requests a certificate of clients that offer by the flag.
    pub asks_for_flag: bool,
    /// It requests a certificate of clients that offer by CARE.
    pub asks_for_care: bool,
    /// It requests a certificate of clients that hint at the origin of `--origin`.
    pub asks_for_origin: bool,
    /// It requests a certificate of clients that hint at an origin that it does not know.
    pub asks_for_unknown: bool,
    /// It accepts the certificate.
    pub identity: bool,
    /// It reads compressed certificates.
    pub reads_compressed: bool,
    /// It sends its certificate compressed.
    pub sends_compressed: bool,
    /// It resumes sessions.
    pub resumes: bool,
    /// Its tickets allow 0-RTT data.
    pub early_data: bool,
    /// It supports TLS 1.3.
    pub tls13: bool,
    /// It supports TLS 1.2.
    pub tls12: bool,
    /// It announces SETTINGS_HTTP_CLIENT_CERT_AUTH.
    pub secondary: bool,
    /// It requests a certificate on an open HTTP/2 connection.
    pub secondary_requests: bool,
    /// It accepts the certificate there.
    pub secondary_identity: bool,
    /// Why it does not announce the setting, if it does not.
    pub not_secondary: String,
    /// Whether these were looked for.
    pub looked_for_secondary: bool,
    /// Its certificate chain, as received.
    pub chain: Vec<Vec<u8>>,
}

impl ServerFeatures {
    fn new() -> Self {
        Self {
            honest: Verdict::Hung,
            anonymous_status: None,
            refusing_status: None,
            flags: false,
            care: false,
            hints: false,
            refuses_origin: false,
            asks_anyway: false,
            asks_for_flag: false,
            asks_for_care: false,
            asks_for_origin: false,
            asks_for_unknown: false,
            identity: false,
            reads_compressed: false,
            sends_compressed: false,
            resumes: false,
            early_data: false,
            tls13: false,
            tls12: false,
            secondary: false,
            secondary_requests: false,
            secondary_identity: false,
            not_secondary: "there is no --secondary-path".into(),
            looked_for_secondary: false,
            chain: Vec::new(),
        }
    }

    /// Whether this connection went as far as that of an honest client, but shows no more: the
    /// server may have continued, or may have refused.
    pub(super) fn may_go_on(&self, talk: &Talk, verdict: &Verdict) -> bool {
        self.honest != Verdict::Accepted
            && talk.is_complete()
            && matches!(verdict, Verdict::Ended | Verdict::Silent | Verdict::Closed)
    }

    /// The reason why a case that needs this feature cannot run; `None` if it can.
    pub fn lacks(&self, need: Need) -> Option<String> {
        if let (Need::Certificate, Some(status)) = (need, self.refusing_status) {
            return Some(format!(
                "the server answers {status} to a client with the certificate of --cert, and \
                 another status to one without: it does not accept the certificate"
            ));
        }
        if need == Need::Secondary && !self.secondary {
            return Some(format!("not supported: {}", self.not_secondary));
        }
        let (met, why) = match need {
            Need::Secondary => (self.secondary, "not supported"),
            Need::SecondaryRequests => (
                self.secondary_requests,
                "the server requests no certificate for the page of --secondary-path",
            ),
            Need::SecondaryCertificate => (
                self.secondary_identity,
                "there is no certificate with which the server answers 200 to the page of \
                 --secondary-path (--cert and --key)",
            ),
            Need::Flags => (self.flags, "the server does not show that it reads tls_flags"),
            Need::Care => (self.care, "the server does not show that it reads CARE"),
            Need::Hints => (
                self.hints,
                "the server does not show that it reads workload_identifier_origin_hint",
            ),
            Need::Origin => (
                !self.refuses_origin,
                "the server refuses the origin of --origin with handshake_failure, which WIO-3 allows",
            ),
            Need::AsksForOrigin => (
                self.asks_for_origin && !self.asks_anyway,
                "the server does not request a certificate exactly of clients that hint at the origin \
                 of --origin",
            ),
            Need::AsksByOrigin => (
                self.asks_for_origin && !self.asks_for_unknown,
                "the server does not request a certificate because of the origin of --origin alone",
            ),
            Need::AsksForFlag => (
                self.asks_for_flag && !self.asks_anyway,
                "the server does not request a certificate exactly of clients that offer by the flag",
            ),
            Need::AsksForCare => (
                self.asks_for_care && !self.asks_anyway,
                "the server does not request a certificate exactly of clients that offer by CARE",
            ),
            Need::AsksAnyway => {
                (self.asks_anyway, "the server requests no certificate without an offer")
            }
            Need::Asks => {
                (self.asks_for_flag || self.asks_anyway, "the server requests no certificate")
            }
            Need::Certificate => (
                self.identity,
                "there is no certificate that the server accepts (--cert and --key)",
            ),
            Need::ReadsCompressed => {
                (self.reads_compressed, "the server does not read compressed certificates")
            }
            Need::SendsCompressed => {
                (self.sends_compressed, "the server does not compress its certificate by zlib")
            }
            Need::Resumes => (self.resumes, "the server does not resume sessions"),
            Need::EarlyData => (self.early_data, "the server does not accept 0-RTT data"),
            Need::Tls13 => (self.tls13, "the server does not support TLS 1.3"),
            Need::Tls12 => (self.tls12, "the server does not support TLS 1.2"),
            Need::Tls12Alone => {
                (self.tls12 && !self.tls13, "the server does not support TLS 1.2 alone")
            }
        };
        (!met).then(|| why.to_owned())
    }

    /// The features with their names in the report.
    pub fn words(&self) -> Vec<(&'static str, bool)> {
        let mut words = vec![
            ("reads tls_flags", self.flags),
            ("reads CARE", self.care),
            ("reads workload_identifier_origin_hint", self.hints),
            ("requests a certificate without an offer", self.asks_anyway),
            ("requests a certificate after an offer by the flag", self.asks_for_flag),
            ("requests a certificate after an offer by CARE", self.asks_for_care),
            ("requests a certificate after a hint at --origin", self.asks_for_origin),
            ("accepts the certificate", self.identity),
            ("reads compressed certificates", self.reads_compressed),
            ("compresses its certificate", self.sends_compressed),
            ("resumes sessions", self.resumes),
            ("accepts 0-RTT data", self.early_data),
            ("supports TLS 1.3", self.tls13),
            ("supports TLS 1.2", self.tls12),
            ("answers an honest client", self.honest == Verdict::Accepted),
        ];
        // Known only if it was looked for.
        if self.looked_for_secondary {
            words.extend([
                ("announces SETTINGS_HTTP_CLIENT_CERT_AUTH", self.secondary),
                ("requests a certificate on an open connection", self.secondary_requests),
                ("accepts the certificate on an open connection", self.secondary_identity),
            ]);
        }
        words
    }
}

impl Lab {
    /// Detects the features of a server.
    ///
    /// # Errors
    /// If there is no handshake with TLS 1.3 or TLS 1.2.
    pub fn of(target: Target, implements: Implements) -> Result<Self, Failure> {
        let mut lab = Self { target, features: ServerFeatures::new(), talks: Vec::new() };
        // The server's choice decides which versions are tested.
        let either = lab.visit(either(lab.honest()));
        if either.has_watched_all() {
            lab.look_by_tls12(&either, implements);
        } else if reached_finished(&either) {
            lab.look_by_tls13(implements)?;
        } else {
            return Err(lab.no_handshake("TLS 1.3 or TLS 1.2", &either));
        }
        if lab.target.secondary_path.is_some() {
            lab.features.looked_for_secondary = true;
            if let Err(why) = super::secondary::look(&mut lab) {
                lab.features.not_secondary = why;
            }
        }
        lab.talks.clear();
        Ok(lab)
    }

    fn no_handshake(&self, versions: &str, talk: &Talk) -> Failure {
        let (addr, verdict) = (self.target.addr, talk.verdict());
        Failure::Failed(format!("{addr}: no handshake with {versions} is possible: {verdict}"))
    }

    /// Detects the features of a server that chose TLS 1.2 although the client offers both versions.
    fn look_by_tls12(&mut self, plain: &Talk, implements: Implements) {
        self.features.honest = plain.verdict();
        self.features.tls12 = true;
        let certificate = plain.peer.received(HandshakeType::CERTIFICATE);
        self.features.chain = certificate.and_then(|m| tls12_chain(m.body())).unwrap_or_default();
        // Its messages up to CertificateRequest are not encrypted.
        let old = |edits| ClientConfig { versions: vec![version::TLS12], ..edits };
        let caring = self.visit(old(self.caring()));
        let malformed = self.visit(old(self.hello(self.care([1]))));
        let echoes = self.points().care().is_some_and(|number| {
            !received(&caring, HandshakeType::SERVER_HELLO, number).is_empty()
        });
        self.features.asks_for_care = self.points().care().is_some() && asks(&caring);
        let care =
            echoes || self.features.asks_for_care != asks(plain) || !malformed.has_watched_all();
        (self.features.flags, self.features.care) =
            implements.or((false, care && self.points().care().is_some()));
    }

    fn look_by_tls13(&mut self, implements: Implements) -> Result<(), Failure> {
        let lab = self;
        let plain = lab.visit(lab.honest());
        if !reached_finished(&plain) {
            return Err(lab.no_handshake("TLS 1.3", &plain));
        }
        lab.features.tls13 = true;
        let chain = plain.peer.received(HandshakeType::CERTIFICATE).map(|m| m.parse());
        if let Some(Ok(raw_peer::Handshake::Certificate(certificate))) = chain {
            lab.features.chain = certificate.entries.into_iter().map(|entry| entry.der).collect();
        }
        lab.features.asks_anyway = asks(&plain);
        lab.features.early_data = plain.peer.tickets().iter().any(|t| t.max_early_data > 0);

        let has_identity = lab.target.identity.is_some();
        lab.features.honest = plain.verdict();
        if has_identity {
            let declining =
                lab.visit(ClientConfig { answer: CertificateAnswer::Empty, ..lab.offering() });
            lab.features.anonymous_status = declining.status();
            // The server may have refused because of the certificate.
            if lab.features.honest != Verdict::Accepted && declining.verdict() == Verdict::Accepted
            {
                lab.features.honest = Verdict::Accepted;
            }
        }
        let offering = lab.visit(lab.offering());
        let request = HandshakeType::CERTIFICATE_REQUEST;
        let acknowledged = received(&offering, request, lab.points().tls_flags());
        lab.features.asks_for_flag = asks(&offering);
        let hinting = lab.look_at_hints(implements);
        // A policy of origins alone does not request a certificate because of the flag.
        let shown = if asks(&offering) { offering } else { hinting };
        let verdict = shown.verdict();
        if has_identity && asks(&shown) {
            let accepted = lab.accepts(&shown);
            if verdict == Verdict::Accepted && !accepted {
                lab.features.refusing_status = shown.status();
            }
            lab.features.identity = accepted || lab.features.may_go_on(&shown, &verdict);
        }
        let request = shown.peer.received(request);
        let algorithms = request.and_then(|m| m.find_extension(ext::COMPRESS_CERTIFICATE));
        lab.features.reads_compressed = algorithms.is_some_and(|body| {
            body.get(1..).unwrap_or_default().chunks(2).any(|algorithm| algorithm == [0, 1])
        });

        let caring = lab.visit(lab.caring());
        lab.features.asks_for_care = lab.points().care().is_some() && asks(&caring);
        let malformed = lab.visit(lab.hello([lab.flags([1, 0])]));
        let malformed_care = lab.visit(lab.hello(lab.care([1])));
        let echoes = lab.points().care().is_some_and(|number| {
            !received(&caring, HandshakeType::ENCRYPTED_EXTENSIONS, number).is_empty()
        });
        let flags = !acknowledged.is_empty()
            || lab.features.asks_for_flag != lab.features.asks_anyway
            || !reached_finished(&malformed);
        let care = echoes
            || lab.features.asks_for_care != lab.features.asks_anyway
            || !reached_finished(&malformed_care);
        (lab.features.flags, lab.features.care) =
            implements.or((flags, care && lab.points().care().is_some()));

        let mut compressing = lab.honest();
        compressing.accept_compression = true;
        let compressing = lab.visit(compressing);
        let compressed = HandshakeType::COMPRESSED_CERTIFICATE;
        lab.features.sends_compressed = compressing.peer.received(compressed).is_some();

        let mut old = lab.honest();
        old.versions = vec![version::TLS12];
        lab.features.tls12 = lab.visit(old).has_watched_all();

        if let Some(ticket) = plain.peer.tickets().last() {
            let mut again = lab.honest();
            again.ticket = Some(ticket.clone());
            lab.features.resumes = lab.visit(again).peer.is_resumed();
        }
        Ok(())
    }

    /// Detects what the server does with origins. Returns the connection with a hint at the origin of
    /// `--origin`.
    fn look_at_hints(&mut self, implements: Implements) -> Rc<Talk> {
        let hinting = self.visit(self.hinting([&self.target.origin]));
        let unknown = self.visit(self.hinting([UNKNOWN]));
        let malformed = self.visit(self.hello(self.hint([])));
        let features = &mut self.features;
        features.refuses_origin = hinting.verdict() == Verdict::Alert(HANDSHAKE_FAILURE);
        features.asks_for_origin = asks(&hinting);
        features.asks_for_unknown = asks(&unknown);
        let reads =
            features.asks_for_origin != features.asks_anyway || !reached_finished(&malformed);
        features.hints = implements.or_hint(reads);
        hinting
    }
}

/// The certificates in the body of a Certificate of TLS 1.2 (RFC 5246 section 7.4.2).
fn tls12_chain(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let take = |from: &mut &[u8]| -> Option<Vec<u8>> {
        let (&[a, b, c], rest) = from.split_first_chunk::<3>()?;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        let (taken, rest) = rest.split_at_checked(length)?;
        *from = rest;
        Some(taken.to_vec())
    };
    let list = take(&mut &*body)?;
    let (mut list, mut chain) = (list.as_slice(), Vec::new());
    while !list.is_empty() {
        chain.push(take(&mut list)?);
    }
    Some(chain)
}

/// The same client, which also offers TLS 1.2.
pub(super) fn either(config: ClientConfig) -> ClientConfig {
    ClientConfig { versions: vec![version::TLS13, version::TLS12], ..config }
}

/// Whether the server completed its part of the handshake.
fn reached_finished(talk: &Talk) -> bool {
    talk.peer.is_complete()
}

/// A body with unknown flags.
pub(super) fn unknown() -> Vec<u8> {
    body([1, 5, 1023])
}
