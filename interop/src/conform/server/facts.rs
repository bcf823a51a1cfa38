//! What a server can do, and which cases that leaves.

use clap::ValueEnum;

use super::{Lab, Target, asks, body, received};
use crate::Failure;
use crate::conform::talk::Talk;
use crate::raw::{HandshakeType, ext, version};

/// What the other end is held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Implements {
    /// What it shows to know of
    #[default]
    Auto,
    /// Nothing: only what binds everybody
    Nothing,
    /// The flags
    Flags,
    /// CARE
    Care,
    /// Both
    Both,
}

impl Implements {
    /// Whether it knows of the flags and of CARE, where it does not show.
    pub fn or(self, shown: (bool, bool)) -> (bool, bool) {
        match self {
            Self::Auto => shown,
            Self::Nothing => (false, false),
            Self::Flags => (true, false),
            Self::Care => (false, true),
            Self::Both => (true, true),
        }
    }
}

/// What a case needs of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It reads tls_flags.
    Flags,
    /// It reads CARE.
    Care,
    /// It asks who offers by the flag, and nobody else.
    AsksForFlag,
    /// It asks who offers by CARE, and nobody else.
    AsksForCare,
    /// It asks everybody.
    AsksAnyway,
    /// It asks for a certificate, be it that the client offers.
    Asks,
    /// There is a certificate that it accepts.
    Identity,
    /// It reads compressed certificates.
    ReadsCompressed,
    /// It sends its certificate compressed.
    SendsCompressed,
    /// It resumes sessions.
    Resumes,
    /// Its tickets are good for 0-RTT data.
    EarlyData,
    /// It speaks TLS 1.2, too.
    Tls12,
}

/// What a server can do.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// It reads tls_flags.
    pub flags: bool,
    /// It reads CARE.
    pub care: bool,
    /// It asks who does not offer.
    pub asks_anyway: bool,
    /// It asks who offers by the flag.
    pub asks_for_flag: bool,
    /// It asks who offers by CARE.
    pub asks_for_care: bool,
    /// It accepts the certificate.
    pub identity: bool,
    /// It reads compressed certificates.
    pub reads_compressed: bool,
    /// It sends its certificate compressed.
    pub sends_compressed: bool,
    /// It resumes sessions.
    pub resumes: bool,
    /// Its tickets are good for 0-RTT data.
    pub early_data: bool,
    /// It speaks TLS 1.2, too.
    pub tls12: bool,
    /// Its certificate chain, as it came.
    pub chain: Vec<Vec<u8>>,
}

impl Facts {
    /// Why a case that needs this cannot be run.
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        let (met, why) = match need {
            Need::Flags => (self.flags, "the server does not show that it reads tls_flags"),
            Need::Care => (self.care, "the server does not show that it reads CARE"),
            Need::AsksForFlag => (
                self.asks_for_flag && !self.asks_anyway,
                "the server does not ask just those who offer by the flag",
            ),
            Need::AsksForCare => (
                self.asks_for_care && !self.asks_anyway,
                "the server does not ask just those who offer by CARE",
            ),
            Need::AsksAnyway => (self.asks_anyway, "the server asks nobody who does not offer"),
            Need::Asks => {
                (self.asks_for_flag || self.asks_anyway, "the server asks for no certificate")
            }
            Need::Identity => (
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
            Need::EarlyData => (self.early_data, "the server takes no 0-RTT data"),
            Need::Tls12 => (self.tls12, "the server does not speak TLS 1.2"),
        };
        (!met).then_some(why)
    }

    /// The facts as words, for the report.
    pub fn words(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("reads tls_flags", self.flags),
            ("reads CARE", self.care),
            ("asks who does not offer", self.asks_anyway),
            ("asks who offers by the flag", self.asks_for_flag),
            ("asks who offers by CARE", self.asks_for_care),
            ("accepts the certificate", self.identity),
            ("reads compressed certificates", self.reads_compressed),
            ("compresses its certificate", self.sends_compressed),
            ("resumes sessions", self.resumes),
            ("takes 0-RTT data", self.early_data),
            ("speaks TLS 1.2", self.tls12),
        ]
    }
}

impl Lab {
    /// Looks what a server can do.
    ///
    /// # Errors
    /// If there is nothing to speak TLS 1.3 with.
    pub fn of(target: Target, implements: Implements) -> Result<Self, Failure> {
        let mut lab = Self { target, facts: Facts::default(), talks: Vec::new() };
        let plain = lab.visit(lab.honest());
        if !reached_finished(&plain) {
            let (addr, verdict) = (lab.target.addr, plain.verdict());
            let why = format!("{addr}: no handshake of TLS 1.3 to begin with: {verdict}");
            return Err(Failure::Failed(why));
        }
        let chain = plain.peer.received(HandshakeType::CERTIFICATE).map(|m| m.parse());
        if let Some(Ok(crate::raw::Handshake::Certificate(certificate))) = chain {
            lab.facts.chain = certificate.entries.into_iter().map(|entry| entry.der).collect();
        }
        lab.facts.asks_anyway = asks(&plain);
        lab.facts.early_data = plain.peer.tickets().iter().any(|t| t.max_early_data > 0);

        let offering = lab.visit(lab.offering());
        let request = HandshakeType::CERTIFICATE_REQUEST;
        let acknowledged = received(&offering, request, lab.points().tls_flags());
        lab.facts.asks_for_flag = asks(&offering);
        let has_identity = lab.target.identity.is_some();
        let verdict = offering.verdict();
        lab.facts.identity = has_identity && asks(&offering) && verdict.is_acceptance();
        let request = offering.peer.received(request);
        let algorithms = request.and_then(|m| m.find_extension(ext::COMPRESS_CERTIFICATE));
        lab.facts.reads_compressed = algorithms.is_some_and(|body| {
            body.get(1..).unwrap_or_default().chunks(2).any(|algorithm| algorithm == [0, 1])
        });

        let caring = lab.visit(lab.caring());
        lab.facts.asks_for_care = lab.points().care().is_some() && asks(&caring);
        let malformed = lab.visit(lab.hello([lab.flags([1, 0])]));
        let malformed_care = lab.visit(lab.hello(lab.care([1])));
        let echoes = lab.points().care().is_some_and(|number| {
            !received(&caring, HandshakeType::ENCRYPTED_EXTENSIONS, number).is_empty()
        });
        let flags = !acknowledged.is_empty()
            || lab.facts.asks_for_flag != lab.facts.asks_anyway
            || !reached_finished(&malformed);
        let care = echoes
            || lab.facts.asks_for_care != lab.facts.asks_anyway
            || !reached_finished(&malformed_care);
        (lab.facts.flags, lab.facts.care) =
            implements.or((flags, care && lab.points().care().is_some()));

        let mut compressing = lab.honest();
        compressing.accept_compression = true;
        let compressing = lab.visit(compressing);
        let compressed = HandshakeType::COMPRESSED_CERTIFICATE;
        lab.facts.sends_compressed = compressing.peer.received(compressed).is_some();

        let mut old = lab.honest();
        old.versions = vec![version::TLS12];
        lab.facts.tls12 = lab.visit(old).verdict().is_acceptance();

        if let Some(ticket) = plain.peer.tickets().last() {
            let mut again = lab.honest();
            again.ticket = Some(ticket.clone());
            lab.facts.resumes = lab.visit(again).peer.is_resumed();
        }
        lab.talks.clear();
        Ok(lab)
    }
}

/// Whether the server's part of the handshake was good.
fn reached_finished(talk: &Talk) -> bool {
    talk.peer.is_complete()
}

/// A body with flags that nobody knows.
pub(super) fn unknown() -> Vec<u8> {
    body([1, 5, 1023])
}
