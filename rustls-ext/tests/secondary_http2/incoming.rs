//! What the filter reads.

use proptest::collection::vec;
use proptest::prelude::*;
use rustls_ext::http::secondary::{Frame, Outbox, SendError};
use rustls_ext::wire::authenticator::Endpoint;

use crate::frames::*;
use crate::recorder::{Event, Recorder};
use crate::script::{Script, filter, read, read_all};

/// Some frames of a peer.
#[derive(Clone, Debug)]
enum Piece {
    /// Frames between which ours must not stand.
    Others(Vec<u8>),
    Settings(Vec<(u16, u32)>),
    Ours(Frame, u32, Vec<u8>),
}

fn payload(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn which_frame() -> impl Strategy<Value = Frame> {
    prop_oneof![Just(Frame::AuthenticatorRequests), Just(Frame::Certificate)]
}

fn piece() -> impl Strategy<Value = Piece> {
    let other = (
        prop_oneof![Just(DATA), Just(HEADERS), Just(0x2), Just(0x6), Just(GOAWAY), Just(0x99)],
        0..4u32,
        payload(600),
    )
        .prop_map(|(kind, stream, payload)| frame(kind, END_HEADERS, stream, &payload));
    let block = (prop_oneof![Just(HEADERS), Just(PUSH_PROMISE)], vec(payload(60), 1..4)).prop_map(
        |(first, payloads)| {
            let last = payloads.len();
            let mut octets = frame(first, 0, 1, b"first");
            for (n, payload) in payloads.iter().enumerate() {
                let flags = if n + 1 == last { END_HEADERS } else { 0 };
                octets.extend(frame(CONTINUATION, flags, 1, payload));
            }
            octets
        },
    );
    let entry = (prop_oneof![Just(SETTING), Just(0x3), any::<u16>()], any::<u32>());
    prop_oneof![
        4 => other.prop_map(Piece::Others),
        1 => block.prop_map(Piece::Others),
        1 => Just(Piece::Others(frame(SETTINGS, ACK, 0, &[]))),
        1 => vec(entry, 0..5).prop_map(Piece::Settings),
        3 => (which_frame(), 0..2u32, payload(300)).prop_map(|(which, stream, payload)| {
            Piece::Ours(which, stream, payload)
        }),
    ]
}

fn steps(from: usize) -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![from..3usize, 1..20usize, 1..2000usize], 1..20)
}

/// The octets of a peer, those that must reach the reader, and the events.
fn expected(endpoint: Endpoint, pieces: &[Piece]) -> (Vec<u8>, Vec<u8>, Vec<Event>) {
    let mut sent = if endpoint == Endpoint::Server { PREFACE.to_vec() } else { Vec::new() };
    let (mut passed, mut events, mut first) = (sent.clone(), Vec::new(), true);
    for piece in pieces {
        let octets = match piece {
            Piece::Others(octets) => octets.clone(),
            Piece::Settings(entries) => {
                let values = entries.iter().filter(|(identifier, _)| *identifier == SETTING);
                let before = events.len();
                events.extend(values.map(|(_, value)| Event::Setting(Some(u64::from(*value)))));
                if std::mem::take(&mut first) && events.len() == before {
                    events.push(Event::Setting(None));
                }
                settings(entries)
            }
            Piece::Ours(frame, stream, payload) => {
                sent.extend(ours(*frame, *stream, payload));
                let (on_control, length) = (*stream == 0, payload.len() as u64);
                events.push(Event::Head { frame: *frame, on_control, length });
                events.push(Event::Frame(*frame, payload.clone()));
                continue;
            }
        };
        sent.extend_from_slice(&octets);
        passed.extend(octets);
    }
    events.push(Event::Closed);
    (sent, passed, events)
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![Just(Endpoint::Client), Just(Endpoint::Server)]
}

proptest! {
    #[test]
    fn any_split_gives_the_reader_all_other_frames_and_the_exchange_each_of_ours(
        endpoint in endpoint(),
        pieces in vec(piece(), 0..20),
        steps in steps(0),
        sizes in steps(1),
    ) {
        let (sent, passed, events) = expected(endpoint, &pieces);
        let recorder = Recorder::new();
        let script = Script::new(&sent, &steps);
        let mut filter = filter(script, endpoint, recorder.clone(), &Outbox::new());
        prop_assert_eq!(read_all(&mut filter, &sizes).unwrap(), passed);
        prop_assert_eq!(recorder.events(), events);
    }

    #[test]
    fn a_stream_that_ends_anywhere_gives_the_reader_all_that_came(
        endpoint in endpoint(),
        pieces in vec(piece(), 1..6),
        steps in steps(0),
        sizes in steps(1),
        end in any::<prop::sample::Index>(),
    ) {
        let (sent, ..) = expected(endpoint, &pieces);
        let end = end.index(sent.len() + 1);
        let recorder = Recorder::new();
        let script = Script::new(&sent[..end], &steps);
        let mut filter = filter(script, endpoint, recorder.clone(), &Outbox::new());
        let read = read_all(&mut filter, &sizes).unwrap();
        // All but what belongs to our frames.
        let preface = if endpoint == Endpoint::Server { PREFACE.len().min(end) } else { 0 };
        let mut passed = sent[..preface].to_vec();
        let frames = cut(&sent[preface..end]).into_iter();
        passed.extend(frames.filter(|frame| frame.len() < 9 || which(frame).is_none()).flatten());
        prop_assert_eq!(read, passed);
        prop_assert!(recorder.events().ends_with(&[Event::Closed]));
    }

    #[test]
    fn scc_1_without_an_announcement_everything_passes(
        endpoint in endpoint(),
        pieces in vec(piece(), 0..20),
        steps in steps(0),
        sizes in steps(1),
    ) {
        let (sent, ..) = expected(endpoint, &pieces);
        let recorder = Recorder::announcing(0);
        let script = Script::new(&sent, &steps);
        let outbox = Outbox::new();
        let mut filter = filter(script, endpoint, recorder.clone(), &outbox);
        prop_assert_eq!(read_all(&mut filter, &sizes).unwrap(), sent);
        prop_assert_eq!(outbox.send(Frame::Certificate, Vec::new()), Err(SendError::Closed));
        drop(filter);
        prop_assert_eq!(recorder.events(), [Event::Closed]);
    }
}

/// The events of a client whose server sends these octets.
fn events(sent: &[u8]) -> Vec<Event> {
    let recorder = Recorder::new();
    let script = Script::new(sent, &[4096]);
    let mut filter = filter(script, Endpoint::Client, recorder.clone(), &Outbox::new());
    assert_eq!(read_all(&mut filter, &[4096]).unwrap(), sent);
    recorder.events()
}

#[test]
fn scc_1_each_value_of_the_setting_is_reported_in_order() {
    let sent = settings(&[(SETTING, 1), (0x3, 100), (SETTING, 0)]);
    let expected = [Event::Setting(Some(1)), Event::Setting(Some(0)), Event::Closed];
    assert_eq!(events(&sent), expected);
}

#[test]
fn scc_1_only_first_settings_report_that_the_setting_is_missing() {
    let sent = [settings(&[(0x3, 100)]), settings(&[(0x3, 50)]), settings(&[(SETTING, 1)])];
    let expected = [Event::Setting(None), Event::Setting(Some(1)), Event::Closed];
    assert_eq!(events(&sent.concat()), expected);
}

#[test]
fn scc_1_settings_without_entries_do_not_have_the_setting() {
    assert_eq!(events(&settings(&[])), [Event::Setting(None), Event::Closed]);
}

#[test]
fn scc_1_acknowledgements_and_settings_of_streams_are_not_settings() {
    let entry = [&SETTING.to_be_bytes()[..], &1u32.to_be_bytes()].concat();
    let sent = [frame(SETTINGS, ACK, 0, &entry), frame(SETTINGS, 0, 1, &entry)];
    assert_eq!(events(&sent.concat()), [Event::Closed]);
    // The first SETTINGS are still to come.
    let sent = [&sent.concat()[..], &settings(&[(SETTING, 7)])].concat();
    assert_eq!(events(&sent), [Event::Setting(Some(7)), Event::Closed]);
}

#[test]
fn scc_1_an_entry_that_is_cut_off_is_not_reported() {
    // RFC 9113 section 6.5: a connection error, which the HTTP/2 library reports.
    let mut entry = SETTING.to_be_bytes().to_vec();
    entry.extend([0, 0, 1]);
    let sent = [frame(SETTINGS, 0, 0, &entry), settings(&[(SETTING, 1)])].concat();
    assert_eq!(events(&sent), [Event::Setting(None), Event::Setting(Some(1)), Event::Closed]);
}

#[test]
fn scc_12_the_peers_limit_of_frames_is_followed() {
    let limit = |entries: &[(u16, u32)]| {
        let outbox = Outbox::new();
        let script = Script::new(&settings(entries), &[4096]);
        let mut filter = filter(script, Endpoint::Client, Recorder::new(), &outbox);
        assert!(read(&mut filter, 4096).is_ready());
        match outbox.send(Frame::Certificate, vec![0; 1 << 24]) {
            Err(SendError::TooLong { most }) => most,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(limit(&[]), 16_384);
    assert_eq!(limit(&[(5, 16_777_215)]), 16_777_215);
    assert_eq!(limit(&[(5, 20_000), (SETTING, 1), (5, 30_000)]), 30_000);
    // RFC 9113 section 6.5.2: a connection error, which the HTTP/2 library reports.
    assert_eq!(limit(&[(5, 16_383)]), 16_384);
    assert_eq!(limit(&[(5, 16_777_216)]), 16_384);
}

#[test]
fn scc_12_the_head_is_reported_before_the_payload_arrives() {
    let sent = [settings(&[(SETTING, 1)]), head(0xff_ffff, kind(Frame::Certificate), 0, 0)];
    let recorder = Recorder::new();
    let script = Script::new(&sent.concat(), &[15, 9, 0]);
    let mut filter = filter(script, Endpoint::Client, recorder.clone(), &Outbox::new());
    assert!(read(&mut filter, 4096).is_ready());
    assert!(read(&mut filter, 4096).is_pending());
    let head = Event::Head { frame: Frame::Certificate, on_control: true, length: 0xff_ffff };
    assert_eq!(recorder.events(), [Event::Setting(Some(1)), head]);
}
