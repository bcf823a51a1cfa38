use std::fmt::Write;

use super::{Entry, time};
use crate::gateway::ClientAddress;

/// Makes a line in the combined format:
/// `address - subject [time] "method target protocol" status bytes "referer" "user agent"`.
///
/// Status and bytes are as in the response; the status is 499 if the client went away before there
/// was one, as nginx has it. If a trusted proxy sent the request, the address is that of its client.
pub(super) fn line(entry: &Entry<'_>) -> Vec<u8> {
    /// The status for a client that went away before there was a response.
    const CLIENT_CLOSED_REQUEST: u16 = 499;
    let head = &entry.head;
    let mut line = String::with_capacity(256);
    let peer = entry.connection.peer().map(|peer| peer.ip().to_canonical());
    match entry.client.map_or(peer, |ClientAddress(client)| client) {
        Some(address) => {
            let _ = write!(line, "{address}");
        }
        None => line.push('-'),
    }
    line.push_str(" - ");
    let identities = entry.connection.identities();
    let subject = identities.first().and_then(|identity| identity.certificate().subject().ok());
    // The user is not in quotes, so it must not have spaces.
    escape(&mut line, subject.map(str::as_bytes), true);
    let _ = write!(line, " [{}] \"", time::common(entry.time));
    escape(&mut line, Some(head.method.as_bytes()), false);
    line.push(' ');
    escape(&mut line, Some(head.path.as_bytes()), true);
    if let Some(query) = &head.query {
        line.push('?');
        escape(&mut line, Some(query.as_bytes()), true);
    }
    let protocol = match entry.protocol {
        "2" => "2.0",
        "3" => "3.0",
        other => other,
    };
    let status = entry.status.unwrap_or(CLIENT_CLOSED_REQUEST);
    let _ = write!(line, " HTTP/{protocol}\" {status} {} \"", entry.sent);
    escape(&mut line, head.referer.as_deref(), false);
    line.push_str("\" \"");
    escape(&mut line, head.user_agent.as_deref(), false);
    line.push_str("\"\n");
    line.into_bytes()
}

/// Writes a value, or `-` if there is none. Bytes that are not printable ASCII, quotes and
/// backslashes become `\xHH`; with `spaces`, so do spaces.
fn escape(line: &mut String, value: Option<&[u8]>, spaces: bool) {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return line.push('-') };
    for byte in value {
        match byte {
            b'"' | b'\\' => {}
            b' ' if spaces => {}
            b' '..=b'~' => {
                line.push(char::from(*byte));
                continue;
            }
            _ => {}
        }
        let _ = write!(line, "\\x{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_quotes_or_its_line() {
        for (value, spaces, expected) in [
            (&b"/plain"[..], false, "/plain"),
            (b"", false, "-"),
            (b"a\" 200 1\r\n127.0.0.1", false, "a\\x22 200 1\\x0D\\x0A127.0.0.1"),
            (b"CN=a b", true, "CN=a\\x20b"),
            (b"\\x22", false, "\\x5Cx22"),
            ("\u{9b}31m\u{202e}".as_bytes(), false, "\\xC2\\x9B31m\\xE2\\x80\\xAE"),
            (b"\x1b[31m\x7f\xff", false, "\\x1B[31m\\x7F\\xFF"),
        ] {
            let mut line = String::new();
            escape(&mut line, Some(value), spaces);
            assert_eq!(line, expected);
        }
    }
}
