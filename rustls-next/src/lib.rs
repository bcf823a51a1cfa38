// The root of the patched rustls. The build script makes its source and its documentation; the attributes
// of a crate cannot be included, so they are here. `cargo xtask rustls check --next` compares those that
// are not lints with upstream's.
#![warn(missing_docs, clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![forbid(unsafe_code, unused_must_use)]
#![cfg_attr(not(any(bench, coverage_nightly)), forbid(unstable_features))]
#![cfg_attr(rustls_docsrs, feature(doc_cfg))]
#![cfg_attr(coverage_nightly, feature(coverage_attribute))]
#![cfg_attr(bench, feature(test))]
#![no_std]
#![doc = include_str!(concat!(env!("OUT_DIR"), "/crate.md"))]

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));
