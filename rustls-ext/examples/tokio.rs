//! A server and two clients that speak their own protocol over TLS, without HTTP.
//!
//! ```console
//! cargo run -p rustls-ext --features tokio --example tokio
//! ```

mod pki;

use std::sync::Arc;

use pki::{Pki, Result};
use rustls_ext::tokio::{Connector, Listener};
use rustls_ext::{ClientAuthOffer, PeerIdentity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Greets each client, and agents by their role.
async fn serve(mut listener: Listener) -> Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await;
        tokio::spawn(async move {
            let agent = PeerIdentity::from_connection(stream.get_ref().1, "agents").is_some();
            let greeting: &[u8] = if agent { b"hello, agent" } else { b"hello" };
            stream.write_all(greeting).await?;
            stream.shutdown().await
        });
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let pki = Pki::new()?;
    let listener = Listener::bind("127.0.0.1:0", pki.live(&[])?).await?;
    let addr = listener.local_addr()?;
    tokio::spawn(serve(listener));

    let mut agent = pki.agent_config()?;
    agent.client_auth_offer = ClientAuthOffer::flag();
    for (config, expected) in [(pki.client_config()?, "hello"), (agent, "hello, agent")] {
        let tcp = TcpStream::connect(addr).await?;
        let mut stream =
            Connector::new(Arc::new(config)).connect("localhost".try_into()?, tcp).await?;
        let mut greeting = String::new();
        stream.read_to_string(&mut greeting).await?;
        println!("{greeting}");
        assert_eq!(greeting, expected);
    }
    Ok(())
}
