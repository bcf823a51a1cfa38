//! The corpus of the scan.

use std::io;
use std::path::Path;

use rustls_ext_wire::{Answer, Scan};

/// A recorded first flight: one record with one ClientHello, which is well formed.
pub struct Hello {
    name: String,
    octets: Vec<u8>,
}

impl Hello {
    /// `None` when it is anything else.
    fn new(name: String, octets: Vec<u8>) -> Option<Self> {
        match Scan::default().records(&octets, &mut []) {
            Answer::Hello { length, .. } if length == octets.len() => Some(Self { name, octets }),
            _ => None,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The ClientHello, with its header of four octets.
    pub fn message(&self) -> &[u8] {
        &self.octets[5..]
    }

    /// The ClientHello, without its header.
    pub fn body(&self) -> &[u8] {
        &self.octets[9..]
    }
}

/// All of them, by name.
pub fn read() -> io::Result<Vec<Hello>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustls-ext-wire/corpus");
    let mut hellos = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let malformed = format!("{}: no ClientHello", path.display());
            let hello = Hello::new(name, std::fs::read(&path)?);
            hellos.push(hello.ok_or_else(|| io::Error::other(malformed))?);
        }
    }
    hellos.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(hellos)
}

/// So many places in a list of `length`, at random and always the same (xorshift64).
///
/// In a fixed order, branch predictors learn the hellos by heart, which no server's visitors let
/// them do.
pub fn random_order(length: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % length
    };
    (0..count).map(next).collect()
}
