//! Servers and clients that break one rule of secondary certificates.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::http2::{Code, Frame};
use crate::secondary::POINTS;

pub(super) mod client;
pub(super) mod server;

/// The page that needs a certificate.
pub const PAGE: &str = "/account";

/// Options of `rext-conform faulty secondary-server`.
#[derive(Clone, Debug, Args)]
pub struct SecondaryServerArgs {
    /// The address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The server's certificate chain, in PEM
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The authorities of clients, in PEM
    #[arg(long, value_name = "FILE")]
    pub client_ca: PathBuf,
    /// The rule to break; none by default
    #[arg(long, value_enum)]
    pub fault: Option<server::Fault>,
}

/// Options of `rext-conform faulty secondary-client`.
#[derive(Clone, Debug, Args)]
pub struct SecondaryClientArgs {
    /// The address to connect to
    #[arg(value_name = "ADDR:PORT")]
    pub to: SocketAddr,
    /// The client's certificate chain, in PEM
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The authority that issued that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// The rule to break; none by default
    #[arg(long, value_enum)]
    pub fault: Option<client::Fault>,
}

/// The peer's values of the setting (SCC-1, SCC-2).
#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    value: u32,
    /// Whether there were SETTINGS before.
    is_known: bool,
}

impl Announced {
    /// Reads SETTINGS. Returns true if the value has changed.
    ///
    /// # Errors
    /// PROTOCOL_ERROR if it goes back to 0.
    fn read(&mut self, entries: &[(u16, u32)]) -> Result<bool, Code> {
        let before = *self;
        self.is_known = true;
        for (_, value) in entries.iter().filter(|(number, _)| *number == POINTS.setting()) {
            if self.value > 0 && *value == 0 {
                return Err(Code::PROTOCOL_ERROR);
            }
            self.value = *value;
        }
        Ok(before.is_known && before.value != self.value && before.value > 0)
    }
}

/// A frame CERTIFICATE.
fn certificate_frame(authenticator: Vec<u8>) -> Frame {
    Frame::new(POINTS.certificate(), 0, authenticator)
}
