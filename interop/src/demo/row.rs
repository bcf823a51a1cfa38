//! The rows of the demo's table, and the expected values.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Serialize;

/// The outcome of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The kind of client.
    pub client: String,
    /// Whether the client made an offer.
    pub offered: bool,
    /// Whether the server requested a certificate.
    pub asked: bool,
    /// Whether the server acknowledged the offer.
    pub acknowledged: bool,
    /// The subject of the client's certificate, if the server verified it.
    pub authenticated: Option<String>,
    /// The scope in which the client is authenticated.
    pub scope: Option<String>,
    /// The status code of the response.
    pub http_status: Option<u16>,
    /// The alert that ended the handshake and the side that sent it, such as `unknown_ca from server`.
    pub refused: Option<String>,
    /// The bytes of TLS records in both directions, until the server's handshake ended. `None`
    /// over QUIC, which has no TLS records and pads its packets.
    pub handshake_bytes: Option<u64>,
    /// The flights until then. `None` over QUIC, where both sides may send at any time.
    pub flights: Option<u32>,
}

/// The expected values of a [`Row`].
#[derive(Clone, Debug)]
pub struct Expected {
    /// See [`Row::offered`].
    pub offered: bool,
    /// See [`Row::asked`].
    pub asked: bool,
    /// See [`Row::acknowledged`].
    pub acknowledged: bool,
    /// See [`Row::authenticated`].
    pub authenticated: Option<&'static str>,
    /// See [`Row::scope`].
    pub scope: Option<&'static str>,
    /// See [`Row::http_status`].
    pub http_status: Option<u16>,
    /// See [`Row::refused`].
    pub refused: Option<&'static str>,
    /// See [`Row::handshake_bytes`]; a range, since ECDSA signatures differ in length.
    pub handshake_bytes: Option<RangeInclusive<u64>>,
    /// See [`Row::flights`].
    pub flights: Option<u32>,
}

impl Expected {
    /// The differences of `row` from these values, one line each.
    pub fn differences(&self, row: &Row) -> Vec<String> {
        let mut lines = Vec::new();
        let mut check = |column: &str, expected: String, got: String, holds: bool| {
            if !holds {
                let client = &row.client;
                lines.push(format!("{client:?}, {column}: expected {expected}, got {got}"));
            }
        };
        let texts = [
            ("offered", word(self.offered), word(row.offered)),
            ("requested", word(self.asked), word(row.asked)),
            ("acknowledged", word(self.acknowledged), word(row.acknowledged)),
            ("authenticated", or_dash(&self.authenticated), or_dash(&row.authenticated)),
            ("scope", or_dash(&self.scope), or_dash(&row.scope)),
            ("http_status", or_dash(&self.http_status), or_dash(&row.http_status)),
            ("refused", or_dash(&self.refused), or_dash(&row.refused)),
            ("flights", or_dash(&self.flights), or_dash(&row.flights)),
        ];
        for (column, expected, got) in texts {
            let holds = expected == got;
            check(column, expected, got, holds);
        }
        let range = self.handshake_bytes.as_ref();
        check(
            "handshake_bytes",
            or_dash(&range.map(|range| format!("{} to {}", range.start(), range.end()))),
            or_dash(&row.handshake_bytes),
            match (range, row.handshake_bytes) {
                (Some(range), Some(bytes)) => range.contains(&bytes),
                (range, bytes) => range.is_none() && bytes.is_none(),
            },
        );
        lines
    }
}

/// `yes` or `no`.
pub(crate) fn word(fact: bool) -> String {
    if fact { "yes".into() } else { "no".into() }
}

/// The value, or `-` for none.
pub(crate) fn or_dash(value: &Option<impl Display>) -> String {
    value.as_ref().map_or_else(|| "-".into(), ToString::to_string)
}

/// The rows as a text table.
pub fn table(rows: &[Row]) -> String {
    let head = [
        "client",
        "offered",
        "requested",
        "acknowledged",
        "authenticated as",
        "scope",
        "HTTP status",
        "refused",
        "handshake bytes",
        "flights",
    ]
    .map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| {
        [
            row.client.clone(),
            word(row.offered),
            word(row.asked),
            word(row.acknowledged),
            or_dash(&row.authenticated),
            or_dash(&row.scope),
            or_dash(&row.http_status),
            or_dash(&row.refused),
            or_dash(&row.handshake_bytes),
            or_dash(&row.flights),
        ]
    }));
    columns(&lines)
}

/// Aligns cells in columns.
pub(super) fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells: Vec<_> =
            widths.iter().zip(line).map(|(width, cell)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            client: "one".into(),
            offered: true,
            asked: true,
            acknowledged: true,
            authenticated: Some("CN=a".into()),
            scope: Some("agents".into()),
            http_status: Some(200),
            refused: None,
            handshake_bytes: Some(100),
            flights: Some(3),
        }
    }

    fn expected() -> Expected {
        Expected {
            offered: true,
            asked: true,
            acknowledged: true,
            authenticated: Some("CN=a"),
            scope: Some("agents"),
            http_status: Some(200),
            refused: None,
            handshake_bytes: Some(90..=110),
            flights: Some(3),
        }
    }

    #[test]
    fn an_expected_row_has_no_differences() {
        assert_eq!(expected().differences(&row()), Vec::<String>::new());
    }

    #[test]
    fn each_column_is_compared() {
        type Change = fn(&mut Row);
        let changes: [(Change, &str); 11] = [
            (|row| row.offered = false, "\"one\", offered: expected yes, got no"),
            (|row| row.asked = false, "\"one\", requested: expected yes, got no"),
            (|row| row.acknowledged = false, "\"one\", acknowledged: expected yes, got no"),
            (|row| row.authenticated = None, "\"one\", authenticated: expected CN=a, got -"),
            (|row| row.scope = None, "\"one\", scope: expected agents, got -"),
            (|row| row.http_status = Some(404), "\"one\", http_status: expected 200, got 404"),
            (|row| row.refused = Some("x".into()), "\"one\", refused: expected -, got x"),
            (|row| row.flights = Some(5), "\"one\", flights: expected 3, got 5"),
            (|row| row.flights = None, "\"one\", flights: expected 3, got -"),
            (
                |row| row.handshake_bytes = Some(111),
                "\"one\", handshake_bytes: expected 90 to 110, got 111",
            ),
            (
                |row| row.handshake_bytes = None,
                "\"one\", handshake_bytes: expected 90 to 110, got -",
            ),
        ];
        for (change, line) in changes {
            let mut row = row();
            change(&mut row);
            assert_eq!(expected().differences(&row), [line]);
        }
    }

    #[test]
    fn a_number_where_none_is_due_is_a_difference() {
        let expected = Expected { handshake_bytes: None, flights: None, ..expected() };
        assert_eq!(
            expected.differences(&row()),
            [
                "\"one\", flights: expected -, got 3",
                "\"one\", handshake_bytes: expected -, got 100"
            ]
        );
        let none = Row { handshake_bytes: None, flights: None, ..row() };
        assert_eq!(expected.differences(&none), Vec::<String>::new());
    }
}
