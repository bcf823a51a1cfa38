//! Parses command lines, with errors of one line.

use std::ffi::OsString;

use clap::Parser;

use crate::Failure;

/// The result of parsing a command line.
#[derive(Debug)]
pub enum Parsed<C> {
    /// The command to run.
    Command(Box<C>),
    /// The help text to print.
    Help(String),
}

/// Parses a command line.
///
/// # Errors
/// One line that describes the first problem.
pub fn parse<C: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<Parsed<C>, Failure> {
    match C::try_parse_from(args) {
        Ok(command) => Ok(Parsed::Command(Box::new(command))),
        Err(err) if !err.use_stderr() => Ok(Parsed::Help(err.to_string())),
        Err(err) => {
            // The first paragraph contains the error, in several lines; the others explain how to
            // find help.
            let text = err.to_string();
            let first = text.split("\n\n").next().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            // Without a command, clap returns its help as the error.
            Err(Failure::Usage(match line.strip_prefix("error: ") {
                Some(line) => line.into(),
                None => {
                    let name = C::command().get_name().to_owned();
                    format!("no command given; `{name} --help` lists the commands")
                }
            }))
        }
    }
}
