//! The modules for OpenSSL's configuration, `adapters/openssl-conf`, for peers that are configured with them.

use tokio::process::Command;

use crate::matrix::Site;

/// The module of clients.
pub(super) const OFFER: &str = "rext_offer";
/// The module of servers.
pub(super) const ASK: &str = "rext_ask";

/// The reason why clients with the module send no origin hint.
pub(super) const NO_KEY: &str = "the module for OpenSSL's configuration has no key for origins";

/// Builds the modules, and writes a configuration for each.
///
/// # Errors
/// If the build fails, or the files cannot be written.
pub(super) fn make(site: &Site) -> Result<(), String> {
    site.make("adapters/openssl-conf")?;
    for module in [OFFER, ASK] {
        let path = site.file(&format!("{module}.so"));
        let text = format!(
            "openssl_conf = init\n[init]\n{module} = {module}\n[{module}]\npath = {}\n",
            path.display()
        );
        std::fs::write(site.file(&format!("{module}.cnf")), text)
            .map_err(|err| format!("cannot write {module}.cnf: {err}"))?;
    }
    Ok(())
}

/// Makes the program of a command load a module.
pub(super) fn configure(command: &mut Command, site: &Site, module: &str) {
    command.env("OPENSSL_CONF", site.file(&format!("{module}.cnf")));
}
