//! What the programs of this repository share: how they end, how far they have come, and the numbers
//! on the wire as options.
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

/// Write to standard output. That nobody reads it any more is no error.
pub fn emit(text: impl AsRef<[u8]>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
}

/// The exit code of a process; why it failed, if it did, goes to standard error.
///
/// 0 means that all went well, 1 that something failed, 2 that the command line or a file that it
/// names is unusable.
pub fn end(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
