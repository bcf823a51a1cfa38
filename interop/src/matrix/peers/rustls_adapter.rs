//! rustls from crates.io with its adapter: the example `rustls-server` of `adapters/rustls`.

use tokio::process::Command;

use super::NO_TRUST_DOMAIN;
use crate::matrix::{Peer, Server, Serving, Site};

const PROGRAM: &str = "examples/rustls-server";

pub(super) struct RustlsAdapter;

impl Peer for RustlsAdapter {
    fn name(&self) -> &'static str {
        "rustls-adapter"
    }

    fn server(&self) -> Option<Server> {
        Some(Server {
            requests_on_offer: Ok(()),
            acknowledges: Err("rustls has no way to put an extension into CertificateRequest"),
            requests_on_origin: Err(NO_TRUST_DOMAIN),
            resumes_authenticated: Ok(()),
        })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let missing = "there is no rustls-server: run `CARGO_TARGET_DIR=target cargo build --manifest-path \
             adapters/rustls/Cargo.toml --features tokio --example rustls-server`";
        site.program(PROGRAM).ok_or(missing)?;
        Ok("0.23.46, with adapters/rustls".into())
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        super::serve(site, site.program(PROGRAM).unwrap_or_default(), serving)
    }
}
