//! The header of the C library, generated from its source.

use std::path::Path;

use crate::Result;

/// The path of the header in the repository.
const HEADER: &str = "rustls-ext-capi/include/rext.h";

/// Writes the header.
///
/// # Errors
/// If the source cannot be read, or the header cannot be written.
pub fn write(repository: &Path) -> Result<()> {
    Ok(std::fs::write(repository.join(HEADER), text(repository)?)?)
}

/// Checks that the header is up to date.
///
/// # Errors
/// If it is not, or if one of the files cannot be read.
pub fn check(repository: &Path) -> Result<()> {
    if std::fs::read_to_string(repository.join(HEADER))? == text(repository)? {
        Ok(())
    } else {
        Err(format!("{HEADER} is out of date: run `cargo xtask header`").into())
    }
}

/// Generates the header from the source.
///
/// # Errors
/// If cbindgen cannot read the source, or its configuration.
fn text(repository: &Path) -> Result<String> {
    let crate_folder = repository.join("rustls-ext-capi");
    let config = cbindgen::Config::from_file(crate_folder.join("cbindgen.toml"))?;
    let header =
        cbindgen::Builder::new().with_crate(crate_folder).with_config(config).generate()?;
    let mut text = Vec::new();
    header.write(&mut text);
    Ok(String::from_utf8(text)?)
}
