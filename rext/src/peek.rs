//! `rext peek`: shows the ClientHellos in files.

use clap::{Args, ValueEnum};
use command_line::CodePointArgs;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::path::PathBuf;

use rustls_ext::wire::{
    Answer, ClientHello, CodePoints, Fault, KnownFlag, Offer, Scan, ScanError, Version,
};
use serde::Serialize;

use command_line::{Failure, emit};

/// Options of `rext peek`.
#[derive(Clone, Debug, Args)]
pub struct PeekArgs {
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The format of the files
    #[arg(long, value_enum, default_value = "tls")]
    pub wire: Wire,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
}

/// The format of the files that `rext peek` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wire {
    /// TLS records, as they come from a socket
    Tls,
    /// A handshake message, without records
    Handshake,
}

/// The maximum number of bytes that are read of a file: more than the longest ClientHello in the
/// shortest records.
const MAX_FILE: u64 = 1024 * 1024;

/// Runs `rext peek`.
///
/// # Errors
/// If a file cannot be read, or contains no well-formed ClientHello; all others are shown first.
pub fn run(args: &PeekArgs) -> Result<(), Failure> {
    let code_points = args.code_points.get()?;
    let (mut unreadable, mut bad) = (Vec::new(), 0);
    for path in &args.files {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(err) => {
                unreadable.push(format!("{}: cannot read it: {err}", path.display()));
                continue;
            }
        };
        let line = Line::of(path, &bytes, args.wire, &code_points);
        bad += usize::from(!line.complete || line.error.is_some());
        match serde_json::to_string(&line) {
            Ok(json) => emit(json + "\n"),
            Err(err) => return Err(err.into()),
        }
    }
    match (unreadable.as_slice(), bad) {
        ([], 0) => Ok(()),
        ([], 1) => Err(Failure::Failed("one file has no well-formed ClientHello".into())),
        ([], bad) => Err(Failure::Failed(format!("{bad} files have no well-formed ClientHello"))),
        (unreadable, _) => Err(Failure::Usage(unreadable.join("; "))),
    }
}

/// Reads a file, or standard input if `path` is `-`.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(MAX_FILE).read_to_end(&mut bytes)?
    } else {
        File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?
    };
    Ok(bytes)
}

/// The line that is printed for a file. Values that are not in the ClientHello are `null`.
#[derive(Debug, Default, Serialize)]
struct Line {
    file: String,
    /// True if a complete ClientHello was found.
    complete: bool,
    server_name: Option<String>,
    alpn: Option<Vec<String>>,
    versions: Option<Vec<String>>,
    /// The numbers of the TLS flags.
    flags: Option<Vec<u16>>,
    /// The names of those flags that a document defines.
    flag_names: Option<Vec<&'static str>>,
    /// `none`, `flag`, `care`, `both` or `origins`, or with origins `flag+origins`, and so on.
    offer: Option<String>,
    /// The origins in `workload_identifier_origin_hint`, as sent; `None` without the extension.
    origins: Option<Vec<String>>,
    /// True if this is the outer ClientHello of Encrypted Client Hello, or looks like one (GREASE).
    ech: Option<bool>,
    /// True if the client offers to resume a session of TLS 1.3 (extension `pre_shared_key`).
    psk: Option<bool>,
    error: Option<Problem>,
}

/// Why a file has no well-formed ClientHello.
#[derive(Debug, Serialize)]
struct Problem {
    /// The rule that the bytes break.
    rule: &'static str,
    /// The alert that a server sends; `None` if the protocol is not TLS.
    alert: Option<&'static str>,
    message: String,
}

impl Line {
    fn of(path: &Path, bytes: &[u8], wire: Wire, code_points: &CodePoints) -> Self {
        let scan = Scan::new(code_points);
        let mut buffer = vec![0; Scan::LONGEST];
        let result = match wire {
            Wire::Tls => scan.records(bytes, &mut buffer),
            Wire::Handshake => scan.handshake(bytes),
        };
        let mut line = Self { file: path.display().to_string(), ..Self::default() };
        match result {
            Answer::Hello { hello, .. } => line.fill(&hello, code_points),
            Answer::Incomplete { .. } => {}
            Answer::NotTls(found) => {
                let message = found.to_string();
                line.error = Some(Problem { rule: "RFC 8446 5.1", alert: None, message });
            }
            Answer::Malformed(error) => line.error = Some(error.into()),
        }
        line
    }

    fn fill(&mut self, hello: &ClientHello<'_>, code_points: &CodePoints) {
        self.complete = true;
        self.server_name = hello.server_name().map(|name| name.escape_ascii().to_string());
        self.alpn = Some(hello.alpn().map(|name| name.escape_ascii().to_string()).collect());
        self.versions = Some(hello.versions().map(version_name).collect());
        self.ech = Some(hello.ech().is_some());
        self.psk = Some(hello.has_pre_shared_key());

        // Without TLS 1.3, flags are ignored (FLAGS-9).
        let version = if hello.offers_tls13() { Version::Tls13 } else { Version::Tls12 };
        let mut server = rustls_ext::wire::ServerNegotiation::new(*code_points);
        match server.on_client_hello(version, hello.received()) {
            Ok(()) => {
                self.flags = Some(server.flags().iter().map(u16::from).collect());
                let known = |flag| KnownFlag::with_number(flag, code_points);
                let names = server.flags().iter().filter_map(known).map(|known| known.name);
                self.flag_names = Some(names.collect());
                let origins = hello.origins().ok().flatten();
                self.origins = origins.filter(|_| server.offer().has_origins()).map(|origins| {
                    origins.iter().map(|origin| origin.as_str().to_owned()).collect()
                });
                self.offer = Some(Offer::to_string(&server.offer()));
            }
            Err(fault) => self.error = Some(fault.into()),
        }
    }
}

impl From<ScanError> for Problem {
    fn from(error: ScanError) -> Self {
        Self { rule: error.rule(), alert: Some(error.alert().name()), message: error.to_string() }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { rule: fault.rule(), alert: Some(fault.alert().name()), message: fault.to_string() }
    }
}

fn version_name(version: u16) -> String {
    match version {
        0x0304 => "TLSv1.3".into(),
        0x0303 => "TLSv1.2".into(),
        0x0302 => "TLSv1.1".into(),
        0x0301 => "TLSv1.0".into(),
        other => format!("0x{other:04x}"),
    }
}
