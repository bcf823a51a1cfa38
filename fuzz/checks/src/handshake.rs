//! Whole handshakes in which one end does as the fuzzer likes: the other one does not panic, and
//! never says of its peer what the peer did not prove. If that end does nothing wrong, what comes
//! of the handshake is what must.

mod client;
mod server;
mod spoil;
mod tls12;

pub use client::check as check_client;
pub use server::check as check_server;
pub use tls12::check as check_tls12;
