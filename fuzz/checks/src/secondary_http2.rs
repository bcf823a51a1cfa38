//! The filter of HTTP/2: with any frames and any splits, all other octets are the same as without it
//! (SCC-1, SCC-13), and nothing of the peer passes after an error.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::http::secondary::{
    ConnectionError, Exchange, Frame, Http2Filter, HttpCodePoints, Outbox,
};
use rustls_ext::wire::authenticator::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const END_HEADERS: u8 = 0x4;
/// The entry that the filter adds, and looks for.
const ENTRY: [u8; 6] = [0xff, 0x10, 0, 0, 0, 3];

/// Checks the properties of this module for some frames in one direction.
pub fn check(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

/// Which direction was checked, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Read { frames: bool, failed: bool },
    Written { frames: bool },
}

fn run(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let endpoint = if bool::arbitrary(u)? { Endpoint::Client } else { Endpoint::Server };
    if bool::arbitrary(u)? { incoming(u, endpoint) } else { outgoing(u, endpoint) }
}

/// A stream with these splits of reads and writes, again and again; 0: try again.
struct Pipe {
    input: VecDeque<u8>,
    output: Vec<u8>,
    splits: Vec<u8>,
    turn: usize,
}

impl Pipe {
    fn new(input: &[u8], u: &mut Unstructured<'_>) -> Result<Self> {
        let mut splits = splits(u)?;
        splits.push(255); // not all are 0
        Ok(Self { input: input.to_vec().into(), output: Vec::new(), splits, turn: 0 })
    }

    fn next(&mut self) -> Poll<usize> {
        self.turn += 1;
        match self.splits[self.turn % self.splits.len()] {
            0 => Poll::Pending,
            split => Poll::Ready(split.into()),
        }
    }
}

fn splits(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = u.int_in_range(0..=8)?;
    Ok(u.bytes(length.min(u.len()))?.to_vec())
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Poll::Ready(most) = self.next() else { return Poll::Pending };
        let length = most.min(buf.remaining()).min(self.input.len());
        buf.put_slice(&self.input.drain(..length).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(most) = self.next() else { return Poll::Pending };
        let length = most.min(buf.len());
        self.output.extend_from_slice(&buf[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.next().map(|_| Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The exchange: records its frames and settings, and accepts so many calls.
struct Recorder {
    accepts: usize,
    calls: Mutex<Vec<Call>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Setting(Option<u64>),
    Head(Frame, bool, u64),
    Frame(Frame, Vec<u8>),
}

impl Recorder {
    fn call(&self, call: Call) -> std::result::Result<(), ConnectionError> {
        let mut calls = self.calls.lock().expect("no panic");
        calls.push(call);
        if calls.len() > self.accepts { Err(ConnectionError::Signature) } else { Ok(()) }
    }
}

impl Exchange for Recorder {
    fn announces(&self) -> u32 {
        3
    }

    fn setting(&self, value: Option<u64>) -> std::result::Result<(), ConnectionError> {
        self.call(Call::Setting(value))
    }

    fn head(
        &self,
        frame: Frame,
        on_control: bool,
        length: u64,
    ) -> std::result::Result<(), ConnectionError> {
        self.call(Call::Head(frame, on_control, length))
    }

    fn frame(&self, frame: Frame, payload: Vec<u8>) -> std::result::Result<(), ConnectionError> {
        self.call(Call::Frame(frame, payload))
    }

    fn closed(&self) {}
}

fn start(u: &mut Unstructured<'_>, endpoint: Endpoint, input: &[u8]) -> Result<Run> {
    // Most accept everything.
    let accepts = if u.ratio(1, 4)? { u.int_in_range(0..=8)? } else { usize::MAX };
    let recorder = Arc::new(Recorder { accepts, calls: Mutex::default() });
    let outbox = Outbox::new();
    let pipe = Pipe::new(input, u)?;
    let exchange = recorder.clone();
    let filter =
        Http2Filter::new(pipe, endpoint, HttpCodePoints::DEFAULT, exchange, outbox.clone());
    Ok(Run { filter, recorder, outbox })
}

struct Run {
    filter: Http2Filter<Pipe>,
    recorder: Arc<Recorder>,
    outbox: Outbox,
}

impl Run {
    fn wait<T>(
        &mut self,
        mut poll: impl FnMut(Pin<&mut Http2Filter<Pipe>>, &mut Context<'_>) -> Poll<T>,
    ) -> T {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = poll(Pin::new(&mut self.filter), &mut cx) {
                return output;
            }
        }
    }
}

/// Some frames, one after the other.
fn frames(u: &mut Unstructured<'_>, kinds: &[u8]) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    for _ in 0..u.int_in_range(0..=12)? {
        let kind = *u.choose(kinds)?;
        let length = usize::from(u8::arbitrary(u)?);
        let mut payload = u.bytes(length.min(u.len()))?.to_vec();
        if kind == SETTINGS && bool::arbitrary(u)? {
            payload.splice(..payload.len() / 12 * 6, ENTRY);
        }
        // Mostly without a flag that ends header blocks, or acknowledges SETTINGS.
        let flags = *u.choose(&[0, 0, 0, END_HEADERS, END_HEADERS, 1, 0xff])?;
        octets.extend(head(payload.len(), kind, flags, u32::from(u.ratio(1, 4)?)));
        octets.extend(payload);
    }
    Ok(octets)
}

pub(crate) fn head(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let mut octets = (length as u32).to_be_bytes()[1..].to_vec();
    octets.extend([kind, flags]);
    octets.extend(stream.to_be_bytes());
    octets
}

fn which(kind: u8) -> Option<Frame> {
    match kind {
        0xf0 => Some(Frame::AuthenticatorRequests),
        0xf1 => Some(Frame::Certificate),
        _ => None,
    }
}

pub(crate) fn preface(endpoint: Endpoint) -> &'static [u8] {
    if endpoint == Endpoint::Client { PREFACE } else { &[] }
}

/// Cuts octets into heads and payloads; the last one may be incomplete.
pub(crate) fn cut(mut octets: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut frames = Vec::new();
    while !octets.is_empty() {
        let (head, rest) = octets.split_at(octets.len().min(9));
        let length = match head {
            [a, b, c, .., _] if head.len() == 9 => u32::from_be_bytes([0, *a, *b, *c]) as usize,
            _ => 0,
        };
        let (payload, rest) = rest.split_at(rest.len().min(length));
        frames.push((head, payload));
        octets = rest;
    }
    frames
}

fn opens_block(head: &[u8]) -> Option<bool> {
    matches!(head[3], 0x1 | 0x5 | 0x9).then_some(head[4] & END_HEADERS == 0)
}

/// What a filter must do that sees all octets at once.
struct Expected {
    passed: Vec<u8>,
    calls: Vec<Call>,
    /// The connection ends because of a header block; or because of `accepts`.
    fails: bool,
}

fn expected(start: &[u8], octets: &[u8], accepts: usize) -> Expected {
    let (mut passed, mut calls, mut first, mut block) = (start.to_vec(), Vec::new(), true, false);
    for (head, payload) in cut(octets) {
        let before = passed.len();
        let Some(ours) = head.get(3).filter(|_| head.len() == 9).map(|kind| which(*kind)) else {
            passed.extend_from_slice(head);
            break;
        };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let complete = payload.len() == length as usize;
        let on_control = head[5..] == [0; 4];
        if let Some(frame) = ours {
            if block {
                return Expected { passed, calls, fails: true };
            }
            calls.push(Call::Head(frame, on_control, length.into()));
            if complete && calls.len() <= accepts {
                calls.push(Call::Frame(frame, payload.to_vec()));
            }
        } else {
            passed.extend_from_slice(head);
            passed.extend_from_slice(payload);
            block = opens_block(head).unwrap_or(block);
            if head[3] == SETTINGS && head[4] & 1 == 0 && on_control {
                let entries = payload.chunks_exact(6).filter(|entry| entry[..2] == ENTRY[..2]);
                let value =
                    |entry: &[u8]| u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
                let values = entries.map(|entry| Call::Setting(Some(value(entry).into())));
                let count = calls.len();
                calls.extend(values);
                if complete && std::mem::take(&mut first) && calls.len() == count {
                    calls.push(Call::Setting(None));
                }
            }
        }
        if calls.len() > accepts {
            calls.truncate(accepts.saturating_add(1));
            // Of SETTINGS, a part may pass.
            passed.truncate(before + if ours.is_none() { 9 + payload.len() } else { 0 });
            return Expected { passed, calls, fails: true };
        }
    }
    Expected { passed, calls, fails: false }
}

fn incoming(u: &mut Unstructured<'_>, endpoint: Endpoint) -> Result<Outcome> {
    let kinds = [0x0, 0x1, SETTINGS, SETTINGS, 0x5, 0x9, 0xf0, 0xf1, 0xf1, 0x42];
    let start_of_peer = preface(endpoint.peer());
    let mut octets = frames(u, &kinds)?;
    let end = u.int_in_range(0..=octets.len())?;
    if u.ratio(1, 4)? {
        octets.truncate(end);
    }
    let mut run = start(u, endpoint, &[start_of_peer, &octets].concat())?;
    let sizes = splits(u)?;
    let expected = expected(start_of_peer, &octets, run.recorder.accepts);

    let mut read = Vec::new();
    let mut result = Ok(());
    for size in sizes.iter().copied().chain([64]).cycle() {
        let mut storage = vec![0; usize::from(size) + 1];
        let mut buf = ReadBuf::new(&mut storage);
        result = run.wait(|filter, cx| filter.poll_read(cx, &mut buf));
        read.extend_from_slice(buf.filled());
        if result.is_err() || buf.filled().is_empty() {
            break;
        }
    }

    assert_eq!(*run.recorder.calls.lock().expect("no panic"), expected.calls);
    assert_eq!(run.outbox.error().is_some(), expected.fails);
    if !expected.fails {
        assert!(result.is_ok());
        assert_eq!(read, expected.passed);
    } else if result.is_err() {
        // Within SETTINGS.
        assert!(expected.passed.starts_with(&read));
    } else {
        let passed = read.strip_suffix(&[0; 9]).expect("a frame that h2 refuses");
        assert!(expected.passed.starts_with(passed));
    }
    let frames = expected.calls.iter().any(|call| matches!(call, Call::Frame(..)));
    Ok(Outcome::Read { frames, failed: expected.fails })
}

fn outgoing(u: &mut Unstructured<'_>, endpoint: Endpoint) -> Result<Outcome> {
    let kinds = [0x0, 0x1, 0x1, SETTINGS, 0x5, 0x7, 0x9, 0x9, 0x42];
    let mut first = head(6, SETTINGS, 0, 0);
    first.extend([0, 3, 0, 0, 0, 100]);
    let others = frames(u, &kinds)?;
    let written = [preface(endpoint), &first, &others].concat();
    let mut run = start(u, endpoint, &[])?;
    let steps = splits(u)?;
    let (mut rest, mut sent) = (&written[..], Vec::new());
    for step in steps.iter().copied().chain([64]).cycle() {
        // Some steps send a frame, and some flush.
        if step % 5 == 0 && run.outbox.send(Frame::Certificate, vec![step; 5]).is_ok() {
            sent.push(vec![step; 5]);
        }
        if step % 7 == 0 {
            run.wait(|filter, cx| filter.poll_flush(cx)).expect("no error");
        }
        let piece = &rest[..rest.len().min(usize::from(step))];
        let count = run.wait(|filter, cx| filter.poll_write(cx, piece)).expect("no error");
        rest = &rest[count..];
        if rest.is_empty() {
            break;
        }
    }
    run.wait(|filter, cx| filter.poll_flush(cx)).expect("no error");

    let output = &run.filter.get_ref().output;
    let output = output.strip_prefix(preface(endpoint)).expect("the preface");
    let (mut passed, mut found, mut block) = (Vec::new(), Vec::new(), false);
    for (head, payload) in cut(output) {
        if which(head[3]).is_some() {
            assert!(!block, "within a header block");
            found.push(payload.to_vec());
        } else {
            block = opens_block(head).unwrap_or(block);
            passed.extend_from_slice(head);
            passed.extend_from_slice(payload);
        }
    }
    first[2] = 12;
    assert_eq!(passed, [&first[..], &ENTRY, &others].concat());
    // A block that is still open keeps the others back.
    assert!(if block { sent.starts_with(&found) } else { sent == found });
    Ok(Outcome::Written { frames: !found.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_every_outcome() {
        let outcomes = crate::seeds("secondary_http2", run);
        let read = |frames, failed| Outcome::Read { frames, failed };
        let written = |frames| Outcome::Written { frames };
        let mut expected = std::collections::BTreeSet::from([written(false), written(true)]);
        expected.extend([
            read(false, false),
            read(false, true),
            read(true, false),
            read(true, true),
        ]);
        assert_eq!(outcomes, expected);
    }
}
