//! A server that writes the frames of HTTP/2 itself, so that it can break any rule.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::server::TlsStream;

/// The numbers on the wire: these are not read from the code under test.
pub const SETTING: u16 = 0xff10;
pub const AUTHENTICATOR_REQUESTS: u8 = 0xf0;
pub const CERTIFICATE: u8 = 0xf1;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Requests in the payload of a frame, each after its length in 2 bytes.
pub fn list(requests: &[&[u8]]) -> Vec<u8> {
    let prefixed = |request: &&[u8]| {
        let length = 0x4000 | u16::try_from(request.len()).unwrap();
        [&length.to_be_bytes(), *request].concat()
    };
    requests.iter().flat_map(prefixed).collect()
}

pub fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes()[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
}

pub fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let entry =
        |(number, value): &(u16, u32)| [&number.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, &entries.iter().flat_map(entry).collect::<Vec<_>>())
}

/// SETTINGS of a server that takes part.
pub fn usual_settings() -> Vec<u8> {
    settings(&[(SETTING, 1)])
}

/// A connection.
pub struct Raw {
    io: TlsStream<DuplexStream>,
    /// The client's first SETTINGS, as numbers and values.
    pub settings: Vec<(u16, u32)>,
    pub exporters: rustls_ext::authenticator::Exporters,
}

impl Raw {
    /// Reads the client's preface and its first SETTINGS.
    pub async fn new(mut io: TlsStream<DuplexStream>) -> Self {
        use rustls_ext::authenticator::{Endpoint, Exporters};

        let exporters = Exporters::for_sender(io.get_ref().1, Endpoint::Client).unwrap();
        let mut preface = [0; 24];
        io.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut raw = Self { io, settings: Vec::new(), exporters };
        let (kind, payload) = raw.read().await.unwrap();
        assert_eq!(kind, SETTINGS);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
        let entry = |entry: &[u8]| (number(&entry[..2]).try_into().unwrap(), number(&entry[2..]));
        raw.settings = payload.chunks(6).map(entry).collect();
        raw
    }

    pub async fn write(&mut self, frames: &[u8]) {
        self.io.write_all(frames).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// The type and payload of the next frame; `None` at the end.
    pub async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.io.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.io.read_exact(&mut payload).await.ok()?;
        Some((head[3], payload))
    }

    /// Waits for the first HTTP request.
    pub async fn request(&mut self) {
        while self.read().await.unwrap().0 != HEADERS {}
    }

    /// The payload of the next CERTIFICATE, or the error code of GOAWAY.
    pub async fn answer(&mut self) -> Result<Vec<u8>, u32> {
        loop {
            match self.read().await {
                Some((CERTIFICATE, payload)) => return Ok(payload),
                Some((GOAWAY, payload)) => {
                    return Err(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
                }
                Some(_) => {}
                None => panic!("the client ended the connection without GOAWAY"),
            }
        }
    }
}
