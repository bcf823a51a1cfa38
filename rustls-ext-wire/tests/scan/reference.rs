//! The reference: a second scan, written from the rules. It is simple rather than fast: it copies,
//! allocates, and reads all bytes from the beginning each time.

use std::collections::BTreeSet;

use rustls_ext_wire::{Answer, ClientHello, Ech, Flaw, NotTls, Part, ScanError};

mod extensions;

/// An [`Answer`] that owns its data.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Hello(Hello),
    Incomplete,
    NotTls(NotTls),
    Malformed(ScanError),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    pub length: usize,
    pub server_name: Option<Vec<u8>>,
    pub alpn: Vec<Vec<u8>>,
    pub versions: Vec<u16>,
    pub authorities: Vec<Vec<u8>>,
    pub psk: bool,
    pub ech: Option<Ech>,
    pub extensions: Vec<(u16, Vec<u8>)>,
}

/// Copies an answer of the scan.
pub fn told(answer: &Answer<'_>) -> Told {
    match answer {
        Answer::Hello { hello, length } => Told::Hello(owned(hello, *length)),
        Answer::Incomplete { .. } => Told::Incomplete,
        Answer::NotTls(what) => Told::NotTls(*what),
        Answer::Malformed(error) => Told::Malformed(*error),
    }
}

fn owned(hello: &ClientHello<'_>, length: usize) -> Hello {
    Hello {
        length,
        server_name: hello.server_name().map(<[u8]>::to_vec),
        alpn: hello.alpn().map(<[u8]>::to_vec).collect(),
        versions: hello.versions().collect(),
        authorities: hello.certificate_authorities().map(<[u8]>::to_vec).collect(),
        psk: hello.has_pre_shared_key(),
        ech: hello.ech(),
        extensions: hello.extensions().map(|(number, body)| (number, body.to_vec())).collect(),
    }
}

/// Scans bytes from a socket.
pub fn scan(bytes: &[u8]) -> Told {
    let mut message = Vec::new();
    let mut at = 0;
    loop {
        // The header of a record, byte by byte.
        let header = &bytes[at..];
        let Some(content_type) = header.first() else { return Told::Incomplete };
        match (at, *content_type) {
            (_, 22) => {}
            (0, content_type @ (20 | 21 | 23 | 24)) => {
                return Told::Malformed(ScanError::UnexpectedRecord { content_type });
            }
            (0, 0x80) => return Told::NotTls(NotTls::Ssl2),
            (0, byte) if byte.is_ascii_uppercase() => return Told::NotTls(NotTls::Text),
            (0, _) => return Told::NotTls(NotTls::Other),
            (_, content_type) => {
                return Told::Malformed(ScanError::Interleaved { content_type });
            }
        }
        let Some(major) = header.get(1) else { return Told::Incomplete };
        match (at, *major) {
            (_, 3) => {}
            (0, 0xfe) => return Told::NotTls(NotTls::Dtls),
            (0, _) => return Told::NotTls(NotTls::Other),
            _ => return Told::Malformed(ScanError::RecordVersion),
        }
        let missing = length_of(&message).map(|length| 4 + length - message.len());
        for known in [4, 5] {
            let Some(length) = header.get(3..known) else { return Told::Incomplete };
            let least = usize::from(length[0]) << 8 | usize::from(*length.get(1).unwrap_or(&0));
            if least > 16384 {
                return Told::Malformed(ScanError::RecordTooLong);
            }
            if missing.is_some_and(|missing| least > missing) {
                return Told::Malformed(ScanError::NotAligned);
            }
        }
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 {
            return Told::Malformed(ScanError::EmptyRecord);
        }

        // Its fragment, which may begin with bytes of the message's header.
        let fragment = &header[5..header.len().min(5 + length)];
        for (count, byte) in fragment.iter().enumerate() {
            if message.len() >= 4 {
                message.extend(&fragment[count..]);
                break;
            }
            message.push(*byte);
            if let Err(error) = header_of_message(&message) {
                return Told::Malformed(error);
            }
            let rest_of_record = length - (count + 1);
            if length_of(&message).is_some_and(|length| rest_of_record > length) {
                return Told::Malformed(ScanError::NotAligned);
            }
        }
        if length_of(&message).is_some_and(|length| message.len() == 4 + length) {
            return body(&message[4..], at + 5 + length);
        }
        if fragment.len() < length {
            return Told::Incomplete;
        }
        at += 5 + length;
    }
}

/// The length in the header of a message, once the header is complete.
fn length_of(message: &[u8]) -> Option<usize> {
    let length = message.get(1..4)?;
    Some(length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// Checks the first one to four bytes of a message.
fn header_of_message(message: &[u8]) -> Result<(), ScanError> {
    if message[0] != 1 {
        return Err(ScanError::UnexpectedMessage { handshake_type: message[0] });
    }
    if message.len() == 1 {
        return Ok(());
    }
    // The shortest and the longest message that begins like this.
    let with = |byte| {
        let filled: Vec<u8> = message.iter().copied().chain([byte; 3]).take(4).collect();
        length_of(&filled).unwrap()
    };
    if with(0) > 65535 {
        return Err(ScanError::MessageTooLong { limit: 65535 });
    }
    if with(255) < 41 {
        return Err(ScanError::MessageTooShort);
    }
    Ok(())
}

/// Scans the body of a complete ClientHello.
pub fn body(body: &[u8], length: usize) -> Told {
    let dtls_header = body.get(2..5) == Some(&[0; 3])
        && body
            .get(5..8)
            .is_some_and(|length| length_of(&[&[0], length].concat()) == Some(body.len()))
        && body.get(8) == Some(&0xfe);
    if body.len() >= 35 && (body[0] == 0xfe || body[0] != 3 && dtls_header) {
        return Told::NotTls(NotTls::Dtls);
    }
    match fields(body) {
        Ok(hello) => Told::Hello(Hello { length, ..hello }),
        Err(error) => Told::Malformed(error),
    }
}

fn fields(body: &[u8]) -> Result<Hello, ScanError> {
    let mut input = body;
    let fixed = take(&mut input, 35).ok_or(ScanError::MessageTooShort)?;
    let malformed = |part, flaw| ScanError::Malformed { part, flaw };

    if fixed[34] > 32 {
        return Err(malformed(Part::SessionId, Flaw::TooLong));
    }
    take(&mut input, usize::from(fixed[34])).ok_or(malformed(Part::SessionId, Flaw::Truncated))?;
    let suites = vector(&mut input, 2).ok_or(malformed(Part::CipherSuites, Flaw::Truncated))?;
    if suites.is_empty() {
        return Err(malformed(Part::CipherSuites, Flaw::EmptyList));
    }
    if suites.len() % 2 == 1 {
        return Err(malformed(Part::CipherSuites, Flaw::OddLength));
    }
    let part = Part::CompressionMethods;
    if vector(&mut input, 1).ok_or(malformed(part, Flaw::Truncated))?.is_empty() {
        return Err(malformed(part, Flaw::EmptyList));
    }
    let mut hello = Hello {
        length: 0,
        server_name: None,
        alpn: vec![],
        versions: vec![u16::from_be_bytes([fixed[0], fixed[1]])],
        authorities: vec![],
        psk: false,
        ech: None,
        extensions: vec![],
    };
    if input.is_empty() {
        return Ok(hello);
    }
    let mut list = vector(&mut input, 2).ok_or(malformed(Part::Extensions, Flaw::Truncated))?;
    if !input.is_empty() {
        return Err(malformed(Part::Extensions, Flaw::TrailingBytes));
    }
    let mut seen = BTreeSet::new();
    while !list.is_empty() {
        let truncated_list = malformed(Part::Extensions, Flaw::Truncated);
        if list.len() < 4 {
            return Err(truncated_list);
        }
        let number = number(take(&mut list, 2).ok_or(truncated_list)?);
        let part = Part::Extension(number);
        let body = vector(&mut list, 2).ok_or(malformed(part, Flaw::Truncated))?;
        if !seen.insert(number) {
            return Err(ScanError::DuplicateExtension { extension: number });
        }
        extensions::extension(number, body, &mut hello)?;
        hello.extensions.push((number, body.to_vec()));
        if number == 41 && !list.is_empty() {
            let next = list.get(..2).ok_or(truncated_list)?;
            let extension = u16::from_be_bytes([next[0], next[1]]);
            return Err(ScanError::AfterPreSharedKey { extension });
        }
    }
    Ok(hello)
}

/// Takes a vector that follows its length, which has `width` bytes.
fn vector<'a>(input: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let length = take(input, width)?;
    take(input, length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let taken = input.get(..count)?;
    *input = &input[count..];
    Some(taken)
}

fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}
