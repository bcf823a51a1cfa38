//! `rext gateway` in front of an HTTP server; the tests check what client and server receive.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod certificates;
mod client;
mod fields;
mod lifecycle;
mod limits;
mod messages;
mod paths;
mod raw;
mod routes;
mod scopes;
mod smuggling;
mod templates;
mod upstream;
mod upstreams;
mod websocket;
