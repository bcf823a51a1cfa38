//! The features of a client, and which cases need them.

use super::{Lab, in_hellos};
use crate::server::Implements;
use crate::talk::{Talk, Verdict};
use command_line::Failure;
use raw_peer::{Handshake, HandshakeType, Slot, ext, version};

/// A feature that a case needs of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It reads tls_flags.
    Flags,
    /// It reads CARE.
    Care,
    /// It offers by the flag.
    OffersFlag,
    /// It does not offer by the flag.
    OffersNoFlag,
    /// It offers by CARE.
    OffersCare,
    /// It does not offer by CARE.
    OffersNoCare,
    /// It hints at origins.
    OffersOrigins,
    /// It does not hint at origins.
    OffersNoOrigins,
    /// It offers in some way.
    Offers,
    /// It sends a certificate on request.
    Certificate,
    /// It reads compressed certificates.
    ReadsCompressed,
    /// It sends its certificate compressed.
    SendsCompressed,
    /// It connects twice.
    Twice,
    /// It also supports TLS 1.2.
    Tls12,
    /// It announces that it answers requests for certificates on open HTTP/2 connections.
    Secondary,
    /// It answers them with its certificate.
    SecondaryCertificate,
    /// It answers more than one at a time.
    SecondarySeveral,
}

/// The features of a client.
#[derive(Clone, Debug, Default)]
pub struct ClientFeatures {
    /// It reads tls_flags.
    pub flags: bool,
    /// It reads CARE.
    pub care: bool,
    /// It offers by the flag.
    pub offers_flag: bool,
    /// It offers by CARE.
    pub offers_care: bool,
    /// It hints at origins.
    pub offers_origins: bool,
    /// It sends a certificate on request.
    pub identity: bool,
    /// It reads compressed certificates.
    pub reads_compressed: bool,
    /// It sends its certificate compressed.
    pub sends_compressed: bool,
    /// It connects twice.
    pub twice: bool,
    /// It also supports TLS 1.2.
    pub tls12: bool,
    /// How many requests for a certificate it answers at a time, if it announces any.
    pub secondary: Option<u32>,
    /// It answers them with its certificate.
    pub secondary_identity: bool,
    /// Whether only these two were looked for.
    pub only_secondary: bool,
    /// Its process exits with success after a good connection.
    pub succeeds: bool,
    /// Its process exits with success only after a response: so it reads messages after its handshake.
    pub reads_on: bool,
    /// Whether its process last exited with success.
    pub(super) ended_well: bool,
}

impl ClientFeatures {
    /// The reason why a case that needs this feature cannot run; `None` if it can.
    pub fn lacks(&self, need: Need) -> Option<String> {
        let (met, why) = match need {
            Need::Flags => (self.flags, "the client does not show that it reads tls_flags"),
            Need::Care => (self.care, "the client does not show that it reads CARE"),
            Need::OffersFlag => (self.offers_flag, "the client does not offer by the flag"),
            Need::OffersNoFlag => (!self.offers_flag, "the client offers by the flag"),
            Need::OffersCare => (self.offers_care, "the client does not offer by CARE"),
            Need::OffersNoCare => (!self.offers_care, "the client offers by CARE"),
            Need::OffersOrigins => {
                (self.offers_origins, "the client does not send workload_identifier_origin_hint")
            }
            Need::OffersNoOrigins => {
                (!self.offers_origins, "the client sends workload_identifier_origin_hint")
            }
            Need::Offers => (
                self.offers_flag || self.offers_care || self.offers_origins,
                "the client does not offer",
            ),
            Need::Certificate => (self.identity, "the client sends no certificate on request"),
            Need::ReadsCompressed => {
                (self.reads_compressed, "the client does not read certificates compressed by zlib")
            }
            Need::SendsCompressed => {
                (self.sends_compressed, "the client does not compress its certificate by zlib")
            }
            Need::Twice => (self.twice, "the command makes one connection instead of two"),
            Need::Tls12 => (self.tls12, "the client does not support TLS 1.2"),
            Need::Secondary if !self.only_secondary => {
                (false, "not supported: there is no --secondary")
            }
            Need::Secondary => (
                self.secondary.is_some(),
                "not supported: the client does not announce SETTINGS_HTTP_CLIENT_CERT_AUTH",
            ),
            Need::SecondaryCertificate => (
                self.secondary_identity,
                "the client does not answer with its certificate on the open connection",
            ),
            Need::SecondarySeveral => (
                self.secondary.is_some_and(|most| most > 1),
                "the client answers one request at a time",
            ),
        };
        (!met).then(|| why.to_owned())
    }

    /// The features with their names in the report.
    pub fn words(&self) -> Vec<(&'static str, bool)> {
        if self.only_secondary {
            return vec![
                ("announces SETTINGS_HTTP_CLIENT_CERT_AUTH", self.secondary.is_some()),
                ("answers with its certificate on an open connection", self.secondary_identity),
                ("exits with success after a good connection", self.succeeds),
            ];
        }
        vec![
            ("reads tls_flags", self.flags),
            ("reads CARE", self.care),
            ("offers by the flag", self.offers_flag),
            ("offers by CARE", self.offers_care),
            ("sends workload_identifier_origin_hint", self.offers_origins),
            ("sends a certificate on request", self.identity),
            ("reads compressed certificates", self.reads_compressed),
            ("compresses its certificate", self.sends_compressed),
            ("makes two connections", self.twice),
            ("supports TLS 1.2", self.tls12),
            ("exits with success after a good connection", self.succeeds),
            ("exits with success only after a response", self.reads_on),
        ]
    }
}

impl Lab {
    /// Detects the features of the client.
    ///
    /// # Errors
    /// If it does not connect, or there is no handshake with TLS 1.3.
    pub fn look(&mut self, implements: Implements) -> Result<(), Failure> {
        self.check_command()?;
        let mut plain = self.honest();
        plain.ask_certificate = false;
        plain.accept_compression = true;
        let talks = self.host_all(plain.clone(), None);
        let talk = talks.first().ok_or_else(|| {
            Failure::Failed("the client did not connect: is {port} among its arguments?".into())
        })?;
        if talk.verdict() != Verdict::Accepted {
            let verdict = talk.verdict();
            let why = format!("no handshake with TLS 1.3 is possible: {verdict}");
            return Err(Failure::Failed(why));
        }
        self.features.succeeds = self.features.ended_well;
        // Once may be by chance: the command that `check_command` killed may have left a process behind.
        self.features.twice = talks.len() > 1 && self.host_all(plain, None).len() > 1;
        let has = |number| in_hellos(talk, number).concat();
        self.features.offers_flag = has(self.points.tls_flags()).iter().any(|flags| {
            rustls_ext_wire::FlagSet::decode(flags)
                .is_ok_and(|flags| flags.contains(self.points.request_client_auth()))
        });
        self.features.offers_care = self.points.care().is_some_and(|care| !has(care).is_empty());
        self.features.offers_origins =
            self.points.origin_hint().is_some_and(|hint| !has(hint).is_empty());
        let hello = talk.peer.received(HandshakeType::CLIENT_HELLO);
        let list = |typ| hello.and_then(|m| m.find_extension(typ)).unwrap_or_default();
        let names = |typ, wanted: u16| {
            list(typ).get(1..).unwrap_or_default().chunks(2).any(|n| n == wanted.to_be_bytes())
        };
        self.features.reads_compressed = names(ext::COMPRESS_CERTIFICATE, 1);
        self.features.tls12 = names(ext::SUPPORTED_VERSIONS, version::TLS12);

        if self.features.succeeds && self.command.is_some() {
            let mut mute = self.honest();
            mute.ask_certificate = false;
            self.host_all_with(mute, &[], None);
            self.features.reads_on = !self.features.ended_well;
        }

        let mut asking = self.honest();
        asking.accept_compression = true;
        let talk = self.host_all(asking, None).into_iter().next();
        self.features.identity = talk.as_ref().is_some_and(|talk| shows_certificate(talk));
        let compressed = HandshakeType::COMPRESSED_CERTIFICATE;
        self.features.sends_compressed =
            talk.is_some_and(|talk| talk.peer.received(compressed).is_some());

        let malformed = self.with(Slot::NewSessionTicket, self.flags([1, 0]));
        let refuses = |talks: Vec<std::rc::Rc<Talk>>| {
            let refused =
                |talk: &Talk| matches!(talk.verdict(), Verdict::Alert(_) | Verdict::Closed);
            talks.first().is_some_and(|talk| refused(talk))
        };
        let reads_flags = self.features.offers_flag || refuses(self.host_all(malformed, None));
        let shown = (reads_flags, self.features.offers_care);
        (self.features.flags, self.features.care) = implements.or(shown);
        self.talks.clear();
        Ok(())
    }
}

/// Whether the client sent a certificate.
pub(super) fn shows_certificate(talk: &Talk) -> bool {
    let typ = [HandshakeType::CERTIFICATE, HandshakeType::COMPRESSED_CERTIFICATE];
    let message = typ.into_iter().find_map(|typ| talk.peer.received(typ));
    matches!(
        message.map(|m| m.parse()),
        Some(Ok(Handshake::Certificate(certificate))) if !certificate.entries.is_empty()
    )
}
