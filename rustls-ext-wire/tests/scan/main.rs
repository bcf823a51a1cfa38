//! The scan, from bytes to an answer.

mod build;
mod corpus;
mod extensions;
mod generated;
mod limits;
mod message;
mod mutations;
mod ours;
mod pieces;
mod records;
mod reference;
