//! What operators see of `rext`: metrics, the access log, and the files that are made from their tables.

#[path = "../common/mod.rs"]
mod common;

mod access_log;
mod clients;
mod documents;
mod metrics;
mod prometheus;
mod route;
mod site;
mod tunnels;
