//! The workload identifier origin hint between a client and a server with a policy (WIO rules).

#[path = "../common/mod.rs"]
mod common;

mod hint;
mod wire;
mod world;
