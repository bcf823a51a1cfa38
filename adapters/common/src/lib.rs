//! Common code of the adapters for servers: [`Hello`] has a ClientHello and its offer, [`Decision`]
//! and [`ClientAuth`] have the server's decision. [`example`] is for the example programs.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

mod client_auth;
pub mod example;
mod hello;

pub use client_auth::{ClientAuth, Decision};
pub use hello::{Hello, Refusal};
