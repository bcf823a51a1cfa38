//! Exported authenticators (EA): requests, authenticators, and the contexts of a connection.

#[path = "../common/mod.rs"]
mod common;

mod build;
mod contexts;
mod generated;
mod proofs;
mod requests;
mod structure;
mod texts;
