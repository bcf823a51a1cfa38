//! Frames of HTTP/2 as octets.

use rustls_ext::http::secondary::{Frame, HttpCodePoints};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0x0;
pub const HEADERS: u8 = 0x1;
pub const SETTINGS: u8 = 0x4;
pub const PUSH_PROMISE: u8 = 0x5;
pub const GOAWAY: u8 = 0x7;
pub const CONTINUATION: u8 = 0x9;

pub const ACK: u8 = 0x1;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

/// The default number of our setting.
pub const SETTING: u16 = HttpCodePoints::DEFAULT.setting();

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut octets = head(payload.len() as u32, kind, flags, stream);
    octets.extend_from_slice(payload);
    octets
}

pub fn head(length: u32, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let mut octets = length.to_be_bytes()[1..].to_vec();
    octets.extend([kind, flags]);
    octets.extend(stream.to_be_bytes());
    octets
}

pub fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let entry = |(identifier, value): &(u16, u32)| {
        [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat()
    };
    frame(SETTINGS, 0, 0, &entries.iter().flat_map(entry).collect::<Vec<_>>())
}

/// One of our frames.
pub fn ours(which: Frame, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(kind(which), 0, stream, payload)
}

pub fn kind(which: Frame) -> u8 {
    match which {
        Frame::AuthenticatorRequests => HttpCodePoints::DEFAULT.authenticator_requests(),
        Frame::Certificate => HttpCodePoints::DEFAULT.certificate(),
    }
}

pub fn which(octets: &[u8]) -> Option<Frame> {
    [Frame::AuthenticatorRequests, Frame::Certificate]
        .into_iter()
        .find(|frame| kind(*frame) == octets[3])
}

/// Cuts octets into frames; the last one may be incomplete.
pub fn cut(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let [a, b, c, ..] = *octets {
        let length = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        let (frame, rest) = octets.split_at(length.min(octets.len()));
        frames.push(frame);
        octets = rest;
    }
    frames.extend(Some(octets).filter(|octets| !octets.is_empty()));
    frames
}

/// A header block of GET https://a/.
pub const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'a'];
