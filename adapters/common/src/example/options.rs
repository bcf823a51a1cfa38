//! The options of the example programs.

use std::path::PathBuf;

use super::Error;

/// The clients from which a server requests a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// None.
    Nobody,
    /// Those that offer; a certificate is requested.
    Offered,
    /// Those that offer; a certificate is required.
    RequireOffered,
}

/// `--cert FILE --key FILE --client-ca FILE --ask nobody|offered|require-offered [--tls12]
/// [--retry]`
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The server's certificate chain, in PEM.
    pub cert: PathBuf,
    /// The server's key, in PEM.
    pub key: PathBuf,
    /// The authorities of accepted client certificates, in PEM.
    pub client_ca: PathBuf,
    /// The clients from which to request a certificate.
    pub ask: Ask,
    /// Use TLS 1.2 only.
    pub tls12: bool,
    /// Support only groups for which clients send no key share at first, so that the server sends
    /// HelloRetryRequest.
    pub retry: bool,
}

impl ServerOptions {
    /// Parses the options of the command line.
    ///
    /// # Errors
    /// If an option is missing, unknown, repeated or invalid.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Error> {
        let mut args = Args::new(args, &["--cert", "--key", "--client-ca", "--ask"])?;
        let options = Self {
            cert: args.value("--cert")?.into(),
            key: args.value("--key")?.into(),
            client_ca: args.value("--client-ca")?.into(),
            ask: match args.value("--ask")?.as_str() {
                "nobody" => Ask::Nobody,
                "offered" => Ask::Offered,
                "require-offered" => Ask::RequireOffered,
                other => {
                    return Err(
                        format!("--ask {other}: use nobody, offered or require-offered").into()
                    );
                }
            },
            tls12: args.switch("--tls12"),
            retry: args.switch("--retry"),
        };
        args.end().map(|()| options)
    }
}

/// `--connect ADDR:PORT --ca FILE [--cert FILE --key FILE] [--count N] [--tls12]`
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The address of the server.
    pub connect: String,
    /// The authorities of accepted server certificates, in PEM. The server's name is `localhost`.
    pub ca: PathBuf,
    /// The client's certificate chain and its key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The number of connections to make, one after the other; each may resume an earlier session.
    pub count: u32,
    /// Use TLS 1.2 only.
    pub tls12: bool,
}

impl ClientOptions {
    /// Parses the options of the command line.
    ///
    /// # Errors
    /// If an option is missing, unknown, repeated or invalid.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Error> {
        let mut args = Args::new(args, &["--connect", "--ca", "--cert", "--key", "--count"])?;
        let identity = match (args.value("--cert"), args.value("--key")) {
            (Ok(cert), Ok(key)) => Some((cert.into(), key.into())),
            (Err(_), Err(_)) => None,
            _ => return Err("use --cert and --key together".into()),
        };
        let options = Self {
            connect: args.value("--connect")?,
            ca: args.value("--ca")?.into(),
            identity,
            count: match args.value("--count") {
                Ok(count) => count.parse().map_err(|err| format!("--count {count}: {err}"))?,
                Err(_) => 1,
            },
            tls12: args.switch("--tls12"),
        };
        args.end().map(|()| options)
    }
}

/// The options that were not used yet.
struct Args(Vec<(String, Option<String>)>);

impl Args {
    fn new(args: impl IntoIterator<Item = String>, with_value: &[&str]) -> Result<Self, Error> {
        let mut options = Vec::new();
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let value = if with_value.contains(&name.as_str()) {
                Some(args.next().ok_or_else(|| format!("{name} needs a value"))?)
            } else {
                None
            };
            options.push((name, value));
        }
        Ok(Self(options))
    }

    fn take(&mut self, name: &str) -> Option<Option<String>> {
        let at = self.0.iter().position(|(option, _)| option == name)?;
        Some(self.0.remove(at).1)
    }

    fn value(&mut self, name: &str) -> Result<String, Error> {
        self.take(name).flatten().ok_or_else(|| format!("{name} is missing").into())
    }

    fn switch(&mut self, name: &str) -> bool {
        self.take(name).is_some()
    }

    fn end(self) -> Result<(), Error> {
        match self.0.first() {
            Some((name, _)) => Err(format!("{name}: unknown or repeated option").into()),
            None => Ok(()),
        }
    }
}
