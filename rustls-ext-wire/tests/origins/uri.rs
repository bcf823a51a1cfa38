//! Which texts are origins, and which origins are equal.

use std::collections::HashSet;

use rustls_ext_wire::{Origin, OriginError};

#[test]
fn wio_3_an_origin_is_a_scheme_and_a_trust_domain() {
    for (text, scheme, trust_domain) in [
        ("spiffe://example.org", "spiffe", "example.org"),
        ("wimse://trust.corp.example.com", "wimse", "trust.corp.example.com"),
        ("A1+-.b://x", "A1+-.b", "x"),
        ("s://-._~!$&'()*+,;=", "s", "-._~!$&'()*+,;="),
        ("s://%20%c3%A4", "s", "%20%c3%A4"),
        ("s://127.0.0.1", "s", "127.0.0.1"),
        ("s://[::1]", "s", "[::1]"),
        ("s://[v1f.a:b]", "s", "[v1f.a:b]"),
    ] {
        let origin = Origin::parse(text).unwrap();
        assert_eq!((origin.scheme(), origin.trust_domain()), (scheme, trust_domain));
        assert_eq!(origin.as_str(), text);
    }
}

#[test]
fn wio_3_anything_else_is_not_an_origin() {
    for (text, error) in [
        ("", OriginError::NoScheme),
        ("example.org", OriginError::NoScheme),
        ("//example.org", OriginError::NoScheme),
        ("://example.org", OriginError::NoScheme),
        ("1s://example.org", OriginError::NoScheme),
        ("-s://example.org", OriginError::NoScheme),
        ("s_s://example.org", OriginError::NoScheme),
        ("é://example.org", OriginError::NoScheme),
        (" spiffe://example.org", OriginError::NoScheme),
        ("spiffe:example.org", OriginError::NoScheme),
        ("spiffe:/example.org", OriginError::NoScheme),
        ("spiffe:/x://example.org", OriginError::NoScheme),
        ("spiffe://", OriginError::NoTrustDomain),
        ("spiffe:///agent", OriginError::NoTrustDomain),
        ("spiffe://?x", OriginError::NoTrustDomain),
        ("spiffe://user@example.org", OriginError::UserInfo),
        ("spiffe://user:pw@example.org:1", OriginError::UserInfo),
        ("spiffe://@example.org", OriginError::UserInfo),
        ("spiffe://example.org:443", OriginError::Port),
        ("spiffe://example.org:", OriginError::Port),
        ("spiffe://[::1]:443", OriginError::Port),
        ("spiffe://example.org/", OriginError::Path),
        ("spiffe://example.org/agent", OriginError::Path),
        ("spiffe://example.org?x", OriginError::Query),
        ("spiffe://example.org?", OriginError::Query),
        ("spiffe://example.org#x", OriginError::Fragment),
        ("spiffe://example.org ", OriginError::Character),
        ("spiffe://exa mple.org", OriginError::Character),
        ("spiffe://example.org\n", OriginError::Character),
        ("spiffe://example.org\0", OriginError::Character),
        ("spiffe://exämple.org", OriginError::Character),
        ("spiffe://example.org\\agent", OriginError::Character),
        ("spiffe://\"example.org\"", OriginError::Character),
        ("spiffe://<example.org>", OriginError::Character),
        ("spiffe://{a|b}", OriginError::Character),
        ("spiffe://a^b`c", OriginError::Character),
        ("spiffe://%", OriginError::Character),
        ("spiffe://%2", OriginError::Character),
        ("spiffe://%2g", OriginError::Character),
        ("spiffe://[::1", OriginError::Character),
        ("spiffe://[::1]a", OriginError::Character),
        ("spiffe://[example.org]", OriginError::Character),
        ("spiffe://[fe80::1%25eth0]", OriginError::Character),
        ("spiffe://[v.a]", OriginError::Character),
        ("spiffe://[v1.]", OriginError::Character),
        ("spiffe://[v1.%41]", OriginError::Character),
        ("spiffe://a[b", OriginError::Character),
    ] {
        assert_eq!(Origin::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn wio_3_errors_say_which_part_is_not_allowed() {
    let texts = [
        (OriginError::NoScheme, "it does not begin with a scheme and ://"),
        (OriginError::NoTrustDomain, "the trust domain is missing"),
        (OriginError::UserInfo, "userinfo is not allowed"),
        (OriginError::Port, "a port is not allowed"),
        (OriginError::Path, "a path is not allowed, not even /"),
        (OriginError::Query, "a query is not allowed"),
        (OriginError::Fragment, "a fragment is not allowed"),
        (OriginError::Character, "the trust domain has a character that is not allowed"),
    ];
    for (error, text) in texts {
        let text = format!("not an origin such as spiffe://example.org: {text}");
        assert_eq!(error.to_string(), text);
    }
}

/// Sets of equal origins; those of different sets differ.
const CLASSES: [&[&str]; 12] = [
    &[
        "spiffe://example.org",
        "SPIFFE://EXAMPLE.ORG",
        "spiffe://example%2Eorg",
        "spiffe://ex%61mple%2eorg",
        "sPiFfE://e%58ample.org",
    ],
    &["spiffe://example.org."],
    &["spiffe://example.com"],
    &["spiffe://sub.example.org"],
    &["wimse://example.org"],
    &["spiffe://example%2Forg", "spiffe://example%2forg"],
    &["spiffe://%c3%a4", "SPIFFE://%C3%A4"],
    &["spiffe://%c3%84"],
    &["spiffe://a%2Bb"],
    &["spiffe://a+b", "spiffe://A+B"],
    &["spiffe://[::A]", "spiffe://[::a]"],
    &["spiffe://-._~", "spiffe://%2D%2e%5F%7E"],
];

#[test]
fn wio_6_equal_origins_differ_at_most_in_case_and_in_encoded_unreserved_characters() {
    for (number, class) in CLASSES.iter().enumerate() {
        for (other, others) in CLASSES.iter().enumerate() {
            for (one, two) in class.iter().flat_map(|one| others.iter().map(move |two| (one, two)))
            {
                let (one, two) = (Origin::parse(one).unwrap(), Origin::parse(two).unwrap());
                assert_eq!(one == two, number == other, "{one} {two}");
                assert_eq!(one.to_string() == two.to_string(), number == other);
            }
        }
    }
    let all: HashSet<_> =
        CLASSES.iter().copied().flatten().map(|text| Origin::parse(text).unwrap()).collect();
    assert_eq!(all.len(), CLASSES.len());
}

#[test]
fn wio_6_the_normal_form_is_an_equal_origin() {
    for (text, normal) in [
        ("SPIFFE://Example%2eORG", "spiffe://example.org"),
        ("s://a%2fb%c3", "s://a%2Fb%C3"),
        ("s://[::A]", "s://[::a]"),
    ] {
        let origin = Origin::parse(text).unwrap();
        assert_eq!(origin.to_string(), normal);
        assert_eq!(format!("{origin:?}"), format!("Origin({normal})"));
        assert_eq!(Origin::parse(normal), Ok(origin));
    }
}

#[test]
fn wio_6_the_origin_of_an_identifier_is_its_scheme_and_trust_domain() {
    for uri in [
        "spiffe://example.org/agent/1",
        "spiffe://example.org/",
        "spiffe://example.org",
        "SPIFFE://Example.org/a:b@c/%2F!$&'()*+,;=~",
        "spiffe://example.org//../x",
    ] {
        let origin = Origin::of_uri(uri).unwrap();
        assert_eq!(origin, Origin::parse("spiffe://example.org").unwrap());
        assert_eq!(origin.as_str(), &uri[..20]);
    }
}

#[test]
fn wio_6_a_uri_that_is_no_workload_identifier_has_no_origin() {
    for uri in [
        "",
        "spiffe:///agent",
        "spiffe:agent",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "mailto:agent@example.org",
        "spiffe://example.org:443/agent",
        "spiffe://user@example.org/agent",
        "spiffe://example.org/agent?x",
        "spiffe://example.org?x",
        "spiffe://example.org/agent#x",
        "spiffe://example.org#x",
        "spiffe://example.org/a b",
        "spiffe://example.org/%2",
        "spiffe://example.org/é",
        "spiffe://example.org\\@other.example/",
        "spiffe://example.org/[x]",
    ] {
        assert_eq!(Origin::of_uri(uri), None, "{uri:?}");
    }
}
