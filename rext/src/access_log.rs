//! The access log: one line for each request, when its response has ended.
//!
//! Everything that a peer chooses is escaped, so that nobody forges a line or a field. The lines go to
//! a thread that writes them, through a queue with a limit: a slow disk or a full pipe never delays a
//! request. Lines that do not fit are dropped, and counted in `rext_access_log_lines_total`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use command_line::Failure;
use http::{HeaderMap, HeaderName, Request, header};
use rustls_ext::http::server::ConnectionInfo;

use crate::gateway::ClientAddress;
use crate::observe::Upstream;

mod combined;
mod json;
mod time;
mod writer;

pub use json::FIELDS;
pub(crate) use time::Clock;
use writer::Writer;

/// Options of the access log.
#[derive(Clone, Debug, Default, Args)]
pub struct AccessLogArgs {
    /// Write a line for each request to FILE, or with - to standard output. SIGHUP opens the file
    /// again, for logrotate
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// The format of these lines
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", requires = "access_log")]
    pub access_log_format: LogFormat,
    /// Write the query of each request's target, too. Queries may contain passwords and other secrets
    #[arg(long, requires = "access_log")]
    pub access_log_query: bool,
}

/// A format of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A JSON object in each line
    #[default]
    Json,
    /// The combined format of Apache and nginx, with the certificate's subject as the user
    Combined,
}

/// The access log of a server.
#[derive(Clone, Debug)]
pub(crate) struct AccessLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    format: LogFormat,
    query: bool,
    writer: Writer,
}

/// The longest value of a request that is logged, in bytes. Longer ones are cut.
const MAX_VALUE: usize = 2048;

/// The parts of a request's head that are logged. All are chosen by the client.
#[derive(Debug)]
pub(crate) struct Head {
    method: String,
    host: Option<Vec<u8>>,
    path: String,
    query: Option<String>,
    referer: Option<Vec<u8>>,
    user_agent: Option<Vec<u8>>,
    request_id: Option<Vec<u8>>,
}

/// The data of a line.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// When the request's head arrived.
    pub(crate) time: SystemTime,
    /// The time from then to the end of the response.
    pub(crate) took: Duration,
    pub(crate) head: Head,
    /// `1.0`, `1.1`, `2` or `3`.
    pub(crate) protocol: &'static str,
    pub(crate) connection: &'a ConnectionInfo,
    /// The client of a trusted proxy; `None` if the peer is the client.
    pub(crate) client: Option<ClientAddress>,
    /// `None` if there was no response.
    pub(crate) status: Option<u16>,
    /// False if the response did not end as it should.
    pub(crate) is_complete: bool,
    /// Bytes of the request's body.
    pub(crate) received: u64,
    /// Bytes of the response's body.
    pub(crate) sent: u64,
    /// Why the request was refused.
    pub(crate) reason: Option<String>,
    pub(crate) upstream: Option<Upstream>,
}

impl AccessLog {
    /// Opens the log, if the options say so. SIGHUP opens it again.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(crate) fn open(args: &AccessLogArgs) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.access_log else { return Ok(None) };
        let writer = Writer::open(path).map_err(|err| {
            Failure::option("--access-log", path.display(), format_args!("cannot open it: {err}"))
        })?;
        let shared =
            Shared { format: args.access_log_format, query: args.access_log_query, writer };
        let this = Self(Arc::new(shared));
        tokio::spawn(this.clone().reopen_on_signal()?);
        Ok(Some(this))
    }

    /// Takes what is logged from the head of a request.
    pub(crate) fn head<B>(&self, request: &Request<B>) -> Head {
        let (uri, fields) = (request.uri(), request.headers());
        let authority = uri.authority().map(|authority| cut(authority.as_str().as_bytes()));
        // A referer may have a query, too.
        let referer = value(fields, &header::REFERER).map(|mut value| {
            if let Some(end) = value.iter().position(|byte| *byte == b'?').filter(|_| !self.0.query)
            {
                value.truncate(end);
            }
            value
        });
        Head {
            method: text(request.method().as_str()),
            host: authority.or_else(|| value(fields, &header::HOST)),
            path: text(uri.path()),
            query: uri.query().filter(|_| self.0.query).map(text),
            referer,
            user_agent: value(fields, &header::USER_AGENT),
            request_id: value(fields, &HeaderName::from_static("x-request-id")),
        }
    }

    /// Writes a line, or drops it if too many lines wait.
    pub(crate) fn write(&self, entry: &Entry<'_>) {
        let line = match self.0.format {
            LogFormat::Json => json::line(entry),
            LogFormat::Combined => combined::line(entry),
        };
        self.0.writer.write(line);
    }

    /// Waits until all lines are written, for a second at most: for the end of the program.
    pub(crate) async fn finish(self) {
        let _ =
            tokio::task::spawn_blocking(move || self.0.writer.finish(Duration::from_secs(1))).await;
    }

    #[cfg(unix)]
    fn reopen_on_signal(self) -> Result<impl Future<Output = ()>, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hang_up = signal(SignalKind::hangup())
            .map_err(|err| Failure::Failed(format!("cannot listen for signals: {err}")))?;
        Ok(async move {
            while hang_up.recv().await.is_some() {
                self.0.writer.reopen();
            }
        })
    }

    /// Does nothing: this system has no SIGHUP.
    #[cfg(not(unix))]
    fn reopen_on_signal(self) -> Result<impl Future<Output = ()>, Failure> {
        Ok(std::future::ready(()))
    }
}

fn value(fields: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    Some(cut(fields.get(name)?.as_bytes()))
}

fn cut(bytes: &[u8]) -> Vec<u8> {
    bytes.get(..MAX_VALUE).unwrap_or(bytes).to_vec()
}

fn text(text: &str) -> String {
    String::from_utf8_lossy(text.as_bytes().get(..MAX_VALUE).unwrap_or(text.as_bytes()))
        .into_owned()
}
