//! Sessions that record how their client authenticated, and resume only where that is enough.
//!
//! rustls resumes a session whatever the client is asked for, and does not verify its certificates
//! again. So each config has its own access to the server's storage and ticketer. It puts a record
//! (RES-1) and the chain in front of rustls' own data, and returns those data only if the session
//! may resume on this connection (RES-2 to RES-5):
//!
//! ```text
//! opaque record<0..2^16-1>;            // of `rustls_ext_wire::resumption::Record`
//! uint16 count;
//! opaque certificate<0..2^32-1>[count];
//! opaque session[..];                  // of rustls
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ProducesTickets, StoresServerSessions};
use rustls::time_provider::TimeProvider;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_ext_wire::resumption::{
    DEFAULT_MAX_AGE_SECONDS, Demand, Record, Resumption, check, is_recent,
};

use crate::client_auth::Decision;

/// The maximum length of a ticket before encryption, in bytes. The ticket is a vector of up to
/// 65,535 bytes (RFC 8446 section 4.6.1), and must fit into a ClientHello, too.
const LONGEST_TICKET: usize = 32 * 1024;

/// The client authentication of one connection, or of all connections without a request.
#[derive(Debug)]
pub(crate) struct Authentication {
    decision: Decision,
    offered: bool,
    time: Arc<dyn TimeProvider>,
    /// On this connection, or on the one that it resumes.
    proof: Mutex<Option<Proof>>,
}

/// A proof of possession that was given, and verified.
#[derive(Clone, Debug)]
struct Proof {
    chain: Vec<CertificateDer<'static>>,
    /// Seconds since the Unix epoch.
    at: u64,
}

impl Authentication {
    pub(crate) fn new(decision: Decision, offered: bool, time: Arc<dyn TimeProvider>) -> Self {
        Self { decision, offered, time, proof: Mutex::default() }
    }

    fn proof(&self) -> MutexGuard<'_, Option<Proof>> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the record in front of a session of rustls; `None` if it cannot be encoded.
    fn seal(&self, session: &[u8]) -> Option<Vec<u8>> {
        let proof = self.proof();
        let scope = self.decision.scope().map(|scope| scope.name().as_bytes());
        let (record, chain) = match (scope, &*proof) {
            (None, _) => (Record::NotAsked, &[][..]),
            (Some(scope), None) => (Record::Declined { scope }, &[][..]),
            (Some(scope), Some(proof)) => {
                (Record::Authenticated { scope, at: proof.at, voucher: None }, &proof.chain[..])
            }
        };
        let mut buffer = [0; Record::LONGEST];
        let record = record.encode(&mut buffer).ok()?;
        let mut sealed = u16::try_from(record.len()).ok()?.to_be_bytes().to_vec();
        sealed.extend_from_slice(record);
        sealed.extend_from_slice(&u16::try_from(chain.len()).ok()?.to_be_bytes());
        for certificate in chain {
            sealed.extend_from_slice(&u32::try_from(certificate.len()).ok()?.to_be_bytes());
            sealed.extend_from_slice(certificate);
        }
        sealed.extend_from_slice(session);
        Some(sealed)
    }

    /// Returns the session of rustls if it may resume on this connection.
    ///
    /// Anything that [`seal`](Self::seal) did not write does not resume (RES-7).
    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        *self.proof() = None;
        let (record, chain, session) = read(sealed)?;
        let demand = match &self.decision {
            Decision::None => Demand::None,
            Decision::Request(scope) => Demand::Request(scope.name().as_bytes()),
            Decision::Require(scope) => Demand::Require(scope.name().as_bytes()),
        };
        match check(demand, self.offered, record.session()) {
            Resumption::Refused => return None,
            Resumption::Allowed => {}
            Resumption::IfVerified => {
                let Record::Authenticated { at, .. } = record else { return None };
                let now = self.time.current_time()?;
                let recent = is_recent(at, now.as_secs(), DEFAULT_MAX_AGE_SECONDS);
                let (end_entity, intermediates) = chain.split_first()?;
                let verifier = self.decision.scope()?.verifier();
                if !recent || verifier.verify_client_cert(end_entity, intermediates, now).is_err() {
                    return None;
                }
                *self.proof() = Some(Proof { chain, at });
            }
        }
        Some(session.to_vec())
    }
}

/// Splits a sealed session into the record, the chain, and the session of rustls.
fn read(sealed: &[u8]) -> Option<(Record<'_>, Vec<CertificateDer<'static>>, &[u8])> {
    let (length, rest) = sealed.split_first_chunk()?;
    let (record, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let record = Record::decode(record)?;
    let (count, mut rest) = rest.split_first_chunk()?;
    let mut chain = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (certificate, after) = after.split_at_checked(length)?;
        chain.push(CertificateDer::from(certificate.to_vec()));
        rest = after;
    }
    Some((record, chain, rest))
}

/// The server's storage and ticketer, as one connection may use them.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) storage: Arc<dyn StoresServerSessions>,
    pub(crate) ticketer: Arc<dyn ProducesTickets>,
    pub(crate) authentication: Arc<Authentication>,
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let sealed = self.authentication.seal(&value);
        sealed.is_some_and(|sealed| self.storage.put(key, sealed))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.authentication.open(&self.storage.get(key)?)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.authentication.open(&self.storage.take(key)?)
    }

    fn can_cache(&self) -> bool {
        self.storage.can_cache()
    }
}

impl ProducesTickets for Sessions {
    fn enabled(&self) -> bool {
        self.ticketer.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.ticketer.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let sealed = self.authentication.seal(plain)?;
        (sealed.len() <= LONGEST_TICKET).then(|| self.ticketer.encrypt(&sealed)).flatten()
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.authentication.open(&self.ticketer.decrypt(cipher)?)
    }
}

/// The verifier of a scope, for one connection whose client is asked.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) scope: Arc<dyn ClientCertVerifier>,
    pub(crate) authentication: Arc<Authentication>,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        matches!(self.authentication.decision, Decision::Require(_))
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.scope.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.scope.verify_client_cert(end_entity, intermediates, now)?;
        let chain = [end_entity].into_iter().chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        // The session is made later, and only if the client signs with this certificate's key.
        *self.authentication.proof() = Some(Proof { chain, at: now.as_secs() });
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.scope.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.scope.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // rustls calls this for a CertificateRequest, so this is a full handshake. It may have
        // looked at a session before that and found that it is, say, for another server name. What
        // that session proved does not belong to this handshake.
        *self.authentication.proof() = None;
        self.scope.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.scope.requires_raw_public_keys()
    }
}
