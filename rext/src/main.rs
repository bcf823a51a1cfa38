//! The binary `rext`. The commands are in the library `rext_cli`.

use std::process::ExitCode;

use command_line::{Parsed, emit, end, parse};
use rext_cli::Cli;

fn main() -> ExitCode {
    match parse::<Cli>(std::env::args_os()) {
        Ok(Parsed::Command(cli)) => cli.command.run(),
        Ok(Parsed::Help(text)) => {
            emit(text);
            ExitCode::SUCCESS
        }
        Err(failure) => end(Err(failure)),
    }
}
