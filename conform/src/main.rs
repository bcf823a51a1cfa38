//! See the library.

use std::process::ExitCode;

use command_line::{Parsed, emit, end, parse};
use conform::args::ConformArgs;

fn main() -> ExitCode {
    end(match parse::<ConformArgs>(std::env::args_os()) {
        Ok(Parsed::Command(args)) => conform::run(&args),
        Ok(Parsed::Help(text)) => {
            emit(text);
            Ok(())
        }
        Err(failure) => Err(failure),
    })
}
