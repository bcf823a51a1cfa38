//! The scan compared with rustls' own parser on the same bytes: every change of one byte in
//! ClientHellos of real clients.
//!
//! Both accept a ClientHello, both need more bytes, or both refuse with the same alert. For each
//! difference, a line of [`EXCEPTIONS`] has the reason; a line that is not needed fails the test.

use std::collections::BTreeMap;

use rustls_ext::rustls::ext_wire::{Answer, Flaw, NotTls, Part, Scan, ScanError};
use rustls_ext::rustls::server::Acceptor;
use rustls_ext::rustls::{
    AlertDescription, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

/// The results of both for a ClientHello with one changed byte.
struct Case<'a> {
    /// The offset of the byte.
    at: usize,
    rustls: Rustls,
    scan: Answer<'a>,
}

/// The result of rustls.
#[derive(Debug)]
enum Rustls {
    Hello,
    Incomplete,
    Refused(Error),
}

use Rustls::{Hello, Incomplete, Refused};

type Exception = (&'static str, fn(&Case<'_>) -> bool);

const EXCEPTIONS: [Exception; 9] = [
    // Checks of rustls that the scan does not make, besides those that `disguised` is for.
    ("rustls judges the server name", |case| {
        case.misbehaved(PeerMisbehaved::ServerNameMustContainOneHostName) && case.is_hello()
    }),
    ("rustls needs null compression", |case| {
        case.incompatible(PeerIncompatible::NullCompressionRequired) && case.is_hello()
    }),
    ("rustls needs signature_algorithms", |case| {
        case.incompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired) && case.is_hello()
    }),
    // Checks of the scan that rustls does not make.
    ("the scan takes nothing after the first host name", |case| {
        matches!(case.rustls, Hello) && case.malformed(0, Flaw::TrailingBytes)
    }),
    ("the scan takes no binder of less than 32 bytes", |case| {
        matches!(case.rustls, Hello) && case.malformed(41, Flaw::TooShort)
    }),
    ("the scan takes no version of DTLS", |case| {
        matches!(case.rustls, Hello) && case.scan == Answer::NotTls(NotTls::Dtls) && case.at == 9
    }),
    ("the scan does not wait for the rest of what it will refuse", |case| {
        let refused = [ScanError::NotAligned, ScanError::RecordTooLong];
        matches!(case.rustls, Incomplete) && case.error().is_some_and(|it| refused.contains(&it))
    }),
    // Both refuse, with different alerts or none.
    ("rustls has decode_error for all that is wrong with records and headers", |case| {
        let header = match case.scan {
            Answer::NotTls(_) => true,
            Answer::Malformed(error) => matches!(
                error,
                ScanError::UnexpectedRecord { .. }
                    | ScanError::Interleaved { .. }
                    | ScanError::RecordTooLong
                    | ScanError::NotAligned
                    | ScanError::UnexpectedMessage { .. }
            ),
            _ => false,
        };
        case.rustls_alert() == Some(AlertDescription::DecodeError) && header
    }),
    ("rustls parses names that are no host names", |case| {
        (case.misbehaved(PeerMisbehaved::ServerNameMustContainOneHostName)
            || case.rustls_alert() == Some(AlertDescription::IllegalParameter))
            && case.malformed(0, Flaw::UnknownKind)
    }),
];

/// One more: without extensions that no view shows, both agree, or have an exception.
const DISGUISED: &str = "rustls reads extensions that no view shows";

/// Extensions that rustls parses and the scan does not: status_request, supported_groups,
/// ec_point_formats, signature_algorithms, both certificate types, extended_master_secret,
/// compress_certificate, early_data, cookie, psk_key_exchange_modes, key_share, ticket_request,
/// ech_outer_extensions and renegotiation_info.
const OPAQUE: [u16; 15] = [5, 10, 11, 13, 19, 20, 23, 27, 42, 44, 45, 51, 58, 0xfd00, 0xff01];

/// The record with each of these under an unknown number, as far as it can be parsed.
fn disguised(bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let length =
        |at: usize| Some(usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)));
    let list = || {
        let suites = 44 + usize::from(*bytes.get(43)?);
        let methods = suites + 2 + length(suites)?;
        Some(methods + 1 + usize::from(*bytes.get(methods)?) + 2)
    };
    let mut at = list();
    while let Some(extension) = at {
        let number = length(extension).and_then(|number| u16::try_from(number).ok());
        if let Some(place) = OPAQUE.iter().position(|opaque| Some(*opaque) == number) {
            changed[extension] = 0xe0;
            changed[extension + 1] = u8::try_from(place).unwrap();
        }
        at = length(extension + 2).map(|length| extension + 4 + length);
    }
    changed
}

impl Case<'_> {
    fn is_hello(&self) -> bool {
        matches!(self.scan, Answer::Hello { .. })
    }

    fn error(&self) -> Option<ScanError> {
        match self.scan {
            Answer::Malformed(error) => Some(error),
            _ => None,
        }
    }

    fn malformed(&self, extension: u16, flaw: Flaw) -> bool {
        self.error() == Some(ScanError::Malformed { part: Part::Extension(extension), flaw })
    }

    fn misbehaved(&self, how: PeerMisbehaved) -> bool {
        matches!(&self.rustls, Refused(Error::PeerMisbehaved(it)) if *it == how)
    }

    fn incompatible(&self, how: PeerIncompatible) -> bool {
        matches!(&self.rustls, Refused(Error::PeerIncompatible(it)) if *it == how)
    }

    /// The alert for what rustls cannot parse, or does not expect.
    fn rustls_alert(&self) -> Option<AlertDescription> {
        match &self.rustls {
            Refused(Error::InvalidMessage(error)) => Some(InvalidMessage::into(*error)),
            Refused(
                Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. },
            ) => Some(AlertDescription::UnexpectedMessage),
            _ => None,
        }
    }

    /// Nothing when both agree, otherwise the exception that lets them differ.
    fn judge(&self) -> Result<Option<&'static str>, ()> {
        let agree = match (&self.rustls, &self.scan) {
            (Hello, Answer::Hello { .. }) | (Incomplete, Answer::Incomplete { .. }) => true,
            (Refused(_), Answer::Malformed(error)) => {
                self.rustls_alert() == Some(AlertDescription::from(error.alert().code()))
            }
            _ => false,
        };
        if agree {
            return Ok(None);
        }
        let exception = EXCEPTIONS.iter().find(|(_, is_one)| is_one(self));
        exception.map(|(why, _)| Some(*why)).ok_or(())
    }
}

fn rustls(bytes: &[u8]) -> Rustls {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        acceptor.read_tls(&mut rest).unwrap();
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(_)) => return Hello,
            Err((error, _)) => return Refused(error),
        }
    }
    Incomplete
}

/// How often each exception is needed in changes of this hello.
fn compare((name, mut bytes): (String, Vec<u8>)) -> BTreeMap<&'static str, usize> {
    let mut needed = BTreeMap::new();
    let mut scratch = [0; 2048];
    for at in 0..bytes.len() {
        let was = bytes[at];
        for byte in (0..=255).filter(|byte| *byte != was) {
            bytes[at] = byte;
            let scan = Scan::default().records(&bytes, &mut scratch);
            let mut case = Case { at, rustls: rustls(&bytes), scan };
            let mut why = case.judge();
            if let (Err(()), Refused(Error::InvalidMessage(_))) = (why, &case.rustls) {
                case.rustls = rustls(&disguised(&bytes));
                why = case.judge().map(|_| Some(DISGUISED));
            }
            match why {
                Ok(None) => {}
                Ok(Some(why)) => *needed.entry(why).or_insert(0) += 1,
                Err(()) => {
                    panic!("{name}: {byte} at {at}: {:?}, but {:?}", case.rustls, case.scan)
                }
            }
        }
        bytes[at] = was;
    }
    needed
}

/// The corpus of the scan.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rustls-ext-wire/corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let hellos = files.filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    hellos.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn the_scan_agrees_with_rustls_on_every_change_of_one_byte() {
    let mut needed = BTreeMap::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            corpus().into_iter().map(|file| scope.spawn(move || compare(file))).collect();
        assert_eq!(threads.len(), 12);
        for (why, count) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            *needed.entry(why).or_insert(0) += count;
        }
    });
    for why in EXCEPTIONS.map(|(why, _)| why).into_iter().chain([DISGUISED]) {
        println!("{:6} {why}", needed.get(why).unwrap_or(&0));
        assert!(needed.contains_key(why), "no longer: {why}");
    }
}

#[test]
fn the_scan_agrees_with_rustls_on_every_hello() {
    for (name, bytes) in corpus() {
        let scan = Scan::default().records(&bytes, &mut []);
        let case = Case { at: 0, rustls: rustls(&bytes), scan };
        assert!(case.judge() == Ok(None) && case.is_hello(), "{name}");
        for end in 0..bytes.len() {
            let scan = Scan::default().records(&bytes[..end], &mut []);
            let case = Case { at: 0, rustls: rustls(&bytes[..end]), scan };
            assert_eq!(case.judge(), Ok(None), "{name}: {end}");
            assert!(matches!(case.rustls, Incomplete), "{name}: {end}");
        }
    }
}
