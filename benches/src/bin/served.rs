//! Counts the instructions of `rext serve` for a connection with one request, with valgrind. System calls are not
//! in the count.
//!
//! Arguments: the program, and the file for the rows in JSON.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, fs};

use benches::handshake::{Key, Pki, SERVER_NAME};
use benches::report::served::{NO_OFFER, OFFER, SERVED};
use benches::row::Row;
use rustls::crypto::ring;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_ext::ClientAuthOffer;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many connections a run has; the difference of two runs is what they cost.
const FEW: u32 = 20;
const MANY: u32 = 220;
const REQUEST: &[u8] = b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn main() -> Result<()> {
    let mut args = env::args_os().skip(1);
    let program = PathBuf::from(args.next().ok_or("usage: served REXT [FILE]")?);
    let folder = tempfile::tempdir()?;
    let pki = Pki::new();
    let mut rows = Vec::new();
    println!("| a connection of `rext serve` | instructions |");
    println!("|---|---|");
    for (name, offers) in [(NO_OFFER, false), (OFFER, true)] {
        let count = |connections| count(&program, folder.path(), &pki, offers, connections);
        let instructions = (count(MANY)? - count(FEW)?) / f64::from(MANY - FEW);
        println!("| {name} | {instructions:.0} |");
        rows.push(Row { instructions: Some(instructions), ..Row::new(SERVED, name) });
    }
    if let Some(file) = args.next() {
        fs::write(file, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}

/// The instructions of a server that serves this many connections.
fn count(program: &Path, folder: &Path, pki: &Pki, offers: bool, connections: u32) -> Result<f64> {
    let write = |name: &str, label: &str, der: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, pem::encode(&pem::Pem::new(label, der))).map(|()| path)
    };
    let profile = folder.join("callgrind.out");
    let mut server = Command::new("valgrind")
        .args(["--tool=callgrind", "--cache-sim=no", "--quiet"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--policy", "offered", "--client-ca"])
        .arg(write("ca.pem", "CERTIFICATE", &pki.authority)?)
        .arg("--cert")
        .arg(write("server.pem", "CERTIFICATE", &pki.server.certificate)?)
        .arg("--key")
        .arg(write("server.key", "PRIVATE KEY", &pki.server.key)?)
        .args(env::args_os().skip(3)) // to try other options
        // With one thread, the count does not depend on which of them is free.
        .env("TOKIO_WORKER_THREADS", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = server.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening on ").ok_or("the server did not start")?;
    let config = Arc::new(config(pki, offers)?);
    for _ in 0..connections {
        ask(address, &config, offers)?;
    }
    let ended = Command::new("kill").arg("-TERM").arg(server.id().to_string()).status()?;
    if !ended.success() || !server.wait()?.success() {
        return Err("the server did not end as it should".into());
    }
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("no total in callgrind's file")?.trim().parse()?)
}

fn config(pki: &Pki, offers: bool) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(pki.authority.clone().into())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = if offers {
        let identity = pki.client(Key::P256);
        let key = PrivatePkcs8KeyDer::from(identity.key.clone());
        builder.with_client_auth_cert(vec![identity.certificate.clone().into()], key.into())?
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
fn ask(address: &str, config: &Arc<ClientConfig>, offers: bool) -> Result<()> {
    let tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    let client = ClientConnection::new(config.clone(), ServerName::try_from(SERVER_NAME)?)?;
    let mut tls = StreamOwned::new(client, tcp);
    tls.write_all(REQUEST)?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") && answer.contains("CN=agent") == offers {
        Ok(())
    } else {
        Err(format!("unexpected response: {answer}").into())
    }
}
