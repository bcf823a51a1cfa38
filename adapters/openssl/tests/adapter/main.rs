//! The adapter's programs: against each other, against rustls with and without our patch's
//! policies, and against a peer that breaks the rules.

mod authenticators;
mod bad_clients;
mod bad_servers;
mod build;
mod checkers;
mod each_other;
mod origins;
mod programs;
mod raw;
mod resumption;
mod rustls_peers;
mod site;
