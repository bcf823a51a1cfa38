//! Tickets with shared keys: what opens, which files are refused, and which sessions resume on
//! another node (RES-1 to RES-7), under TLS 1.2 and 1.3.

mod common;

#[path = "tickets/directory.rs"]
mod directory;
#[path = "tickets/fleet.rs"]
mod fleet;
#[path = "tickets/sealed.rs"]
mod sealed;
