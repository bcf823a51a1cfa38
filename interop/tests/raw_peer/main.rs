//! The raw peer against rustls, in memory, both ways. It shows that the peer speaks RFC 8446 when
//! left alone, and that what it breaks on purpose arrives broken.

mod changes;
mod client;
mod demand;
mod early_data;
mod ech;
mod ech_site;
mod edits;
mod flags;
mod harness;
mod pki;
mod resumption;
mod retry;
mod robustness;
mod server;
