//! The scan: all ways to hand bytes to it come to the same answer.

use std::ops::Range;

use rustls_ext_wire::{Answer, ClientHello, Scan};

use crate::flags::well_formed;

/// More than the longest hello that a fuzzer makes.
const ROOM: usize = 8 * 1024;
/// The bytes of a record's header, and of a message's.
const HEADERS: [usize; 2] = [5, 4];
/// The longest message, in as few records as it takes, behind one that is short.
const MOST_NEEDED: usize = HEADERS[1] + Scan::LONGEST + 6 * HEADERS[0];
/// How many extensions are looked up by number; that takes quadratic time.
const LOOKED_UP: usize = 64;

/// Bytes as records, as a handshake message and as a body: the views stay within the bytes, and
/// agree with one another.
pub fn check(bytes: &[u8]) {
    let scan = Scan::default();
    let mut room = [0; ROOM];
    match scan.records(bytes, &mut room) {
        Answer::Hello { hello, length } => {
            assert!(length <= bytes.len());
            visit(&hello);
            let body = hello.body();
            assert_eq!(scan.body(body), Answer::Hello { hello, length: body.len() });
            // In one record, it is also a message, behind that record's header.
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
                visit(&hello);
            }
            Answer::Incomplete { .. } | Answer::NotTls(_) | Answer::Malformed(_) => {}
        }
    }
}

/// Looks at everything that a view shows.
fn visit(hello: &ClientHello<'_>) {
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
            // No type stands twice, so looking one up finds this one.
            assert_eq!(hello.extension(number), Some(body));
        }
    }
    assert!(count * 4 <= hello.body().len());
    assert_eq!(hello.has_pre_shared_key(), hello.extension(41).is_some());
    assert_eq!(hello.ech().is_some(), hello.extension(0xfe0d).is_some());
    assert_eq!(hello.tls_flags(), hello.extension(62));
    let said = hello.received();
    assert_eq!((said.tls_flags, said.care), (hello.extension(62), hello.extension(0xffca)));
    assert_eq!(hello.flags().is_err(), hello.tls_flags().is_some_and(|it| !well_formed(it)));
    assert_eq!(
        hello.care().ok(),
        match said.care {
            None => Some(false),
            Some([]) => Some(true),
            Some(_) => None,
        }
    );
}

/// Bytes in pieces, fed one by one, or shown again with each: the answer is that of all at once.
///
/// The first byte says how many pieces there are before the rest, and a byte for each its length.
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

    // With no more than what there is room for, it does not matter whether room is needed.
    let scan = Scan::default().max_message(ROOM);
    let mut room = [0; ROOM];
    let expected = scan.records(bytes, &mut room);

    let mut scanner = scan.scanner([0; ROOM]);
    let mut start = 0;
    let fed = ends.iter().any(|end| {
        let piece = &bytes[start..*end];
        start = *end;
        settles(scanner.feed(piece), expected, *end)
    });
    assert_eq!(fed, !matches!(expected, Answer::Incomplete { .. }));
    if !fed {
        assert_eq!(scanner.feed(&[]), expected);
    }

    let mut scanner = scan.scanner([0; ROOM]);
    let peeked = ends.iter().any(|end| settles(scanner.peek(&bytes[..*end]), expected, *end));
    assert_eq!(peeked, fed);
}

/// Whether an answer to the bytes up to `end` is final; panics unless it then is as `expected`.
#[track_caller]
fn settles(answer: Answer<'_>, expected: Answer<'_>, end: usize) -> bool {
    if let Answer::Incomplete { needed } = answer {
        if let Answer::Hello { length, .. } = expected {
            assert!(end + needed.get() <= length, "fewer bytes are enough");
        }
        return false;
    }
    assert_eq!(answer, expected);
    true
}
