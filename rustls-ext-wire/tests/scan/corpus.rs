//! Hellos of real clients, each with and without the flag.

use rustls_ext_wire::{Answer, ClientHello, Ech, Flag, FlagSet, Scan};

/// What a file of the corpus has in it.
pub struct Expected {
    pub name: &'static str,
    pub octets: usize,
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
        octets: 1987,
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
        octets: 517,
        alpn: H2,
        versions: &[0x0304, 0x0303, 0x0302, 0x0301],
        extensions: &[0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21],
        psk: false,
        ech: None,
    },
    Expected {
        name: "go124",
        octets: 1495,
        alpn: H2,
        versions: &[0x0304, 0x0303],
        extensions: &[0, 11, 65281, 23, 18, 5, 10, 13, 16, 43, 51],
        psk: false,
        ech: None,
    },
    Expected {
        name: "openssl3-psk",
        octets: 592,
        alpn: &[],
        versions: &[0x0304, 0x0303, 0x0302, 0x0301],
        extensions: &[0, 11, 10, 35, 22, 23, 13, 43, 45, 51, 41],
        psk: true,
        ech: None,
    },
    Expected {
        name: "openssl3-sclient-tls12",
        octets: 212,
        alpn: &[],
        versions: &[0x0303],
        extensions: &[0, 11, 10, 35, 22, 23, 13],
        psk: false,
        ech: None,
    },
    Expected {
        name: "rustls-ring",
        octets: 242,
        alpn: &[],
        versions: &[0x0304, 0x0303],
        extensions: &[11, 45, 5, 51, 10, 13, 0, 23, 43, 35],
        psk: false,
        ech: None,
    },
];

/// The octets that `+flag` has more: the extension's header, and flag 80 in its body.
const WITH_FLAG: [u8; 16] = [0, 62, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The octets of a file.
pub fn read(name: &str) -> Vec<u8> {
    let path = format!("{}/corpus/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|err| panic!("{path}: {err}"))
}

/// All files, each with its name.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let names = CORPUS.iter().flat_map(|it| [it.name.to_owned(), format!("{}+flag", it.name)]);
    names.map(|name| (name.clone(), read(&name))).collect()
}

/// The view of what must be a hello, and nothing but a hello.
pub fn view<'a>(name: &str, answer: Answer<'a>, length: usize) -> ClientHello<'a> {
    match answer {
        Answer::Hello { hello, octets } if octets == length => hello,
        other => panic!("{name}: {other:?}"),
    }
}

fn reads_right(expected: &Expected, name: &str, hello: &ClientHello<'_>) {
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
fn every_file_is_read_right() {
    for expected in &CORPUS {
        let octets = read(expected.name);
        assert_eq!(octets.len(), expected.octets);
        let answer = Scan::default().records(&octets, &mut []);
        let hello = view(expected.name, answer, octets.len());
        reads_right(expected, expected.name, &hello);
        assert_eq!(hello.flags(), Ok(None));
        let numbers = hello.extensions().map(|(number, _)| number);
        assert!(numbers.eq(expected.extensions.iter().copied()), "{}", expected.name);
    }
}

#[test]
fn every_file_with_the_flag_is_read_right() {
    for expected in &CORPUS {
        let name = format!("{}+flag", expected.name);
        let octets = read(&name);
        assert_eq!(octets.len(), expected.octets + WITH_FLAG.len());
        let hello = view(&name, Scan::default().records(&octets, &mut []), octets.len());
        reads_right(expected, &name, &hello);
        assert_eq!(hello.flags(), Ok(Some(FlagSet::single(Flag::REQUEST_CLIENT_AUTH))), "{name}");

        // Last, but before `pre_shared_key`.
        let mut numbers = expected.extensions.to_vec();
        numbers.insert(numbers.len() - usize::from(expected.psk), 62);
        assert!(hello.extensions().map(|(number, _)| number).eq(numbers), "{name}");
        assert_eq!(hello.extension(62), Some(&WITH_FLAG[4..]), "{name}");
    }
}

#[test]
fn every_octet_of_a_hello_is_in_its_view() {
    for (name, octets) in all() {
        let hello = view(&name, Scan::default().records(&octets, &mut []), octets.len());
        let mut encoded = hello.legacy_version().to_be_bytes().to_vec();
        encoded.extend(hello.random());
        encoded.extend(crate::build::behind_u8(hello.session_id()));
        let suites: Vec<u8> = hello.cipher_suites().flat_map(u16::to_be_bytes).collect();
        encoded.extend(crate::build::behind_u16(&suites));
        encoded.extend([1, 0]);
        let extensions: Vec<_> = hello.extensions().map(|(n, body)| (n, body.to_vec())).collect();
        encoded.extend(crate::build::behind_u16(&crate::build::list(&extensions)));
        assert_eq!(hello.body(), encoded, "{name}");
        assert_eq!(hello.body(), &octets[9..], "{name}");
        for (number, body) in &extensions {
            assert_eq!(hello.extension(*number), Some(&body[..]), "{name}");
        }
        assert_eq!(hello.extension(0x1234), None);
    }
}

#[test]
fn the_bare_message_and_its_body_are_read_the_same() {
    let scan = Scan::default();
    for (name, octets) in all() {
        let hello = view(&name, scan.records(&octets, &mut []), octets.len());
        assert_eq!(view(&name, scan.handshake(&octets[5..]), octets.len() - 5), hello);
        assert_eq!(view(&name, scan.body(&octets[9..]), octets.len() - 9), hello);
    }
}
