//! The filter of HTTP/2 connections: what passes, what is added and taken out, and how connections
//! end, with streams that the tests script and with real clients and servers.
#![cfg(all(feature = "http", feature = "tokio"))]

mod connections;
mod errors;
mod frames;
mod incoming;
mod outgoing;
mod recorder;
mod script;
mod tools;
