//! The head of a request.

use super::super::request::Order;
use super::{Records, Seen, fields};

/// The head of a request, strictly read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) order: Order,
    pub(super) framing: Framing,
    pub(super) seen: Seen,
    /// The client's key, if it requests WebSocket.
    pub(super) key: Option<String>,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
}

impl Head {
    /// Reads a head, without its last empty line.
    ///
    /// # Errors
    /// A description of the first thing that a gateway must not send.
    pub(super) fn parse(text: &[u8], records: &Records) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "a head that is not UTF-8")?;
        fields::refuse_forged(text)?;
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("no request line: {line:?}"));
        };
        let order = Order::parse(target).ok_or_else(|| format!("an unknown target: {line:?}"))?;
        let named: Option<Vec<_>> = lines.map(|line| line.split_once(": ")).collect();
        let named = named.ok_or_else(|| format!("no field line: {text:?}"))?;
        let all = |name: &str| {
            let of_name = named.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
            of_name.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        let framing = match (&*all("content-length"), &*all("transfer-encoding")) {
            ([], []) => Framing::Length(0),
            ([length], []) => Framing::Length(length.parse().map_err(|_| "a bad length")?),
            ([], ["chunked"]) => Framing::Chunked,
            _ => return Err(format!("an ambiguous length: {text:?}")),
        };
        let owned = |name: &str| all(name).into_iter().map(str::to_owned).collect();
        let seen = fields::seen(method, owned, records)?;
        let upgrades = matches!(&*all("upgrade"), [name] if name.eq_ignore_ascii_case("websocket"));
        let key =
            all("sec-websocket-key").first().filter(|_| upgrades).map(|key| (*key).to_owned());
        Ok(Self { method: method.to_owned(), order, framing, seen, key })
    }
}
