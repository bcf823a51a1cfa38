//! Clients that load a server on the loopback interface: each connection is a full handshake and one request.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_ext::ClientAuthOffer;
use rustls_ext::tokio::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::handshake::SERVER_NAME;
use crate::row::Load;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many connections there are at a time.
const CLIENTS: usize = 16;
const REQUEST: &[u8] = b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The group of `rext serve` under load.
pub const LOAD: &str = "server under load";

/// The shares of clients with a certificate that are measured, in percent.
pub const SHARES: [u64; 4] = [0, 1, 50, 100];

/// When the clients stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Elapsed(Duration),
    Handshakes(u64),
}

/// Clients of which some have a certificate, and offer it.
#[derive(Clone)]
pub struct Clients {
    plain: Connector,
    offering: Connector,
}

impl Clients {
    /// Clients that trust this authority, and use this certificate with the common name `agent`.
    ///
    /// # Errors
    /// If certificate and key don't belong together.
    pub fn new(
        authority: CertificateDer<'static>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut plain = builder.clone().with_no_client_auth();
        let mut offering = builder.with_client_auth_cert(chain, key)?;
        offering.client_auth_offer = ClientAuthOffer::flag();
        for config in [&mut plain, &mut offering] {
            config.resumption = rustls::client::Resumption::disabled();
        }
        Ok(Self { plain: Connector::new(plain.into()), offering: Connector::new(offering.into()) })
    }

    /// Loads the server at `address`. `share` percent of the clients have a certificate, spread evenly.
    ///
    /// # Errors
    /// If a handshake fails, or the response doesn't contain the name of exactly the clients with a certificate.
    pub async fn load(&self, address: &str, share: u64, until: Until) -> Result<Load> {
        let count = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (this, count, address) = (self.clone(), count.clone(), address.to_owned());
            clients.spawn(async move {
                let mut times = Histogram::<u64>::new(3)?;
                loop {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    let goes_on = match until {
                        Until::Elapsed(length) => start.elapsed() < length,
                        Until::Handshakes(all) => number < all,
                    };
                    if !goes_on {
                        return Result::Ok(times);
                    }
                    let offers = (number + 1) * share / 100 > number * share / 100;
                    let connector = if offers { &this.offering } else { &this.plain };
                    let begin = Instant::now();
                    ask(&address, connector, offers).await?;
                    times.record(begin.elapsed().as_micros() as u64)?;
                }
            });
        }
        let mut times = Histogram::<u64>::new(3)?;
        while let Some(more) = clients.join_next().await {
            times.add(more??)?;
        }
        Ok(Load {
            handshakes_per_second: times.len() as f64 / start.elapsed().as_secs_f64(),
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
            p999: times.value_at_quantile(0.999),
        })
    }
}

/// Makes one connection with one request; the server must authenticate exactly the clients that offer.
async fn ask(address: &str, connector: &Connector, offers: bool) -> Result<()> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let mut tls = connector.connect(ServerName::try_from(SERVER_NAME)?, tcp).await?;
    tls.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer)?;
    if answer.starts_with("HTTP/1.1 200 ") && answer.contains("CN=agent") == offers {
        Ok(())
    } else {
        Err(format!("unexpected response: {answer}").into())
    }
}
