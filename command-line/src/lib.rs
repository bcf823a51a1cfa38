//! Code that the programs of this repository share: options, exit codes and progress bars.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

mod code_points;
mod failure;
mod parse;
mod progress;
pub mod values;

pub use code_points::CodePointArgs;
pub use failure::{Failure, with_causes};
pub use parse::{Parsed, parse};
pub use progress::Progress;

use std::process::ExitCode;

/// Writes to standard output. It is not an error if the reader has closed it.
pub fn emit(text: impl AsRef<[u8]>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
}

/// Returns the exit code of a process, and writes the failure, if any, to standard error.
///
/// 0 means success, 1 that something failed, 2 that the command line or a file that it names is
/// unusable.
pub fn end(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
