//! The C ABI gives the same results as the codec for each ClientHello.

use std::path::Path;
use std::ptr::{null, null_mut};

use rext::*;
use rustls_ext_wire::{Answer, ClientHello, Scan};

use crate::{call, no_hello};

fn corpus() -> Vec<Vec<u8>> {
    if cfg!(miri) {
        let smallest = include_bytes!("../../../rustls-ext-wire/corpus/rustls-ring+flag.bin");
        return vec![smallest.to_vec()]; // Miri is slow, and cannot read files
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustls-ext-wire/corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "bin")).collect();
    assert!(files.len() >= 12);
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn assert_agrees(bytes: &[u8]) {
    let (mut scratch, mut other) = ([0; 4096], [0; 4096]);
    let (mut hello, mut count) = (no_hello(), usize::MAX);
    let (data, length) = (bytes.as_ptr(), bytes.len());
    let (room, size) = (scratch.as_mut_ptr(), scratch.len());
    // SAFETY: all pointers are valid.
    let (status, error) = call(|error| unsafe {
        rext_scan_records(null(), data, length, room, size, &mut hello, &mut count, error)
    });
    match Scan::default().records(bytes, &mut other) {
        Answer::Hello { hello: expected, length } => {
            assert_eq!((status, count), (REXT_OK, length));
            assert_same_view(&hello, &expected);
        }
        Answer::Incomplete { needed } => {
            assert_eq!((status, count), (REXT_INCOMPLETE, needed.get()));
        }
        Answer::NotTls(protocol) => assert_eq!(error.unwrap().message, protocol.to_string()),
        Answer::Malformed(fault) => {
            let error = error.unwrap();
            assert_eq!((error.alert, error.rule), (fault.alert().code(), fault.rule().to_owned()));
            assert_eq!((error.message, count), (fault.to_string(), usize::MAX));
        }
    }
}

fn bytes<'a>(bytes: rext_bytes) -> &'a [u8] {
    // SAFETY: the test keeps the scanned bytes.
    if bytes.length == 0 {
        &[]
    } else {
        unsafe { core::slice::from_raw_parts(bytes.data, bytes.length) }
    }
}

type Begin = unsafe extern "C" fn(*const rext_hello, *mut rext_list) -> rext_status;

fn items(hello: &rext_hello, begin: Begin) -> Vec<(u16, Vec<u8>)> {
    let mut list = rext_list { opaque: [std::mem::MaybeUninit::new(0); 6] };
    // SAFETY: all pointers are valid.
    assert_eq!(unsafe { begin(hello, &mut list) }, REXT_OK);
    let mut items = Vec::new();
    let (mut number, mut item) = (0, rext_bytes { data: null(), length: 0 });
    // SAFETY: likewise.
    while unsafe { rext_list_next(&mut list, &mut number, &mut item) } == REXT_YES {
        items.push((number, bytes(item).to_vec()));
    }
    items
}

fn assert_same_view(hello: &rext_hello, expected: &ClientHello<'_>) {
    let named = |name: &[u8]| (0, name.to_vec());
    let numbered = |number| (number, Vec::new());
    assert_eq!(items(hello, rext_hello_alpn), expected.alpn().map(named).collect::<Vec<_>>());
    let authorities: Vec<_> = expected.certificate_authorities().map(named).collect();
    assert_eq!(items(hello, rext_hello_authorities), authorities);
    let versions: Vec<_> = expected.versions().map(numbered).collect();
    assert_eq!(items(hello, rext_hello_versions), versions);
    let suites: Vec<_> = expected.cipher_suites().map(numbered).collect();
    assert_eq!(items(hello, rext_hello_cipher_suites), suites);
    let extensions: Vec<_> = expected.extensions().map(|(n, body)| (n, body.to_vec())).collect();
    assert_eq!(items(hello, rext_hello_extensions), extensions);

    let mut name = rext_bytes { data: null(), length: 0 };
    // SAFETY: all pointers are valid.
    let named = unsafe { rext_hello_server_name(hello, &mut name) } == REXT_YES;
    assert_eq!(named.then(|| bytes(name)), expected.server_name());
    // SAFETY: likewise.
    let psk = unsafe { rext_hello_has_psk(hello) };
    assert_eq!(psk == REXT_YES, expected.has_pre_shared_key());
    // SAFETY: likewise.
    let tls13 = unsafe { rext_hello_offers_version(hello, REXT_TLS13) };
    assert_eq!(tls13 == REXT_YES, expected.offers_tls13());
    // SAFETY: likewise.
    let flag = unsafe { rext_hello_has_flag(hello, 80, null_mut()) };
    let flags = expected.flags();
    let set = |flags: rustls_ext_wire::FlagSet| {
        flags.contains(rustls_ext_wire::Flag::REQUEST_CLIENT_AUTH)
    };
    assert_eq!(flag < 0, flags.is_err());
    assert_eq!(flag == REXT_YES, flags.is_ok_and(|flags| flags.is_some_and(set)));
}

#[test]
fn every_file_of_the_corpus_and_every_prefix_of_it() {
    for file in corpus() {
        let step = if cfg!(miri) { 29 } else { 1 };
        assert_agrees(&file);
        for length in (0..file.len()).step_by(step) {
            assert_agrees(&file[..length]);
        }
    }
}

#[test]
fn every_file_of_the_corpus_with_a_changed_byte() {
    for mut file in corpus() {
        let step = if cfg!(miri) { 31 } else { 1 };
        for at in (0..file.len()).step_by(step) {
            let byte = file[at];
            for change in [0, 1, 0x3e, 0x80, 0xff] {
                file[at] = byte ^ change;
                assert_agrees(&file);
            }
            file[at] = byte;
        }
    }
}
