//! ClientHellos of real clients, each with and without the flag.

use rustls_ext_wire::{Answer, ClientHello, Ech, Flag, FlagSet, Scan};

/// The expected content of a file of the corpus.
pub struct Expected {
    pub name: &'static str,
    pub bytes: usize,
    pub alpn: &'static [&'static [u8]],
    pub versions: &'static [u16],
    pub extensions: &'static [u16],
    pub psk: bool,
    pub ech: Option<Ech>,
}

const H2: &[&[u8]] = &[b"h2", b"http/1.1"];

/// The files without the flag.
pub const CORPUS: [Expected; 6] = [
    Expected {
        name: "chromium-sni",
        bytes: 1987,
        alpn: H2,
        versions: &[0xdada, 0x0304, 0x0303],
        extensions: &[
            0x9a9a, 35, 17613, 11, 13, 23, 43, 16, 65281, 0, 27, 45, 51, 10, 51764, 5, 18, 65037,
            0x8a8a,
        ],
        psk: false,
        ech: Some(Ech::Outer),
    },
    Expected {
        name: "curl",
        bytes: 517,
        alpn: H2,
        versions: &[0x0304, 0x0303, 0x0302, 0x0301],
        extensions: &[0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21],
        psk: false,
        ech: None,
    },
    Expected {
        name: "go124",
        bytes: 1495,
        alpn: H2,
        versions: &[0x0304, 0x0303],
        extensions: &[0, 11, 65281, 23, 18, 5, 10, 13, 16, 43, 51],
        psk: false,
        ech: None,
    },
    Expected {
        name: "openssl3-psk",
        bytes: 592,
        alpn: &[],
        versions: &[0x0304, 0x0303, 0x0302, 0x0301],
        extensions: &[0, 11, 10, 35, 22, 23, 13, 43, 45, 51, 41],
        psk: true,
        ech: None,
    },
    Expected {
        name: "openssl3-sclient-tls12",
        bytes: 212,
        alpn: &[],
        versions: &[0x0303],
        extensions: &[0, 11, 10, 35, 22, 23, 13],
        psk: false,
        ech: None,
    },
    Expected {
        name: "rustls-ring",
        bytes: 242,
        alpn: &[],
        versions: &[0x0304, 0x0303],
        extensions: &[11, 45, 5, 51, 10, 13, 0, 23, 43, 35],
        psk: false,
        ech: None,
    },
];

/// The additional bytes of a `+flag` file: the extension's header, and flag 80 in its body.
const WITH_FLAG: [u8; 16] = [0, 62, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The bytes of a file.
pub fn read(name: &str) -> Vec<u8> {
    let path = format!("{}/corpus/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|err| panic!("{path}: {err}"))
}

/// All files, each with its name.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let names = CORPUS.iter().flat_map(|it| [it.name.to_owned(), format!("{}+flag", it.name)]);
    names.map(|name| (name.clone(), read(&name))).collect()
}

/// The view of a ClientHello of this length; panics on any other answer.
pub fn view<'a>(name: &str, answer: Answer<'a>, length: usize) -> ClientHello<'a> {
    match answer {
        Answer::Hello { hello, length: found } if found == length => hello,
        other => panic!("{name}: {other:?}"),
    }
}

fn assert_parsed(expected: &Expected, name: &str, hello: &ClientHello<'_>) {
    assert_eq!(hello.server_name(), Some(&b"www.example.com"[..]), "{name}");
    assert!(hello.alpn().eq(expected.alpn.iter().copied()), "{name}");
    assert!(hello.versions().eq(expected.versions.iter().copied()), "{name}");
    assert_eq!(hello.offers_tls13(), expected.versions.contains(&0x0304), "{name}");
    assert_eq!(hello.has_pre_shared_key(), expected.psk, "{name}");
    assert_eq!(hello.ech(), expected.ech, "{name}");
    assert_eq!(hello.care(), Ok(false), "{name}");
    assert_eq!(hello.certificate_authorities().count(), 0, "{name}");
    assert_eq!(hello.legacy_version(), 0x0303, "{name}");
}

#[test]
fn every_file_is_parsed_as_expected() {
    for expected in &CORPUS {
        let bytes = read(expected.name);
        assert_eq!(bytes.len(), expected.bytes);
        let answer = Scan::default().records(&bytes, &mut []);
        let hello = view(expected.name, answer, bytes.len());
        assert_parsed(expected, expected.name, &hello);
        assert_eq!(hello.flags(), Ok(None));
        let numbers = hello.extensions().map(|(number, _)| number);
        assert!(numbers.eq(expected.extensions.iter().copied()), "{}", expected.name);
    }
}

#[test]
fn every_file_with_the_flag_is_parsed_as_expected() {
    for expected in &CORPUS {
        let name = format!("{}+flag", expected.name);
        let bytes = read(&name);
        assert_eq!(bytes.len(), expected.bytes + WITH_FLAG.len());
        let hello = view(&name, Scan::default().records(&bytes, &mut []), bytes.len());
        assert_parsed(expected, &name, &hello);
        assert_eq!(hello.flags(), Ok(Some(FlagSet::single(Flag::REQUEST_CLIENT_AUTH))), "{name}");

        // Last, but before `pre_shared_key`.
        let mut numbers = expected.extensions.to_vec();
        numbers.insert(numbers.len() - usize::from(expected.psk), 62);
        assert!(hello.extensions().map(|(number, _)| number).eq(numbers), "{name}");
        assert_eq!(hello.extension(62), Some(&WITH_FLAG[4..]), "{name}");
    }
}

#[test]
fn every_byte_of_a_client_hello_is_in_its_view() {
    for (name, bytes) in all() {
        let hello = view(&name, Scan::default().records(&bytes, &mut []), bytes.len());
        let mut encoded = hello.legacy_version().to_be_bytes().to_vec();
        encoded.extend(hello.random());
        encoded.extend(crate::build::with_u8_length(hello.session_id()));
        let suites: Vec<u8> = hello.cipher_suites().flat_map(u16::to_be_bytes).collect();
        encoded.extend(crate::build::with_u16_length(&suites));
        encoded.extend([1, 0]);
        let extensions: Vec<_> = hello.extensions().map(|(n, body)| (n, body.to_vec())).collect();
        encoded.extend(crate::build::with_u16_length(&crate::build::list(&extensions)));
        assert_eq!(hello.body(), encoded, "{name}");
        assert_eq!(hello.body(), &bytes[9..], "{name}");
        for (number, body) in &extensions {
            assert_eq!(hello.extension(*number), Some(&body[..]), "{name}");
        }
        assert_eq!(hello.extension(0x1234), None);
    }
}

#[test]
fn the_message_and_its_body_alone_give_the_same_view() {
    let scan = Scan::default();
    for (name, bytes) in all() {
        let hello = view(&name, scan.records(&bytes, &mut []), bytes.len());
        assert_eq!(view(&name, scan.handshake(&bytes[5..]), bytes.len() - 5), hello);
        assert_eq!(view(&name, scan.body(&bytes[9..]), bytes.len() - 9), hello);
    }
}
