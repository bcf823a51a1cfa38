//! What the adapters for servers have in common: a ClientHello and what it offers. And [`example`],
//! for their example programs.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

pub mod example;
mod hello;

pub use hello::{Hello, Refusal};
