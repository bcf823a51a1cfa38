//! `rext gateway` in front of an HTTP server; the tests check what client and server receive.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod certificates;
mod client;
mod fields;
mod lifecycle;
mod paths;
mod peers;
mod recorder;
mod responses;
mod smuggling;
mod templates;
mod upstream;
mod websocket;
mod wire;
mod wire_http2;
