//! What the adapters for servers have in common: a ClientHello and what it offers, what was decided
//! for it, and what is known of its client. And [`example`], for their example programs.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

mod client_auth;
pub mod example;
mod hello;

pub use client_auth::{ClientAuth, Decision};
pub use hello::{Hello, Refusal};
