//! The scan: records, message and body give the same result, however the bytes are divided.

use std::ops::Range;

use rustls_ext_wire::{Answer, ClientHello, Scan};

use crate::flags::well_formed;

/// The length of buffers: more than the longest ClientHello that a fuzzer makes.
const ROOM: usize = 8 * 1024;
/// The lengths of the headers of a record and of a message, in bytes.
const HEADERS: [usize; 2] = [5, 4];
/// The maximum of `needed`: the longest message in as few records as possible, after a short one.
const MOST_NEEDED: usize = HEADERS[1] + Scan::LONGEST + 6 * HEADERS[0];
/// The number of extensions that are looked up by number, which takes quadratic time.
const LOOKED_UP: usize = 64;

/// Scans bytes as records, as a handshake message and as a body: the views are within the bytes and
/// agree with each other.
pub fn check(bytes: &[u8]) {
    let scan = Scan::default();
    let mut room = [0; ROOM];
    match scan.records(bytes, &mut room) {
        Answer::Hello { hello, length } => {
            assert!(length <= bytes.len());
            assert_consistent(&hello);
            let body = hello.body();
            assert_eq!(scan.body(body), Answer::Hello { hello, length: body.len() });
            // If there is one record, its fragment is a message.
            let [record, message] = HEADERS;
            if length == record + message + body.len() {
                let bytes = &bytes[record..];
                let length = length - record;
                assert_eq!(scan.handshake(bytes), Answer::Hello { hello, length });
            }
        }
        Answer::Incomplete { needed } => assert!(needed.get() <= MOST_NEEDED),
        Answer::NotTls(what) => assert!(!what.to_string().is_empty()),
        Answer::Malformed(error) => {
            assert!(!error.rule().is_empty() && !error.to_string().is_empty());
        }
    }
    for answer in [scan.handshake(bytes), scan.body(bytes)] {
        match answer {
            Answer::Hello { hello, length } => {
                assert!(length <= bytes.len());
                assert_consistent(&hello);
            }
            Answer::Incomplete { .. } | Answer::NotTls(_) | Answer::Malformed(_) => {}
        }
    }
}

/// Calls every method of a view, and asserts that the results are consistent.
fn assert_consistent(hello: &ClientHello<'_>) {
    let bytes = hello.body().as_ptr_range();
    let inside = |part: &[u8]| {
        let Range { start, end } = part.as_ptr_range();
        assert!(part.is_empty() || (bytes.start <= start && end <= bytes.end));
    };
    assert_eq!(hello.random().len(), 32);
    inside(hello.random());
    inside(hello.session_id());
    hello.server_name().into_iter().for_each(inside);
    hello.alpn().for_each(|name| {
        inside(name);
        assert!(!name.is_empty());
    });
    hello.certificate_authorities().for_each(inside);
    assert!(hello.cipher_suites().count() * 2 <= hello.body().len());
    let offered = hello.versions().any(|version| version == 0x0304);
    let listed = hello.extension(43).is_some();
    assert_eq!(hello.offers_tls13(), offered && listed);

    let mut count = 0;
    for (number, body) in hello.extensions() {
        inside(body);
        count += 1;
        if count <= LOOKED_UP {
            // No type occurs twice, so a lookup finds this one.
            assert_eq!(hello.extension(number), Some(body));
        }
    }
    assert!(count * 4 <= hello.body().len());
    assert_eq!(hello.has_pre_shared_key(), hello.extension(41).is_some());
    assert_eq!(hello.ech().is_some(), hello.extension(0xfe0d).is_some());
    assert_eq!(hello.tls_flags(), hello.extension(62));
    let received = hello.received();
    assert_eq!((received.tls_flags, received.care), (hello.extension(62), hello.extension(0xffca)));
    assert_eq!(received.origin_hint, hello.extension(0xffcb));
    let origins = hello.origins();
    assert_eq!(
        origins.is_err(),
        hello.origin_hint().is_some_and(|it| !crate::origins::well_formed(it))
    );
    if let Ok(Some(origins)) = origins {
        origins.strings().for_each(inside);
        origins.iter().for_each(|origin| inside(origin.as_str().as_bytes()));
    }
    assert_eq!(hello.flags().is_err(), hello.tls_flags().is_some_and(|it| !well_formed(it)));
    assert_eq!(
        hello.care().ok(),
        match received.care {
            None => Some(false),
            Some([]) => Some(true),
            Some(_) => None,
        }
    );
}

/// Scans bytes in pieces, by `feed` and by `peek`: the result is that of all bytes at once.
///
/// The first byte of `data` gives the number of pieces before the rest, the next bytes their
/// lengths.
pub fn check_pieces(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let Some((lengths, bytes)) = rest.split_at_checked(usize::from(count % 8)) else { return };
    let mut ends = [bytes.len(); 8];
    let mut end = 0;
    for (place, length) in ends.iter_mut().zip(lengths) {
        end = (end + usize::from(*length)).min(bytes.len());
        *place = end;
    }
    let ends = &ends[..=lengths.len()];

    // With this limit the buffer is always long enough, so it makes no difference whether it is
    // used.
    let scan = Scan::default().max_message(ROOM);
    let mut room = [0; ROOM];
    let expected = scan.records(bytes, &mut room);

    let mut scanner = scan.scanner([0; ROOM]);
    let mut start = 0;
    let fed = ends.iter().any(|end| {
        let piece = &bytes[start..*end];
        start = *end;
        is_final(scanner.feed(piece), expected, *end)
    });
    assert_eq!(fed, !matches!(expected, Answer::Incomplete { .. }));
    if !fed {
        assert_eq!(scanner.feed(&[]), expected);
    }

    let mut scanner = scan.scanner([0; ROOM]);
    let peeked = ends.iter().any(|end| is_final(scanner.peek(&bytes[..*end]), expected, *end));
    assert_eq!(peeked, fed);
}

/// Returns true if an answer for the bytes up to `end` is final; then it must be `expected`.
#[track_caller]
fn is_final(answer: Answer<'_>, expected: Answer<'_>, end: usize) -> bool {
    if let Answer::Incomplete { needed } = answer {
        if let Answer::Hello { length, .. } = expected {
            assert!(end + needed.get() <= length, "fewer bytes are enough");
        }
        return false;
    }
    assert_eq!(answer, expected);
    true
}
