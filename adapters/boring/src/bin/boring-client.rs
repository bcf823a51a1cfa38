//! A client on BoringSSL; see `adapter_common::example`. It cannot offer to authenticate, since
//! BoringSSL does not send unknown extensions, and does not resume, since that is `unsafe` in
//! `boring`.

use std::process::ExitCode;

use adapter_common::example::{ClientOptions, Connected, Error, ask, connect, exit, report};
use boring::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Error> {
    let options = ClientOptions::parse(std::env::args().skip(1))?;
    let mut client = SslConnector::builder(SslMethod::tls())?;
    client.set_ca_file(&options.ca)?;
    if let Some((cert, key)) = &options.identity {
        client.set_certificate_chain_file(cert)?;
        client.set_private_key_file(key, SslFiletype::PEM)?;
    }
    if options.tls12 {
        client.set_max_proto_version(Some(SslVersion::TLS1_2))?;
    }
    let client = client.build();
    for _ in 0..options.count {
        let tcp = connect(&options)?;
        let mut tls = client.connect("localhost", tcp).map_err(|err| err.to_string())?;
        let body = ask(&mut tls)?;
        let connected = Connected {
            tls_version: tls.ssl().version_str().into(),
            resumed: tls.ssl().session_reused(),
            asked: None,
        };
        report(&connected, &body)?;
    }
    Ok(())
}
