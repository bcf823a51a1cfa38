//! A server on an unmodified quinn that knows which of its clients are agents.
//!
//! ```console
//! cargo run -p rustls-ext --features quic,ring --example quic
//! ```

mod pki;

use std::sync::Arc;

use pki::{Pki, Result};
use quinn::{ClientConfig, Endpoint, ServerConfig};
use rustls_ext::ClientAuthOffer;
use rustls_ext::quic::{HandshakeData, QuicClientConfig, QuicServerConfig};

#[tokio::main]
async fn main() -> Result<()> {
    let pki = Pki::new()?;
    let mut tls = pki.server_config(&["greeting"])?;
    tls.client_auth_policy = Some(pki.policy()?.for_config()?);
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let server = Endpoint::server(config, "127.0.0.1:0".parse()?)?;
    let addr = server.local_addr()?;

    let mut agent = pki.agent_config()?;
    agent.client_auth_offer = ClientAuthOffer::flag();
    for (mut tls, known) in [(pki.client_config()?, false), (agent, true)] {
        tls.alpn_protocols = vec![b"greeting".to_vec()];
        let client = Endpoint::client("127.0.0.1:0".parse()?)?;
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        let connecting = client.connect_with(config, addr, "localhost")?;
        let accepting = async { Result::Ok(server.accept().await.ok_or("closed")?.await?) };
        let (_connected, accepted) = tokio::join!(connecting, accepting);
        let handshake = HandshakeData::from_quinn(accepted?.handshake_data()).ok_or("no data")?;
        let is_agent = handshake.peer_identity("agents").is_some();
        println!("an agent: {is_agent}");
        assert_eq!(is_agent, known);
    }
    Ok(())
}
