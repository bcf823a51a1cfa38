//! A server and a client on pristine rustls, with the options and output of the adapters' examples:
//! for `interop matrix`. The server does not request certificates, since it does not recognise offers.

use std::process::ExitCode;
use std::sync::Arc;

use adapter_common::example::{
    ClientOptions, Connected, Error, Served, ServerOptions, answer, ask, connect, exit, report,
    serve,
};
use rustls_pristine::client::WebPkiServerVerifier;
use rustls_pristine::crypto::CryptoProvider;
use rustls_pristine::crypto::ring::{default_provider, kx_group};
use rustls_pristine::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls_pristine::version::TLS12;
use rustls_pristine::{
    ClientConfig, ClientConnection, DEFAULT_VERSIONS, HandshakeKind, ProtocolVersion,
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args().skip(1).collect();
    let before = args.len();
    args.retain(|arg| arg != "--server");
    exit(if args.len() < before { server(args) } else { client(args) })
}

fn server(args: Vec<String>) -> Result<(), Error> {
    let options = ServerOptions::parse(args)?;
    let mut provider = default_provider();
    if options.retry {
        provider.kx_groups = vec![kx_group::SECP384R1];
    }
    let (chain, key) = identity(&options.cert, &options.key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions(options.tls12))?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let config = Arc::new(config);
    serve(move |mut tcp| {
        let mut tls = ServerConnection::new(config.clone())?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        let served = Served {
            tls_version: version(tls.protocol_version()),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            offer: "none".into(),
            decision: "none",
            ..Served::default()
        };
        let mut stream = StreamOwned::new(tls, tcp);
        answer(&mut stream, &served)?;
        stream.conn.send_close_notify();
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(())
    })
}

fn client(args: Vec<String>) -> Result<(), Error> {
    let options = ClientOptions::parse(args)?;
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&options.ca)?)?;
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(options.tls12))?
        .with_webpki_verifier(verifier);
    let config = match &options.identity {
        Some((cert, key)) => {
            let (chain, key) = identity(cert, key)?;
            builder.with_client_auth_cert(chain, key)?
        }
        None => builder.with_no_client_auth(),
    };
    let config = Arc::new(config);
    for _ in 0..options.count {
        let tls = ClientConnection::new(config.clone(), "localhost".try_into()?)?;
        let mut stream = StreamOwned::new(tls, connect(&options)?);
        let body = ask(&mut stream)?;
        let connected = Connected {
            tls_version: version(stream.conn.protocol_version()),
            resumed: stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
            asked: None,
        };
        report(&connected, &body)?;
    }
    Ok(())
}

fn versions(tls12: bool) -> &'static [&'static SupportedProtocolVersion] {
    static ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
    if tls12 { ONLY_TLS12 } else { DEFAULT_VERSIONS }
}

fn version(version: Option<ProtocolVersion>) -> String {
    match version {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".into(),
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".into(),
        other => format!("{other:?}"),
    }
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(cert: &std::path::Path, key: &std::path::Path) -> Result<ChainAndKey, Error> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    Ok((chain, PrivateKeyDer::from_pem_file(key)?))
}
