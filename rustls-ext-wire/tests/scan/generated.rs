//! Generated ClientHellos, valid and damaged: the scan and the reference must agree, however the
//! bytes are divided.

use proptest::collection::vec;
use proptest::prelude::*;
use rustls_ext_wire::{Answer, CareError, CodePoints, Scan};

use crate::build::{self, Hello};
use crate::reference::{self, Told, told};

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

/// Mostly well-formed bodies of the extensions that a view returns, and any bytes for others.
fn extension() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let slices = |names: &[Vec<u8>], of: fn(&[&[u8]]) -> Vec<u8>| {
        of(&names.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let names = || vec(vec(any::<u8>(), 1..5), 1..4);
    let binders = || vec(32..40_u8, 1..3);
    prop_oneof![
        vec(any::<u8>(), 1..9).prop_map(|name| (0, build::server_name(&name))),
        names().prop_map(move |names| (16, slices(&names, build::alpn))),
        vec(any::<u16>(), 1..4).prop_map(|versions| (43, build::versions(&versions))),
        names().prop_map(move |names| (47, slices(&names, build::authorities))),
        (bytes(4), vec(any::<u8>(), 1..9))
            .prop_map(|(key, payload)| (0xfe0d, build::ech_outer(&key, &payload))),
        (names(), binders()).prop_map(move |(names, binders)| {
            let identities: Vec<_> = names.iter().map(Vec::as_slice).collect();
            (41, build::pre_shared_key(&identities, &binders))
        }),
        (prop_oneof![Just(62), Just(0xffca), 0..70_u16, any::<u16>()], bytes(9)),
    ]
}

prop_compose! {
    fn hello()(
        version in prop_oneof![9 => Just([3, 3]), 1 => any::<[u8; 2]>()],
        session_id in prop_oneof![9 => bytes(33), 1 => bytes(40)],
        suites in vec(any::<[u8; 2]>(), 1..9),
        extensions in prop::option::weighted(0.9, vec(extension(), 0..9)),
        psk in prop::option::of(extension()),
    ) -> Hello {
        let mut extensions = extensions;
        // Mostly at most one of each, and mostly with `pre_shared_key` last.
        if let Some(list) = &mut extensions {
            list.sort_by_key(|(number, _)| *number == 41);
            if psk.is_none() {
                let mut seen = std::collections::BTreeSet::new();
                list.retain(|(number, _)| seen.insert(*number));
            }
            list.extend(psk);
        }
        let cipher_suites = suites.concat();
        Hello { version, session_id, cipher_suites, compression_methods: vec![0], extensions }
    }
}

/// Changes of a few bytes: each has a position, the number of bytes to remove, and those to insert.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, Vec<u8>)>> {
    vec((any::<prop::sample::Index>(), 0..3_usize, bytes(3)), 0..3)
}

fn damaged(mut bytes: Vec<u8>, damage: &[(prop::sample::Index, usize, Vec<u8>)]) -> Vec<u8> {
    for (at, removed, added) in damage {
        let at = at.index(bytes.len() + 1);
        let end = (at + removed).min(bytes.len());
        bytes.splice(at..end, added.iter().copied());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..Default::default() })]

    #[test]
    fn a_body_gives_the_answer_of_the_reference(hello in hello(), damage in damage()) {
        let body = damaged(hello.body(), &damage);
        prop_assert_eq!(told(&Scan::default().body(&body)), reference::body(&body, body.len()));
    }

    #[test]
    fn records_give_the_answer_of_the_reference_however_they_are_divided(
        hello in hello(),
        sizes in vec(prop_oneof![1..6_usize, 1..200_usize], 0..6),
        damage in damage(),
        calls in vec(1..80_usize, 1..9),
    ) {
        let bytes = damaged(build::records(&hello.message(), &sizes), &damage);
        let expected = reference::scan(&bytes);
        let scan = Scan::default();
        prop_assert_eq!(&told(&scan.records(&bytes, &mut [0; 0xffff])), &expected);

        // In calls of these sizes, in turn, until there is a final answer.
        let (mut fed, mut peeked) = (scan.scanner([0; 0xffff]), scan.scanner([0; 0xffff]));
        let mut at = 0;
        for size in calls.iter().cycle() {
            let end = (at + size).min(bytes.len());
            let answer = told(&fed.feed(&bytes[at..end]));
            prop_assert_eq!(&told(&peeked.peek(&bytes[..end])), &answer);
            prop_assert_eq!(&reference::scan(&bytes[..end]), &answer);
            if answer != Told::Incomplete || end == bytes.len() {
                prop_assert_eq!(&answer, &expected);
                break;
            }
            at = end;
        }
    }

    #[test]
    fn any_bytes_give_the_answer_of_the_reference(bytes in bytes(300)) {
        let scan = Scan::default();
        prop_assert_eq!(told(&scan.records(&bytes, &mut [0; 300])), reference::scan(&bytes));
        prop_assert_eq!(told(&scan.body(&bytes)), reference::body(&bytes, bytes.len()));
        if bytes.len() >= 41 {
            let expected = match told(&scan.body(&bytes)) {
                Told::Hello(hello) => Told::Hello(reference::Hello {
                    length: hello.length + 4,
                    ..hello
                }),
                other => other,
            };
            prop_assert_eq!(told(&scan.handshake(&build::message(&bytes))), expected);
        }
    }

    #[test]
    fn flags_and_care_are_found_by_their_code_points(hello in hello()) {
        let body = hello.body();
        if let Answer::Hello { hello, .. } = Scan::default().body(&body) {
            let code_points = CodePoints::DEFAULT;
            let flags = hello.extension(code_points.tls_flags());
            prop_assert_eq!(hello.flags() == Ok(None), flags.is_none());
            let care = hello.extension(code_points.care().unwrap());
            prop_assert_eq!(hello.care(), match care {
                None => Ok(false),
                Some([]) => Ok(true),
                Some(body) => Err(CareError::NotEmpty { length: body.len() }),
            });
        }
    }
}
