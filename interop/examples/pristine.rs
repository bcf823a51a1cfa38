//! A server and a client on pristine rustls, for `rext-conform` to test.
//!
//! ```console
//! pristine server ADDR:PORT CERT KEY [CLIENT_CA]
//! pristine client ADDR:PORT CA CERT KEY
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls_pristine::crypto::ring;
use rustls_pristine::pki_types::pem::PemObject;
use rustls_pristine::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls_pristine::server::WebPkiClientVerifier;
use rustls_pristine::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

type BoxResult<T> = Result<T, Box<dyn Error>>;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

fn main() -> BoxResult<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", addr, cert, key] => serve(addr, cert, key, None),
        ["server", addr, cert, key, client_ca] => serve(addr, cert, key, Some(client_ca)),
        ["client", addr, ca, cert, key] => connect(addr, ca, cert, key),
        _ => Err("server ADDR:PORT CERT KEY [CLIENT_CA], or client ADDR:PORT CA CERT KEY".into()),
    }
}

fn roots(path: &str) -> BoxResult<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_file_iter(path)? {
        roots.add(der?)?;
    }
    Ok(roots)
}

fn chain(path: &str) -> BoxResult<Vec<CertificateDer<'static>>> {
    Ok(CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?)
}

fn serve(addr: &str, cert: &str, key: &str, client_ca: Option<&str>) -> BoxResult<()> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(rustls_pristine::ALL_VERSIONS)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca)?.into(), provider);
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
        }
    };
    let mut config = builder.with_single_cert(chain(cert)?, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (config, stream) = (config.clone(), stream?);
        std::thread::spawn(move || answer(config, stream).map_err(|err| eprintln!("{err}")));
    }
    Ok(())
}

fn answer(config: Arc<ServerConfig>, tcp: TcpStream) -> Result<(), String> {
    let failed = |err: &dyn std::fmt::Display| err.to_string();
    let connection = ServerConnection::new(config).map_err(|err| failed(&err))?;
    let mut tls = StreamOwned::new(connection, tcp);
    let mut request = [0; 1024];
    let read = tls.read(&mut request).map_err(|err| failed(&err));
    let answered = read.and_then(|_| tls.write_all(ANSWER).map_err(|err| failed(&err)));
    tls.conn.send_close_notify();
    // Also an alert, if there is one to send.
    let _ = tls.conn.write_tls(&mut tls.sock);
    answered
}

fn connect(addr: &str, ca: &str, cert: &str, key: &str) -> BoxResult<()> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(rustls_pristine::ALL_VERSIONS)?
        .with_root_certificates(roots(ca)?)
        .with_client_auth_cert(chain(cert)?, PrivateKeyDer::from_pem_file(key)?)?;
    let config = Arc::new(config);
    for _ in 0..2 {
        let name = ServerName::try_from("localhost")?;
        let connection = ClientConnection::new(config.clone(), name)?;
        let mut tls = StreamOwned::new(connection, TcpStream::connect(addr)?);
        tls.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        if tls.read_to_end(&mut Vec::new())? == 0 {
            return Err("no answer".into());
        }
        tls.conn.send_close_notify();
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(())
}
