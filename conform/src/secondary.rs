//! What cases about secondary certificates and their faulty ends have in common: exported values,
//! requests, and authenticators, right and wrong ones.

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use ring::{digest, hmac};
use rustls_ext_wire::authenticator::{
    Connection, Endpoint, Proof, Request, Signed, ValidateError, WriteError,
};
use rustls_ext_wire::secondary::{HttpCodePoints, Requests};
use webpki::EndEntityCert;

use super::grade::Grade;
use super::http2::{Code, Frame, Reaction};
use raw_peer::{
    Certificate, CertificateEntry, CertificateVerify, ChainAndKey, Error, Handshake, Peer, Suite,
};

/// ecdsa_secp256r1_sha256, the one scheme that the tester can sign with and verify.
pub const ECDSA_P256: u16 = 0x0403;
/// The numbers on the wire.
pub const POINTS: HttpCodePoints = HttpCodePoints::DEFAULT;
/// The longest authenticator that the tester makes, in bytes.
const MOST: usize = 64 * 1024;

/// The exported values of a connection, and the hash of its cipher suite (EA-1).
#[derive(Clone, Debug)]
pub struct Exported {
    suite: Suite,
    /// Handshake context and MAC key, of authenticators of the client and of the server.
    client: (Vec<u8>, Vec<u8>),
    server: (Vec<u8>, Vec<u8>),
}

impl Exported {
    /// Exports the values.
    ///
    /// # Errors
    /// [`Error::Misuse`] before the handshake is complete.
    pub fn of(peer: &Peer) -> Result<Self, Error> {
        let suite = peer.suite().ok_or(Error::Misuse("an exporter before ServerHello"))?;
        let of = |endpoint: Endpoint| {
            let export = |label| peer.export(label, &[], suite.hash_len());
            let context = export(endpoint.handshake_context_label())?;
            Ok((context, export(endpoint.finished_key_label())?))
        };
        Ok(Self { suite, client: of(Endpoint::Client)?, server: of(Endpoint::Server)? })
    }

    /// The same, with the values of the two directions exchanged.
    pub fn reversed(self) -> Self {
        Self { suite: self.suite, client: self.server, server: self.client }
    }

    fn values(&self, sender: Endpoint) -> &(Vec<u8>, Vec<u8>) {
        match sender {
            Endpoint::Client => &self.client,
            Endpoint::Server => &self.server,
        }
    }
}

impl Connection for Exported {
    type Digest = digest::Digest;
    type Tag = hmac::Tag;

    fn handshake_context(&self, sender: Endpoint) -> &[u8] {
        &self.values(sender).0
    }

    fn hash(&self, parts: &[&[u8]]) -> digest::Digest {
        let algorithm = match self.suite {
            Suite::Aes128GcmSha256 => &digest::SHA256,
            Suite::Aes256GcmSha384 => &digest::SHA384,
        };
        let mut context = digest::Context::new(algorithm);
        parts.iter().for_each(|part| context.update(part));
        context.finish()
    }

    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> hmac::Tag {
        let algorithm = match self.suite {
            Suite::Aes128GcmSha256 => hmac::HMAC_SHA256,
            Suite::Aes256GcmSha384 => hmac::HMAC_SHA384,
        };
        hmac::sign(&hmac::Key::new(algorithm, &self.values(sender).1), message)
    }
}

/// Random bytes.
///
/// # Errors
/// If the system has no randomness.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Crypto("random"))?;
    Ok(bytes)
}

/// A request of a server, by the codec.
///
/// # Errors
/// If it is not allowed.
pub fn request(
    context: &[u8],
    schemes: &[u16],
    extensions: &[(u16, &[u8])],
) -> Result<Vec<u8>, WriteError> {
    let mut buffer = vec![0; MOST];
    let request = Request::write(Endpoint::Server, context, schemes, extensions, &mut buffer)?;
    Ok(request.bytes().to_vec())
}

/// A request with any context and any extension block, also a malformed one.
pub fn raw_request(typ: u8, context: &[u8], extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let list: Vec<u8> = extensions
        .iter()
        .flat_map(|(number, body)| [&number.to_be_bytes()[..], &short(body.len()), body].concat())
        .collect();
    let context_length = u8::try_from(context.len()).unwrap_or(u8::MAX);
    let body = [&[context_length][..], context, &short(list.len()), &list].concat();
    let [.., a, b, c] = body.len().to_be_bytes();
    [&[typ, a, b, c][..], &body].concat()
}

/// The body of signature_algorithms.
pub fn schemes(list: &[u16]) -> Vec<u8> {
    let list: Vec<u8> = list.iter().flat_map(|scheme| scheme.to_be_bytes()).collect();
    [&short(list.len())[..], &list].concat()
}

/// The two bytes of a length.
pub fn short(length: usize) -> [u8; 2] {
    let [.., high, low] = length.to_be_bytes();
    [high, low]
}

/// An integer of QUIC in its shortest form (RFC 9000 section 16), up to 16,383.
pub fn integer(number: usize) -> Vec<u8> {
    let [high, low] = short(number);
    if number < 0x40 { vec![low] } else { vec![0x40 | (high & 0x3f), low] }
}

/// A frame AUTHENTICATOR_REQUESTS with these requests.
pub fn requests_frame(requests: &[Vec<u8>]) -> Frame {
    let payload = requests.iter().flat_map(|it| [&integer(it.len())[..], it].concat());
    Frame::new(POINTS.authenticator_requests(), 0, payload.collect::<Vec<_>>())
}

/// The bytes of the requests in a frame AUTHENTICATOR_REQUESTS, also of malformed ones; `None` if
/// the lengths do not fit.
pub fn split(mut payload: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    while let Some((first, rest)) = payload.split_first() {
        let (further, rest) = rest.split_at_checked((1 << (first >> 6)) - 1)?;
        let start = u64::from(first & 0x3f);
        let length = further.iter().fold(start, |all, byte| (all << 8) | u64::from(*byte));
        let (request, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        requests.push(request.to_vec());
        payload = rest;
    }
    Some(requests)
}

/// The requests in a frame, each as its bytes.
pub fn parsed(payload: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let requests = Requests::parse(payload).map_err(|error| error.to_string())?;
    Ok(requests.map(|request| request.bytes().to_vec()).collect())
}

/// Signs with a P-256 key.
///
/// # Errors
/// [`Error::Crypto`] if it is no such key.
pub fn sign(key: &[u8], message: &[u8]) -> Result<Vec<u8>, Error> {
    let random = SystemRandom::new();
    let failed = |_| Error::Crypto("signature");
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &random)
        .map_err(|_| Error::Crypto("PKCS#8 key (P-256 only)"))?;
    Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec())
}

/// An authenticator by the codec; an empty one without an identity.
///
/// # Errors
/// If the request does not allow it.
pub fn answer(
    exported: &Exported,
    request: &Request<'_>,
    identity: Option<&ChainAndKey>,
) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; MOST];
    let Some(identity) = identity else {
        let empty = request.decline(exported, &mut buffer).map_err(|error| error.to_string())?;
        return Ok(empty.to_vec());
    };
    let chain: Vec<_> = identity.chain.iter().map(Vec::as_slice).collect();
    let by_key = |message: &[u8]| sign(&identity.key, message);
    let made = request.authenticate(exported, &chain, ECDSA_P256, by_key, &mut buffer);
    made.map(<[u8]>::to_vec).map_err(|error| error.to_string())
}

/// The certificate message of an identity.
pub fn certificate(context: &[u8], identity: &ChainAndKey) -> Certificate {
    let entry = |der: &Vec<u8>| CertificateEntry { der: der.clone(), extensions: Vec::new() };
    Certificate { context: context.to_vec(), entries: identity.chain.iter().map(entry).collect() }
}

/// An authenticator of a client with any content, whose MAC is right.
///
/// # Errors
/// If a length does not fit, or `signature` fails.
pub fn forge(
    exported: &Exported,
    request: &[u8],
    certificate: Certificate,
    scheme: u16,
    signature: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    const LABEL: &[u8] = b"Exported Authenticator\0";
    let certificate = raw_peer::encode(&Handshake::Certificate(certificate))?;
    let context = exported.handshake_context(Endpoint::Client);
    let digest = exported.hash(&[context, request, &certificate]);
    let signature = signature(&[&[0x20; 64], LABEL, digest.as_ref()].concat())?;
    let verify = CertificateVerify { scheme, signature };
    let verify = raw_peer::encode(&Handshake::CertificateVerify(verify))?;
    finish(exported, request, [certificate, verify].concat())
}

/// Appends Finished to the messages of an authenticator of a client.
///
/// # Errors
/// No known case.
pub fn finish(exported: &Exported, request: &[u8], messages: Vec<u8>) -> Result<Vec<u8>, Error> {
    let context = exported.handshake_context(Endpoint::Client);
    let digest = exported.hash(&[context, request, &messages]);
    let mac = exported.finished_mac(Endpoint::Client, digest.as_ref());
    let finished = raw_peer::encode(&Handshake::Finished(mac.as_ref().to_vec()))?;
    Ok([messages, finished].concat())
}

/// Validates an authenticator of a client by the codec, and returns its certificates; none if it is
/// empty.
///
/// # Errors
/// The broken rule, and the error.
pub fn validate(
    exported: &Exported,
    request: &[u8],
    authenticator: &[u8],
) -> Result<Vec<Vec<u8>>, Invalid> {
    let request = Request::parse(Endpoint::Server, request).map_err(|error| Invalid {
        rule: error.rule(),
        why: error.to_string(),
        error: None,
    })?;
    match request.validate(exported, authenticator, |signed| verify(&signed)) {
        Ok(Proof::Possession { certificates, .. }) => {
            Ok(certificates.map(|(der, _)| der.to_vec()).collect())
        }
        Ok(Proof::Declined) => Ok(Vec::new()),
        Err(error) => {
            let rule = error.rule();
            let why = error.to_string();
            Err(Invalid { rule, why, error: Some(error) })
        }
    }
}

/// Why an authenticator is refused.
#[derive(Clone, Debug)]
pub struct Invalid {
    /// The broken rule.
    pub rule: &'static str,
    /// The text of the error.
    pub why: String,
    /// The error of the codec, if the authenticator has it.
    pub error: Option<ValidateError<webpki::Error>>,
}

fn verify(signed: &Signed<'_>) -> Result<(), webpki::Error> {
    let leaf = signed.certificates.clone().next().map(|(der, _)| der).unwrap_or_default();
    let leaf = pki_types::CertificateDer::from(leaf);
    let leaf = EndEntityCert::try_from(&leaf)?;
    let algorithm = webpki::ring::ECDSA_P256_SHA256;
    leaf.verify_signature(algorithm, signed.message, signed.signature)
}

/// Grades a connection that the peer had to end with this code.
pub fn must_end(reaction: &Reaction, wanted: Code) -> Grade {
    match reaction {
        Reaction::GoAway(code) if *code == wanted => Grade::Passed,
        Reaction::Closed => Grade::Tolerated(format!("closed without GOAWAY with {wanted}")),
        other => Grade::Failed(format!("{other}, but it should send GOAWAY with {wanted}")),
    }
}

/// A distinguished name of certificate_authorities, from the subject of a trust anchor, which has no
/// header of its own.
pub fn distinguished_name(subject: &[u8]) -> Vec<u8> {
    let header = match u8::try_from(subject.len()) {
        Ok(length) if length < 128 => vec![0x30, length],
        Ok(length) => vec![0x30, 0x81, length],
        Err(_) => [&[0x30, 0x82][..], &short(subject.len())].concat(),
    };
    [&header, subject].concat()
}

/// The body of certificate_authorities with one name.
pub fn authorities(name: &[u8]) -> Vec<u8> {
    let name = [&short(name.len())[..], name].concat();
    [&short(name.len())[..], &name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use raw_peer::{ClientConfig, ServerConfig};
    use test_pki::Authority;

    /// A client and a server whose handshake is complete, and a certificate.
    fn complete(suite: Suite) -> (Peer, Peer, ChainAndKey) {
        let authority = Authority::new("CA").unwrap();
        let identity = authority.server(&["localhost"]).unwrap().for_raw();
        let config = ClientConfig { suites: vec![suite], ..ClientConfig::default() };
        let mut client = Peer::client(config).unwrap();
        let mut server = Peer::server(ServerConfig::new(identity));
        assert_eq!(client.export("EXPORTER-test", &[], 32), Err(early()));
        while !(client.is_complete() && server.is_complete()) {
            server.read(&client.take_output()).unwrap();
            client.read(&server.take_output()).unwrap();
        }
        (client, server, authority.client("client").unwrap().for_raw())
    }

    fn early() -> Error {
        Error::Misuse("an exporter before the end of the handshake")
    }

    #[test]
    fn ea_1_both_ends_of_a_connection_export_the_same_values_and_others_do_not() {
        for (suite, length) in [(Suite::Aes128GcmSha256, 32), (Suite::Aes256GcmSha384, 48)] {
            let (client, server, _) = complete(suite);
            let (client, server) = (Exported::of(&client).unwrap(), Exported::of(&server).unwrap());
            let (_, other, _) = complete(suite);
            let other = Exported::of(&other).unwrap();
            for sender in [Endpoint::Client, Endpoint::Server] {
                assert_eq!(client.values(sender), server.values(sender));
                assert_ne!(client.values(sender), other.values(sender));
                assert_eq!(client.values(sender).0.len(), length);
                assert_eq!(client.values(sender).1.len(), length);
            }
            assert_ne!(client.values(Endpoint::Client), client.values(Endpoint::Server));
        }
    }

    #[test]
    fn ea_9_an_authenticator_is_valid_unless_it_is_changed() {
        for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384] {
            let (client, server, identity) = complete(suite);
            let client = Exported::of(&client).unwrap();
            let server = Exported::of(&server).unwrap();
            let bytes = request(&[7; 32], &[ECDSA_P256], &[]).unwrap();
            let parsed = Request::parse(Endpoint::Server, &bytes).unwrap();
            let by_codec = answer(&client, &parsed, Some(&identity)).unwrap();
            let sign = |message: &[u8]| sign(&identity.key, message);
            let certificate = certificate(&[7; 32], &identity);
            let forged = forge(&client, &bytes, certificate, ECDSA_P256, sign).unwrap();
            for authenticator in [by_codec, forged.clone()] {
                let chain = validate(&server, &bytes, &authenticator).unwrap();
                assert_eq!(chain, identity.chain);
                // Not on the other direction's values.
                let reversed = server.clone().reversed();
                assert_eq!(validate(&reversed, &bytes, &authenticator).unwrap_err().rule, "EA-9");
            }
            let empty = answer(&client, &parsed, None).unwrap();
            assert!(validate(&server, &bytes, &empty).unwrap().is_empty());
            let mut changed = forged;
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(validate(&server, &bytes, &changed).unwrap_err().rule, "EA-9");
        }
    }

    #[test]
    fn scc_3_requests_are_written_as_the_codec_reads_them() {
        let own = raw_request(13, &[7; 32], &[(13, &schemes(&[ECDSA_P256]))]);
        assert_eq!(own, request(&[7; 32], &[ECDSA_P256], &[]).unwrap());
        for length in [0, 10, 255] {
            let long = raw_request(13, &vec![1; length], &[(13, &schemes(&[ECDSA_P256]))]);
            let both = [own.clone(), long];
            let frame = requests_frame(&both);
            assert_eq!(parsed(&frame.payload).unwrap(), both);
            assert_eq!(split(&frame.payload).unwrap(), both);
        }
        assert_eq!(split(&[0x40]), None);
        assert_eq!(split(&[2, 0]), None);
        assert_eq!(split(&[]), Some(Vec::new()));
    }

    #[test]
    fn ea_6_a_name_in_certificate_authorities_is_that_of_the_certificate() {
        for name in ["CA".to_owned(), "a".repeat(120), "b".repeat(250), "c".repeat(600)] {
            let authority = Authority::new(&name).unwrap();
            let anchor = webpki::anchor_from_trusted_cert(authority.der()).unwrap();
            let name = distinguished_name(&anchor.subject);
            let der = authority.der();
            assert!(der.windows(name.len()).any(|window| window == name));
            let body = authorities(&name);
            assert_eq!(body.len(), name.len() + 4);
            assert!(request(&[7; 32], &[ECDSA_P256], &[(47, &body)]).is_ok());
        }
    }

    #[test]
    fn only_goaway_with_the_code_of_the_rule_passes() {
        for (reaction, grade) in [
            (Reaction::GoAway(Code::PROTOCOL_ERROR), "passed"),
            (Reaction::GoAway(Code::NO_ERROR), "failed"),
            (Reaction::GoAway(Code::FRAME_SIZE_ERROR), "failed"),
            (Reaction::Closed, "tolerated"),
            (Reaction::Continued, "failed"),
            (Reaction::Silent, "failed"),
            (Reaction::Malformed("".into()), "failed"),
        ] {
            let graded = must_end(&reaction, Code::PROTOCOL_ERROR);
            assert_eq!(graded.name(), grade, "{reaction}");
        }
    }
}
