//! The limits of the project's cost, and their measurements.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::instructions::side;
use super::served;
use crate::contenders::{ONE_BY_ONE, PARSE};
use crate::handshake::{Case, Crate, Large, OPEN_OR_NEW, Scenario, WAYS};
use crate::row::Row;
use crate::secondary::{CLIENTS, DOWNLOAD, DOWNLOAD_CPU, DOWNLOADS, IDLE, idle_name};
use crate::small::{FOUR_ORIGINS, NO_ORIGINS, ORIGINS};

/// A limit, and its measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub what: String,
    /// The maximum of `measured`.
    pub limit: f64,
    pub measured: f64,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Times,
    Instructions,
    Bytes,
}

impl Claim {
    pub fn holds(&self) -> bool {
        self.measured <= self.limit
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |number: f64| match self.unit {
            Unit::Times if number > 0.9 => format!("{number:.4} ×"),
            Unit::Times => format!("{number:.3} ×"),
            Unit::Instructions if number < 10.0 => format!("{number:.3} instructions"),
            Unit::Instructions => format!("{number:.0} instructions"),
            Unit::Bytes => format!("{number:.0} bytes"),
        };
        let holds = if self.holds() { "✓" } else { "missed" };
        let Self { what, limit, measured, .. } = self;
        write!(f, "| {what} | {} | {} | {holds} |", show(*limit), show(*measured))
    }
}

/// The measured rows.
struct Rows<'a> {
    rows: &'a [Row],
    /// Those with a limit.
    limited: RefCell<Vec<&'a Row>>,
}

impl<'a> Rows<'a> {
    fn row(&self, group: &str, name: &str) -> Option<&'a Row> {
        self.rows.iter().find(|row| row.group == group && row.name == name)
    }

    /// A row with a limit.
    fn limited(&self, group: &str, name: &str) -> Option<&'a Row> {
        let row = self.row(group, name)?;
        self.limited.borrow_mut().push(row);
        Some(row)
    }

    /// A row with a limit, and another one of the group to compare it with.
    fn pair(&self, group: &str, [name, base]: [&str; 2]) -> Option<Pair<'a>> {
        Some(Pair(self.limited(group, name)?, self.row(group, base)?))
    }

    /// The ratio of the instructions of two cases, on this side of the handshake.
    fn ratio(&self, name: Case, base: Case, at: &str) -> Option<f64> {
        let group = side(name, at);
        self.pair(&group, [&name.name(), &base.name()])?.instructions()
    }
}

/// The inputs with which the counts of the same program vary by up to eight thousandths between runs. Their
/// limits are relative to pristine rustls.
const VARYING: [Large; 2] = [Large::Authorities, Large::Tickets];

/// A row, and the one to compare it with.
#[derive(Clone, Copy)]
struct Pair<'a>(&'a Row, &'a Row);

impl Pair<'_> {
    fn times(self) -> Option<f64> {
        Some(self.0.median? / self.1.median?)
    }

    fn instructions(self) -> Option<f64> {
        Some(self.0.instructions? / self.1.instructions?)
    }
}

/// The rows whose instructions a claim limits.
pub fn limited(rows: &[Row]) -> Vec<&Row> {
    let mut limited = evaluate(rows).1;
    let varies = |row: &Row| VARYING.iter().any(|large| row.group.contains(&large.to_string()));
    limited.retain(|row| row.instructions.is_some() && !varies(row));
    limited.sort_by_key(|row| (&row.group, &row.name));
    limited.dedup();
    limited
}

/// The claims that these rows allow to check.
pub fn claims(rows: &[Row]) -> Vec<Claim> {
    evaluate(rows).0
}

/// The claims, and the rows that they limit.
fn evaluate(rows: &[Row]) -> (Vec<Claim>, Vec<&Row>) {
    let rows = Rows { rows, limited: RefCell::default() };
    let unused = Scenario::Unused;
    let (one, many) = (Scenario::Accepted(1), Scenario::Accepted(100_000));
    let pristine = |scenario| Case::quick(Crate::Pristine, scenario);
    let patched = |scenario| Case::quick(Crate::Patched, scenario);

    let mut claims = Vec::new();
    let mut claim = |what: String, limit: f64, measured: Option<f64>, unit: Unit| {
        claims.extend(measured.map(|measured| Claim { what, limit, measured, unit }));
    };
    for side in ["client", "server"] {
        let times = rows.ratio(patched(unused), pristine(unused), side);
        let what =
            format!("no offer and no policy, relative to pristine rustls, {side}, instructions");
        claim(what, 1.002, times, Unit::Times);
        let times = rows.ratio(patched(one), pristine(Scenario::Mutual), side);
        let what = format!(
            "accepted offer, relative to mutual TLS of pristine rustls, {side}, instructions"
        );
        claim(what, 1.01, times, Unit::Times);
    }
    let (accepted, mutual) = (Scenario::ResumedAccepted, Scenario::ResumedMutual);
    let times = rows.ratio(patched(accepted), pristine(mutual), "server");
    let what = "accepted offer, resumed, relative to a resumed one of pristine rustls, server, instructions";
    claim(what.into(), 1.03, times, Unit::Times);
    for (large, side) in Large::ALL.into_iter().flat_map(|it| [(it, "client"), (it, "server")]) {
        let [base, mutual, offered] = large
            .scenarios()
            .map(|(which, scenario)| Case { large: Some(large), ..Case::quick(which, scenario) });
        // A resumed session of a policy is another promise.
        let ours = if large == Large::Tickets { mutual } else { offered };
        let times = rows.ratio(ours, base, side);
        let what = format!(
            "{}, with {large}, relative to mutual TLS of pristine rustls, {side}, instructions",
            if large == Large::Tickets { "mutual TLS, resumed" } else { "accepted offer" },
        );
        claim(what, 1.01, times, Unit::Times);
    }
    let times = rows.ratio(patched(many), patched(one), "server");
    let what = "policy of 100,000 rules, relative to one rule, server, instructions";
    claim(what.into(), 1.05, times, Unit::Times);

    let ours = rows.limited(WAYS, "offered and accepted, ring");
    let others = [
        ("OpenSSL, renegotiation of TLS 1.2", 1.0 / 3.0, 1.0 / 3.0),
        ("OpenSSL, post-handshake authentication", 0.5, 0.6),
    ];
    for (name, cpu, flights) in others {
        let pair = ours.zip(rows.row(WAYS, name));
        let time = pair.and_then(|(ours, other)| Some(ours.median? / other.median?));
        claim(format!("accepted offer, relative to {name}, time"), cpu, time, Unit::Times);
        let count = pair.and_then(|(ours, other)| Some(ours.instructions? / other.instructions?));
        claim("the same, instructions".into(), cpu, count, Unit::Times);
        let count = pair
            .and_then(|(ours, other)| Some(f64::from(ours.flights?) / f64::from(other.flights?)));
        claim("the same, flights".into(), flights, count, Unit::Times);
    }

    let scan = rows.row(PARSE, "scan").and_then(|row| row.median);
    let over = |name| Some(scan? / rows.row(PARSE, name)?.median?);
    for (what, name, limit) in [
        ("BoringSSL's parser", "BoringSSL", 0.25),
        ("tls-parser", "tls-parser", 0.1),
        ("the scan without bounds checks", "scan without bounds checks", 1.3),
    ] {
        let what = format!("ClientHello scan, relative to {what}, time");
        claim(what, limit, over(name), Unit::Times);
    }
    let counts = rows.rows.iter().filter(|row| row.group == ONE_BY_ONE);
    rows.limited.borrow_mut().extend(counts.clone());
    let most = counts.filter_map(|row| row.instructions).max_by(f64::total_cmp);
    let what = "ClientHello scan of the largest message, instructions";
    claim(what.into(), 1100.0, most, Unit::Instructions);

    let pair = rows.pair(ORIGINS, [FOUR_ORIGINS, NO_ORIGINS]);
    let times = pair.and_then(Pair::instructions);
    let what = "ClientHello scan with four origins, relative to the same one without, instructions";
    claim(what.into(), 1.3, times, Unit::Times);

    let idle = |case: Case| rows.row("memory of an idle connection", &case.name())?.bytes;
    let more = idle(patched(unused)).zip(idle(pristine(unused)));
    let more = more.map(|(patched, pristine)| patched as f64 - pristine as f64);
    let what = "memory of an idle server connection, unused patch minus pristine rustls";
    claim(what.into(), 64.0, more, Unit::Bytes);

    let pair = rows.pair(OPEN_OR_NEW, ["authenticator, ring", "new connection, ring"]);
    let what = "certificate on an open connection, relative to a new mutual one, time";
    claim(what.into(), 0.4, pair.and_then(Pair::times), Unit::Times);
    claim("the same, instructions".into(), 0.4, pair.and_then(Pair::instructions), Unit::Times);

    let [without, through] = DOWNLOADS;
    let pair = rows.pair(DOWNLOAD, [through, without]);
    let what = "HTTP/2 download through idle filters, relative to none, time";
    claim(what.into(), 1.0 / 0.98, pair.and_then(Pair::times), Unit::Times);
    let processor = rows.pair(DOWNLOAD_CPU, [through, without]);
    let what = "the same, processor time";
    claim(what.into(), 1.01, processor.and_then(Pair::times), Unit::Times);
    claim("the same, instructions".into(), 1.01, pair.and_then(Pair::instructions), Unit::Times);
    let more = pair.and_then(|Pair(this, base)| Some(this.instructions? - base.instructions?));
    let what = "the same, more instructions for each byte of DATA";
    claim(what.into(), 0.1, more, Unit::Instructions);
    for (client, _) in CLIENTS {
        let [on, off] = [true, false].map(|on| rows.row(IDLE, &idle_name(client, on))?.bytes);
        let more = on.zip(off).map(|(on, off)| on as f64 - off as f64);
        let what = format!("memory of an idle HTTP/2 connection, filter minus none, {client}");
        claim(what, 256.0, more, Unit::Bytes);
    }
    claims.extend(served::claims(rows.rows));
    rows.limited.borrow_mut().extend(served::limited(rows.rows));
    (claims, rows.limited.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_missed_above_its_limit_only() {
        let counted = |name: &str, count: f64| Row {
            instructions: Some(count),
            ..Row::new("TLS 1.3 ring P-256, server", name)
        };
        let rows =
            |patched| [counted("pristine, unused", 1e6), counted("patched, unused", patched)];
        let [claim] = &claims(&rows(1_002_000.0))[..] else { panic!("one claim") };
        assert!(claim.holds() && claim.what.ends_with("server, instructions"), "{claim:?}");
        let [claim] = &claims(&rows(1_002_001.0))[..] else { panic!("one claim") };
        assert!(!claim.holds() && claim.to_string().ends_with("| missed |"), "{claim}");
        assert_eq!(claims(&[]), []);
    }

    #[test]
    fn rows_with_a_limit_are_ours_and_counted() {
        let row =
            |group: &str, name: &str| Row { instructions: Some(1.0), ..Row::new(group, name) };
        let server = "TLS 1.3 ring P-256, server";
        let mut rows = vec![
            row(server, "pristine, unused"),
            row(server, "patched, unused"),
            row(server, "patched, offered and ignored"), // without a limit
            row("TLS 1.3 ring, 200 names of authorities, server", "patched, offered and accepted"),
            row(ONE_BY_ONE, "scan of a"),
            row(ONE_BY_ONE, "scan of b"),
        ];
        rows.extend(["scan", "BoringSSL"].map(|name| Row {
            median: Some(1.0),
            ..Row::new(PARSE, name) // a limit of time
        }));
        let names: Vec<_> = limited(&rows).into_iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["patched, unused", "scan of a", "scan of b"]);
    }
}
