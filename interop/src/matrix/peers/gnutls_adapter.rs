//! GnuTLS with its adapter: `adapters/gnutls/examples/server.c`.

use tokio::process::Command;

use super::{FULL_HANDSHAKE, NO_TRUST_DOMAIN};
use crate::matrix::{Peer, Server, Serving, Site};

pub(super) struct GnuTlsAdapter;

impl Peer for GnuTlsAdapter {
    fn name(&self) -> &'static str {
        "gnutls-adapter"
    }

    fn server(&self) -> Option<Server> {
        Some(Server {
            requests_on_offer: Ok(()),
            acknowledges: Err("GnuTLS has no way to put an extension into CertificateRequest"),
            requests_on_origin: Err(NO_TRUST_DOMAIN),
            resumes_authenticated: Err(FULL_HANDSHAKE),
        })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = site.version("pkg-config", &["--modversion", "gnutls"], "libgnutls28-dev")?;
        site.make("adapters/gnutls")?;
        Ok(format!("GnuTLS {version}, with adapters/gnutls"))
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        super::serve(site, site.file("rext-gnutls-server"), serving)
    }
}
