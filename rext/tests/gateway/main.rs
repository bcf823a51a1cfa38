//! `rext gateway` in front of an HTTP server; the tests check what client and server receive.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod certificates;
mod client;
mod fields;
mod lifecycle;
mod limits;
mod memory;
mod messages;
mod paths;
mod peers;
mod pools;
mod raw;
mod recorder;
mod responses;
mod routes;
mod scopes;
mod smuggling;
mod templates;
mod upstream;
mod upstreams;
#[cfg(unix)]
mod verified;
mod websocket;
mod wire;
mod wire_http2;
