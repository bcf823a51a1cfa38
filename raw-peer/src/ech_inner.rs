//! EncodedClientHelloInner (RFC 9849 section 5.1).

use super::wire::Reader;
use super::{ClientHello, Error, Extension, codec, ext, version};

/// ECHClientHelloType: the whole of the extension in an inner hello.
const INNER: u8 = 1;

/// The inner hello that `encoded` stands for behind `outer`, as a client has it in its transcript.
pub(super) fn decode(encoded: &[u8], outer: &ClientHello) -> Result<ClientHello, Error> {
    let mut reader = Reader::new(encoded, "EncodedClientHelloInner");
    let mut inner = codec::read_client_hello(&mut reader)?;
    if reader.rest().iter().any(|byte| *byte != 0) {
        return Err(Error::Illegal("padding of the inner ClientHello"));
    }
    if !inner.session_id.is_empty() {
        return Err(Error::Illegal("session id in the inner ClientHello"));
    }
    inner.session_id.clone_from(&outer.session_id);
    inner.extensions = expand(inner.extensions, &outer.extensions)?;
    if ext::find(&inner.extensions, ext::ENCRYPTED_CLIENT_HELLO) != Some(&[INNER]) {
        return Err(Error::Illegal("inner ClientHello that does not say so"));
    }
    let versions = ext::find(&inner.extensions, ext::SUPPORTED_VERSIONS).unwrap_or_default();
    let offered = ext::read_u16_list8(versions, "supported_versions")?;
    if offered.iter().all(|v| *v > version::TLS12) {
        Ok(inner)
    } else {
        Err(Error::Illegal("TLS 1.2 in the inner ClientHello"))
    }
}

/// Puts the extensions that ech_outer_extensions names in its place.
fn expand(inner: Vec<Extension>, outer: &[Extension]) -> Result<Vec<Extension>, Error> {
    let illegal = || Error::Illegal("ech_outer_extensions");
    let mut expanded = Vec::new();
    let mut seen = false;
    for extension in inner {
        if extension.typ != ext::ECH_OUTER_EXTENSIONS {
            expanded.push(extension);
            continue;
        }
        let named = ext::read_u16_list8(&extension.body, "ech_outer_extensions")?;
        if std::mem::replace(&mut seen, true) || named.is_empty() {
            return Err(illegal());
        }
        // Each is there, in this order, and none is the one that holds us.
        let mut candidates = outer.iter();
        for typ in named {
            let found = candidates.find(|e| e.typ == typ).ok_or_else(illegal)?;
            if typ == ext::ENCRYPTED_CLIENT_HELLO {
                return Err(illegal());
            }
            expanded.push(found.clone());
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::super::{Handshake, encode};
    use super::*;

    const VERSIONS: [u8; 3] = [2, 3, 4];

    fn hello(session_id: &[u8], extensions: &[(u16, &[u8])]) -> ClientHello {
        ClientHello {
            legacy_version: 0x0303,
            random: [7; 32],
            session_id: session_id.to_vec(),
            cipher_suites: vec![0x1301],
            compression_methods: vec![0],
            extensions: extensions.iter().map(|(t, b)| Extension::new(*t, *b)).collect(),
        }
    }

    fn outer() -> ClientHello {
        hello(b"session", &[(10, b"ten"), (0xfe0d, b"sealed"), (13, b"thirteen"), (43, &VERSIONS)])
    }

    fn decode(inner: &ClientHello, padding: &[u8]) -> Result<ClientHello, Error> {
        let message = encode(&Handshake::ClientHello(inner.clone())).unwrap();
        super::decode(&[&message[4..], padding].concat(), &outer())
    }

    #[test]
    fn an_inner_hello_takes_session_id_and_named_extensions_from_the_outer_one() {
        let inner = hello(b"", &[(0xfe0d, &[1]), (0xfd00, &[6, 0, 10, 0, 13, 0, 43]), (1, b"own")]);
        let whole = hello(
            b"session",
            &[(0xfe0d, &[1]), (10, b"ten"), (13, b"thirteen"), (43, &VERSIONS), (1, b"own")],
        );
        for padding in [&[][..], &[0; 40]] {
            assert_eq!(decode(&inner, padding), Ok(whole.clone()));
        }
    }

    #[test]
    fn what_breaks_the_rules_of_the_inner_hello_is_refused() {
        let good: [(u16, &[u8]); 2] = [(0xfe0d, &[1]), (43, &VERSIONS)];
        assert!(decode(&hello(b"", &good), &[]).is_ok());
        let cases: [(ClientHello, &[u8]); 11] = [
            (hello(b"", &good), &[0, 0, 1]),
            (hello(b"session", &good), &[]),
            (hello(b"", &[(43, &VERSIONS)]), &[]),
            (hello(b"", &[(0xfe0d, &[0]), (43, &VERSIONS)]), &[]),
            (hello(b"", &[(0xfe0d, &[1]), (43, &[4, 3, 4, 3, 3])]), &[]),
            // absent, in another order, twice, the one that holds it, none, and two of these
            (hello(b"", &[good[0], good[1], (0xfd00, &[2, 0, 11])]), &[]),
            (hello(b"", &[good[0], good[1], (0xfd00, &[4, 0, 13, 0, 10])]), &[]),
            (hello(b"", &[good[0], good[1], (0xfd00, &[4, 0, 10, 0, 10])]), &[]),
            (hello(b"", &[good[1], (0xfd00, &[2, 0xfe, 0x0d])]), &[]),
            (hello(b"", &[good[0], good[1], (0xfd00, &[0])]), &[]),
            (hello(b"", &[good[0], (0xfd00, &[2, 0, 10]), (0xfd00, &[2, 0, 43])]), &[]),
        ];
        for (inner, padding) in cases {
            let refused = decode(&inner, padding);
            assert!(matches!(refused, Err(Error::Illegal(_))), "{inner:?} {refused:?}");
        }
    }
}
