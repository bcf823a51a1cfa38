//! Servers of hyper, axum and tonic that request certificates on open HTTP/2 connections, and
//! clients that answer in every way.
#![cfg(all(feature = "axum", feature = "tokio", feature = "ring"))]

#[path = "../common/mod.rs"]
mod common;

mod client;
mod coalescing;
mod hostile;
#[cfg(all(feature = "h3", feature = "quic"))]
mod http3;
mod lifecycle;
mod pages;
mod serving;
mod site;
mod tonic;
