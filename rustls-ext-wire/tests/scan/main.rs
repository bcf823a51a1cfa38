//! The scan, from bytes to an answer.

mod build;
mod corpus;
mod extensions;
mod flags_and_care;
mod generated;
mod limits;
mod message;
mod mutations;
mod origins;
mod pieces;
mod records;
mod reference;
