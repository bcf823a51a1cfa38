//! RES-5: when a verifier's voucher takes the place of a verification at resumption, and when not,
//! under TLS 1.2 and 1.3.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Clock, Pki, Switch, When, connect, pump};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientAuthDecision, ClientAuthDemand};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, HandshakeKind,
    ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use rustls_ext::ClientAuthOffer;
use rustls_ext::wire::resumption::Voucher;

const HOUR: u64 = 60 * 60;
/// For how long one proof of possession counts.
const MAX_AGE: u64 = 5 * HOUR;

/// A verifier that does as told, and counts.
#[derive(Debug)]
struct Told {
    signatures: Arc<dyn ClientCertVerifier>,
    accepts: Mutex<bool>,
    /// The voucher that it gives, and the one that it honors.
    vouches: Mutex<Option<Voucher>>,
    honors: Mutex<Option<Voucher>>,
    verified: AtomicU64,
}

impl Told {
    /// The number of verifications since the last call.
    fn verified(&self) -> u64 {
        self.verified.swap(0, Ordering::SeqCst)
    }

    /// Gives and honors this voucher.
    fn gives(&self, voucher: Voucher) {
        *self.vouches.lock().unwrap() = Some(voucher);
        *self.honors.lock().unwrap() = Some(voucher);
    }
}

impl ClientCertVerifier for Told {
    fn vouch(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Option<Voucher> {
        *self.vouches.lock().unwrap()
    }

    fn honors(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], voucher: &Voucher) -> bool {
        *self.honors.lock().unwrap() == Some(*voucher)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verified.fetch_add(1, Ordering::SeqCst);
        if *self.accepts.lock().unwrap() {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::Revoked.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}

struct Site {
    clock: Arc<Clock>,
    verifier: Arc<Told>,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Site {
    fn all() -> impl Iterator<Item = Self> {
        [&TLS13, &TLS12].into_iter().flat_map(|version| {
            [false, true].into_iter().map(move |tickets| Self::new(version, tickets))
        })
    }

    fn new(version: &'static SupportedProtocolVersion, tickets: bool) -> Self {
        let (pki, clock) = (Pki::new(), Clock::now());
        let verifier = Arc::new(Told {
            signatures: pki.agents.verifier(),
            accepts: Mutex::new(true),
            vouches: Mutex::default(),
            honors: Mutex::default(),
            verified: AtomicU64::new(0),
        });
        let demand = ClientAuthDemand::new(verifier.clone(), "agents").unwrap();
        let demand = demand.with_max_age(Duration::from_secs(MAX_AGE));
        let policy = Switch::new(When::Always, ClientAuthDecision::Require(demand));
        let mut server = pki.server_with(&policy, &[version]);
        server.time_provider = clock.clone();
        if tickets {
            server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        }
        let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[version]);
        Self { clock, verifier, server: Arc::new(server), client: Arc::new(client) }
    }

    /// A voucher for an hour from now on.
    fn voucher(&self, tag: u8) -> Voucher {
        let now = self.clock.seconds();
        Voucher { not_before: now, not_after: now + HOUR, tag: [tag; Voucher::TAG_LEN] }
    }

    /// Connects; returns whether it was resumed, and how many chains were verified.
    fn visit(&self) -> (bool, u64) {
        let (mut c, mut s) = connect(&self.client, &self.server);
        pump(&mut c, &mut s).unwrap();
        assert!(s.peer_certificates().is_some());
        (s.handshake_kind() == Some(HandshakeKind::Resumed), self.verifier.verified())
    }
}

#[test]
fn res_5_a_voucher_takes_the_place_of_a_verification_during_its_span() {
    for site in Site::all() {
        site.verifier.gives(site.voucher(1));
        assert_eq!(site.visit(), (false, 1));
        assert_eq!(site.visit(), (true, 0));
        // Nothing else is asked, not even whether the chain is accepted.
        *site.verifier.accepts.lock().unwrap() = false;
        site.clock.advance(HOUR);
        assert_eq!(site.visit(), (true, 0));
    }
}

#[test]
fn res_5_a_chain_is_verified_again_before_and_after_the_span_of_its_voucher() {
    for site in Site::all() {
        let now = site.clock.seconds();
        site.verifier.gives(Voucher { not_before: now + 10, ..site.voucher(1) });
        assert_eq!(site.visit(), (false, 1));
        assert_eq!(site.visit(), (true, 1));
        site.clock.advance(10);
        assert_eq!(site.visit(), (true, 0));
        site.clock.set(now + HOUR + 1);
        assert_eq!(site.visit(), (true, 1));
        *site.verifier.accepts.lock().unwrap() = false;
        let (mut c, mut s) = connect(&site.client, &site.server);
        let refused = pump(&mut c, &mut s).unwrap_err();
        assert_eq!(refused.error, CertificateError::Revoked.into());
        // At resumption, and then in the full handshake.
        assert_eq!(site.verifier.verified(), 2);
    }
}

#[test]
fn res_5_a_voucher_does_not_extend_a_proof_of_possession() {
    for site in Site::all() {
        let voucher = site.voucher(1);
        site.verifier.gives(Voucher { not_after: voucher.not_before + 10 * MAX_AGE, ..voucher });
        assert_eq!(site.visit(), (false, 1));
        site.clock.advance(MAX_AGE);
        assert_eq!(site.visit(), (true, 0));
        site.clock.advance(1);
        // The client proves possession again.
        assert_eq!(site.visit(), (false, 1));
    }
}

#[test]
fn res_5_a_chain_is_verified_again_if_its_voucher_is_not_honored() {
    for site in Site::all() {
        site.verifier.gives(site.voucher(1));
        assert_eq!(site.visit(), (false, 1));
        *site.verifier.honors.lock().unwrap() = Some(site.voucher(2));
        assert_eq!(site.visit(), (true, 1));
    }
}

#[test]
fn res_5_a_chain_is_verified_again_without_a_voucher() {
    for site in Site::all() {
        assert_eq!(site.visit(), (false, 1));
        // Without one, the verifier is not asked whether it honors one.
        *site.verifier.honors.lock().unwrap() = Some(site.voucher(1));
        assert_eq!(site.visit(), (true, 1));
    }
}

/// Sessions of TLS 1.2 that a server stores are not renewed.
#[test]
fn res_5_a_renewed_session_has_the_voucher_of_the_last_verification() {
    let sites = [(&TLS13, false), (&TLS13, true), (&TLS12, true)];
    for site in sites.map(|(version, tickets)| Site::new(version, tickets)) {
        site.verifier.gives(site.voucher(1));
        assert_eq!(site.visit(), (false, 1));
        site.clock.advance(HOUR + 1);
        site.verifier.gives(site.voucher(2));
        assert_eq!(site.visit(), (true, 1));
        assert_eq!(site.visit(), (true, 0));
        assert_eq!(site.visit(), (true, 0));
    }
}
