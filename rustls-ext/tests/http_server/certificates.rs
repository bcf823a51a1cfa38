//! The data of certificates, also of malformed ones.

use std::net::IpAddr;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, SanType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_ext::http::server::{AlternativeName, CertificateError, CertificateInfo};
use rustls_ext::subject_of;

use crate::common::Authority;

fn info(change: impl FnOnce(&mut CertificateParams)) -> CertificateInfo {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    change(&mut params);
    CertificateInfo::from_der(&Authority::new("agents").sign(params).chain[0])
}

/// A certificate for this subject.
fn subject(parts: &[(DnType, DnValue)]) -> CertificateInfo {
    info(|params| {
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
    })
}

fn cn(value: &str) -> (DnType, DnValue) {
    (DnType::CommonName, value.into())
}

fn sans(names: Vec<SanType>) -> CertificateInfo {
    info(|params| params.subject_alt_names = names)
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// A certificate whose alternative names are these bytes of a `GeneralNames`.
fn raw_sans(bytes: &[u8]) -> CertificateInfo {
    info(|params| {
        let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], bytes.to_vec());
        params.custom_extensions.push(extension);
    })
}

#[test]
fn a_subject_is_written_as_in_rfc_4514() {
    let org = (DnType::OrganizationName, DnValue::from("Example"));
    let info = subject(&[(DnType::CountryName, "DE".into()), org.clone(), cn("agent 7")]);
    assert_eq!(info.subject(), Ok("CN=agent 7,O=Example,C=DE"));
    assert_eq!(info.common_name(), Ok("agent 7"));
    assert_eq!(info.issuer(), Ok("CN=agents"));
    assert_eq!(subject(&[]).subject(), Ok(""));
}

#[test]
fn a_name_cannot_pretend_to_be_more_than_one() {
    for (value, written) in [
        ("a,O=Staff", "CN=a\\,O=Staff"),
        ("a+O=Staff", "CN=a\\+O=Staff"),
        ("a\\,b", "CN=a\\\\\\,b"),
        ("\"a\";<b>", "CN=\\\"a\\\"\\;\\<b\\>"),
        ("#a#", "CN=\\#a#"),
        (" a b ", "CN=\\ a b\\ "),
        (" ", "CN=\\ "),
        ("a\0b", "CN=a\\00b"),
        ("a\r\nb", "CN=a\\0d\\0ab"),
        ("a\u{202e}b", "CN=a\\e2\\80\\aeb"),
        ("žluť", "CN=žluť"),
    ] {
        assert_eq!(subject(&[cn(value)]).subject(), Ok(written));
    }
}

/// cases/operators/dn-that-is-not-unique: `TeletexString "ABCD"`, which was written as `#41424344`
/// like `BMPString` of the same bytes, and `TeletexString` in Latin-1, with which the log lost the
/// whole subject.
#[test]
fn rfc_4514_2_4_subjects_in_old_string_types_are_text_and_differ() {
    for (pem, common_name, written) in [
        (include_str!("subjects/bmp.pem"), "\u{4142}\u{4344}", "CN=\u{4142}\u{4344}"),
        (include_str!("subjects/t61-ABCD.pem"), "ABCD", "CN=ABCD"),
        (include_str!("subjects/t61-latin1.pem"), "Zoë", "CN=Zoë,O=Müller & Söhne"),
    ] {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let info = CertificateInfo::from_der(&certificate);
        assert_eq!(info.subject(), Ok(written));
        assert_eq!(info.common_name(), Ok(common_name));
        assert_eq!(subject_of(&certificate), written);
    }
}

#[test]
fn there_is_one_common_name_or_an_error() {
    let missing = CertificateError::Missing("common name");
    assert_eq!(subject(&[]).common_name(), Err(&missing));
    assert_eq!(subject(&[cn("")]).common_name(), Err(&missing));
    // The same type in another encoding, which the issuing library does not notice.
    let another = (DnType::CustomDnType(vec![2, 5, 4, 3]), DnValue::from("boss"));
    let two = subject(&[cn("agent"), another]);
    assert_eq!(two.common_name(), Err(&CertificateError::Ambiguous("common name")));
    assert_eq!(two.subject(), Ok("CN=boss,CN=agent"));

    let wide = subject(&[(DnType::CommonName, DnValue::BmpString("hi".try_into().unwrap()))]);
    assert_eq!(wide.common_name(), Ok("hi"));
    let not_text = CertificateError::NotText("common name");
    assert_eq!(subject(&[cn("a\0b")]).common_name(), Err(&not_text));
    assert_eq!(subject(&[cn("a\u{202e}b")]).common_name(), Err(&not_text));
}

#[test]
fn alternative_names_are_shown_by_their_kind() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let info = sans(vec![
        SanType::DnsName("*.Example".try_into().unwrap()),
        SanType::Rfc822Name("me@example".try_into().unwrap()),
        uri("spiffe://example/agent/7"),
        SanType::IpAddress(address("192.0.2.7")),
        SanType::IpAddress(address("2001:db8::7")),
        SanType::OtherName((vec![1, 2, 3], "other".into())),
    ]);
    let names = info.alternative_names().unwrap();
    assert_eq!(
        names,
        [
            AlternativeName::Dns("*.Example".into()),
            AlternativeName::Email("me@example".into()),
            AlternativeName::Uri("spiffe://example/agent/7".into()),
            AlternativeName::Address(address("192.0.2.7")),
            AlternativeName::Address(address("2001:db8::7")),
            AlternativeName::Other(0),
        ]
    );
    let shown: Vec<_> = names.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "DNS:*.Example",
            "email:me@example",
            "URI:spiffe://example/agent/7",
            "IP:192.0.2.7",
            "IP:2001:db8::7",
            "(a name of kind 0 that cannot be shown)",
        ]
    );
    assert_eq!(info.spiffe_id(), Ok("spiffe://example/agent/7"));
}

#[test]
fn a_spiffe_id_is_the_only_uri() {
    let missing = Err(&CertificateError::Missing("SPIFFE ID"));
    assert_eq!(sans(vec![]).spiffe_id(), missing);
    assert_eq!(sans(vec![uri("https://example/agent")]).spiffe_id(), missing);
    assert_eq!(
        sans(vec![uri("spiffe://a/b"), uri("spiffe://a/c")]).spiffe_id(),
        Err(&CertificateError::Ambiguous("URI"))
    );
    assert_eq!(
        sans(vec![uri("https://a/b"), uri("spiffe://a/c")]).spiffe_id(),
        Err(&CertificateError::Ambiguous("URI"))
    );
    // Also if one of them cannot be read.
    let id = [&[0x86, 12][..], b"spiffe://a/b"].concat();
    for second in [&[0x86, 1, b' '][..], &[0x86, 1, 0xff]] {
        for (first, second) in [(&id[..], second), (second, &id[..])] {
            let names = [&[0x30, 17][..], first, second].concat();
            assert_eq!(raw_sans(&names).spiffe_id(), Err(&CertificateError::Ambiguous("URI")));
        }
    }
}

#[test]
fn alternative_names_that_cannot_be_read_are_no_empty_ones() {
    for (bytes, names) in [
        // an empty DNS name; one with a NUL in it; one that is not ASCII
        (&[0x30, 2, 0x82, 0][..], [AlternativeName::Other(2)]),
        (&[0x30, 5, 0x82, 3, b'a', 0, b'b'], [AlternativeName::Other(2)]),
        (&[0x30, 3, 0x82, 1, 0xff], [AlternativeName::Other(2)]),
        // an address of three bytes
        (&[0x30, 5, 0x87, 3, 1, 2, 3], [AlternativeName::Other(7)]),
        // a URI with a space
        (&[0x30, 5, 0x86, 3, b'a', b' ', b'b'], [AlternativeName::Other(6)]),
    ] {
        assert_eq!(raw_sans(bytes).alternative_names(), Ok(&names[..]), "{bytes:?}");
    }
    let unreadable = Err(&CertificateError::Unreadable("subjectAltName"));
    assert_eq!(raw_sans(&[4, 1, 0]).alternative_names(), unreadable);
    assert_eq!(raw_sans(&[0x30, 9, 0x82, 1, b'a']).alternative_names(), unreadable);
    assert_eq!(
        raw_sans(&[4, 1, 0]).spiffe_id(),
        Err(&CertificateError::Unreadable("subjectAltName"))
    );
    // twice
    let twice = info(|params| {
        params.subject_alt_names = vec![uri("spiffe://a/b")];
        let bytes = vec![0x30, 3, 0x82, 1, b'a'];
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], bytes));
    });
    let unreadable = CertificateError::Unreadable("subjectAltName");
    assert_eq!(twice.alternative_names(), Err(&unreadable));
}

#[test]
fn a_serial_number_is_shown_byte_for_byte() {
    let info = info(|params| params.serial_number = Some(vec![1, 0xab, 0].into()));
    assert_eq!(info.serial(), Ok("01ab00"));
}

#[test]
fn data_that_is_not_a_certificate_has_no_fields() {
    let real = Authority::new("agents").der;
    let mut longer = real.to_vec();
    longer.push(0);
    for bytes in [vec![], vec![0x30, 0], real[..real.len() - 1].to_vec(), longer] {
        let info = CertificateInfo::from_der(&CertificateDer::from(bytes));
        let malformed = &CertificateError::Malformed;
        assert_eq!(info.subject(), Err(malformed));
        assert_eq!(info.issuer(), Err(malformed));
        assert_eq!(info.common_name(), Err(malformed));
        assert_eq!(info.serial(), Err(malformed));
        assert_eq!(info.alternative_names(), Err(malformed));
        assert_eq!(info.spiffe_id(), Err(malformed));
        assert_eq!(info.fingerprint().as_bytes().len(), 32);
    }
}
