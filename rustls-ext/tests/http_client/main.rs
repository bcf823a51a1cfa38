//! Clients that answer challenges, against servers that record connections and requests.
#![cfg(feature = "hyper")]

#[path = "../common/mod.rs"]
mod common;

mod site;
mod world;

mod bad_servers;
mod challenged;
mod connections;
mod early_answers;
mod identities;
mod kept_apart;
mod limits;
mod lost_connections;
mod misdirected;
mod over_tcp;
mod refused;

#[cfg(feature = "reqwest")]
mod over_reqwest;
#[cfg(feature = "reqwest")]
mod passing_failures;
#[cfg(feature = "reqwest")]
mod reqwest_lanes;
#[cfg(feature = "reqwest")]
mod reqwest_proxy;
#[cfg(feature = "reqwest")]
mod reqwest_redirects;
