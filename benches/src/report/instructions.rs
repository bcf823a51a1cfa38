//! Counts of instructions from gungraun's files.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;

use crate::accepting::{self, ACCEPT};
use crate::corpus;
use crate::handshake::{Case, OPEN_OR_NEW, Pki, WAYS, open_or_new, ways};
use crate::requests::{self, REQUEST};
use crate::row::Row;
use crate::secondary::{DOWNLOAD, DOWNLOADS};
use crate::{DOWNLOADED, HANDSHAKES, contenders, quick, small};

/// The group of a case on one side of the handshake.
pub fn side(case: Case, side: &str) -> String {
    format!("{}, {side}", case.group())
}

/// The rows of all benches that have run, from gungraun's home. This program must have the same features
/// as the benches.
///
/// # Errors
/// If a file cannot be read.
pub fn rows(home: &Path) -> io::Result<Vec<Row>> {
    let folder = home.join("benches/instructions");
    let mut rows = Vec::new();
    let mut add = |bench: String, group: String, name: String, each: u32| -> io::Result<()> {
        let path = folder.join(bench).join("summary.json");
        if path.is_file() {
            let count = count(&serde_json::from_slice(&fs::read(path)?)?)?;
            let instructions = Some(count / f64::from(each));
            rows.push(Row { instructions, ..Row::new(group, name) });
        }
        Ok(())
    };
    for (number, case) in Case::all(quick()).into_iter().enumerate() {
        for name in ["client", "server"] {
            let bench = format!("handshake/{name}.case_{number}");
            add(bench, side(case, name), case.name(), HANDSHAKES)?;
        }
    }
    for (number, way) in ways(&Pki::new()).into_iter().enumerate() {
        add(format!("others/both.case_{number}"), WAYS.into(), way.name, HANDSHAKES)?;
    }
    for (number, way) in open_or_new(&Pki::new()).into_iter().enumerate() {
        let bench = format!("secondary/certificate.case_{number}");
        add(bench, OPEN_OR_NEW.into(), way.name, HANDSHAKES)?;
    }
    for (number, server) in accepting::all().into_iter().enumerate() {
        add(
            format!("servers/accept.case_{number}"),
            ACCEPT.into(),
            server.name.into(),
            HANDSHAKES,
        )?;
    }
    for number in 0..requests::count() {
        let (bench, name) = (format!("servers/request.case_{number}"), requests::name(number));
        add(bench, REQUEST.into(), name.into(), 1)?;
    }
    for (number, name) in DOWNLOADS.into_iter().enumerate() {
        let bench = format!("secondary/download.case_{number}");
        add(bench, DOWNLOAD.into(), name.into(), DOWNLOADED as u32)?;
    }
    let hellos = corpus::read()?;
    for (number, reader) in contenders::all().into_iter().enumerate() {
        let (bench, each) = (format!("others/read.case_{number}"), hellos.len() as u32);
        add(bench, contenders::PARSE.into(), reader.name().into(), each)?;
    }
    for (number, small) in small::all().into_iter().enumerate() {
        add(format!("parse/run.case_{number}"), small.group.into(), small.name, 1)?;
    }
    for (number, hello) in hellos.into_iter().enumerate() {
        let name = format!("scan of {}", hello.name());
        add(format!("parse/scan.case_{number}"), contenders::ONE_BY_ONE.into(), name, 1)?;
    }
    Ok(rows)
}

/// The count of callgrind.
fn count(summary: &Value) -> io::Result<f64> {
    let unknown = || io::Error::other("gungraun's summary has an unknown format");
    let profiles = summary["profiles"].as_array().ok_or_else(unknown)?;
    let counts = profiles.iter().find_map(|profile| {
        profile["summaries"]["total"]["summary"]["Callgrind"]["Ir"]["metrics"]["Left"]["Int"]
            .as_f64()
    });
    counts.ok_or_else(unknown)
}
