//! The site in a real browser, with and without certificates in its store.
//!
//! `REXT_BROWSER` is `chromium`, the default, or `firefox`. Leaves screenshots in the target
//! directory. Needs the browser, its driver (chromedriver or geckodriver), certutil, pk12util and
//! openssl. Chromium reads policies from /etc/chromium/policies, so its tests need permission to
//! write there.

#[path = "../common/mod.rs"]
mod common;

mod browser;
mod chromium;
mod firefox;
mod login;
