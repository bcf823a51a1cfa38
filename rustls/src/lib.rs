// The root of the patched rustls. The build script makes its source and its documentation; the attributes
// of a crate cannot be included, so they are here. `cargo xtask rustls check` compares those that
// are not lints with upstream's.
#![forbid(unsafe_code, unused_must_use)]
#![cfg_attr(not(any(read_buf, bench, coverage_nightly)), forbid(unstable_features))]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::manual_let_else,
    clippy::std_instead_of_core,
    clippy::use_self,
    elided_lifetimes_in_paths,
    missing_docs,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unused_qualifications
)]
#![allow(
    clippy::new_ret_no_self,
    clippy::new_without_default,
    clippy::ptr_arg,
    clippy::single_component_path_imports,
    clippy::too_many_arguments
)]
#![cfg_attr(rustls_docsrs, feature(doc_cfg))]
#![cfg_attr(coverage_nightly, feature(coverage_attribute))]
#![cfg_attr(read_buf, feature(read_buf))]
#![cfg_attr(read_buf, feature(core_io))]
#![cfg_attr(read_buf, feature(core_io_borrowed_buf))]
#![cfg_attr(bench, feature(test))]
#![no_std]
#![doc = include_str!(concat!(env!("OUT_DIR"), "/crate.md"))]

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));
