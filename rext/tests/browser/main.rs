//! The site in a real Chromium, with and without certificates in its store.
//!
//! Leaves screenshots in the target directory. Needs chromium, chromedriver, certutil, pk12util and
//! openssl, and permission to write into /etc/chromium/policies, from which browsers read policies.

#[path = "../common/mod.rs"]
mod common;

mod chromium;
mod login;
