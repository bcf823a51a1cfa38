//! Measures `rext serve` under load on the loopback interface, with no, few, half or all clients offering.
//! Server and clients share the machine.
//!
//! Arguments: the program, the seconds for each share in all, and the file for the rows in JSON.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use benches::handshake::{Key, Pki};
use benches::load::{Clients, LOAD, SHARES, Until};
use benches::row::{Load, Row};
use rustls::pki_types::PrivatePkcs8KeyDer;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How often each share is measured.
const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = env::args_os().skip(1);
    let usage = "usage: load REXT SECONDS [FILE]";
    let program = args.next().ok_or(usage)?;
    let seconds = args.next().and_then(|n| n.to_str()?.parse().ok()).ok_or(usage)?;
    let folder = tempfile::tempdir()?;
    let pki = Pki::new();
    let server = Server::start(Path::new(&program), folder.path(), &pki)?;
    let identity = pki.client(Key::P256);
    let key = PrivatePkcs8KeyDer::from(identity.key.clone()).into();
    let chain = vec![identity.certificate.clone().into()];
    let clients = Clients::new(pki.authority.clone().into(), chain, key)?;

    // In turns, since the speed of the machine changes.
    let mut loads = SHARES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (share, loads) in SHARES.into_iter().zip(&mut loads) {
            let length = Until::Elapsed(Duration::from_secs(seconds) / ROUNDS);
            loads.push(clients.load(&server.address, share, length).await?);
        }
    }
    let mut rows = Vec::new();
    println!("| clients that offer | handshakes/s | ms: median | 99 % | 99.9 % |");
    println!("|---|---|---|---|---|");
    for (share, loads) in SHARES.into_iter().zip(&loads) {
        let load = Load::median(loads);
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
            ..Row::new(LOAD, format!("{share} % of clients offer"))
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
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
