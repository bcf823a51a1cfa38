//! The message: its fields, its list of extensions, and messages of DTLS.

use rustls_ext_wire::{Alert, Answer, Flaw, NotTls, Part, Scan, ScanError};

use crate::build::{self, Hello};
use crate::corpus::view;
use crate::extensions::{error, malformed};

#[test]
fn rfc_8446_4_2_no_extension_twice() {
    for number in [0, 62, 63, 64, 0x0a0a, 0xfe0d, 0xffca, 0xffff, 41, 1234] {
        let body = match number {
            0 => build::server_name(b"a"),
            41 => build::pre_shared_key(&[b"a"], &[32]),
            0xfe0d => vec![1],
            _ => vec![],
        };
        let error = error(&Hello::with(&[(number, &body), (5, &[]), (number, &body)]).body());
        let expected = match number {
            41 => ScanError::AfterPreSharedKey { extension: 5 },
            extension => ScanError::DuplicateExtension { extension },
        };
        assert_eq!(error, expected);
        assert_eq!(error.alert().code(), 47);
    }
    let error = error(&Hello::with(&[(62, &[1]), (62, &[1])]).body());
    assert_eq!(error.rule(), "RFC 8446 4.2");
}

#[test]
fn rfc_8446_4_1_2_fields_of_the_message() {
    let shortest = Hello::shortest();
    let with = |change: fn(&mut Hello)| {
        let mut hello = shortest.clone();
        change(&mut hello);
        error(&hello.body())
    };
    let cases = [
        (with(|h| h.session_id = vec![0; 33]), Part::SessionId, Flaw::TooLong),
        (with(|h| h.cipher_suites = vec![]), Part::CipherSuites, Flaw::EmptyList),
        (with(|h| h.cipher_suites = vec![0; 3]), Part::CipherSuites, Flaw::OddLength),
        (with(|h| h.compression_methods = vec![]), Part::CompressionMethods, Flaw::EmptyList),
    ];
    for (error, part, flaw) in cases {
        assert_eq!(error, malformed(part, flaw));
        assert_eq!((error.rule(), error.alert()), ("RFC 8446 4.1.2", Alert::DECODE_ERROR));
    }

    // A list of extensions, which may be empty or missing, but no other bytes.
    let body = shortest.body();
    view("without", Scan::default().body(&body), body.len());
    let empty = [&body[..], &[0, 0]].concat();
    view("empty", Scan::default().body(&empty), empty.len());
    let extensions = |bytes: &[u8]| error(&[&body[..], bytes].concat());
    for (bytes, part, flaw) in [
        (&[0][..], Part::Extensions, Flaw::Truncated),
        (&[0, 1], Part::Extensions, Flaw::Truncated),
        (&[0, 0, 0], Part::Extensions, Flaw::TrailingBytes),
        (&[0, 3, 0, 5, 0], Part::Extensions, Flaw::Truncated),
        (&[0, 4, 0, 5, 0, 1], Part::Extension(5), Flaw::Truncated),
    ] {
        assert_eq!(extensions(bytes), malformed(part, flaw));
    }
    assert_eq!(extensions(&[0]).rule(), "RFC 8446 4.2");
    for end in 0..body.len() {
        error(&body[..end]);
    }
}

#[test]
fn client_hellos_of_dtls_are_not_tls() {
    // DTLS 1.0, and 1.2 or 1.3. Their bodies also have a cookie, which does not matter here.
    for minor in [0xff, 0xfd] {
        let mut hello = Hello::shortest();
        hello.version = [0xfe, minor];
        let body = hello.body();
        assert_eq!(Scan::default().body(&body), Answer::NotTls(NotTls::Dtls));
        assert_eq!(Scan::default().handshake(&hello.message()), Answer::NotTls(NotTls::Dtls));

        // With the complete header of DTLS: message number, offset and length of the fragment.
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        for number in 0..2 {
            let rest = [&[0, number, 0, 0, 0], &length[1..], &body].concat();
            let message = [&[1], &length[1..], &rest].concat();
            assert_eq!(Scan::default().handshake(&message), Answer::NotTls(NotTls::Dtls));
        }
    }
}
