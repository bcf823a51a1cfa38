//! A server that chooses TLS 1.2, up to what the client answers in the clear.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use super::{Case, Lab, Need, body};
use crate::case::{About, CaseResult, Group, Level, Role};
use crate::grade::{
    DECODE_ERROR, Grade, ILLEGAL_PARAMETER, UNEXPECTED_MESSAGE, UNSUPPORTED_EXTENSION, refused,
};
use crate::origins::{ORIGIN, list};
use crate::talk::{Talk, Verdict};
use raw_peer::{
    ChainAndKey, Extension, Handshake, HandshakeType, Message, Peer, ServerConfig, ServerHello,
    ext, version,
};

const SERVER_KEY_EXCHANGE: HandshakeType = HandshakeType(12);
const SERVER_HELLO_DONE: HandshakeType = HandshakeType(14);
/// ECDHE_ECDSA with AES_128_GCM_SHA256.
const SUITE: u16 = 0xc02b;
const RANDOM: [u8; 32] = [0x5a; 32];

/// What is said in TLS 1.2.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    /// In ServerHello.
    pub(crate) hello: Vec<Extension>,
    /// In CertificateRequest, behind all; `None` sends none.
    pub(crate) request: Option<Vec<u8>>,
}

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, Group::Tls12, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let flag = |lab: &Lab| body([lab.points.request_client_auth().get()]);
    vec![
        Case::new(about("plain", "FLAGS-9", "continues under TLS 1.2"), [Need::Tls12], |lab| {
            speak_well(lab, Says::default()).map(|_| Grade::Passed)
        }),
        Case::new(
            about("flags-in-server-hello", "FLAGS-9", "refuses flags in ServerHello"),
            [Need::Tls12, Need::Flags],
            move |lab: &mut Lab| {
                let flags = Extension::new(lab.points.tls_flags(), flag(lab));
                let says = Says { hello: vec![flags], ..Says::default() };
                let verdict = speak(lab, says)?.verdict();
                let tolerated = [UNSUPPORTED_EXTENSION, DECODE_ERROR, UNEXPECTED_MESSAGE];
                Ok(refused(&verdict, ILLEGAL_PARAMETER, &tolerated))
            },
        ),
        Case::new(
            about(
                "flags-in-request",
                "FLAGS-9",
                "refuses flags after the fields of a CertificateRequest",
            ),
            [Need::Tls12, Need::Flags],
            move |lab: &mut Lab| {
                let flags = flag(lab);
                let mut block = lab.points.tls_flags().to_be_bytes().to_vec();
                block.extend(u16::try_from(flags.len()).unwrap_or_default().to_be_bytes());
                block.extend(flags);
                let mut behind =
                    u16::try_from(block.len()).unwrap_or_default().to_be_bytes().to_vec();
                behind.extend(block);
                let verdict =
                    speak(lab, Says { request: Some(behind), ..Says::default() })?.verdict();
                Ok(refused(&verdict, DECODE_ERROR, &[ILLEGAL_PARAMETER]))
            },
        ),
        Case::new(
            about("care-echo", "CARE-3", "continues when CARE is echoed in ServerHello"),
            [Need::Tls12, Need::OffersCare],
            |lab| speak_well(lab, echo(lab, &[])).map(|_| Grade::Passed),
        ),
        Case::new(
            about("care-echo-with-body", "CARE-1", "refuses an echo with a body"),
            [Need::Tls12, Need::OffersCare],
            |lab| {
                let verdict = speak(lab, echo(lab, &[0]))?.verdict();
                Ok(refused(&verdict, ILLEGAL_PARAMETER, &[DECODE_ERROR]))
            },
        ),
        Case::new(
            about("care-unoffered", "CARE-3", "refuses an echo of CARE that it did not send"),
            [Need::Tls12, Need::Flags, Need::OffersNoCare],
            |lab| {
                let verdict = speak(lab, echo(lab, &[]))?.verdict();
                let tolerated = [ILLEGAL_PARAMETER, DECODE_ERROR];
                Ok(refused(&verdict, UNSUPPORTED_EXTENSION, &tolerated))
            },
        ),
        Case::new(
            about("origin-hint-in-server-hello", "WIO-1", "refuses an origin hint in ServerHello"),
            [Need::Tls12, Need::OffersOrigins],
            |lab| {
                let number = lab.points.origin_hint().unwrap_or_default();
                let hint = Extension::new(number, list([ORIGIN]));
                let says = Says { hello: vec![hint], ..Says::default() };
                let verdict = speak(lab, says)?.verdict();
                let tolerated = [UNSUPPORTED_EXTENSION, DECODE_ERROR, UNEXPECTED_MESSAGE];
                Ok(refused(&verdict, ILLEGAL_PARAMETER, &tolerated))
            },
        ),
        Case::new(
            about("no-origin-hint", "WIO-7", "hints only in a ClientHello that offers TLS 1.3"),
            [Need::Tls12, Need::OffersOrigins],
            hints_with_tls13,
        ),
        Case::new(
            about("request", "CARE-5", "does not send its certificate unencrypted"),
            [Need::Tls12, Need::Certificate],
            clear,
        )
        .level(Level::Should),
    ]
}

/// No ClientHello has an origin hint without TLS 1.3, also not of a client that has found out that the
/// server chooses TLS 1.2.
fn hints_with_tls13(lab: &mut Lab) -> CaseResult {
    speak_well(lab, Says::default())?;
    let number = lab.points.origin_hint().unwrap_or_default();
    let messages = lab.talks.iter().flat_map(|talk| talk.peer.messages());
    let mut hellos = messages.filter(|message| message.typ == HandshakeType::CLIENT_HELLO);
    let hints = |hello: &Message| hello.find_extension(number).is_some();
    let offers_tls13 = |hello: &Message| {
        let versions = hello.find_extension(ext::SUPPORTED_VERSIONS).unwrap_or_default();
        let mut versions = versions.get(1..).unwrap_or_default().chunks(2);
        versions.any(|each| each == version::TLS13.to_be_bytes())
    };
    let wrong = hellos.any(|hello| hints(hello) && !offers_tls13(hello));
    Ok(Grade::from(!wrong, "hints at origins in a ClientHello without TLS 1.3"))
}

/// A request under TLS 1.2: who shows a certificate there should have been told to.
fn clear(lab: &mut Lab) -> CaseResult {
    let talk = speak_well(lab, Says { request: Some(Vec::new()), ..Says::default() })?;
    let certificate = talk.peer.received(HandshakeType::CERTIFICATE);
    Ok(match certificate.map(|message| message.body()) {
        // What the list is long.
        Some([0, 0, 0]) => Grade::Passed,
        Some(_) => Grade::Tolerated(
            "sends its certificate unencrypted, which must have been configured".into(),
        ),
        None => Grade::Failed("sends no Certificate, not even an empty one".into()),
    })
}

fn echo(lab: &Lab, body: &[u8]) -> Says {
    let echo = Extension::new(lab.points.care().unwrap_or_default(), body);
    Says { hello: vec![echo], ..Says::default() }
}

fn speak_well(lab: &mut Lab, says: Says) -> Result<std::rc::Rc<Talk>, Grade> {
    let talk = speak(lab, says)?;
    match talk.verdict() {
        Verdict::Accepted => Ok(talk),
        other => Err(crate::grade::accepted(&other)),
    }
}

fn speak(lab: &mut Lab, says: Says) -> Result<std::rc::Rc<Talk>, Grade> {
    let mut config = ServerConfig::new(lab.identity.clone());
    config.watches = true;
    let identity = lab.identity.clone();
    lab.host_by(config, &|peer| {
        // An error of the flight, which is our own, shows as a client that waits for more.
        let _ = flight(peer, &identity, &says);
    })
}

/// ServerHello to ServerHelloDone (RFC 5246 section 7.3).
pub(crate) fn flight(peer: &mut Peer, identity: &ChainAndKey, says: &Says) -> Option<()> {
    let Ok(Handshake::ClientHello(hello)) = peer.received(HandshakeType::CLIENT_HELLO)?.parse()
    else {
        return None;
    };
    let mut extensions = says.hello.clone();
    let answered = [ext::EXTENDED_MASTER_SECRET, ext::EC_POINT_FORMATS];
    for typ in answered.into_iter().filter(|typ| ext::find(&hello.extensions, *typ).is_some()) {
        let body: &[u8] = if typ == ext::EC_POINT_FORMATS { &[1, 0] } else { &[] };
        extensions.push(Extension::new(typ, body));
    }
    // renegotiation_info, which OpenSSL insists on (RFC 5746).
    if ext::find(&hello.extensions, 0xff01).is_some() || hello.cipher_suites.contains(&0xff) {
        extensions.push(Extension::new(0xff01, [0]));
    }
    let server_hello = Handshake::ServerHello(ServerHello {
        legacy_version: version::TLS12,
        random: RANDOM,
        session_id: Vec::new(),
        cipher_suite: SUITE,
        compression_method: 0,
        extensions,
    });
    peer.send_handshake(&server_hello).ok()?;

    let chain: Vec<u8> = identity
        .chain
        .iter()
        .flat_map(|der| [length(der.len()).as_slice(), der].concat())
        .collect();
    let certificate = [length(chain.len()).as_slice(), &chain].concat();
    peer.send_handshake(&Handshake::Other(HandshakeType::CERTIFICATE, certificate)).ok()?;

    // Named curve x25519, and a point of small coordinates.
    let params = [&[3, 0, 29, 32][..], &[9; 32]].concat();
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &identity.key, &random);
    let signed = [&hello.random[..], &RANDOM, &params].concat();
    let signature = key.ok()?.sign(&random, &signed).ok()?;
    let signature = signature.as_ref();
    let len = u16::try_from(signature.len()).ok()?.to_be_bytes();
    let exchange = [&params[..], &[4, 3], &len, signature].concat();
    peer.send_handshake(&Handshake::Other(SERVER_KEY_EXCHANGE, exchange)).ok()?;

    if let Some(behind) = &says.request {
        // ecdsa_sign, ecdsa_secp256r1_sha256, no authorities.
        let request = [&[1, 64, 0, 2, 4, 3, 0, 0][..], behind].concat();
        peer.send_handshake(&Handshake::Other(HandshakeType::CERTIFICATE_REQUEST, request)).ok()?;
    }
    peer.send_handshake(&Handshake::Other(SERVER_HELLO_DONE, Vec::new())).ok()
}

/// The three bytes of a length in a Certificate.
fn length(len: usize) -> [u8; 3] {
    let [.., a, b, c] = len.to_be_bytes();
    [a, b, c]
}
