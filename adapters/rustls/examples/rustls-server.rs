//! A server on rustls as published that requests certificates from clients that offer; see
//! `adapter_common::example`.

use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use adapter_common::example::{Error, Served, ServerOptions, answer, exit, serve};
use adapter_rustls::tokio::{AcceptError, Acceptor, TlsStream, linger};
use adapter_rustls::{ByOffer, Scope};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{self, Runtime};
use x509_parser::prelude::{FromDer, X509Certificate};

const SCOPE: &str = "clients";

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Error> {
    let options = ServerOptions::parse(std::env::args().skip(1))?;
    let acceptor = Acceptor::new(by_offer(&options)?);
    serve(move |tcp: TcpStream| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let tls = runtime.block_on(async {
            tcp.set_nonblocking(true)?;
            let tcp = tokio::net::TcpStream::from_std(tcp)?;
            acceptor.accept(tcp).await.map_err(with_cause)
        })?;
        let served = served(&tls)?;
        let mut tls = Blocking { runtime, tls };
        answer(&mut tls, &served)?;
        tls.runtime.block_on(linger(tls.tls));
        Ok(())
    })
}

fn by_offer(options: &ServerOptions) -> Result<ByOffer, Error> {
    let mut provider = ring::default_provider();
    if options.retry {
        provider.kx_groups = vec![ring::kx_group::SECP384R1];
    }
    let provider = Arc::new(provider);
    let mut roots = RootCertStore::empty();
    for anchor in CertificateDer::pem_file_iter(&options.client_ca)? {
        roots.add(anchor?)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let scope = Arc::new(Scope::new(SCOPE, verifier.build()?)?);
    let versions = if options.tls12 { &[&TLS12][..] } else { &[&TLS13, &TLS12] };
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(
            CertificateDer::pem_file_iter(&options.cert)?.collect::<Result<_, _>>()?,
            PrivateKeyDer::from_pem_file(&options.key)?,
        )?;
    let ask = options.ask;
    Ok(ByOffer::new(config, Default::default(), move |hello| ask.decide(hello, &scope))?)
}

fn served<IO>(tls: &TlsStream<IO>) -> Result<Served, Error> {
    let subject = match tls.identity(SCOPE).and_then(|chain| chain.first()) {
        None => None,
        Some(certificate) => {
            let (_, certificate) = X509Certificate::from_der(certificate)?;
            Some(certificate.subject().to_string())
        }
    };
    let version = match tls.connection().protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    Ok(Served {
        tls_version: version.into(),
        resumed: tls.is_resumed(),
        verified_subject: subject,
        ..Served::of(Some(tls.client_auth()))
    })
}

fn with_cause(err: AcceptError) -> Error {
    match err.source() {
        Some(cause) => format!("{err}: {cause}").into(),
        None => err.to_string().into(),
    }
}

/// A stream whose reads and writes block.
struct Blocking {
    runtime: Runtime,
    tls: TlsStream<tokio::net::TcpStream>,
}

impl Read for Blocking {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.tls.read(buf))
    }
}

impl Write for Blocking {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.tls.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.runtime.block_on(self.tls.flush())
    }
}
