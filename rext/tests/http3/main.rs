//! HTTP/3 in front of `rext serve` and `rext gateway`: the same policy, identities and limits as over
//! TCP.

#[path = "../common/mod.rs"]
mod common;
#[path = "../observe/prometheus.rs"]
#[allow(dead_code)] // As well.
mod prometheus;
#[path = "../gateway/client.rs"]
#[allow(dead_code)] // As well.
mod tcp;
#[path = "../gateway/upstream.rs"]
#[allow(dead_code)] // Not all paths are used here.
mod upstream;

mod bad_input;
mod client;
mod ends;
mod limits;
mod metrics;
mod policy;
mod requests;
