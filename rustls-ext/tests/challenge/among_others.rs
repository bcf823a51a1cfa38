//! Challenges of other schemes, in the same line and in others (RFC 9110 section 11.6.1).

use rustls_ext::http::{Challenge, ChallengeProblem, Challenges, Place};

use super::{errors, fault, one, read};

fn realms(read: &Challenges) -> Vec<&str> {
    read.challenges.iter().filter_map(Challenge::realm).collect()
}

#[test]
fn the_challenge_is_found_at_any_position() {
    let ours = "ClientCertificate realm=\"ours\", dn=MAA, dn=MAE";
    let expected = one(ours);
    for line in [
        format!("Basic realm=\"simple\", {ours}"),
        format!("{ours}, Basic realm=\"simple\""),
        format!("Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", {ours}, Bearer"),
        // a token68, as `Negotiate` and `NTLM` have it, with padding and without
        format!("Negotiate YIGZBg+/rB==, {ours}"),
        format!("NTLM TlRMTVNTUAAC, {ours}, Negotiate"),
        format!("Negotiate a=, {ours}, Negotiate b= , Basic realm=c"),
        format!("Bearer , {ours} , Basic realm = \"b\""),
        // a challenge in quotes is not a challenge
        format!("Basic realm=\"a, ClientCertificate realm=b, \\\", ClientCertificate\", {ours}"),
        format!("Basic realm='a, {ours}"),
    ] {
        assert_eq!(one(&line), expected, "{line}");
    }
}

#[test]
fn white_space_and_empty_elements_are_where_they_may_be() {
    let expected = one("ClientCertificate realm=a, dn=MAA");
    for line in [
        "ClientCertificate realm=\"a\",dn=MAA",
        "  ,, ClientCertificate   realm = a ,\t,, dn\t= \"MAA\" ,",
        "ClientCertificate , realm=a, dn=MAA",
        "ClientCertificate,realm=a,dn=MAA,",
        "ClientCertificate realm=\"\\a\", dn=\"M\\AA\"",
    ] {
        assert_eq!(one(line), expected, "{line}");
    }
    assert_eq!(read(""), Challenges::default());
    assert_eq!(read(" ,\t, "), Challenges::default());
}

#[test]
fn several_are_read_in_order_from_several_lines() {
    let read = Challenges::in_lines([
        &b"Basic realm=a, ClientCertificate realm=b"[..],
        b"ClientCertificate realm=c, Basic realm=d, ClientCertificate realm=e",
        b"Negotiate",
    ]);
    assert_eq!(realms(&read), ["b", "c", "e"]);
    assert_eq!(read.errors, []);
}

#[test]
fn errors_in_other_challenges_do_not_hide_it_and_are_reported() {
    for (line, byte, what) in [
        ("Basic realm=My Site, ClientCertificate realm=b", 15, "a comma"),
        ("realm=x, ClientCertificate realm=b", 0, "a scheme"),
        ("Basic/, ClientCertificate realm=b", 5, "a space"),
        ("Basic a=b c=\"d, e\" f, ClientCertificate realm=b", 10, "a comma"),
        ("@, ClientCertificate realm=b", 0, "a scheme or a parameter"),
        ("Basic [a], ClientCertificate realm=b", 6, "a parameter"),
        ("Basic a b, ClientCertificate realm=b", 8, "an equals sign"),
        ("Basic a=b, c=;, ClientCertificate realm=b", 13, "a value"),
    ] {
        let read = read(line);
        assert_eq!(realms(&read), ["b"], "{line}");
        let place = Place { line: 0, byte };
        let problem = ChallengeProblem::Expected(what);
        assert_eq!(errors(&read), [(place, problem)], "{line}");
    }
}

#[test]
fn a_mistake_in_one_challenge_leaves_the_others() {
    let read = read(
        "ClientCertificate realm=a, ClientCertificate realm=b realm=c, dn=MAA, \
         ClientCertificate realm=d, ClientCertificate dn=MA=, ClientCertificate realm=e",
    );
    assert_eq!(realms(&read), ["a", "d", "e"]);
    let problems: Vec<_> = read.errors.iter().map(|e| (e.place.byte, e.to_string())).collect();
    assert_eq!(
        problems,
        [
            (53, "field line 0, byte 53: expected a comma".into()),
            (120, "field line 0, byte 120: expected a comma".into()),
        ]
    );
}

#[test]
fn an_unterminated_string_spoils_the_rest_of_its_line() {
    let unterminated = ChallengeProblem::UnterminatedQuote;
    assert_eq!(fault("ClientCertificate realm=\"a, dn=MAA"), (24, unterminated.clone()));
    assert_eq!(fault("Basic realm=\"a, ClientCertificate realm=b"), (12, unterminated.clone()));
    assert_eq!(fault("Basic realm=\"a\\"), (12, unterminated.clone()));

    let lines = [&b"Basic realm=\"a, ClientCertificate realm=b"[..], b"ClientCertificate realm=c"];
    let read = Challenges::in_lines(lines);
    assert_eq!(realms(&read), ["c"]);
    assert_eq!(read.errors.len(), 1);
}

#[test]
fn a_challenge_without_its_parameters_is_no_challenge() {
    // Without its parameters, it would accept any certificate.
    for line in [
        "ClientCertificate dn",
        "ClientCertificate dn=",
        "ClientCertificate MAA==",
        "ClientCertificate dn=MAA, dn=\"",
        "ClientCertificate dn=MAA; dn=MAA",
    ] {
        fault(line);
    }
}
