//! Authenticator requests, lists of them and authenticators: any bytes give a value or an error, a
//! value that is written again has the same bytes (EA-2, EA-4, SCC-3), and validation accepts the
//! authenticators that were made for this request on this connection, and no others (EA-6 to EA-10).

use std::fmt::Error;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::authenticator::Exporters;
use rustls_ext::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls_ext::wire::authenticator::{
    Authenticator, Connection as _, Endpoint, MIN_CONTEXT, Proof, Request, Signed, WriteError,
};
use rustls_ext::wire::secondary::Requests;

const SIGNATURE_ALGORITHMS: u16 = 13;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
/// Not certificates: the codec does not read them.
const CHAIN: [&[u8]; 2] = [b"the first", b"the second"];

/// Checks the properties of this module for a request, a list of requests or an authenticator.
pub fn check(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Request {
        accepted: bool,
    },
    List {
        accepted: bool,
    },
    Possession,
    Declined,
    /// The rule that an authenticator breaks.
    Refused(&'static str),
}

fn run(u: &mut Unstructured<'_>) -> Result<Outcome> {
    match u.int_in_range(0..=3)? {
        0 => {
            let by = side(u)?;
            let made = u.choose(&*MADE)?;
            let bytes = changed(u, &made.request)?;
            Ok(Outcome::Request { accepted: request(by, &bytes) })
        }
        1 => list(u),
        _ => authenticator(u),
    }
}

fn side(u: &mut Unstructured<'_>) -> Result<Endpoint> {
    Ok(if bool::arbitrary(u)? { Endpoint::Client } else { Endpoint::Server })
}

/// These bytes after some changes, or other bytes.
fn changed(u: &mut Unstructured<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
    if u.ratio(1, 8)? {
        let length = usize::from(u8::arbitrary(u)?).min(u.len());
        return Ok(u.bytes(length)?.to_vec());
    }
    let mut bytes = bytes.to_vec();
    for _ in 0..u.int_in_range(0..=4)? {
        let at = u.int_in_range(0..=bytes.len())?;
        match u.int_in_range(0..=4)? {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, u8::arbitrary(u)?),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => {
                let value = u8::arbitrary(u)?;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
        }
    }
    Ok(bytes)
}

/// The exporters of a connection, with values that count up.
fn connection(first: u8) -> Exporters {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    let mut next = first;
    Exporters::from_exporter(suite, None, |value, _| {
        for byte in value {
            *byte = next;
            next = next.wrapping_add(1);
        }
        Ok(())
    })
    .expect("values")
}

/// The connection of the validation, and another one.
static CONNECTIONS: LazyLock<[Exporters; 2]> = LazyLock::new(|| [connection(0), connection(1)]);
/// The key of the signatures.
static SIGNER: LazyLock<Exporters> = LazyLock::new(|| connection(99));

fn sign(scheme: u16, message: &[u8]) -> Vec<u8> {
    let signed = [&scheme.to_be_bytes(), message].concat();
    SIGNER.finished_mac(Endpoint::Client, &signed).as_ref().to_vec()
}

fn verify(signed: Signed<'_>) -> std::result::Result<(), Error> {
    // It gets the certificates that were sent.
    assert!(signed.certificates.count() > 0);
    (signed.signature == sign(signed.scheme, signed.message)).then_some(()).ok_or(Error)
}

/// A request, and the answers to it on both connections.
struct Made {
    by: Endpoint,
    request: Vec<u8>,
    full: [Vec<u8>; 2],
    empty: [Vec<u8>; 2],
}

/// Two requests of a server, and one of a client.
static MADE: LazyLock<[Made; 3]> = LazyLock::new(|| {
    [
        made(Endpoint::Server, b"the first request"),
        made(Endpoint::Server, b"the second request"),
        made(Endpoint::Client, b"the first request"),
    ]
});

fn made(by: Endpoint, context: &[u8]) -> Made {
    // RSASSA-PKCS1 is for certificates only. Answers may have `status_request`.
    let schemes = [0x0403, 0x0401, 0x0804];
    let extensions = [(5, &b"status"[..]), (47, &[0, 3, 0, 1, b'a'])];
    let mut buffer = [0; 256];
    let request =
        Request::write(by, context, &schemes, &extensions, &mut buffer).expect("a request");
    Made {
        by,
        request: request.bytes().to_vec(),
        full: [0, 1].map(|at| full(&request, &CONNECTIONS[at]).expect("a scheme")),
        empty: [0, 1].map(|at| empty(&request, &CONNECTIONS[at])),
    }
}

/// An answer by the first scheme of the request, if there is one.
fn full(request: &Request<'_>, connection: &Exporters) -> Option<Vec<u8>> {
    let scheme = request.schemes().next()?;
    let mut buffer = [0; 1024];
    let sign = |message: &[u8]| Ok::<_, Error>(sign(scheme, message));
    let bytes = request.authenticate(connection, &CHAIN, scheme, sign, &mut buffer);
    Some(bytes.expect("an authenticator").to_vec())
}

fn empty(request: &Request<'_>, connection: &Exporters) -> Vec<u8> {
    request.decline(connection, &mut [0; 64]).expect("an empty authenticator").to_vec()
}

/// A vector whose length has `bytes` bytes.
fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short vector").to_be_bytes();
    [&length[4 - bytes..], content].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind], vector(3, body)].concat()
}

/// Checks a request; true if it is accepted.
fn request(by: Endpoint, bytes: &[u8]) -> bool {
    let request = match Request::parse(by, bytes) {
        Ok(request) => request,
        Err(error) => {
            assert!(error.to_string().contains(error.rule()));
            return false;
        }
    };
    // The same bytes, from all that was read.
    let all: Vec<_> = request.extensions().collect();
    let extension =
        |(number, body): &(u16, &[u8])| [&number.to_be_bytes()[..], &vector(2, body)].concat();
    let list: Vec<u8> = all.iter().flat_map(extension).collect();
    let kind = if by == Endpoint::Server { 13 } else { 17 };
    let body = [vector(1, request.context()), vector(2, &list)].concat();
    assert_eq!(message(kind, &body), bytes);
    // The codec writes `signature_algorithms` first.
    let (first, others): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|(number, _)| *number == SIGNATURE_ALGORITHMS);
    let schemes: Vec<u16> = first[0].1[2..]
        .chunks(2)
        .map(|scheme| u16::from_be_bytes(scheme.try_into().expect("two bytes")))
        .collect();
    let mut buffer = vec![0; bytes.len()];
    match Request::write(by, request.context(), &schemes, &others, &mut buffer) {
        Ok(written) => {
            assert!(request.context().len() >= MIN_CONTEXT);
            assert_eq!(written.bytes() == bytes, all[0].0 == SIGNATURE_ALGORITHMS);
            assert!(written.schemes().eq(request.schemes()));
        }
        Err(error) => {
            assert_eq!(error, WriteError::ContextTooShort);
            assert!(request.context().len() < MIN_CONTEXT);
        }
    }
    // Answers to it are valid.
    let connection = &CONNECTIONS[0];
    if let Some(full) = full(&request, connection) {
        let proof = request.validate(connection, &full, verify).expect("a valid answer");
        assert!(matches!(proof, Proof::Possession { .. }));
    }
    let empty = empty(&request, connection);
    let proof = request.validate(connection, &empty, verify);
    assert!(matches!(proof, Ok(Proof::Declined)));
    true
}

/// Checks a list of requests.
fn list(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let mut payload = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let bytes = &u.choose(&*MADE)?.request;
        // Lengths of all forms.
        let length = bytes.len() as u64;
        match u.int_in_range(0..=2)? {
            0 => payload.extend((0x4000 | length as u16).to_be_bytes()),
            1 => payload.extend((0x8000_0000 | length as u32).to_be_bytes()),
            _ => payload.extend((0xc000_0000_0000_0000 | length).to_be_bytes()),
        }
        payload.extend(bytes);
    }
    let payload = changed(u, &payload)?;
    let read = match Requests::parse(&payload) {
        Ok(read) => read.collect::<Vec<_>>(),
        Err(error) => {
            assert!(error.to_string().contains(error.rule()));
            return Ok(Outcome::List { accepted: false });
        }
    };
    assert!(!read.is_empty());
    for one in &read {
        assert!(request(Endpoint::Server, one.bytes()));
    }
    // The same requests; the lengths are the shortest ones now.
    let mut buffer = vec![0; payload.len()];
    let written = Requests::write(&read, &mut buffer).expect("shorter or of equal length");
    assert!(Requests::parse(written).expect("a list").eq(read));
    assert!(written == payload || written.len() < payload.len());
    Ok(Outcome::List { accepted: true })
}

/// The messages in some bytes, if there is nothing else.
fn cut(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut messages = Vec::new();
    while let [kind, a, b, c, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]);
        let (body, rest) = rest.split_at_checked(length as usize)?;
        messages.push((*kind, body));
        bytes = rest;
    }
    bytes.is_empty().then_some(messages)
}

/// Checks an authenticator.
fn authenticator(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let target = u.choose(&*MADE)?;
    let other = u.choose(&*MADE)?;
    let origin = if u.ratio(3, 4)? { target } else { other };
    let on = usize::from(u.ratio(1, 8)?);
    let bytes = if u.ratio(3, 4)? { &origin.full[on] } else { &origin.empty[on] };
    let mut bytes = changed(u, bytes)?;
    // A peer that breaks rules can still make the right MAC.
    if bool::arbitrary(u)? {
        set_mac(target, &mut bytes);
    }
    parse(&bytes);
    let request = Request::parse(target.by, &target.request).expect("a request");
    let is = [&target.full[0], &target.empty[0]].map(|made| *made == bytes);
    let outcome = match request.validate(&CONNECTIONS[0], &bytes, verify) {
        Ok(Proof::Possession { certificates, scheme }) => {
            assert!(certificates.map(|(der, _)| der).eq(CHAIN));
            assert_eq!(scheme, 0x0403);
            assert_eq!(is, [true, false]);
            Outcome::Possession
        }
        Ok(Proof::Declined) => {
            assert_eq!(is, [false, true]);
            Outcome::Declined
        }
        Err(error) => {
            assert_eq!(is, [false, false], "{error}");
            Outcome::Refused(error.rule())
        }
    };
    Ok(outcome)
}

/// Replaces the MAC in the last message by the right one, if the messages can be cut.
fn set_mac(target: &Made, bytes: &mut Vec<u8>) {
    let Some(messages) = cut(bytes) else { return };
    let Some(((FINISHED, body), before)) = messages.split_last() else { return };
    if before.is_empty() {
        return; // it has no content of its own
    }
    let length = bytes.len() - 4 - body.len();
    bytes.truncate(length);
    let (connection, sender) = (&CONNECTIONS[0], target.by.peer());
    let context = connection.handshake_context(sender);
    let digest = connection.hash(&[context, &target.request, bytes]);
    let mac = connection.finished_mac(sender, digest.as_ref());
    bytes.extend(message(FINISHED, mac.as_ref()));
}

/// The structure of an authenticator that parses is that of all of its bytes.
fn parse(bytes: &[u8]) {
    let messages = cut(bytes);
    let kinds = messages.iter().flatten().map(|(kind, _)| *kind).collect::<Vec<_>>();
    match Authenticator::parse(bytes) {
        Ok(read) => {
            let messages = messages.expect("messages");
            let again: Vec<u8> =
                messages.iter().flat_map(|(kind, body)| message(*kind, body)).collect();
            assert_eq!(again, bytes);
            match read.context() {
                Some(context) => {
                    assert_eq!(kinds, [CERTIFICATE, CERTIFICATE_VERIFY, FINISHED]);
                    assert!(messages[0].1.starts_with(&vector(1, context)));
                }
                None => assert_eq!(kinds, [FINISHED]),
            }
        }
        Err(error) => {
            assert!(error.to_string().contains(error.rule()));
            assert_ne!(kinds, [FINISHED]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn every_outcome() -> BTreeSet<Outcome> {
        let mut all = BTreeSet::from([Outcome::Possession, Outcome::Declined]);
        for accepted in [false, true] {
            all.extend([Outcome::Request { accepted }, Outcome::List { accepted }]);
        }
        all.extend(["EA-2", "EA-6", "EA-7", "EA-8", "EA-9", "EA-10"].map(Outcome::Refused));
        all
    }

    #[test]
    fn the_seeds_reach_every_outcome() {
        assert_eq!(crate::seeds("authenticator", run), every_outcome());
    }

    #[test]
    fn generated_inputs_pass() {
        let outcomes = crate::generated(4000, run);
        assert!(outcomes.contains(&Outcome::Possession) && outcomes.len() > 6, "{outcomes:?}");
    }
}
