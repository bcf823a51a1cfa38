//! Loads a server that runs already, and prints what the clients saw, as JSON: for `proxies/servers.py`.
//!
//! Arguments: the server's address, the percentage of clients with a certificate, the number of connections, and the
//! files of the server's authority, the client's certificate and its key, in PEM.

use std::error::Error;

use benches::load::{Clients, Until};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, share, handshakes, authority, chain, key] = &args[..] else {
        return Err("usage: clients ADDRESS PERCENT HANDSHAKES CA CERT KEY".into());
    };
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
    let authority = CertificateDer::from_pem_file(authority)?;
    let clients = Clients::new(authority, chain, PrivateKeyDer::from_pem_file(key)?)?;
    let load =
        clients.load(address, share.parse()?, Until::Handshakes(handshakes.parse()?)).await?;
    println!("{}", serde_json::to_string(&load)?);
    Ok(())
}
