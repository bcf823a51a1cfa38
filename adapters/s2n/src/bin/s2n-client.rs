//! A client on s2n-tls; see `adapter_common::example`. It cannot offer to authenticate, since
//! s2n-tls does not send unknown extensions.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use adapter_common::example::{ClientOptions, Connected, Error, ask, connect, exit, report};
use adapter_s2n::example::Blocking;
use s2n_tls::callbacks::{SessionTicket, SessionTicketCallback};
use s2n_tls::config::Config;
use s2n_tls::connection::{Connection, ModifiedBuilder};
use s2n_tls::enums::{ClientAuthType, Version};
use s2n_tls::security::Policy;
use s2n_tls_tokio::TlsConnector;

/// Stores the last session.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<Option<Vec<u8>>>>);

impl SessionTicketCallback for Sessions {
    fn on_session_ticket(&self, _: &mut Connection, ticket: &SessionTicket) {
        let mut bytes = vec![0; ticket.len().unwrap_or_default()];
        if let (Ok(()), Ok(mut last)) = (ticket.data(&mut bytes), self.0.lock()) {
            *last = Some(bytes);
        }
    }
}

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Error> {
    let options = ClientOptions::parse(std::env::args().skip(1))?;
    let sessions = Sessions::default();
    let config = config(&options, sessions.clone())?;
    for _ in 0..options.count {
        let session = sessions.0.lock().map_err(|_| "the store of the session failed")?.take();
        let builder = ModifiedBuilder::new(config.clone(), |connection| match &session {
            Some(session) => connection.set_session_ticket(session),
            None => Ok(connection),
        });
        let tcp = connect(&options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tls = runtime.block_on(async {
            tcp.set_nonblocking(true)?;
            let tcp = tokio::net::TcpStream::from_std(tcp)?;
            Ok::<_, Error>(TlsConnector::new(builder).connect("localhost", tcp).await?)
        })?;
        let mut tls = Blocking::new(runtime, tls);
        let body = ask(&mut tls)?;
        let connection = tls.connection();
        let connected = Connected {
            tls_version: match connection.actual_protocol_version()? {
                Version::TLS13 => "TLSv1.3".into(),
                Version::TLS12 => "TLSv1.2".into(),
                other => format!("{other:?}"),
            },
            resumed: connection.resumed(),
            // s2n-tls puts this into the name of a handshake with a CertificateRequest.
            asked: Some(connection.handshake_type()?.contains("CLIENT_AUTH")),
        };
        report(&connected, &body)?;
        tls.end()?;
    }
    Ok(())
}

fn config(options: &ClientOptions, sessions: Sessions) -> Result<Config, Error> {
    let mut config = Config::builder();
    config.with_system_certs(false)?.trust_pem(&std::fs::read(&options.ca)?)?;
    let policy = if options.tls12 { "20240501" } else { "20240503" };
    config.set_security_policy(&Policy::from_version(policy)?)?;
    if let Some((cert, key)) = &options.identity {
        config.load_pem(&std::fs::read(cert)?, &std::fs::read(key)?)?;
        config.set_client_auth_type(ClientAuthType::Optional)?;
    }
    config.set_session_ticket_callback(sessions)?;
    Ok(config.build()?)
}
