//! A server on s2n-tls that requests certificates from clients that offer; see
//! `adapter_common::example`.

use std::io::Read;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use adapter_common::example::{Error, Served, ServerOptions, answer, exit, serve};
use adapter_s2n::example::Blocking;
use adapter_s2n::{ByOffer, Scope, Version, client_auth, identity};
use s2n_tls::config::{Builder, Config};
use s2n_tls::connection::Connection;
use s2n_tls::enums::Version as S2nVersion;
use s2n_tls::security::Policy;
use s2n_tls_tokio::TlsAcceptor;
use tokio::runtime;
use x509_parser::prelude::{FromDer, X509Certificate};

const SCOPE: &str = "clients";

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Error> {
    let options = ServerOptions::parse(std::env::args().skip(1))?;
    let config = config(&options)?;
    serve(move |tcp: TcpStream| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let tls = runtime.block_on(async {
            tcp.set_nonblocking(true)?;
            let tcp = tokio::net::TcpStream::from_std(tcp)?;
            Ok::<_, Error>(TlsAcceptor::new(config.clone()).accept(tcp).await?)
        })?;
        let served = served(tls.as_ref())?;
        let mut tls = Blocking::new(runtime, tls);
        answer(&mut tls, &served)?;
        tls.end()
    })
}

fn base(options: &ServerOptions) -> Result<Builder, Error> {
    let mut config = Config::builder();
    config.load_pem(&std::fs::read(&options.cert)?, &std::fs::read(&options.key)?)?;
    config.set_security_policy(&Policy::from_version(match (options.tls12, options.retry) {
        (true, _) => "20240501",
        // Supports P-256 and P-384 only; most clients send a key share for X25519.
        (false, true) => "20190802",
        (false, false) => "20240503",
    })?)?;
    // s2n-tls delays errors against timing attacks; this example need not.
    config.set_max_blinding_delay(1)?;
    Ok(config)
}

fn config(options: &ServerOptions) -> Result<Config, Error> {
    let scope = Scope::new(SCOPE, base(options)?, &std::fs::read(&options.client_ca)?)?;
    let (scope, ask) = (Arc::new(scope), options.ask);
    let best = if options.tls12 { Version::Tls12 } else { Version::Tls13 };
    let by_offer = ByOffer::new(best, Default::default(), move |hello| ask.decide(hello, &scope));
    let mut config = base(options)?;
    config.set_client_hello_callback(by_offer)?;
    config.enable_session_tickets(true)?;
    // One key for the run of the program. A server that runs for long must rotate its keys.
    let mut key = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    config.add_session_ticket_key(b"1", &key, SystemTime::now())?;
    Ok(config.build()?)
}

fn served(connection: &Connection) -> Result<Served, Error> {
    let subject = match identity(connection, SCOPE) {
        None => None,
        Some(chain) => {
            let leaf = chain.iter().next().ok_or("an empty chain")??;
            let (_, certificate) = X509Certificate::from_der(leaf.der()?)?;
            Some(certificate.subject().to_string())
        }
    };
    Ok(Served {
        tls_version: match connection.actual_protocol_version()? {
            S2nVersion::TLS13 => "TLSv1.3".into(),
            S2nVersion::TLS12 => "TLSv1.2".into(),
            other => format!("{other:?}"),
        },
        resumed: connection.resumed(),
        verified_subject: subject,
        ..Served::of(client_auth(connection))
    })
}
