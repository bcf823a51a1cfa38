//! CANT-2, CANT-3, CANT-4: the parameters.

use http::header::{PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use rustls_ext::http::{
    Acceptable, Challenge, ChallengeProblem, Challenges, Fingerprint, HashName,
};

use super::{fault, one};

/// SHA-256 of nothing (FIPS 180-4), in hexadecimal digits and in base64url.
const NOTHING: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
const NOTHING_IN_HEX_IN_BASE64: &str = "ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2FlNDFlNDY0OWI\
    5MzRjYTQ5NTk5MWI3ODUyYjg1NQ";

fn fingerprints(challenge: &Challenge) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    for acceptable in challenge.acceptable() {
        if let Acceptable::Fingerprint(print) = acceptable {
            found.push((print.hash().as_str(), print.as_bytes().len()));
        }
    }
    found
}

#[test]
fn cant_2_a_challenge_has_realm_names_and_fingerprints() {
    let challenge = one(format!(
        "ClientCertificate realm=\"home\", dn=MAA, sha-256={NOTHING}, \
         SHA-224=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    ));
    assert_eq!(challenge.realm(), Some("home"));
    assert_eq!(
        challenge.acceptable()[..2],
        [Acceptable::Issuer(vec![0x30, 0]), Acceptable::Fingerprint(Fingerprint::sha256(b""))]
    );
    assert_eq!(fingerprints(&challenge), [("sha-256", 32), ("sha-224", 28)]);
}

#[test]
fn cant_2_names_are_case_insensitive_and_none_is_needed() {
    assert_eq!(one("ClientCertificate"), Challenge::new());
    assert_eq!(one("CLIENTCERTIFICATE Realm=home").realm(), Some("home"));
}

#[test]
fn cant_2_only_the_realm_must_not_be_repeated() {
    assert_eq!(fault("ClientCertificate realm=a, realm=a"), (27, ChallengeProblem::DuplicateRealm));
    assert_eq!(one("ClientCertificate dn=MAA, dn=MAA").acceptable().len(), 2);
}

#[test]
fn cant_2_other_hash_names_are_kept() {
    let challenge = one("ClientCertificate md5=AAAA, sha-1=AAAA, shake256=AAAA, sha3-256=AAAA");
    assert_eq!(
        fingerprints(&challenge),
        [("md5", 3), ("sha-1", 3), ("shake256", 3), ("sha3-256", 3)]
    );
    assert_eq!(Fingerprint::new(b"", &HashName::Other("md5".into())), None);
}

#[test]
fn cant_2_parameters_of_later_drafts_do_not_get_in_the_way() {
    let challenge = one("ClientCertificate realm=a, title=\"log in, please\", dn=MAA");
    assert_eq!(challenge, Challenge::new().with_realm("a").unwrap().accept_issuer([0x30, 0]));
}

#[test]
fn cant_2_a_fingerprint_has_the_length_of_its_hash() {
    for (hash, length) in [("sha-224", 28), ("sha-256", 32), ("sha-384", 48), ("sha-512", 64)] {
        for bytes in [0, 1, length - 1, length + 1, 2 * length] {
            // 4 characters for every 3 zero bytes
            let value = "A".repeat((bytes * 4usize).div_ceil(3));
            let (byte, problem) = fault(format!("ClientCertificate {hash}=\"{value}\""));
            assert_eq!(byte, 18);
            assert_eq!(problem, ChallengeProblem::WrongLength { name: hash.into(), bytes });
        }
    }
    assert_eq!(
        fault("ClientCertificate dn=\"\"").1,
        ChallengeProblem::WrongLength { name: "dn".into(), bytes: 0 }
    );
}

#[test]
fn cant_2_the_drafts_example_has_hexadecimal_digits_under_the_base64() {
    let challenge = one(format!("ClientCertificate sha-256={NOTHING_IN_HEX_IN_BASE64}"));
    let expected = Challenge::new().accept_fingerprint(Fingerprint::sha256(b""));
    assert_eq!(challenge, expected);
    // and is not how it is written
    assert_eq!(expected.to_value().unwrap(), format!("ClientCertificate sha-256={NOTHING}"));
}

#[test]
fn cant_3_values_are_base64url_without_padding() {
    let value = |value| fault(format!("ClientCertificate dn=\"{value}\"")).1;
    let bad = ChallengeProblem::NotBase64 { name: "dn".into() };
    // padding, the other alphabet, an impossible length, unused bits that are set, a space
    for text in ["MA==", "MAA=", "+/+/", "MAAAA", "MB", "MA A", "M\u{e4}", "%20%"] {
        assert_eq!(value(text), bad, "{text}");
    }
}

#[test]
fn cant_3_a_tilde_is_a_hyphen_and_a_hyphen_is_sent() {
    let challenge = one("ClientCertificate dn=~_~-");
    assert_eq!(challenge.acceptable(), [Acceptable::Issuer(vec![0xfb, 0xff, 0xbe])]);
    assert_eq!(challenge.to_value().unwrap(), "ClientCertificate dn=-_--");
}

#[test]
fn cant_4_all_alternatives_are_read_as_a_list() {
    let names: Vec<Vec<u8>> = (0..100).map(|n| vec![0x30, n]).collect();
    let challenge = names.iter().fold(Challenge::new(), |c, name| c.accept_issuer(name));
    let read = one(challenge.to_value().unwrap());
    let expected: Vec<_> = names.into_iter().map(Acceptable::Issuer).collect();
    assert_eq!(read.acceptable(), expected);
}

#[test]
fn a_realm_is_quoted_and_may_have_any_text_in_it() {
    let realm = "the \"left\" \\ hand, of r\u{e9}sum\u{e9}s";
    let challenge = Challenge::new().with_realm(realm).unwrap();
    let value = challenge.to_value().unwrap();
    assert_eq!(
        value.as_bytes(),
        "ClientCertificate realm=\"the \\\"left\\\" \\\\ hand, of r\u{e9}sum\u{e9}s\"".as_bytes()
    );
    assert_eq!(one(&value).realm(), Some(realm));
}

#[test]
fn a_realm_that_could_break_a_line_is_refused() {
    for realm in ["a\r\nSet-Cookie: b", "a\0", "\u{7f}", "\t", "\u{9b}1m"] {
        assert_eq!(Challenge::new().with_realm(realm), Err(ChallengeProblem::BadRealm));
    }
    for realm in [&b"\xe9"[..], b"a\tb", "\u{9b}1m".as_bytes()] {
        let line = [b"ClientCertificate realm=\"", realm, b"\""].concat();
        assert_eq!(fault(line), (18, ChallengeProblem::BadRealm));
    }
}

#[test]
fn a_401_is_read_in_www_authenticate_and_a_407_in_proxy_authenticate() {
    for (status, realm) in [
        (StatusCode::UNAUTHORIZED, Some("origin")),
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some("proxy")),
        (StatusCode::FORBIDDEN, None),
        (StatusCode::OK, None),
    ] {
        let response = Response::builder()
            .status(status)
            .header(WWW_AUTHENTICATE, "ClientCertificate realm=origin")
            .header(PROXY_AUTHENTICATE, "ClientCertificate realm=proxy")
            .body(())
            .unwrap();
        let read = Challenges::from_response(&response);
        assert_eq!(read.challenges.iter().find_map(Challenge::realm), realm);
    }
}
