//! Measures `rext serve` under load on the loopback interface, with no, few, half or all clients offering.
//! Server and clients share the machine.
//!
//! Arguments: the program, the seconds for each share, and the file for the rows in JSON.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use benches::handshake::{Key, Pki, SERVER_NAME};
use benches::row::{Load, Row};
use hdrhistogram::Histogram;
use rustls::crypto::ring;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_ext::ClientAuthOffer;
use rustls_ext::tokio::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CLIENTS: usize = 16;
const SHARES: [u64; 4] = [0, 1, 50, 100];
const REQUEST: &[u8] = b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = env::args_os().skip(1);
    let usage = "usage: load REXT SECONDS [FILE]";
    let program = args.next().ok_or(usage)?;
    let seconds = args.next().and_then(|n| n.to_str()?.parse().ok()).ok_or(usage)?;
    let folder = tempfile::tempdir()?;
    let pki = Pki::new();
    let server = Server::start(Path::new(&program), folder.path(), &pki)?;

    let mut rows = Vec::new();
    println!("| clients that offer | handshakes/s | ms: median | 99 % | 99.9 % |");
    println!("|---|---|---|---|---|");
    for share in SHARES {
        let load = server.load(share, Duration::from_secs(seconds), &pki).await?;
        let ms = |micros: u64| micros as f64 / 1e3;
        println!(
            "| {share} % | {:.0} | {:.1} | {:.1} | {:.1} |",
            load.handshakes_per_second,
            ms(load.p50),
            ms(load.p99),
            ms(load.p999)
        );
        rows.push(Row {
            load: Some(load),
            ..Row::new("server under load", format!("{share} % of clients offer"))
        });
    }
    if let Some(file) = args.next() {
        fs::write(file, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(program: &Path, folder: &Path, pki: &Pki) -> Result<Self> {
        let write = |name: &str, label: &str, der: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, pem::encode(&pem::Pem::new(label, der))).map(|()| path)
        };
        let mut process = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--policy", "offered", "--client-ca"])
            .arg(write("ca.pem", "CERTIFICATE", &pki.authority)?)
            .arg("--cert")
            .arg(write("server.pem", "CERTIFICATE", &pki.server.certificate)?)
            .arg("--key")
            .arg(write("server.key", "PRIVATE KEY", &pki.server.key)?)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("listening on ").ok_or("the server did not start")?;
        Ok(Self { process, address: address.to_owned() })
    }

    async fn load(&self, share: u64, length: Duration, pki: &Pki) -> Result<Load> {
        let plain = Connector::new(config(pki, false)?.into());
        let offering = Connector::new(config(pki, true)?.into());
        let count = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (plain, offering, count) = (plain.clone(), offering.clone(), count.clone());
            let address = self.address.clone();
            clients.spawn(async move {
                let mut times = Histogram::<u64>::new(3)?;
                while start.elapsed() < length {
                    // Spread evenly.
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    let offers = (number + 1) * share / 100 > number * share / 100;
                    let connector = if offers { &offering } else { &plain };
                    let begin = Instant::now();
                    ask(&address, connector, offers).await?;
                    times.record(begin.elapsed().as_micros() as u64)?;
                }
                Result::Ok(times)
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

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config(pki: &Pki, offers: bool) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(pki.authority.clone().into())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let identity = pki.client(Key::P256);
    let mut config = if offers {
        builder.with_client_auth_cert(
            vec![identity.certificate.clone().into()],
            PrivatePkcs8KeyDer::from(identity.key.clone()).into(),
        )?
    } else {
        builder.with_no_client_auth()
    };
    if offers {
        config.client_auth_offer = ClientAuthOffer::flag();
    }
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
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
