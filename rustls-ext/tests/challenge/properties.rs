//! Properties of all challenges and all fields.

use http_auth::parser::ChallengeParser;
use proptest::collection::vec;
use proptest::prelude::*;
use rustls_ext::http::{Challenge, Challenges, Fingerprint, HashName, SCHEME};

use super::{one, read};

fn challenge() -> impl Strategy<Value = Challenge> {
    let realm = proptest::option::of("[ -~\u{e4}\u{20ac}]{0,20}");
    let issuer = vec(any::<u8>(), 1..40).prop_map(|name| Challenge::new().accept_issuer(name));
    let hash = prop_oneof![
        Just(HashName::Sha224),
        Just(HashName::Sha256),
        Just(HashName::Sha384),
        Just(HashName::Sha512)
    ];
    let print = (any::<Vec<u8>>(), hash).prop_map(|(certificate, hash)| {
        Challenge::new().accept_fingerprint(Fingerprint::new(&certificate, &hash).unwrap())
    });
    (realm, vec(prop_oneof![issuer, print], 0..8)).prop_map(|(realm, alternatives)| {
        let parts = alternatives.iter().flat_map(|c| c.to_string().split_once(' ').map(own));
        let parts: Vec<_> = parts.collect();
        let line = if parts.is_empty() {
            SCHEME.to_owned()
        } else {
            format!("{SCHEME} {}", parts.join(", "))
        };
        match realm {
            None => one(line),
            Some(realm) => one(line).with_realm(realm).unwrap(),
        }
    })
}

fn own((_, parameter): (&str, &str)) -> String {
    parameter.to_owned()
}

/// A valid challenge of another scheme.
fn other() -> impl Strategy<Value = String> {
    let token = "[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}";
    let quoted = "\"([ !#-\\[\\]-~\u{e4}]|\\\\[ -~]){0,12}\"";
    let parameter = (token, "[ \t]{0,2}=[ \t]{0,2}", prop_oneof![token, quoted])
        .prop_map(|(name, equals, value)| format!("{name}{equals}{value}"));
    let parameters = vec(parameter, 0..4).prop_map(|list| list.join(", "));
    let rest = prop_oneof![parameters, "[A-Za-z0-9._~+/-]{1,12}={0,2}"];
    (token, " {1,3}", rest).prop_map(|(scheme, space, rest)| format!("{scheme}{space}{rest}"))
}

/// Pieces of valid and invalid fields.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("ClientCertificate".to_owned()),
        Just("ClientCertificate ".to_owned()),
        Just("Basic ".to_owned()),
        Just("realm=\"a\"".to_owned()),
        Just("realm=".to_owned()),
        Just("dn=MAA".to_owned()),
        Just("sha-256=47DEQpj8HBSa~_TImW-5JCeuQeRkm5NMpJWZG3hSuFU".to_owned()),
        Just(", ".to_owned()),
        Just(",".to_owned()),
        "[ ,=\"\\\\a@/]",
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// The challenges that `http-auth` reads from a line, if it accepts the line.
fn by_http_auth(line: &str) -> Option<Vec<Challenge>> {
    let read: Result<Vec<_>, _> = ChallengeParser::new(line).collect();
    let ours = |scheme: &str| scheme.eq_ignore_ascii_case(SCHEME);
    let challenges = read.ok()?.into_iter().filter(|challenge| ours(challenge.scheme));
    let rebuilt = challenges.map(|challenge| {
        let parameters = challenge.params.iter().map(|(name, value)| {
            let value = value.to_unescaped().replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}=\"{value}\"")
        });
        let parameters: Vec<_> = parameters.collect();
        let line = format!("{SCHEME} {}", parameters.join(","));
        let read = Challenges::in_lines([line.trim_end().as_bytes()]);
        (read.challenges.len() == 1).then(|| read.challenges.into_iter().next()).flatten()
    });
    Some(rebuilt.flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_written_challenge_is_parsed(challenge in challenge()) {
        prop_assert_eq!(one(challenge.to_value().unwrap()), challenge);
    }

    #[test]
    fn a_written_challenge_is_parsed_among_others(
        before in vec(other(), 0..4), challenge in challenge(), after in vec(other(), 0..4)
    ) {
        let all = [before, vec![challenge.to_string()], after].concat();
        let read = read(all.join(", "));
        prop_assert_eq!(read.errors, []);
        let ours: Vec<_> = read.challenges.into_iter().filter(|read| *read == challenge).collect();
        prop_assert_eq!(ours.first(), Some(&challenge));
    }

    #[test]
    fn the_parser_returns_for_any_lines(lines in vec(vec(any::<u8>(), 0..200), 0..4)) {
        Challenges::in_lines(lines.iter().map(Vec::as_slice));
    }

    #[test]
    fn lines_of_good_pieces_are_read_as_by_http_auth_where_it_reads_them(line in pieces()) {
        let read = read(&line);
        if let Some(expected) = by_http_auth(&line) {
            prop_assert_eq!(read.challenges, expected);
        }
    }

    #[test]
    fn no_prefix_of_a_challenge_has_alternatives_that_it_has_not(
        challenge in challenge(), cut in any::<prop::sample::Index>()
    ) {
        let text = challenge.to_string();
        let cut = cut.index(text.len() + 1);
        for read in read(&text.as_bytes()[..cut]).challenges {
            prop_assert!(read.acceptable().len() <= challenge.acceptable().len());
        }
    }
}
