//! `rext ticket-keys`, and nodes of a fleet that share keys in a directory or in Redis. On Unix only.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod directory;
mod nodes;
mod redis;
mod redis_server;
