//! A server on BoringSSL that requests certificates from clients that offer; see
//! `adapter_common::example`.

use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use adapter_boring::{Scope, client_auth, identity, install};
use adapter_common::example::{Error, Served, ServerOptions, answer, exit, serve};
use boring::ssl::{SslAcceptor, SslFiletype, SslMethod, SslRef, SslVersion};
use boring::x509::X509;

const SCOPE: &str = "clients";

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Error> {
    let options = ServerOptions::parse(std::env::args().skip(1))?;
    let acceptor = acceptor(&options)?;
    serve(move |tcp: TcpStream| {
        let mut tls = acceptor.accept(tcp).map_err(|err| err.to_string())?;
        let served = served(tls.ssl());
        answer(&mut tls, &served)?;
        tls.shutdown()?;
        Ok(())
    })
}

fn acceptor(options: &ServerOptions) -> Result<SslAcceptor, Error> {
    let anchors = X509::stack_from_pem(&std::fs::read(&options.client_ca)?)?;
    let scope = Arc::new(Scope::new(SCOPE, anchors)?);
    let mut server = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    server.set_certificate_chain_file(&options.cert)?;
    server.set_private_key_file(&options.key, SslFiletype::PEM)?;
    if options.tls12 {
        server.set_max_proto_version(Some(SslVersion::TLS1_2))?;
    }
    if options.retry {
        server.set_curves_list("P-384")?;
    }
    let ask = options.ask;
    install(&mut server, Default::default(), move |hello| ask.decide(hello, &scope))?;
    Ok(server.build())
}

fn served(ssl: &SslRef) -> Served {
    Served {
        tls_version: ssl.version_str().into(),
        resumed: ssl.session_reused(),
        // rustls-ext formats names by RFC 2253, too.
        verified_subject: identity(ssl, SCOPE)
            .and_then(|certificate| certificate.subject_name().print_ex(RFC2253)),
        ..Served::of(client_auth(ssl))
    }
}

/// `XN_FLAG_RFC2253` of BoringSSL's x509.h.
const RFC2253: i32 = 0x0111_0317;
