//! The header of the C ABI, made of its source.

use std::path::Path;

use crate::Result;

/// Where the header is, in the repository.
const HEADER: &str = "rustls-ext-capi/include/rext.h";

/// Write the header anew.
///
/// # Errors
/// If the source cannot be read, or the header not be written.
pub fn write(repository: &Path) -> Result<()> {
    Ok(std::fs::write(repository.join(HEADER), text(repository)?)?)
}

/// Prove that the header is what the source says.
///
/// # Errors
/// If it is not, or if one of them cannot be read.
pub fn check(repository: &Path) -> Result<()> {
    if std::fs::read_to_string(repository.join(HEADER))? == text(repository)? {
        Ok(())
    } else {
        Err(format!("{HEADER} is not what the source says: `cargo xtask header`").into())
    }
}

/// The header that the source makes.
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
