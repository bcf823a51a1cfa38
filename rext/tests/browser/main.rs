//! The site in a real Chromium, with certificates in its store and without.
//!
//! Screenshots of what its person sees are left in the target directory. It needs chromium,
//! chromedriver, certutil, pk12util and openssl, and, since browsers take policies from there,
//! the right to write into /etc/chromium/policies.

#[path = "../common/mod.rs"]
mod common;

mod chromium;
mod person;
