//! Runs test vectors: files of `rustls-ext-wire/vectors`, or others in the same format, against the
//! codec.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use command_line::{Failure, emit};

mod authenticators;
mod file;
mod handshake;

pub use file::{Report, check};

/// The options of `interop vectors`.
#[derive(Debug, Args)]
pub struct VectorsArgs {
    /// Files with test vectors, such as rustls-ext-wire/vectors/bodies.json.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Runs all cases of all files, and prints a line for each file and for each case that fails.
///
/// # Errors
/// [`Failure::Failed`] if a case fails, [`Failure::Usage`] if a file cannot be read or has another
/// format. The other files are run, too.
pub fn run(args: &VectorsArgs) -> Result<(), Failure> {
    let (mut cases, mut failed, mut unusable) = (0, 0, Vec::new());
    for path in &args.files {
        let name = path.display();
        let text = fs::read(path).map_err(|err| err.to_string());
        match text.and_then(|text| check(&text)) {
            Ok(report) => {
                emit(format!("{name}: {report}\n"));
                cases += report.cases;
                failed += report.failed.len();
            }
            Err(why) => unusable.push(format!("{name}: {why}")),
        }
    }
    if !unusable.is_empty() {
        return Err(Failure::Usage(unusable.join("\n")));
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!("{failed} of {cases} cases failed"))),
    }
}
