//! What the example programs of the adapters have in common: their options, and what they print.
//!
//! A server prints `listening on 127.0.0.1:PORT`, and then a line of JSON for each connection,
//! [`Served`], which is also the body of its answer to whatever is asked. A client prints a line for
//! each connection, [`Connected`], and the answer. `interop matrix` runs them, and those of other languages that do
//! the same.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde::Serialize;

use crate::client_auth::{ClientAuth, Decision};
use crate::hello::Hello;

mod options;

pub use options::{Ask, ClientOptions, ServerOptions};

/// How long a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a request, and of an answer.
const LARGEST: usize = 64 * 1024;

/// Whatever ends a program, or a connection.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a server knows of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Served {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: String,
    /// Whether the session is an earlier one.
    pub resumed: bool,
    /// How the client offers to authenticate: `none`, `flag`, `care` or `both`.
    pub offer: String,
    /// What was decided: `none`, `request` or `require`.
    pub decision: &'static str,
    /// The subject of the client's certificate, if that was verified.
    pub verified_subject: Option<String>,
    /// Whether the client was told that it was asked because of its offer.
    pub acknowledged: bool,
}

impl Ask {
    /// What this says of the client that sent `hello`.
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
    /// What is known of the client by `auth`; the rest is left out.
    pub fn of<S>(auth: Option<&ClientAuth<S>>) -> Self {
        Self {
            offer: auth.map(ClientAuth::offer).unwrap_or_default().to_string(),
            decision: auth.map_or("none", |auth| auth.decision().name()),
            ..Self::default()
        }
    }
}

/// What a client knows of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connected {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: String,
    /// Whether the session is an earlier one.
    pub resumed: bool,
    /// Whether the server asked for a certificate; `None` where the library does not tell.
    pub asked: Option<bool>,
}

/// Listens on a free port of loopback, and serves each connection on a thread, for ever.
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

/// Reads a request, answers it with what is known of the connection, and prints that.
///
/// # Errors
/// If the client goes away, or asks for too much.
pub fn answer(stream: &mut (impl Read + Write), served: &Served) -> Result<(), Error> {
    let body = serde_json::to_string(served)?;
    say(&body);
    let mut request = Vec::new();
    let mut bytes = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut bytes)?;
        request.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if count == 0 || request.len() > LARGEST {
            return Err("no whole request".into());
        }
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}\n", body.len() + 1)?;
    Ok(stream.flush()?)
}

/// Opens a connection to the server.
///
/// # Errors
/// If nobody listens there.
pub fn connect(options: &ClientOptions) -> Result<TcpStream, Error> {
    let tcp = TcpStream::connect(&options.connect)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    Ok(tcp)
}

/// Sends a request; returns the body of the answer. All that the server sends is read.
///
/// # Errors
/// If it refuses, or says no more.
pub fn ask(stream: &mut (impl Read + Write)) -> Result<String, Error> {
    stream.write_all(b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.take(LARGEST as u64).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(body.to_owned())
}

/// Prints what came of a connection, and the answer.
///
/// # Errors
/// None that is known.
pub fn report(connected: &Connected, body: &str) -> Result<(), Error> {
    say(&serde_json::to_string(connected)?);
    say(body);
    Ok(())
}

/// Runs a program to its exit code: 2 where its options or files are unusable, or it cannot go on.
pub fn exit(outcome: Result<(), Error>) -> std::process::ExitCode {
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            std::process::ExitCode::from(2)
        }
    }
}

/// Prints a line at once. That nobody reads it is no error.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
