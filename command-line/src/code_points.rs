//! Options for the code points of the extensions and the flag.

use clap::Args;
use rustls_ext_wire::{CodePoints, Flag};

use crate::Failure;
use crate::values::number;

/// The code points, which client and server must agree on.
#[derive(Clone, Debug, Args)]
pub struct CodePointArgs {
    /// The number of the TLS extension tls_flags, decimal or 0x…; 0xfe01 in the public experiment
    #[arg(long, value_name = "N", default_value = "62", value_parser = number)]
    code_point: u16,
    /// The number of the flag request_client_auth, decimal or 0x…
    #[arg(long, value_name = "N", default_value = "80", value_parser = number)]
    flag: u16,
    /// The number of the TLS extension client_authentication_request (CARE), which was never
    /// assigned one, decimal or 0x…
    #[arg(
        long,
        visible_alias = "care",
        value_name = "N",
        default_value = "0xffca",
        value_parser = number
    )]
    care_code_point: u16,
    /// The number of the TLS extension workload_identifier_origin_hint, which has none yet, decimal
    /// or 0x…
    #[arg(long, value_name = "N", default_value = "0xffcb", value_parser = number)]
    origin_hint_code_point: u16,
}

impl CodePointArgs {
    /// Returns the code points, if they can be used.
    ///
    /// # Errors
    /// If a number is already in use on the wire, or the flag is above the highest one.
    pub fn get(&self) -> Result<CodePoints, Failure> {
        let flag = Flag::new(self.flag).map_err(|err| Failure::option("--flag", self.flag, err))?;
        // Checks the extension with a valid flag first, so that an error names the option whose
        // number is wrong.
        CodePoints::new(self.code_point, Flag::REQUEST_CLIENT_AUTH)
            .map_err(|err| Failure::option("--code-point", self.code_point, err))?;
        CodePoints::new(self.code_point, flag)
            .map_err(|err| Failure::option("--flag", self.flag, err))?
            .without_care()
            .with_origin_hint(self.origin_hint_code_point)
            .map_err(|err| {
                Failure::option("--origin-hint-code-point", self.origin_hint_code_point, err)
            })?
            .with_care(self.care_code_point)
            .map_err(|err| Failure::option("--care-code-point", self.care_code_point, err))
    }
}
