//! What the filter writes.

use std::io::{ErrorKind, IoSlice};

use proptest::collection::vec;
use proptest::prelude::*;
use rustls_ext::http::secondary::{ConnectionError, Frame, Outbox, SendError};
use rustls_ext::wire::authenticator::Endpoint;
use tokio::io::AsyncWrite;

use crate::frames::*;
use crate::recorder::{Event, Recorder};
use crate::script::{Filter, Script, filter, read_all, wait, write_all};

/// What an HTTP/2 library does.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    /// With so many octets in the first buffer, and so many in the second.
    WriteVectored(usize, usize),
    Flush,
}

/// Something that is written: frames of the library, or one of ours.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..200usize).prop_map(Step::Write),
        2 => (0..40usize, 1..200usize).prop_map(|(first, second)| Step::WriteVectored(first, second)),
        1 => Just(Step::Flush),
    ]
}

/// Frames of a library after its first SETTINGS: some alone, some header blocks.
fn others() -> impl Strategy<Value = Vec<u8>> {
    let payload = || vec(any::<u8>(), 0..300);
    let other = (prop_oneof![Just(DATA), Just(HEADERS), Just(SETTINGS), Just(GOAWAY)], payload())
        .prop_map(|(kind, payload)| frame(kind, END_HEADERS, 1, &payload));
    let block = (prop_oneof![Just(HEADERS), Just(PUSH_PROMISE)], payload(), payload()).prop_map(
        |(first, a, b)| {
            let frames = [
                frame(first, 0, 1, &a),
                frame(CONTINUATION, 0, 1, &b),
                frame(CONTINUATION, END_HEADERS, 1, &a),
            ];
            frames.concat()
        },
    );
    vec(prop_oneof![2 => other, 1 => block], 0..12).prop_map(|frames| frames.concat())
}

fn preface(endpoint: Endpoint) -> &'static [u8] {
    if endpoint == Endpoint::Client { PREFACE } else { &[] }
}

/// The octets without our frames, and our frames.
///
/// # Panics
/// If one of ours is not between other frames.
fn sorted(octets: &[u8]) -> (Vec<u8>, Vec<(Frame, Vec<u8>)>) {
    let (mut others, mut found, mut in_block) = (Vec::new(), Vec::new(), false);
    for octets in cut(octets) {
        if let Some(which) = which(octets) {
            assert!(!in_block, "within a header block");
            assert_eq!(octets[..9], head(octets.len() as u32 - 9, kind(which), 0, 0));
            found.push((which, octets[9..].to_vec()));
        } else {
            if matches!(octets[3], HEADERS | PUSH_PROMISE | CONTINUATION) {
                in_block = octets[4] & END_HEADERS == 0;
            }
            others.extend_from_slice(octets);
        }
    }
    (others, found)
}

proptest! {
    #[test]
    fn scc_13_each_frame_is_sent_once_in_order_between_other_frames(
        endpoint in prop_oneof![Just(Endpoint::Client), Just(Endpoint::Server)],
        entries in vec((0..0x10u16, any::<u32>()), 0..4),
        others in others(),
        steps in vec((step(), proptest::option::weighted(0.2, vec(any::<u8>(), 0..200))), 1..40),
        splits in vec(prop_oneof![0..3usize, 1..30usize, 1..400usize], 1..20),
    ) {
        let written = [preface(endpoint), &settings(&entries), &others].concat();
        let outbox = Outbox::new();
        let recorder = Recorder::announcing(0x1234);
        let mut filter = filter(Script::new(&[], &splits), endpoint, recorder.clone(), &outbox);
        let (mut rest, mut sent) = (&written[..], Vec::new());
        for (step, payload) in steps.iter().cycle() {
            if let Some(payload) = payload {
                if outbox.send(Frame::Certificate, payload.clone()).is_ok() {
                    sent.push((Frame::Certificate, payload.clone()));
                }
            }
            match *step {
                Step::Write(length) => {
                    let next = &rest[..length.min(rest.len())];
                    let count = wait(&mut filter, |filter, cx| filter.poll_write(cx, next)).unwrap();
                    rest = &rest[count..];
                }
                Step::WriteVectored(first, second) => {
                    let (first, after) = rest.split_at(first.min(rest.len()));
                    let second = &after[..second.min(after.len())];
                    let bufs = [IoSlice::new(first), IoSlice::new(second)];
                    let count =
                        wait(&mut filter, |filter, cx| filter.poll_write_vectored(cx, &bufs));
                    let count = count.unwrap();
                    rest = &rest[count..];
                }
                Step::Flush => wait(&mut filter, |filter, cx| filter.poll_flush(cx)).unwrap(),
            }
            if rest.is_empty() {
                break;
            }
            if steps.iter().all(|(step, _)| matches!(step, Step::Flush)) {
                write_all(&mut filter, rest).unwrap();
                break;
            }
        }
        wait(&mut filter, |filter, cx| filter.poll_flush(cx)).unwrap();

        let output = &filter.get_ref().output;
        prop_assert!(output.starts_with(preface(endpoint)));
        let (passed, found) = sorted(&output[preface(endpoint).len()..]);
        let announced = [entries, vec![(SETTING, 0x1234)]].concat();
        prop_assert_eq!(passed, [settings(&announced), others].concat());
        prop_assert_eq!(found, sent);
        prop_assert_eq!(recorder.events(), []);
    }
}

/// A server that has written its SETTINGS, whose writes are split like this.
fn server(splits: &[usize], outbox: &Outbox) -> Filter {
    let script = Script::new(&[], splits);
    let mut filter = filter(script, Endpoint::Server, Recorder::new(), outbox);
    write_all(&mut filter, &settings(&[])).unwrap();
    flush(&mut filter);
    filter
}

fn flush(filter: &mut Filter) {
    wait(filter, |filter, cx| filter.poll_flush(cx)).unwrap();
}

/// The octets that were written after the first SETTINGS.
fn written(filter: &Filter) -> &[u8] {
    let first = settings(&[(SETTING, 1)]);
    filter.get_ref().output.strip_prefix(&first[..]).unwrap()
}

#[test]
fn scc_1_a_server_announces_itself_in_its_first_settings() {
    assert_eq!(written(&server(&[4096], &Outbox::new())), [0_u8; 0]);
}

#[test]
fn scc_1_a_frame_is_not_sent_before_the_first_settings() {
    for endpoint in [Endpoint::Client, Endpoint::Server] {
        let outbox = Outbox::new();
        let script = Script::new(&[], &[4096]);
        let mut filter = filter(script, endpoint, Recorder::new(), &outbox);
        outbox.send(Frame::Certificate, vec![1]).unwrap();
        flush(&mut filter);
        assert_eq!(filter.get_ref().output, [0_u8; 0]);
        write_all(&mut filter, &[preface(endpoint), &settings(&[])].concat()).unwrap();
        flush(&mut filter);
        let first = settings(&[(SETTING, 1)]);
        let expected = [preface(endpoint), &first, &ours(Frame::Certificate, 0, &[1])].concat();
        assert_eq!(filter.get_ref().output, expected);
    }
}

#[test]
fn scc_13_a_frame_waits_for_the_end_of_the_frame_that_is_being_written() {
    let outbox = Outbox::new();
    let mut filter = server(&[4096], &outbox);
    let data = frame(DATA, 0, 1, b"data");
    // Within a head, and within a payload.
    for part in [5, 11] {
        write_all(&mut filter, &data[..part]).unwrap();
        outbox.send(Frame::AuthenticatorRequests, vec![part as u8]).unwrap();
        flush(&mut filter);
        assert!(written(&filter).ends_with(&data[..part]));
        // Two frames at once: ours stands after the first.
        write_all(&mut filter, &[&data[part..], &data].concat()).unwrap();
        let ours = ours(Frame::AuthenticatorRequests, 0, &[part as u8]);
        assert!(written(&filter).ends_with(&[&data, &ours[..], &data].concat()));
    }
}

#[test]
fn scc_13_a_frame_waits_for_the_end_of_the_header_block() {
    for first in [HEADERS, PUSH_PROMISE] {
        let outbox = Outbox::new();
        let mut filter = server(&[4096], &outbox);
        let block = [frame(first, 0, 1, b"a"), frame(CONTINUATION, 0, 1, &[])].concat();
        write_all(&mut filter, &block).unwrap();
        outbox.send(Frame::AuthenticatorRequests, Vec::new()).unwrap();
        flush(&mut filter);
        assert_eq!(written(&filter), block);
        let rest = [frame(CONTINUATION, END_HEADERS, 1, b"b"), frame(DATA, 0, 1, b"c")];
        write_all(&mut filter, &rest.concat()).unwrap();
        let ours = ours(Frame::AuthenticatorRequests, 0, &[]);
        assert_eq!(written(&filter), [&block, &rest[0], &ours, &rest[1]].map(|b| &b[..]).concat());
    }
}

#[test]
fn a_shutdown_sends_the_frames_that_wait_and_closes_the_outbox() {
    let outbox = Outbox::new();
    let mut filter = server(&[2, 0], &outbox);
    outbox.send(Frame::AuthenticatorRequests, b"last".to_vec()).unwrap();
    wait(&mut filter, |filter, cx| filter.poll_shutdown(cx)).unwrap();
    assert_eq!(written(&filter), ours(Frame::AuthenticatorRequests, 0, b"last"));
    assert!(filter.get_ref().is_shut_down);
    assert_eq!(outbox.send(Frame::AuthenticatorRequests, Vec::new()), Err(SendError::Closed));
}

#[test]
fn a_shutdown_within_the_first_settings_sends_what_there_is() {
    let script = Script::new(&[], &[3, 0]);
    let mut filter = filter(script, Endpoint::Client, Recorder::new(), &Outbox::new());
    write_all(&mut filter, &PREFACE[..20]).unwrap();
    assert_eq!(filter.get_ref().output, [0_u8; 0]);
    wait(&mut filter, |filter, cx| filter.poll_shutdown(cx)).unwrap();
    assert_eq!(filter.get_ref().output, &PREFACE[..20]);
}

#[test]
fn a_connection_must_begin_with_settings() {
    let too_long = vec![(0x3, 0); 2730];
    let cases = [
        (Endpoint::Server, frame(DATA, 0, 1, b"data")),
        (Endpoint::Server, frame(SETTINGS, ACK, 0, &[])),
        (Endpoint::Server, settings(&too_long)),
        (Endpoint::Client, [PREFACE, &frame(HEADERS, 0, 1, b"")].concat()),
        (Endpoint::Client, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_vec()),
    ];
    for (endpoint, octets) in cases {
        let script = Script::new(&[], &[4096]);
        let mut filter = filter(script, endpoint, Recorder::new(), &Outbox::new());
        let error = write_all(&mut filter, &octets).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = "an HTTP/2 connection begins with SETTINGS, and something else was written";
        assert_eq!(error.to_string(), text);
        assert_eq!(filter.get_ref().output, [0_u8; 0]);
    }
}

#[test]
fn scc_1_nothing_is_added_without_an_announcement() {
    let script = Script::new(&[], &[4096]);
    let mut filter = filter(script, Endpoint::Server, Recorder::announcing(0), &Outbox::new());
    write_all(&mut filter, b"anything").unwrap();
    flush(&mut filter);
    assert_eq!(filter.get_ref().output, b"anything");
}

#[test]
fn a_filter_that_is_dropped_closes_the_exchange_once() {
    let recorder = Recorder::new();
    let outbox = Outbox::new();
    let script = Script::new(&[], &[4096]);
    let mut filter = filter(script, Endpoint::Server, recorder.clone(), &outbox);
    write_all(&mut filter, &settings(&[])).unwrap();
    wait(&mut filter, |filter, cx| filter.poll_shutdown(cx)).unwrap();
    drop(filter);
    assert_eq!(recorder.events(), [Event::Closed]);
    assert_eq!(outbox.send(Frame::Certificate, Vec::new()), Err(SendError::Closed));
}

/// GOAWAY with a last stream, an error code and other data.
fn go_away(code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[&7u32.to_be_bytes()[..], &code.to_be_bytes(), b"why"].concat())
}

#[test]
fn only_the_go_away_of_an_error_gets_its_code() {
    let (no_error, protocol_error, enhance_your_calm) = (0, 1, 0xb);
    let data = frame(DATA, 0, 1, b"data");
    let short = frame(GOAWAY, 0, 0, &[0, 0, 0, 7, 0, 0, 0]);
    let frames = |code| [data.clone(), go_away(no_error), short.clone(), go_away(code)].concat();
    for splits in [&[1][..], &[0, 5, 12, 0, 1], &[4096]] {
        for before in [0, 3, 11, data.len()] {
            let outbox = Outbox::new();
            let mut filter = server(splits, &outbox);
            let written_by_library = frames(protocol_error);
            let (start, rest) = written_by_library.split_at(before);
            write_all(&mut filter, start).unwrap();
            outbox.fail(ConnectionError::TooManyRequests { most: 7 });
            // The preface has not arrived, so there is no frame for the library to refuse.
            assert_eq!(read_all(&mut filter, &[4]).unwrap_err().kind(), ErrorKind::InvalidData);
            for piece in rest.chunks(splits[0] + 6) {
                write_all(&mut filter, piece).unwrap();
            }
            flush(&mut filter);
            assert_eq!(written(&filter), frames(enhance_your_calm));
        }
    }
}
