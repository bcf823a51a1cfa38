//! The rules, with peers that break them: connections of the preview in memory, with clients and servers that
//! see every byte.

mod client;
mod harness;
mod resumption;
mod server;
