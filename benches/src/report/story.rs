//! The beginning of the report: three plots, with a sentence each.

use super::instructions::side;
use super::summary::BenchReport;
use super::svg::{self, Bar};
use crate::handshake::{Case, Crate, Large, Scenario, WAYS};
use crate::load::LOAD;
use crate::row::{Load, Row};

/// The group of the servers that `proxies/servers.py` compares.
const SERVERS: &str = "server under load, processor time per connection";

/// A plot, and what it shows.
pub struct Chapter {
    pub title: &'static str,
    pub sentence: String,
    pub plot: String,
}

/// The three chapters, or those of them that were measured.
pub fn chapters(report: &BenchReport) -> Vec<Chapter> {
    let rows = Rows(&report.rows);
    [rows.cost_of_the_patch(), rows.ways(), rows.servers().or_else(|| rows.load())]
        .into_iter()
        .flatten()
        .collect()
}

struct Rows<'a>(&'a [Row]);

impl Rows<'_> {
    fn row(&self, group: &str, name: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.group == group && row.name == name)
    }

    /// The instructions of the server relative to those of another case.
    fn ratio(&self, case: Case, base: Case) -> Option<f64> {
        let group = side(case, "server");
        let count = |case: Case| self.row(&group, &case.name())?.instructions;
        Some(count(case)? / count(base)?)
    }

    fn cost_of_the_patch(&self) -> Option<Chapter> {
        let pristine = |scenario| Case::quick(Crate::Pristine, scenario);
        let patched = |scenario| Case::quick(Crate::Patched, scenario);
        let offered = Scenario::Accepted(1);
        let unused = self.ratio(patched(Scenario::Unused), pristine(Scenario::Unused))?;
        let accepted = self.ratio(patched(offered), pristine(Scenario::Mutual))?;
        let mut all = vec![("nothing of it used".to_owned(), unused)];
        all.push(("offer accepted".into(), accepted));
        for large in Large::ALL {
            let [base, mutual, offered] = large.scenarios().map(|(which, scenario)| Case {
                large: Some(large),
                ..Case::quick(which, scenario)
            });
            let (case, what) = match large {
                Large::Tickets => (mutual, "mutual TLS, resumed"),
                _ => (offered, "offer accepted"),
            };
            let ratio = self.ratio(case, base);
            all.extend(ratio.map(|ratio| (format!("{what}, {large}"), ratio)));
        }
        let bars = all.iter().map(|(label, ratio)| Bar {
            label: label.clone(),
            length: *ratio,
            figure: format!("{ratio:.4} ×"),
            ours: true,
        });
        let base =
            Bar { label: "unmodified rustls".into(), length: 1.0, figure: "1".into(), ours: false };
        let title = "Instructions of a handshake at the server, relative to unmodified rustls";
        let most = all.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max);
        Some(Chapter {
            title: "It costs nothing until a client offers",
            sentence: format!(
                "A server that does not use it takes {} instructions per handshake than with \
                 unmodified rustls, one that accepts an offer {} than for mutual TLS, and the \
                 largest inputs {} at most.",
                more(unused),
                more(accepted),
                more(most),
            ),
            plot: svg::bars(&[(title.into(), [base].into_iter().chain(bars).collect())]),
        })
    }

    fn ways(&self) -> Option<Chapter> {
        let ours = self.row(WAYS, "offered and accepted, ring")?;
        let other = self.row(WAYS, "OpenSSL, renegotiation of TLS 1.2")?;
        let share = 100.0 * ours.median? / other.median?;
        let (flights, others) = (ours.flights?, other.flights?);
        let rows: Vec<_> = self.0.iter().filter(|row| row.group == WAYS).collect();
        let title = "Time of client and server until the certificate is verified";
        Some(Chapter {
            title: "A certificate comes with the first handshake",
            sentence: format!(
                "A client that offers is authenticated after {flights} flights; a server that asks \
                 later, by renegotiation, needs {others} flights, and the offer takes {share:.0} % of \
                 its time."
            ),
            plot: svg::bars(&[(title.into(), svg::times(&rows))]),
        })
    }

    /// `rext serve` beside other servers.
    fn servers(&self) -> Option<Chapter> {
        let row = |name: &str| self.row(SERVERS, name);
        let cpu = |name: &str| row(name)?.median;
        let [mutual, plain] = ["mutual", "no certificates"]
            .map(|kind| Some(cpu(&format!("rext, {kind}"))? / cpu(&format!("nginx, {kind}"))?));
        let (mutual, plain) = (mutual?, plain?);
        let load = |share| row(&format!("rext, offers, {share} %"))?.load.as_ref();
        let slowest = slowest(load(0)?, load(100)?);
        let chart = |kind: &str, title: &str| {
            let bars = self.0.iter().filter(|row| row.group == SERVERS).filter_map(|row| {
                let label = row.name.strip_suffix(kind)?.strip_suffix(", ")?;
                let median = row.median?;
                let figure = format!("{:.0} µs", median / 1e3);
                let ours = label.starts_with("rext");
                Some(Bar { label: label.into(), length: median, figure, ours })
            });
            (title.to_owned(), bars.collect())
        };
        let charts = [
            chart("mutual", "Processor time of the server per connection, mutual TLS"),
            chart("no certificates", "The same, no certificate requested"),
            chart("offers, 1 %", "The same, 1 % of the clients offer a certificate"),
        ];
        Some(Chapter {
            title: "It keeps up with other servers under load",
            sentence: format!(
                "rext takes {mutual:.2} times the processor time of nginx for a connection with \
                 mutual TLS, and {plain:.2} times without certificates; {slowest}."
            ),
            plot: svg::bars(&charts),
        })
    }

    /// `rext serve` alone.
    fn load(&self) -> Option<Chapter> {
        let load = |share| self.row(LOAD, &format!("{share} % of clients offer"))?.load.as_ref();
        let mut sentence = slowest(load(0)?, load(100)?);
        if let Some(first) = sentence.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let rows = self.0.iter().filter(|row| row.group == LOAD);
        let bars = rows.filter_map(|row| {
            let ms = row.load.as_ref()?.p99 as f64 / 1e3;
            let figure = format!("{ms:.1} ms");
            Some(Bar { label: row.name.clone(), length: ms, figure, ours: true })
        });
        let title = "Time until 99 % of the clients have their response, under load";
        Some(Chapter {
            title: "Offers do not slow a server down",
            sentence: sentence + ".",
            plot: svg::bars(&[(title.into(), bars.collect())]),
        })
    }
}

fn slowest(none: &Load, all: &Load) -> String {
    format!(
        "if all clients offer, 99 % of them have their response within {:.1} ms; if none does, within \
         {:.1} ms",
        all.p99 as f64 / 1e3,
        none.p99 as f64 / 1e3
    )
}

/// A ratio in words.
fn more(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if percent < 0.0 { format!("{:.2} % fewer", -percent) } else { format!("{percent:.2} % more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Row>) -> BenchReport {
        BenchReport { date: "2026-11-24".into(), machine: "one".into(), claims: vec![], rows }
    }

    fn counted(group: &str, name: &str, instructions: f64) -> Row {
        Row { instructions: Some(instructions), ..Row::new(group, name) }
    }

    #[test]
    fn the_first_sentence_has_the_costs_of_the_patch() {
        let (usual, chains) =
            ("TLS 1.3 ring P-256, server", "TLS 1.3 ring, chains of 4 certificates, server");
        let rows = vec![
            counted(usual, "pristine, unused", 1000.0),
            counted(usual, "patched, unused", 999.0),
            counted(usual, "pristine, always mutual", 1000.0),
            counted(usual, "patched, offered and accepted", 1002.0),
            counted(chains, "pristine, always mutual", 1000.0),
            counted(chains, "patched, offered and accepted", 1005.0),
        ];
        let [chapter] = &chapters(&report(rows))[..] else { panic!("one chapter") };
        assert_eq!(
            chapter.sentence,
            "A server that does not use it takes 0.10 % fewer instructions per handshake than with \
             unmodified rustls, one that accepts an offer 0.20 % more than for mutual TLS, and the \
             largest inputs 0.50 % more at most."
        );
        assert!(chapter.plot.contains("offer accepted, chains of 4 certificates"));
    }

    #[test]
    fn the_second_sentence_compares_with_renegotiation() {
        let way = |name: &str, median, flights| Row {
            median: Some(median),
            flights: Some(flights),
            ..Row::new(WAYS, name)
        };
        let rows = vec![
            way("offered and accepted, ring", 300_000.0, 3),
            way("OpenSSL, renegotiation of TLS 1.2", 1_000_000.0, 9),
        ];
        let [chapter] = &chapters(&report(rows))[..] else { panic!("one chapter") };
        assert_eq!(
            chapter.sentence,
            "A client that offers is authenticated after 3 flights; a server that asks later, by \
             renegotiation, needs 9 flights, and the offer takes 30 % of its time."
        );
    }

    #[test]
    fn the_third_sentence_compares_with_other_servers_if_they_were_measured() {
        let load = |p99| Some(Load { p99, ..Load::default() });
        let alone = [("0 % of clients offer", 10_000), ("100 % of clients offer", 11_000)];
        let mut rows: Vec<_> =
            alone.map(|(name, p99)| Row { load: load(p99), ..Row::new(LOAD, name) }).into();
        let [chapter] = &chapters(&report(rows.clone()))[..] else { panic!("one chapter") };
        assert_eq!(
            chapter.sentence,
            "If all clients offer, 99 % of them have their response within 11.0 ms; if none does, \
             within 10.0 ms."
        );

        let server = |name: &str, median, p99| Row {
            median: Some(median),
            load: load(p99),
            ..Row::new(SERVERS, name)
        };
        rows.extend([
            server("nginx, no certificates", 200_000.0, 1_000),
            server("nginx, mutual", 400_000.0, 1_000),
            server("rext, no certificates", 220_000.0, 1_000),
            server("rext, mutual", 300_000.0, 1_000),
            server("rext, offers, 0 %", 220_000.0, 2_000),
            server("rext, offers, 100 %", 300_000.0, 3_000),
        ]);
        let [chapter] = &chapters(&report(rows))[..] else { panic!("one chapter") };
        assert_eq!(
            chapter.sentence,
            "rext takes 0.75 times the processor time of nginx for a connection with mutual TLS, and \
             1.10 times without certificates; if all clients offer, 99 % of them have their response \
             within 3.0 ms; if none does, within 2.0 ms."
        );
    }

    #[test]
    fn nothing_is_told_that_was_not_measured() {
        assert_eq!(chapters(&report(vec![])).len(), 0);
    }
}
