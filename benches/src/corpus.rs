//! The recorded ClientHellos of the scan's corpus.

use std::io;
use std::path::Path;

use rustls_ext_wire::{Answer, Scan};

/// A recorded first flight: one record with one ClientHello, which is well formed.
pub struct Hello {
    name: String,
    bytes: Vec<u8>,
}

impl Hello {
    /// `None` if the bytes are anything else.
    fn new(name: String, bytes: Vec<u8>) -> Option<Self> {
        match Scan::default().records(&bytes, &mut []) {
            Answer::Hello { length, .. } if length == bytes.len() => Some(Self { name, bytes }),
            _ => None,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The ClientHello, with its header of four bytes.
    pub fn message(&self) -> &[u8] {
        &self.bytes[5..]
    }

    /// The ClientHello, without its header.
    pub fn body(&self) -> &[u8] {
        &self.bytes[9..]
    }
}

/// Reads all ClientHellos, sorted by name.
pub fn read() -> io::Result<Vec<Hello>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustls-ext-wire/corpus");
    let mut hellos = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let malformed = format!("{}: not a ClientHello", path.display());
            let hello = Hello::new(name, std::fs::read(&path)?);
            hellos.push(hello.ok_or_else(|| io::Error::other(malformed))?);
        }
    }
    hellos.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(hellos)
}

/// Random indices below `length`, always the same ones (xorshift64).
///
/// In a fixed order, branch predictors would learn the ClientHellos, which does not happen on a server.
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
