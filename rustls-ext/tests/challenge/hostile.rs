//! Fields from hostile servers. Data beyond a limit is left out, and reported.

use rustls_ext::http::{Challenge, ChallengeProblem, Challenges, Place, limits};

use super::{errors, fault, one, read};

fn error(line: usize, byte: usize, problem: ChallengeProblem) -> (Place, ChallengeProblem) {
    (Place { line, byte }, problem)
}

#[test]
fn thousands_of_parameters_spoil_their_challenge_only() {
    let parameters = |count: usize| vec!["dn=MAA"; count].join(",");
    let at_the_limit = one(format!("ClientCertificate {}", parameters(limits::PARAMETERS)));
    assert_eq!(at_the_limit.acceptable().len(), limits::PARAMETERS);

    let too_many = (18 + limits::PARAMETERS * "dn=MAA,".len(), ChallengeProblem::TooManyParameters);
    for count in [limits::PARAMETERS + 1, 2000] {
        assert_eq!(fault(format!("ClientCertificate {}", parameters(count))), too_many);
    }

    let read = read(format!("ClientCertificate {}, ClientCertificate", parameters(2000)));
    assert_eq!(read.challenges, [Challenge::new()]);
    assert_eq!(errors(&read), [error(0, too_many.0, too_many.1)]);

    // parameters of other schemes are not kept, so there is nothing to limit
    let line = format!("Other {}, ClientCertificate", ["a=b"; 4000].join(","));
    assert_eq!(one(line), Challenge::new());
}

#[test]
fn a_long_value_spoils_its_challenge_only() {
    let value = |length: usize| "A".repeat(length);
    let longest = format!("ClientCertificate dn={}", value(limits::VALUE_LENGTH));
    assert_eq!(one(longest).acceptable().len(), 1);
    let longer = value(limits::VALUE_LENGTH + 1);
    let expected = (21, ChallengeProblem::ValueTooLong);
    assert_eq!(fault(format!("ClientCertificate dn={longer}")), expected);
    assert_eq!(fault(format!("ClientCertificate dn=\"{longer}\"")), expected);
    assert_eq!(
        fault(format!("ClientCertificate dn=\"{}\"", "\\A".repeat(limits::VALUE_LENGTH / 2))),
        expected
    );
}

#[test]
fn a_long_line_is_left_out() {
    let line = |length: usize| {
        let mut line = "ClientCertificate, Other a=\"".to_owned();
        line.push_str(&"x".repeat(length - line.len() - 1));
        line + "\""
    };
    // That value belongs to another scheme, and is valid in a line of this length, except for its
    // own limit.
    let read = read(line(limits::FIELD_LENGTH));
    assert_eq!(read.challenges, [Challenge::new()]);
    assert_eq!(errors(&read), [error(0, 27, ChallengeProblem::ValueTooLong)]);

    let long = line(limits::FIELD_LENGTH + 1);
    let read = Challenges::in_lines([long.as_bytes(), b"ClientCertificate realm=a"]);
    assert_eq!(read.challenges, [Challenge::new().with_realm("a").unwrap()]);
    assert_eq!(errors(&read), [error(0, 0, ChallengeProblem::LineTooLong)]);
}

#[test]
fn too_many_lines_are_not_all_read() {
    let mut lines = 0;
    let bomb = std::iter::repeat_with(|| {
        lines += 1;
        &b"ClientCertificate"[..]
    });
    let read = Challenges::in_lines(bomb.take(1_000_000));
    assert_eq!(read.challenges.len(), limits::FIELD_LINES);
    let end = error(limits::FIELD_LINES, 0, ChallengeProblem::TooManyLines);
    assert_eq!(errors(&read), [end]);
    assert_eq!(lines, limits::FIELD_LINES + 1);
}

#[test]
fn too_many_challenges_are_not_all_read() {
    let line = |count: usize| vec!["ClientCertificate"; count].join(",");
    let read_all = read(line(limits::CHALLENGES));
    assert_eq!((read_all.challenges.len(), read_all.errors.len()), (limits::CHALLENGES, 0));

    let byte = limits::CHALLENGES * "ClientCertificate,".len();
    let too_many = error(0, byte, ChallengeProblem::TooManyChallenges);
    for count in [limits::CHALLENGES + 1, limits::CHALLENGES + 2, 900] {
        let read = read(line(count));
        assert_eq!(read.challenges.len(), limits::CHALLENGES);
        assert_eq!(errors(&read), std::slice::from_ref(&too_many));
    }
    // nor is a line of unexpected challenges, or of none
    assert_eq!(fault(vec!["x"; 8000].join(",")).1, ChallengeProblem::TooManyChallenges);
    assert_eq!(fault(vec!["@"; 8000].join(",")), (0, scheme_or_parameter()));
    assert_eq!(fault(vec!["a=b"; 4000].join(",")), (0, ChallengeProblem::Expected("a scheme")));
    let errors = read(vec!["a @"; 4000].join(",")).errors;
    assert_eq!(errors.len(), limits::CHALLENGES + 1);
}

fn scheme_or_parameter() -> ChallengeProblem {
    ChallengeProblem::Expected("a scheme or a parameter")
}

#[test]
fn broken_base64_and_doubled_realms_spoil_their_challenge_only() {
    let read = read(
        "ClientCertificate realm=a, dn=M.A, ClientCertificate realm=b, realm=b, \
         ClientCertificate realm=c",
    );
    assert_eq!(read.challenges, [Challenge::new().with_realm("c").unwrap()]);
    let base64 = ChallengeProblem::NotBase64 { name: "dn".into() };
    let expected = [error(0, 27, base64), error(0, 62, ChallengeProblem::DuplicateRealm)];
    assert_eq!(errors(&read), expected);
}

#[test]
fn control_characters_stop_the_parsing_of_a_line() {
    // `http` allows none of them in a field; this is for callers that read fields from elsewhere.
    for control in ["\0", "\n", "\r\n", "\x7f"] {
        for line in ["Basic a=\"b_\", ClientCertificate", "Basic a=\"b_, ClientCertificate"] {
            let line = line.replace('_', control);
            assert_eq!(fault(line), (10, ChallengeProblem::Expected("a character")));
        }
    }
}

#[test]
fn a_challenge_that_could_not_be_parsed_is_not_written() {
    let name = |length: usize| vec![0x30; length];
    let longest = Challenge::new().accept_issuer(name(limits::VALUE_LENGTH / 4 * 3));
    assert_eq!(one(longest.to_value().unwrap()), longest);
    let longer = Challenge::new().accept_issuer(name(limits::VALUE_LENGTH / 4 * 3 + 1));
    assert_eq!(longer.to_value(), Err(ChallengeProblem::ValueTooLong));

    let many = |count| (0..count).fold(Challenge::new(), |c, n: u8| c.accept_issuer([0x30, n]));
    let most = u8::try_from(limits::PARAMETERS).unwrap();
    assert!(many(most).to_value().is_ok());
    let with_realm = many(most).with_realm("a").unwrap();
    assert_eq!(with_realm.to_value(), Err(ChallengeProblem::TooManyParameters));

    let names = (0..6).map(|n| vec![n; limits::VALUE_LENGTH / 4 * 3]);
    let long = names.fold(Challenge::new(), |challenge, name| challenge.accept_issuer(name));
    assert_eq!(long.to_value(), Err(ChallengeProblem::LineTooLong));

    let realm = "\"".repeat(limits::VALUE_LENGTH / 2);
    assert_eq!(Challenge::new().with_realm(realm), Err(ChallengeProblem::ValueTooLong));
}
