//! Authenticator requests and authenticators, with the exporter values that they depend on.

use std::slice::from_ref;

use rustls_ext_wire::authenticator::{Connection, Endpoint, Proof, Request};
use rustls_ext_wire::{Answer, Scan};
use serde_json::{Value, json};

use sha2::{Digest as _, Sha384};

use super::common::{Exported, TestConnection};
use super::hex;

/// In place of a signature, since those of ECDSA and RSASSA-PSS differ each time.
const SIGNATURE: [u8; 64] = [0x5a; 64];
const CONTEXT: [u8; 16] = *b"0123456789abcdef";
const ECDSA: u16 = 0x0403;
const CHAIN: [&[u8]; 2] = [&[0x30, 0x01, 0x01], &[0x30, 0x01, 0x02]];

pub fn all() -> Vec<Value> {
    let with_sha384 = Sha384Connection { client: exported(0, 48), server: exported(96, 48) };
    [requests(), authenticators(), with_another_hash(&with_sha384)].concat()
}

/// A connection whose values are in the vectors.
trait Known: Connection {
    const HASH: &'static str;

    fn exported(&self, sender: Endpoint) -> &Exported;
}

impl Known for TestConnection {
    const HASH: &'static str = "SHA-256";

    fn exported(&self, sender: Endpoint) -> &Exported {
        self.of(sender)
    }
}

/// A connection of a cipher suite with SHA-384.
struct Sha384Connection {
    client: Exported,
    server: Exported,
}

/// Values of this length, which count up from `first`.
fn exported(first: u8, length: u8) -> Exported {
    let value = |from: u8| (from..from + length).collect();
    Exported { handshake_context: value(first), finished_key: value(first + length) }
}

impl Known for Sha384Connection {
    const HASH: &'static str = "SHA-384";

    fn exported(&self, sender: Endpoint) -> &Exported {
        match sender {
            Endpoint::Client => &self.client,
            Endpoint::Server => &self.server,
        }
    }
}

impl Connection for Sha384Connection {
    type Digest = Vec<u8>;
    type Tag = Vec<u8>;

    fn handshake_context(&self, sender: Endpoint) -> &[u8] {
        &self.exported(sender).handshake_context
    }

    fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        Sha384::digest(parts.concat()).to_vec()
    }

    /// HMAC (RFC 2104); the hash has blocks of 128 bytes.
    fn finished_mac(&self, sender: Endpoint, message: &[u8]) -> Vec<u8> {
        let key = &self.exported(sender).finished_key;
        let pad = |with: u8| -> Vec<u8> {
            (0..128).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect()
        };
        let inner = self.hash(&[&pad(0x36), message]);
        self.hash(&[&pad(0x5c), &inner])
    }
}

/// `content` behind its length in `bytes` bytes.
fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length[4 - bytes..], content].concat()
}

fn message(kind: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    [vec![kind], vector(3, &parts.concat())].concat()
}

fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().to_vec(), vector(2, body)].concat()
}

fn algorithms(schemes: &[u16]) -> Vec<u8> {
    let list: Vec<u8> = schemes.iter().flat_map(|scheme| scheme.to_be_bytes()).collect();
    extension(13, &vector(2, &list))
}

fn request_of(kind: u8, extensions: &[Vec<u8>]) -> Vec<u8> {
    message(kind, &[vector(1, &CONTEXT), vector(2, &extensions.concat())])
}

fn requests() -> Vec<Value> {
    let (server, client) = (Endpoint::Server, Endpoint::Client);
    let ecdsa = algorithms(&[ECDSA]);
    let good = request_of(13, from_ref(&ecdsa));
    let unknown = extension(0x1234, b"any");
    let name = extension(0, b"name");
    let cases = [
        ("of a server", server, good.clone()),
        ("of a client", client, request_of(17, from_ref(&ecdsa))),
        ("of a client, with server_name", client, request_of(17, &[ecdsa.clone(), name.clone()])),
        ("with an unknown extension", server, request_of(13, &[unknown.clone(), ecdsa.clone()])),
        ("with PKCS#1", server, request_of(13, &[algorithms(&[0x0401, ECDSA, 0x0804])])),
        ("with an empty context", server, message(13, &[vec![0], vector(2, &ecdsa)])),
        ("without its header", server, good[4..].to_vec()),
        ("cut off", server, good[..good.len() - 1].to_vec()),
        ("with a trailing byte", server, [&good[..], &[0]].concat()),
        ("of a server, with the type of a client", server, request_of(17, from_ref(&ecdsa))),
        ("without signature_algorithms", server, request_of(13, from_ref(&unknown))),
        ("with empty signature_algorithms", server, request_of(13, &[algorithms(&[])])),
        (
            "with an unknown extension twice",
            server,
            request_of(13, &[unknown.clone(), ecdsa.clone(), unknown]),
        ),
        ("of a server, with server_name", server, request_of(13, &[ecdsa, name])),
    ];
    let case = |(name, by, bytes): (&str, Endpoint, Vec<u8>)| {
        let mut case = json!({
            "name": format!("request {name}"),
            "kind": "request",
            "requested_by": side(by),
            "request": hex(&bytes),
        });
        match Request::parse(by, &bytes) {
            Ok(request) => {
                case["context"] = hex(request.context()).into();
                case["schemes"] = request.schemes().collect();
            }
            Err(error) => case["broken_rule"] = error.rule().into(),
        }
        case
    };
    cases.into_iter().map(case).collect()
}

/// An authenticator of the sender, with the right MAC and these parts.
struct Parts {
    context: Vec<u8>,
    /// The extensions of the first certificate.
    extensions: Vec<Vec<u8>>,
    scheme: u16,
    chain: &'static [&'static [u8]],
}

impl Default for Parts {
    fn default() -> Self {
        Self { context: CONTEXT.to_vec(), extensions: Vec::new(), scheme: ECDSA, chain: &CHAIN }
    }
}

impl Parts {
    fn bytes(&self, connection: &impl Connection, sender: Endpoint, request: &[u8]) -> Vec<u8> {
        let mut entries: Vec<_> =
            self.chain.iter().map(|der| [vector(3, der), vec![0, 0]].concat()).collect();
        if let Some(first) = entries.first_mut() {
            first.truncate(first.len() - 2);
            first.extend(vector(2, &self.extensions.concat()));
        }
        let certificate = message(11, &[vector(1, &self.context), vector(3, &entries.concat())]);
        let verify = message(15, &[self.scheme.to_be_bytes().to_vec(), vector(2, &SIGNATURE)]);
        let messages = [certificate, verify].concat();
        let context = connection.handshake_context(sender);
        let transcript = connection.hash(&[context, request, &messages]);
        let finished = connection.finished_mac(sender, transcript.as_ref());
        [messages, message(20, &[finished.as_ref().to_vec()])].concat()
    }
}

fn authenticators() -> Vec<Value> {
    let connection = TestConnection::new(0);
    let (server, client) = (Endpoint::Server, Endpoint::Client);
    let status = extension(5, b"any");
    let request = request_of(13, &[algorithms(&[ECDSA, 0x0401]), status.clone()]);
    let of_client = request_of(17, &[algorithms(&[0x0807])]);
    let good = Parts::default().bytes(&connection, client, &request);
    let changed = |change: fn(&mut Parts)| {
        let mut parts = Parts::default();
        change(&mut parts);
        parts.bytes(&connection, client, &request)
    };
    let made = |by, request: &[u8]| {
        let scheme = Request::parse(by, request).unwrap().schemes().next().unwrap();
        Parts { scheme, ..Parts::default() }.bytes(&connection, by.peer(), request)
    };
    let empty = |by, request: &[u8]| {
        let mut buffer = [0; 36];
        let request = Request::parse(by, request).unwrap();
        request.decline(&connection, &mut buffer).unwrap().to_vec()
    };
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let stapled = changed(|parts| parts.extensions = vec![extension(5, b"staple")]);
    let unsolicited = changed(|parts| parts.extensions = vec![extension(18, b"")]);
    let forbidden = changed(|parts| parts.extensions = vec![extension(13, b"")]);
    let twice = changed(|parts| parts.extensions = vec![extension(5, b""), extension(5, b"")]);
    let cases = [
        ("of a client", server, &request[..], good.clone()),
        ("of a client, with an extension", server, &request, stapled),
        ("of a server", client, &of_client, made(client, &of_client)),
        ("of a client, empty", server, &request, empty(server, &request)),
        ("of a server, empty", client, &of_client, empty(client, &of_client)),
        ("cut off", server, &request, good[..good.len() - 1].to_vec()),
        ("with a trailing byte", server, &request, [&good[..], &[0]].concat()),
        (
            "of another direction",
            server,
            &request,
            Parts::default().bytes(&connection, server, &request),
        ),
        (
            "of another connection",
            server,
            &request,
            Parts::default().bytes(&TestConnection::new(1), client, &request),
        ),
        ("with another MAC", server, &request, flipped),
        (
            "empty, of another connection",
            server,
            &request,
            Request::parse(server, &request)
                .unwrap()
                .decline(&TestConnection::new(1), &mut [0; 36])
                .unwrap()
                .to_vec(),
        ),
        (
            "with another context",
            server,
            &request,
            changed(|parts| parts.context = b"another context!".to_vec()),
        ),
        ("with an unsolicited extension", server, &request, unsolicited),
        ("with a forbidden extension", server, &request, forbidden),
        ("with an extension twice", server, &request, twice),
        (
            "with a scheme that was not requested",
            server,
            &request,
            changed(|parts| parts.scheme = 0x0804),
        ),
        ("with PKCS#1", server, &request, changed(|parts| parts.scheme = 0x0401)),
        ("without certificates", server, &request, changed(|parts| parts.chain = &[])),
    ];
    let mut all: Vec<_> = cases
        .into_iter()
        .map(|(name, by, bytes, authenticator)| {
            let request = Request::parse(by, bytes).unwrap();
            case(name, &connection, &request, None, &authenticator)
        })
        .collect();

    let list = algorithms(&[ECDSA]);
    let hello =
        message(1, &[vec![3, 3], vec![7; 32], vec![0, 0, 2, 0x13, 1, 1, 0], vector(2, &list)]);
    let Answer::Hello { hello: view, .. } = Scan::default().handshake(&hello) else {
        panic!("no ClientHello")
    };
    let spontaneous = Request::spontaneous(&CONTEXT, &view).unwrap();
    let full = Parts::default().bytes(&connection, server, b"");
    all.push(case(
        "of a server, without a request",
        &connection,
        &spontaneous,
        Some(&hello),
        &full,
    ));
    let none = message(20, &[connection.finished_mac(server, b"any").to_vec()]);
    all.push(case(
        "of a server, empty, without a request",
        &connection,
        &spontaneous,
        Some(&hello),
        &none,
    ));
    all
}

/// Authenticators of both sides with another hash than SHA-256.
fn with_another_hash(connection: &Sha384Connection) -> Vec<Value> {
    let mut all = Vec::new();
    for by in [Endpoint::Server, Endpoint::Client] {
        let kind = if by == Endpoint::Server { 13 } else { 17 };
        let request = request_of(kind, &[algorithms(&[ECDSA])]);
        let view = Request::parse(by, &request).unwrap();
        let full = Parts::default().bytes(connection, by.peer(), &request);
        let empty = view.decline(connection, &mut [0; 52]).unwrap().to_vec();
        let of_sha256 = Parts::default().bytes(&TestConnection::new(0), by.peer(), &request);
        let mut flipped = full.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for (name, authenticator) in [
            ("", full),
            (", empty", empty),
            (", with another MAC", flipped),
            (", with a MAC of SHA-256", of_sha256),
        ] {
            let name = format!("of a {}, SHA-384{name}", side(by.peer()));
            all.push(case(&name, connection, &view, None, &authenticator));
        }
    }
    all
}

fn case<C: Known>(
    name: &str,
    connection: &C,
    request: &Request<'_>,
    hello: Option<&[u8]>,
    authenticator: &[u8],
) -> Value {
    let exported = connection.exported(request.by().peer());
    let mut case = json!({
        "name": format!("authenticator {name}"),
        "kind": "authenticator",
        "sender": side(request.by().peer()),
        "hash": C::HASH,
        "handshake_context": hex(&exported.handshake_context),
        "finished_key": hex(&exported.finished_key),
        "request": hex(request.bytes()),
        "client_hello": hello.map(hex),
        "authenticator": hex(authenticator),
    });
    let mut signed_message = None;
    let proof = request.validate(connection, authenticator, |signed| {
        assert_eq!(signed.signature, SIGNATURE);
        signed_message = Some(hex(signed.message));
        Ok::<_, std::fmt::Error>(())
    });
    match proof {
        Ok(Proof::Possession { certificates, scheme }) => {
            case["result"] = "possession".into();
            case["certificates"] = certificates.map(|(der, _)| hex(der)).collect();
            case["scheme"] = scheme.into();
            case["signed_message"] = signed_message.into();
        }
        Ok(Proof::Declined) => case["result"] = "declined".into(),
        Err(error) => case["broken_rule"] = error.rule().into(),
    }
    case
}

const fn side(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Client => "client",
        Endpoint::Server => "server",
    }
}
