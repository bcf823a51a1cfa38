//! A scan that continues from call to call.

use super::error::Refusal;
use super::stream::Stream;
use super::{Answer, Scan};

/// A scan of a stream whose bytes arrive in pieces; [`Scan::scanner`] makes it.
///
/// It reads each byte of a record's header once, copies each byte of a message at most once, and
/// reads the message once, when it is complete. So its work is linear in the length of the data,
/// however the client divides the data into records and however few bytes arrive at a time.
///
/// The result is the same as for all bytes at once. After a refusal, every later call returns the
/// same refusal. After a ClientHello, the scanner is ready for another one: a client sends a second
/// ClientHello when it gets a HelloRetryRequest.
///
/// ```
/// use rustls_ext_wire::{Answer, Scan};
///
/// # let hello = include_bytes!("../../corpus/go124.bin");
/// # let mut socket = hello.chunks(600);
/// let mut scanner = Scan::default().scanner([0; 4096]);
/// let name = loop {
///     let bytes = socket.next().ok_or("the client went away")?;
///     match scanner.feed(bytes) {
///         Answer::Hello { hello, .. } => break hello.server_name().map(<[u8]>::to_vec),
///         Answer::Incomplete { .. } => {}
///         Answer::NotTls(what) => return Err(what.to_string().into()),
///         Answer::Malformed(error) => return Err(error.into()), // after `error.alert()` is sent
///     }
/// };
/// assert_eq!(name.as_deref(), Some(&b"www.example.com"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scanner<B> {
    scan: Scan,
    stream: Stream,
    buffer: B,
    refused: Option<Refusal>,
}

/// The part of an incomplete ClientHello that the scanner stores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// All of it.
    Everything,
    /// Its bytes in complete records.
    WholeRecords,
}

impl<B: AsMut<[u8]>> Scanner<B> {
    pub(super) fn new(mut scan: Scan, mut buffer: B) -> Self {
        scan.longest = scan.longest.min(buffer.as_mut().len());
        Self { scan, stream: Stream::new(scan.longest), buffer, refused: None }
    }

    /// Takes the bytes that arrived since the last call.
    ///
    /// The view borrows them if they are a complete ClientHello in one record, and the scanner's
    /// buffer otherwise.
    pub fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> Answer<'a> {
        self.take(bytes, Keep::Everything)
    }

    /// Takes all bytes from the beginning of the ClientHello, including those of earlier calls.
    ///
    /// For callers that store the bytes anyway, for example to pass them on. The view borrows them
    /// if the ClientHello is in one record, and the scanner's buffer otherwise. Bytes of earlier
    /// calls are not read again, except for those of an incomplete last record.
    pub fn peek<'a>(&'a mut self, bytes: &'a [u8]) -> Answer<'a> {
        self.take(bytes.get(self.stream.bytes()..).unwrap_or_default(), Keep::WholeRecords)
    }

    fn take<'a>(&'a mut self, bytes: &'a [u8], keep: Keep) -> Answer<'a> {
        if let Some(refusal) = self.refused {
            return refusal.into();
        }
        let one_record = match self.stream.bytes() {
            0 => self.scan.one_record(bytes),
            _ => None,
        };
        let answer = match one_record {
            Some(body) => self.scan.read(body, 9 + body.len()),
            None => run(&self.scan, &mut self.stream, self.buffer.as_mut(), bytes, keep),
        };
        match answer {
            Answer::Hello { .. } => self.stream = Stream::new(self.scan.longest),
            Answer::Incomplete { .. } => {}
            Answer::NotTls(what) => self.refused = Some(Refusal::NotTls(what)),
            Answer::Malformed(error) => self.refused = Some(Refusal::Malformed(error)),
        }
        answer
    }
}

/// Scans a stream from its beginning; `buffer` is for a ClientHello over several records.
pub(super) fn run_once<'a>(scan: &Scan, buffer: &'a mut [u8], bytes: &'a [u8]) -> Answer<'a> {
    run(scan, &mut Stream::new(scan.longest), buffer, bytes, Keep::WholeRecords)
}

/// Takes more of a stream, and assembles in `buffer` a message that is not in one piece.
fn run<'a>(
    scan: &Scan,
    stream: &mut Stream,
    buffer: &'a mut [u8],
    bytes: &'a [u8],
    keep: Keep,
) -> Answer<'a> {
    let mut ahead = *stream;
    let mut rest = bytes;
    loop {
        let piece = match ahead.next(&mut rest) {
            Ok(Some(piece)) => piece,
            Ok(None) => {
                if keep == Keep::Everything {
                    *stream = ahead;
                }
                return Answer::incomplete(ahead.needed());
            }
            Err(refusal) => return refusal.into(),
        };
        if piece.at == 0 && piece.ends_message {
            return scan.read(piece.bytes, ahead.bytes());
        }
        if keep == Keep::WholeRecords && !piece.ends_record {
            return Answer::incomplete(ahead.needed());
        }
        let end = piece.at + piece.bytes.len();
        let Some(room) = buffer.get_mut(piece.at..end) else {
            return Answer::too_long(buffer.len());
        };
        room.copy_from_slice(piece.bytes);
        *stream = ahead;
        if piece.ends_message {
            return scan.read(buffer.get(..end).unwrap_or_default(), ahead.bytes());
        }
    }
}
