//! Complete handshakes in which the fuzzer controls one side: our side does not panic, and reports
//! nothing about its peer that the peer did not prove. If the peer conforms, the handshake has the
//! expected outcome.

mod client;
mod fault;
mod server;
mod tls12;

pub use client::check as check_client;
pub use server::check as check_server;
pub use tls12::check as check_tls12;
