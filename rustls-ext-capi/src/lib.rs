//! The C ABI of `rustls-ext-wire`: scan, flags, negotiation, resumption and exported authenticators
//! for TLS stacks that are not written in Rust.
//!
//! The header `include/rext.h` is generated from this source, so the documentation of each function
//! is written for C. This crate converts pointers and numbers, and calls the codec, which makes all
//! decisions.
#![allow(non_camel_case_types)] // these are the names in C
#![warn(missing_docs, unreachable_pub, unsafe_op_in_unsafe_fn)]
#![allow(clippy::missing_safety_doc)] // the descriptions of the parameters have the requirements
#![warn(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![warn(clippy::cast_possible_truncation, clippy::expect_used, clippy::unwrap_used)]
#![warn(clippy::indexing_slicing, clippy::panic)]

mod authenticator;
mod bytes;
mod client;
mod code_points;
mod contexts;
mod error;
mod fence;
mod flags;
mod hello;
mod hello_offer;
mod list;
mod origins;
mod refusal;
mod request;
mod requests;
mod resumption;
mod rules;
mod scan;
mod scanner;
mod server;
mod status;
mod version;

pub use authenticator::*;
pub use bytes::*;
pub use client::*;
pub use code_points::*;
pub use contexts::*;
pub use error::*;
pub use flags::*;
pub use hello::*;
pub use hello_offer::*;
pub use list::*;
pub use origins::*;
pub use request::*;
pub use requests::*;
pub use resumption::*;
pub use rules::*;
pub use scan::*;
pub use scanner::*;
pub use server::*;
pub use status::*;
pub use version::*;
