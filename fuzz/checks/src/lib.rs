//! Properties that must hold for any bytes from a peer.
//!
//! Each module has the assertions of the fuzz target with the same name (`fuzz/fuzz_targets/`); its
//! `check` panics if one fails. `cargo test` also calls these functions, with the seeds of the
//! targets and with all inputs that a fuzzer has found.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod acceptor;
pub mod authenticator;
#[allow(unsafe_code)] // it calls the C ABI
pub mod capi;
pub mod challenge;
pub mod flags;
pub mod handshake;
pub mod negotiation;
pub mod origins;
pub mod scan;
#[cfg(feature = "peers")]
pub mod scan_peers;
pub mod secondary_exchange;
pub mod secondary_http2;
pub mod secondary_peer;
pub mod sessions;
mod site;
pub mod tickets;

/// A fuzz target and its assertions.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its program, and of its folders of seeds and regressions.
    pub name: &'static str,
    /// Panics if an assertion fails for these bytes.
    pub check: fn(&[u8]),
    /// True if the recorded ClientHellos are seeds, too.
    pub hellos: bool,
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check, hellos: false }
}

const fn hello_target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check, hellos: true }
}

/// Every target of this build.
pub const TARGETS: &[Target] = &[
    hello_target("acceptor", acceptor::check),
    target("authenticator", authenticator::check),
    target("capi", capi::check),
    target("challenge", challenge::check),
    target("flags", flags::check),
    target("handshake_client", handshake::check_client),
    target("handshake_server", handshake::check_server),
    target("handshake_tls12", handshake::check_tls12),
    target("negotiation", negotiation::check),
    target("origins", origins::check),
    hello_target("scan", scan::check),
    #[cfg(feature = "peers")]
    target("scan_peers", scan_peers::check),
    target("scan_pieces", scan::check_pieces),
    target("secondary_exchange", secondary_exchange::check),
    target("secondary_http2", secondary_http2::check),
    target("secondary_peer", secondary_peer::check),
    target("sessions", sessions::check),
    target("tickets", tickets::check),
];

/// The outcomes of the seeds of a target.
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

/// The outcomes of so many inputs, which are the same each time.
#[cfg(test)]
fn generated<T: Ord>(
    inputs: u64,
    run: fn(&mut arbitrary::Unstructured<'_>) -> arbitrary::Result<T>,
) -> std::collections::BTreeSet<T> {
    let mut random = fastrand::Rng::with_seed(19);
    let bytes = (0..inputs).map(|_| (0..random.usize(0..256)).map(|_| random.u8(..)).collect());
    let bytes: Vec<Vec<u8>> = bytes.collect();
    bytes.iter().filter_map(|bytes| run(&mut arbitrary::Unstructured::new(bytes)).ok()).collect()
}
