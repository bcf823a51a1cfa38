//! Common code of the adapters' example programs: their options and their output.
//!
//! A server prints `listening on 127.0.0.1:PORT`, and then a line of JSON for each connection,
//! [`Served`], which is also the body of its response to any request. A client prints a line for
//! each connection, [`Connected`], and then the response. `interop matrix` runs these programs, and
//! programs in other languages with the same options and output.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde::Serialize;

use crate::client_auth::{ClientAuth, Decision};
use crate::hello::Hello;

mod options;

pub use options::{Ask, ClientOptions, ServerOptions};

/// The timeout of each read and write.
const PATIENCE: Duration = Duration::from_secs(10);
/// The maximum length of a request or a response, in bytes.
const LARGEST: usize = 64 * 1024;

/// An error that ends a program or a connection.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A server's report on a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Served {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: String,
    /// True if the handshake resumed an earlier session.
    pub resumed: bool,
    /// The client's offer to authenticate: `none`, `flag`, `care` or `both`.
    pub offer: String,
    /// The decision: `none`, `request` or `require`.
    pub decision: &'static str,
    /// The subject of the client's certificate, if it was verified.
    pub verified_subject: Option<String>,
    /// True if the server acknowledged the offer.
    pub acknowledged: bool,
}

impl Ask {
    /// Decides for the client that sent `hello`.
    pub fn decide<S: Clone>(self, hello: &Hello<'_>, scope: &S) -> Decision<S> {
        match self {
            _ if hello.offer().is_none() => Decision::None,
            Self::Nobody => Decision::None,
            Self::Offered => Decision::Request(scope.clone()),
            Self::RequireOffered => Decision::Require(scope.clone()),
        }
    }
}

impl Served {
    /// Makes a report with offer and decision of `auth`; the other fields are empty.
    pub fn of<S>(auth: Option<&ClientAuth<S>>) -> Self {
        Self {
            offer: auth.map(ClientAuth::offer).unwrap_or_default().to_string(),
            decision: auth.map_or("none", |auth| auth.decision().name()),
            ..Self::default()
        }
    }
}

/// A client's report on a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connected {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: String,
    /// True if the handshake resumed an earlier session.
    pub resumed: bool,
    /// True if the server requested a certificate; `None` if the library does not report it.
    pub asked: Option<bool>,
}

/// Listens on a free port of the loopback interface, and serves each connection in a thread. It
/// does not return, except with an error.
///
/// # Errors
/// If it cannot listen.
pub fn serve(
    connection: impl Fn(TcpStream) -> Result<(), Error> + Send + Sync + 'static,
) -> Result<(), Error> {
    let connection = std::sync::Arc::new(connection);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(&format!("listening on {}", listener.local_addr()?));
    for tcp in listener.incoming() {
        let (tcp, connection) = (tcp?, connection.clone());
        std::thread::spawn(move || {
            tcp.set_read_timeout(Some(PATIENCE)).ok();
            tcp.set_write_timeout(Some(PATIENCE)).ok();
            if let Err(err) = connection(tcp) {
                say(&serde_json::json!({ "error": err.to_string() }).to_string());
            }
        });
    }
    Ok(())
}

/// Prints the report on a connection, reads a request, and sends the report as the response.
///
/// # Errors
/// If the client closes the connection, or its request is too long.
pub fn answer(stream: &mut (impl Read + Write), served: &Served) -> Result<(), Error> {
    let body = serde_json::to_string(served)?;
    say(&body);
    let mut request = Vec::new();
    let mut bytes = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut bytes)?;
        request.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if count == 0 || request.len() > LARGEST {
            return Err("the client did not send a complete request".into());
        }
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}\n", body.len() + 1)?;
    Ok(stream.flush()?)
}

/// Opens a connection to the server.
///
/// # Errors
/// If it fails.
pub fn connect(options: &ClientOptions) -> Result<TcpStream, Error> {
    let tcp = TcpStream::connect(&options.connect)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    Ok(tcp)
}

/// Sends a request, reads until the server closes the connection, and returns the response's body.
///
/// # Errors
/// If the server refuses the connection, or sends no complete response.
pub fn ask(stream: &mut (impl Read + Write)) -> Result<String, Error> {
    stream.write_all(b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.take(LARGEST as u64).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (_, body) =
        answer.split_once("\r\n\r\n").ok_or("the server did not send a complete response")?;
    Ok(body.to_owned())
}

/// Prints the report on a connection, and the response.
///
/// # Errors
/// If the report cannot be encoded as JSON.
pub fn report(connected: &Connected, body: &str) -> Result<(), Error> {
    say(&serde_json::to_string(connected)?);
    say(body);
    Ok(())
}

/// Returns the exit code of a program; prints an error, whose exit code is 2.
pub fn exit(outcome: Result<(), Error>) -> std::process::ExitCode {
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            std::process::ExitCode::from(2)
        }
    }
}

/// Prints a line, and flushes it. Errors are ignored.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
