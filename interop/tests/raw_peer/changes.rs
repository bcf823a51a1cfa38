//! Changes between the two ClientHellos of a client.

use raw_peer::{ClientHello, Edit, Handshake, ext};
use rustls::{Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

use crate::demand::{BOTH, FLAGS, ILLEGAL_PARAMETER, OFFER, OTHER};
use crate::harness::UNKNOWN;

const HANDSHAKE_FAILURE: u8 = 40;
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;

/// An extension of the first ClientHello, and its change in the second.
pub type Change = (Vec<Edit>, Edit);

/// A list that a ClientHello shows, as the extension that it comes in.
struct List {
    name: &'static str,
    typ: u16,
    /// Whether the raw client's hello has it anyway.
    usual: bool,
    encode: fn(&[&[u8]]) -> Vec<u8>,
    items: &'static [&'static [u8]],
    another: &'static [u8],
}

fn with_length<const N: usize>(body: &[u8]) -> Vec<u8> {
    [&body.len().to_be_bytes()[8 - N..], body].concat()
}

const LISTS: [List; 6] = [
    List {
        name: "signature_algorithms",
        typ: ext::SIGNATURE_ALGORITHMS,
        usual: true,
        encode: |items| with_length::<2>(&items.concat()),
        items: &[&[4, 3], &[5, 3], &[8, 7], &[8, 4]],
        another: &[8, 6],
    },
    List {
        name: "supported_groups",
        typ: ext::SUPPORTED_GROUPS,
        usual: true,
        encode: |items| with_length::<2>(&items.concat()),
        items: &[&[0, 29], &[0, 23]],
        another: &[0, 24],
    },
    List {
        name: "application_layer_protocol_negotiation",
        typ: ext::ALPN,
        usual: false,
        encode: |items| {
            with_length::<2>(&items.iter().flat_map(|i| with_length::<1>(i)).collect::<Vec<_>>())
        },
        items: &[b"h2", b"http/1.1"],
        another: b"http/1.0",
    },
    List {
        name: "certificate_authorities",
        typ: ext::CERTIFICATE_AUTHORITIES,
        usual: false,
        encode: |items| {
            with_length::<2>(&items.iter().flat_map(|i| with_length::<2>(i)).collect::<Vec<_>>())
        },
        items: &[&[0x30, 2, 0x31, 0], &[0x30, 4, 0x31, 0, 0x31, 0]],
        another: &[0x30, 0],
    },
    List {
        name: "client_certificate_type",
        typ: 19,
        usual: false,
        encode: |items| with_length::<1>(&items.concat()),
        items: &[&[0], &[2]],
        another: &[1],
    },
    List {
        name: "server_certificate_type",
        typ: 20,
        usual: false,
        encode: |items| with_length::<1>(&items.concat()),
        items: &[&[0], &[2]],
        another: &[1],
    },
];

impl List {
    /// Removed, longer, shorter, in another order, with an item twice, and not there at first.
    fn changes(&self) -> Vec<Change> {
        let put = |items: &[&[u8]]| Edit::replace(self.typ, (self.encode)(items));
        let [first, .., last] = self.items else { panic!("two items at least") };
        let before = || vec![put(self.items)];
        let mut changes = vec![
            (before(), put(&[self.items, &[self.another]].concat())),
            (before(), put(&self.items[1..])),
            (before(), put(&self.items.iter().rev().copied().collect::<Vec<_>>())),
            (before(), put(&[self.items, &[first]].concat())),
            (before(), put(&[&[self.another], &self.items[1..]].concat())),
            (vec![put(&[self.items, &[last]].concat())], put(self.items)),
        ];
        if self.typ != ext::SIGNATURE_ALGORITHMS {
            changes.push((before(), Edit::remove(self.typ)));
        }
        if !self.usual {
            changes.push((vec![], put(self.items)));
        }
        changes
    }
}

fn suites(change: impl Fn(&mut Vec<u16>) + Send + Sync + 'static) -> Edit {
    Edit::message(move |message| match message {
        Handshake::ClientHello(hello) => change(&mut hello.cipher_suites),
        other => panic!("{other:?}"),
    })
}

fn hello(change: impl Fn(&mut ClientHello) + Send + Sync + 'static) -> Edit {
    Edit::message(move |message| match message {
        Handshake::ClientHello(hello) => change(hello),
        other => panic!("{other:?}"),
    })
}

fn name(name: &str) -> Edit {
    let entry = [&[0][..], &with_length::<2>(name.as_bytes())].concat();
    Edit::replace(ext::SERVER_NAME, with_length::<2>(&entry))
}

fn two_names() -> Edit {
    let entry = |name: &[u8]| [&[0][..], &with_length::<2>(name)].concat();
    let both = [entry(b"localhost"), entry(b"other.example")].concat();
    Edit::replace(ext::SERVER_NAME, with_length::<2>(&both))
}

fn differed(field: &'static str) -> Error {
    PeerMisbehaved::ClientHelloDifferedOnRetry(field).into()
}

/// Changes of all values that a policy sees, each with the error that names the value.
pub fn seen() -> Vec<(Change, Error, u8)> {
    let mut cases = Vec::new();
    let mut add = |changes: Vec<Change>, error: Error, alert: u8| {
        cases.extend(changes.into_iter().map(|change| (change, error.clone(), alert)));
    };
    for list in LISTS {
        add(list.changes(), differed(list.name), ILLEGAL_PARAMETER);
        let twice = (vec![list.changes()[0].0[0].clone()], Edit::duplicate(list.typ));
        add(vec![twice], InvalidMessage::DuplicateExtension(list.typ).into(), ILLEGAL_PARAMETER);
    }
    // It is mandatory with certificates, so its absence has its own error.
    let required = PeerIncompatible::SignatureAlgorithmsExtensionRequired;
    let removed = (vec![], Edit::remove(ext::SIGNATURE_ALGORITHMS));
    add(vec![removed], required.into(), HANDSHAKE_FAILURE);

    let changes = vec![
        (vec![], suites(|list| list.reverse())),
        (vec![], suites(|list| list.push(0x1303))),
        (vec![], suites(|list| list.push(0x5a5a))),
        (vec![], suites(|list| list.push(0x1301))),
        (vec![], suites(|list| list.truncate(1))),
        (vec![suites(|list| list.push(0x1303))], suites(|list| list.truncate(2))),
    ];
    add(changes, differed("cipher_suites"), ILLEGAL_PARAMETER);

    let changes = vec![
        (vec![], name("other.example")),
        (vec![], name("127.0.0.1")),
        (vec![], Edit::remove(ext::SERVER_NAME)),
        (vec![Edit::remove(ext::SERVER_NAME)], name("localhost")),
        (vec![name("127.0.0.1")], name("localhost")),
    ];
    add(changes, PeerMisbehaved::ServerNameDifferedOnRetry.into(), ILLEGAL_PARAMETER);
    // These are the same name, and no name, to a policy; the bytes differ all the same.
    let changes = vec![
        (vec![], name("LOCALHOST")),
        (vec![name("127.0.0.1")], Edit::remove(ext::SERVER_NAME)),
    ];
    add(changes, differed("server_name"), ILLEGAL_PARAMETER);
    add(vec![(vec![], two_names())], InvalidMessage::InvalidServerName.into(), DECODE_ERROR);
    let twice = InvalidMessage::DuplicateExtension(ext::SERVER_NAME).into();
    add(vec![(vec![], Edit::duplicate(ext::SERVER_NAME))], twice, ILLEGAL_PARAMETER);

    let flags = |body: &[u8]| Edit::replace(FLAGS, body);
    let changes = vec![
        (vec![], flags(&OFFER)),
        (vec![flags(&OFFER)], Edit::remove(FLAGS)),
        (vec![flags(&OFFER)], flags(&OTHER)),
        (vec![flags(&OFFER)], flags(&BOTH)),
        (vec![flags(&BOTH)], flags(&OFFER)),
    ];
    add(changes, differed("tls_flags"), ILLEGAL_PARAMETER);
    let twice = (vec![flags(&OFFER)], Edit::duplicate(FLAGS));
    add(vec![twice], InvalidMessage::DuplicateExtension(FLAGS).into(), ILLEGAL_PARAMETER);

    let versions = |list: &'static [u8]| Edit::replace(ext::SUPPORTED_VERSIONS, list);
    let changes = vec![
        (vec![], versions(&[4, 3, 4, 3, 3])),
        (vec![versions(&[4, 3, 4, 3, 3])], versions(&[2, 3, 4])),
    ];
    add(changes, differed("supported_versions"), ILLEGAL_PARAMETER);
    // Another version fails before the policy decides.
    let tls12 = PeerIncompatible::Tls12NotOfferedOrEnabled;
    add(vec![(vec![], versions(&[2, 3, 3]))], tls12.into(), PROTOCOL_VERSION);
    let none = PeerIncompatible::SupportedVersionsExtensionRequired;
    let removed = (vec![], Edit::remove(ext::SUPPORTED_VERSIONS));
    add(vec![removed], none.into(), PROTOCOL_VERSION);
    cases
}

/// Changes of values that no policy sees: RFC 8446 section 4.1.2 allows some of them, upstream all.
pub fn unseen() -> Vec<Change> {
    let versions = |list: &'static [u8]| Edit::replace(ext::SUPPORTED_VERSIONS, list);
    vec![
        (vec![], hello(|hello| hello.random = [9; 32])),
        (vec![], hello(|hello| hello.session_id = vec![9; 7])),
        (vec![], hello(|hello| hello.legacy_version = 0x0301)),
        (vec![], hello(|hello| hello.extensions.reverse())),
        (vec![name("127.0.0.1")], name("127.0.0.2")),
        (vec![versions(&[4, 3, 4, 3, 3])], versions(&[4, 3, 3, 3, 4])),
        (vec![], versions(&[4, 3, 4, 3, 4])),
        (vec![], versions(&[4, 3, 4, 0x5a, 0x5a])),
        (vec![], Edit::add(UNKNOWN, [1])),
        (vec![Edit::add(UNKNOWN, [1])], Edit::remove(UNKNOWN)),
        (vec![], Edit::add(ext::STATUS_REQUEST, [1, 0, 0, 0, 0])),
        (vec![], Edit::add(ext::COMPRESS_CERTIFICATE, [2, 0, 2])),
        (vec![], Edit::replace(ext::PSK_KEY_EXCHANGE_MODES, [2, 1, 0])),
        (vec![], Edit::add(21, [0; 40])),
    ]
}
