//! Complete ClientHello messages, each with its content or its fault: those of the corpus, and
//! generated ones with various offers and faults.

use std::fs;
use std::path::Path;

use rustls_ext_wire::{Answer, Origins, Scan};
use serde_json::{Value, json};

use super::origins::list;
use super::{OFFER, fault, hex, numbers};

pub fn all() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "bin")).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        cases.push(case(name, &message_of(&fs::read(file).unwrap())));
    }

    let flags = |body: &[u8]| extension(62, body);
    let care = |body: &[u8]| extension(0xffca, body);
    let origins = |body: &[u8]| extension(0xffcb, body);
    let two = list(&["spiffe://example.org", "spiffe://example.org/agent"]);
    let made: [(&str, Vec<Vec<u8>>); 19] = [
        ("neither extension", vec![]),
        ("an offer by the flag", vec![flags(OFFER)]),
        ("an offer by CARE", vec![care(&[])]),
        ("an offer by both", vec![flags(OFFER), care(&[])]),
        ("unknown flags", vec![flags(&[1, 0x22])]),
        ("a zero byte", vec![flags(&[1, 0])]),
        ("a zero byte after a flag", vec![flags(&[2, 2, 0])]),
        ("an empty body", vec![flags(&[])]),
        ("an empty list", vec![flags(&[0])]),
        ("bytes after the list", vec![flags(&[1, 2, 2])]),
        ("flags twice", vec![flags(OFFER), flags(OFFER)]),
        ("flags twice, with different bodies", vec![flags(OFFER), flags(&[1, 2])]),
        ("CARE with a body", vec![care(&[0])]),
        ("CARE twice", vec![care(&[]), care(&[])]),
        ("an offer by origins", vec![origins(&two)]),
        ("an offer by all three", vec![flags(OFFER), care(&[]), origins(&two)]),
        ("origins without an origin", vec![origins(&list(&["?"]))]),
        ("malformed origins", vec![origins(&two[1..])]),
        ("origins twice", vec![origins(&two), origins(&two)]),
    ];
    cases.extend(made.into_iter().map(|(name, extensions)| case(name.into(), &hello(&extensions))));
    let psk = extension(
        41,
        &[0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 33, 32].iter().copied().chain([7; 32]).collect::<Vec<_>>(),
    );
    cases.push(case(
        "flags after pre_shared_key".into(),
        &hello(&[extension(45, &[1, 1]), psk, flags(OFFER)]),
    ));
    cases
}

/// The handshake message in the records of a corpus file.
fn message_of(records: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = records;
    while let [22, _, _, high, low, tail @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        message.extend_from_slice(&tail[..len]);
        rest = &tail[len..];
    }
    message
}

fn extension(typ: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&typ.to_be_bytes()[..], &len.to_be_bytes(), body].concat()
}

/// A ClientHello of TLS 1.3 with these extensions after its usual ones.
fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut block = vec![
        extension(0, b"\x00\x0e\x00\x00\x0bexample.com"),
        extension(10, &[0, 2, 0, 29]),
        extension(13, &[0, 2, 4, 3]),
        extension(43, &[2, 3, 4]),
        extension(51, &[&[0, 36, 0, 29, 0, 32][..], &[9; 32]].concat()),
    ];
    block.extend_from_slice(extensions);
    let block = block.concat();
    let len = u16::try_from(block.len()).unwrap().to_be_bytes();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &len, &block].concat();
    let [.., a, b, c] = body.len().to_be_bytes();
    [&[1, a, b, c][..], &body].concat()
}

fn case(name: String, message: &[u8]) -> Value {
    let mut case = json!({ "name": name, "message": hex(message) });
    match Scan::default().handshake(message) {
        Answer::Hello { hello, .. } => {
            let flags = hello.flags();
            let care = hello.care();
            match (flags, care, hello.origins()) {
                (Err(err), ..) => case["fault"] = fault(err.rule(), err.alert()),
                (_, Err(err), _) => case["fault"] = fault(err.rule(), err.alert()),
                (.., Err(err)) => case["fault"] = fault(err.rule(), err.alert()),
                (Ok(flags), Ok(care), Ok(origins)) => {
                    let name = hello.server_name();
                    case["server_name"] =
                        json!(name.map(|name| String::from_utf8_lossy(name).into_owned()));
                    case["tls13"] = json!(hello.offers_tls13());
                    case["flags"] = json!(flags.map(|flags| numbers(&flags)));
                    case["care"] = json!(care);
                    let texts = |origins: Origins<'_>| {
                        origins.iter().map(|origin| origin.as_str().to_owned()).collect::<Vec<_>>()
                    };
                    case["origins"] = json!(origins.map(texts));
                }
            }
        }
        Answer::Malformed(err) => case["fault"] = fault(err.rule(), err.alert()),
        other => panic!("{name}: {other:?}"),
    }
    case
}
