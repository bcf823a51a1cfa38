//! The options of the example programs.

use std::path::PathBuf;

use super::Error;

/// Whom a server asks for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nobody.
    Nobody,
    /// Those who offer.
    Offered,
    /// Those who offer, and insists on a certificate.
    RequireOffered,
}

/// `--cert FILE --key FILE --client-ca FILE --ask nobody|offered|require-offered [--tls12] [--retry]`
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The server's certificate chain, in PEM.
    pub cert: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// The authorities whose client certificates count, in PEM.
    pub client_ca: PathBuf,
    /// Whom to ask.
    pub ask: Ask,
    /// Speak TLS 1.2 only.
    pub tls12: bool,
    /// Agree to groups only for which clients send no key share of their own accord.
    pub retry: bool,
}

impl ServerOptions {
    /// From the command line.
    ///
    /// # Errors
    /// If one is missing, unknown or unusable.
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
                    return Err(format!("--ask {other}: nobody, offered or require-offered").into());
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
    /// Where to connect to.
    pub connect: String,
    /// The authorities whose server certificates count, in PEM; the server is `localhost`.
    pub ca: PathBuf,
    /// The client's certificate chain and its key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How many connections to make, one after the other, with the sessions of those before.
    pub count: u32,
    /// Speak TLS 1.2 only.
    pub tls12: bool,
}

impl ClientOptions {
    /// From the command line.
    ///
    /// # Errors
    /// If one is missing, unknown or unusable.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Error> {
        let mut args = Args::new(args, &["--connect", "--ca", "--cert", "--key", "--count"])?;
        let identity = match (args.value("--cert"), args.value("--key")) {
            (Ok(cert), Ok(key)) => Some((cert.into(), key.into())),
            (Err(_), Err(_)) => None,
            _ => return Err("--cert and --key belong together".into()),
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

/// Options that are not taken yet.
struct Args(Vec<(String, Option<String>)>);

impl Args {
    fn new(args: impl IntoIterator<Item = String>, with_value: &[&str]) -> Result<Self, Error> {
        let mut options = Vec::new();
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let value = if with_value.contains(&name.as_str()) {
                Some(args.next().ok_or_else(|| format!("{name} has no value"))?)
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
            Some((name, _)) => Err(format!("{name}: no such option, or twice").into()),
            None => Ok(()),
        }
    }
}
