//! What must hold of any bytes, whoever sends them.
//!
//! Each module is what one fuzz target asserts (`fuzz/fuzz_targets/`, of the same names); its
//! `check` panics where something is wrong. Being functions in a library, they also replay, in
//! `cargo test`, the seeds of the targets and whatever a fuzzer has ever found.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod acceptor;
#[allow(unsafe_code)] // it is what C does
pub mod capi;
pub mod challenge;
pub mod flags;
pub mod handshake;
pub mod negotiation;
pub mod scan;
#[cfg(feature = "peers")]
pub mod scan_peers;
pub mod sessions;
mod site;

/// What one fuzz target asserts.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its program, and of its folders of seeds and regressions.
    pub name: &'static str,
    /// Panics unless all is well with these bytes.
    pub check: fn(&[u8]),
    /// Whether recorded ClientHellos are seeds, too.
    pub hellos: bool,
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check, hellos: false }
}

const fn of_hellos(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check, hellos: true }
}

/// Every target of this build.
pub const TARGETS: &[Target] = &[
    of_hellos("acceptor", acceptor::check),
    target("capi", capi::check),
    target("challenge", challenge::check),
    target("flags", flags::check),
    target("handshake_client", handshake::check_client),
    target("handshake_server", handshake::check_server),
    target("handshake_tls12", handshake::check_tls12),
    target("negotiation", negotiation::check),
    of_hellos("scan", scan::check),
    #[cfg(feature = "peers")]
    target("scan_peers", scan_peers::check),
    target("scan_pieces", scan::check_pieces),
    target("sessions", sessions::check),
];

/// What comes of the seeds of a target.
#[cfg(test)]
fn seeds<T: Ord>(
    name: &str,
    run: fn(&mut arbitrary::Unstructured<'_>) -> arbitrary::Result<T>,
) -> std::collections::BTreeSet<T> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(name);
    let seeds = folder.read_dir().expect("seeds").map(|entry| entry.expect("a seed").path());
    let bytes = seeds.map(|path| std::fs::read(path).expect("a seed"));
    bytes.filter_map(|bytes| run(&mut arbitrary::Unstructured::new(&bytes)).ok()).collect()
}
