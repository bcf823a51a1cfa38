//! `rext gateway` in front of a plain server of hyper's, and both ends asserted.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod certificates;
mod client;
mod ends;
mod fields;
mod smuggling;
mod upstream;
