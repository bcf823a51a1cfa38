//! A peer that writes its streams by hand.

use quinn::{ApplicationClose, Connection, ConnectionError, RecvStream, SendStream};
use rustls_ext::http::secondary::{Frame, HttpCodePoints};

/// The type of a control stream.
pub const CONTROL: u8 = 0x00;
/// Frame types (RFC 9114 section 7.2).
pub const SETTINGS: u8 = 0x04;
pub const GOAWAY: u8 = 0x07;

/// A request `GET https://localhost/`: HEADERS with fields of QPACK's static table.
pub const GET: &[u8] = b"\x01\x10\x00\x00\xd1\xd7\xc1\x50\x09localhost";
/// A response with status 200.
pub const OK: &[u8] = b"\x01\x03\x00\x00\xd9";

/// SETTINGS with these values of the setting.
pub fn settings(values: &[u8]) -> Vec<u8> {
    // The identifier 0xff10 needs the form of four bytes.
    let entries: Vec<u8> =
        values.iter().flat_map(|value| [0x80, 0x00, 0xff, 0x10, *value]).collect();
    [&[SETTINGS, u8::try_from(entries.len()).unwrap()], &entries[..]].concat()
}

/// A frame whose length is in the form of four bytes.
pub fn frame(frame: Frame, payload: &[u8]) -> Vec<u8> {
    [&head(frame, payload.len() as u32), payload].concat()
}

pub fn head(frame: Frame, length: u32) -> Vec<u8> {
    let points = HttpCodePoints::DEFAULT;
    let kind = match frame {
        Frame::AuthenticatorRequests => points.authenticator_requests(),
        Frame::Certificate => points.certificate(),
    };
    [&[0x40, kind], &(length | 0x8000_0000).to_be_bytes()[..]].concat()
}

/// Opens a control stream that begins with these frames.
pub async fn control(connection: &Connection, frames: &[&[u8]]) -> SendStream {
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&[CONTROL]).await.unwrap();
    stream.write_all(&frames.concat()).await.unwrap();
    stream
}

/// The peer's control stream, after its type.
pub async fn peers_control(connection: &Connection) -> RecvStream {
    loop {
        let mut stream = connection.accept_uni().await.unwrap();
        let mut kind = [0];
        stream.read_exact(&mut kind).await.unwrap();
        if kind == [CONTROL] {
            return stream;
        }
    }
}

/// The next frame of a stream, whose type and length are read as h3 writes them.
pub async fn next_frame(stream: &mut RecvStream) -> (u64, Vec<u8>) {
    let kind = varint(stream).await;
    let length = varint(stream).await;
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    (kind, payload)
}

async fn varint(stream: &mut RecvStream) -> u64 {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes[..1]).await.unwrap();
    let length = 1 << (bytes[0] >> 6);
    stream.read_exact(&mut bytes[1..length]).await.unwrap();
    bytes[0] &= 0x3f;
    bytes[..length].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The code and reason with which the peer closes the connection.
pub async fn closed(connection: &Connection) -> (u64, String) {
    match connection.closed().await {
        ConnectionError::ApplicationClosed(ApplicationClose { error_code, reason }) => {
            (error_code.into_inner(), String::from_utf8(reason.to_vec()).unwrap())
        }
        err => panic!("{err:?}"),
    }
}
