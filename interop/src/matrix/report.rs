//! The report of the matrix, as Markdown tables or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::case::Case;
use super::expect::Expected;
use super::pair::PairResult;

/// The results of all pairs.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixReport {
    /// The peers, with their versions, or the reason why they are missing.
    pub peers: BTreeMap<&'static str, Found>,
    /// The cells, by case, client and server.
    pub cells: Vec<Cell>,
}

/// Whether a peer is available.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Available, with this version.
    Version(String),
    /// Missing, for this reason.
    Missing(String),
}

/// A pair in a case, and its result.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The case.
    pub case: Case,
    /// The client.
    pub client: &'static str,
    /// The server.
    pub server: &'static str,
    /// The result.
    #[serde(flatten)]
    pub outcome: CellResult,
}

/// The result of a pair in a case.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum CellResult {
    /// The outcome is the expected one.
    AsExpected {
        /// The expected outcome.
        expected: Expected,
        /// Reasons why it is less than TLS with offers allows.
        remarks: Vec<&'static str>,
        /// The reports of client and server.
        #[serde(flatten)]
        result: PairResult,
    },
    /// The outcome is another one.
    Wrong {
        /// The expected outcome.
        expected: Expected,
        /// The reports of client and server.
        #[serde(flatten)]
        result: PairResult,
    },
    /// This pair cannot run in this case.
    NotPossible {
        /// The reason.
        reason: &'static str,
    },
    /// A peer of the pair is not available.
    Missing {
        /// The peer.
        peer: &'static str,
    },
}

impl MatrixReport {
    /// The cells with another outcome than expected.
    pub fn wrong(&self) -> impl Iterator<Item = (&Cell, &PairResult)> {
        self.cells.iter().filter_map(|cell| match &cell.outcome {
            CellResult::Wrong { result, .. } => Some((cell, result)),
            _ => None,
        })
    }

    /// The report as Markdown tables.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut notes = Vec::new();
        for case in Case::ALL {
            let cells: Vec<_> = self.cells.iter().filter(|cell| cell.case == case).collect();
            if !cells.is_empty() {
                table(&mut text, case, &cells, &mut notes);
            }
        }
        if !notes.is_empty() {
            text += "Notes:\n\n";
            for (number, note) in notes.iter().enumerate() {
                let _ = writeln!(text, "{}. {note}", number + 1);
            }
            text += "\n";
        }
        text += "| peer | version |\n|---|---|\n";
        for (name, found) in &self.peers {
            let _ = match found {
                Found::Version(version) => writeln!(text, "| {name} | {version} |"),
                Found::Missing(why) => writeln!(text, "| {name} | **missing**: {why} |"),
            };
        }
        let mut counts = [0; 4];
        for cell in &self.cells {
            let [expected, wrong, impossible, missing] = &mut counts;
            *match cell.outcome {
                CellResult::AsExpected { .. } => expected,
                CellResult::Wrong { .. } => wrong,
                CellResult::NotPossible { .. } => impossible,
                CellResult::Missing { .. } => missing,
            } += 1;
        }
        let [expected, wrong, impossible, missing] = counts;
        let _ = writeln!(
            text,
            "\n{expected} as expected, {wrong} wrong, {impossible} not possible, {missing} missing"
        );
        text
    }
}

fn table<'a>(text: &mut String, case: Case, cells: &[&'a Cell], notes: &mut Vec<&'a str>) {
    let mut servers: Vec<_> = cells.iter().map(|cell| cell.server).collect();
    let mut clients: Vec<_> = cells.iter().map(|cell| cell.client).collect();
    for names in [&mut servers, &mut clients] {
        let mut seen = Vec::new();
        names.retain(|name| !seen.contains(name) && (seen.push(*name), true).1);
    }
    let _ = writeln!(text, "### {}\n", case.title());
    let _ = writeln!(text, "| client \\ server | {} |", servers.join(" | "));
    let _ = writeln!(text, "|---{}|", "|---".repeat(servers.len()));
    for client in clients {
        let row = servers.iter().map(|server| {
            let mut here =
                cells.iter().filter(|cell| (cell.client, cell.server) == (client, *server));
            here.next().map(|cell| entry(cell, notes)).unwrap_or_default()
        });
        let row: Vec<_> = row.collect();
        let _ = writeln!(text, "| **{client}** | {} |", row.join(" | "));
    }
    text.push('\n');
}

fn entry<'a>(cell: &'a Cell, notes: &mut Vec<&'a str>) -> String {
    let mut number = |note: &'a str| {
        let at = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
            notes.push(note);
            notes.len() - 1
        });
        format!(" [{}]", at + 1)
    };
    match &cell.outcome {
        CellResult::AsExpected { expected, remarks, .. } => {
            let remarks: String = remarks.iter().map(|remark| number(remark)).collect();
            expected.words() + &remarks
        }
        CellResult::Wrong { .. } => "**WRONG**".into(),
        CellResult::NotPossible { reason } => format!("n/a{}", number(reason)),
        CellResult::Missing { .. } => "missing".into(),
    }
}
