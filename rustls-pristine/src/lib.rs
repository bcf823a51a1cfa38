// The root of rustls as published. The build script makes its source and its documentation; the attributes
// of a crate cannot be included, so they are here. `cargo xtask rustls check` compares those that
// are not lints with upstream's.
#![forbid(unsafe_code, unused_must_use)]
#![cfg_attr(not(any(read_buf, bench, coverage_nightly)), forbid(unstable_features))]
#![cfg_attr(rustls_docsrs, feature(doc_cfg))]
#![cfg_attr(coverage_nightly, feature(coverage_attribute))]
#![cfg_attr(read_buf, feature(read_buf))]
#![cfg_attr(read_buf, feature(core_io))]
#![cfg_attr(read_buf, feature(core_io_borrowed_buf))]
#![cfg_attr(bench, feature(test))]
#![no_std]
#![doc = include_str!(concat!(env!("OUT_DIR"), "/crate.md"))]

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));
