//! The limits of what a server adds to a handshake, and to a request.

use super::claims::{Claim, Unit};
use crate::accepting::{ACCEPT, ROWS};
use crate::requests::{EXTRACTORS, HTTP1, LAYERS, MANY_NAMES, OTHER_HOST, REQUEST};
use crate::row::Row;

/// The group of connections of `rext serve`.
pub const SERVED: &str = "connection of rext serve, with one request";
/// The names of its rows.
pub const NO_OFFER: &str = "no offer";
pub const OFFER: &str = "accepted offer";

/// Half of the 179,943 that it was when it was first measured. The limits of requests are also half of what they were.
const AROUND: f64 = 89_971.0;

/// The claims that these rows allow to check.
pub(super) fn claims(rows: &[Row]) -> Vec<Claim> {
    let count = |group: &str, name: &str| {
        rows.iter().find(|row| row.group == group && row.name == name)?.instructions
    };
    let times =
        |group: &str, [name, base]: [&str; 2]| Some(count(group, name)? / count(group, base)?);
    let more =
        |group: &str, [name, base]: [&str; 2]| Some(count(group, name)? - count(group, base)?);
    let mut claims = Vec::new();
    let mut claim = |what: &str, limit: f64, measured: Option<f64>, unit: Unit| {
        claims.extend(measured.map(|measured| Claim { what: what.into(), limit, measured, unit }));
    };
    for (row, offer) in ROWS.into_iter().zip(["no", "accepted"]) {
        let what =
            format!("acceptor with an async policy, {offer} offer, relative to plain tokio-rustls");
        claim(&format!("{what}, instructions"), 1.03, times(ACCEPT, row), Unit::Times);
    }
    let [_, plain] = ROWS[0];
    let around = count(SERVED, NO_OFFER).zip(count(ACCEPT, plain)).map(|(served, it)| served - it);
    claim(
        "connection of rext serve with a request, minus the same handshake in memory",
        AROUND,
        around,
        Unit::Instructions,
    );
    for (what, row, limit) in [
        ("request through CallerLayer and RequireScope, minus an empty layer", LAYERS, 1531.0),
        ("the same, HTTP/1.1", HTTP1, 1602.0),
        (
            "request through CallerLayer and three extractors, minus an empty layer",
            EXTRACTORS,
            1567.0,
        ),
        ("request through CallerLayer for another host, minus an empty layer", OTHER_HOST, 2587.0),
    ] {
        claim(what, limit, more(REQUEST, row), Unit::Instructions);
    }
    let many = times(REQUEST, MANY_NAMES);
    claim("the same with a policy of 100,000 names, relative to 2 names", 1.05, many, Unit::Times);
    claims
}

/// The rows with a limit whose counts do not depend on the random numbers of hash tables.
pub(super) fn limited(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let names = [
        (SERVED, NO_OFFER),
        (ACCEPT, ROWS[0][0]),
        (ACCEPT, ROWS[1][0]),
        (REQUEST, LAYERS[0]),
        (REQUEST, HTTP1[0]),
        (REQUEST, EXTRACTORS[0]),
    ];
    rows.iter().filter(move |row| names.contains(&(&row.group, &row.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_adds_is_a_difference_and_an_acceptor_is_a_ratio() {
        let counted = |group: &str, name: &str, count: f64| Row {
            instructions: Some(count),
            ..Row::new(group, name)
        };
        let [[ours, plain], _] = ROWS;
        let rows = |served| {
            [
                counted(ACCEPT, ours, 1_029_000.0),
                counted(ACCEPT, plain, 1_000_000.0),
                counted(SERVED, NO_OFFER, served),
            ]
        };
        let measured = |served| {
            let claims = claims(&rows(served));
            claims.into_iter().map(|claim| (claim.measured, claim.holds())).collect::<Vec<_>>()
        };
        assert_eq!(measured(1_000_000.0 + AROUND), [(1.029, true), (AROUND, true)]);
        assert_eq!(measured(1_000_001.0 + AROUND)[1], (AROUND + 1.0, false));
        assert!(claims(&[]).is_empty());
    }
}
