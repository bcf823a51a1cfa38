//! Cases that are allowed to fail, with reasons.

use std::collections::BTreeMap;
use std::path::Path;

use command_line::Failure;

/// Cases that are allowed to fail.
#[derive(Clone, Debug, Default)]
pub struct Allowed(BTreeMap<String, String>);

impl Allowed {
    /// Reads a file with one case per line, followed by the reason. `#` begins a comment.
    ///
    /// # Errors
    /// If it cannot be read, or a line has no reason, or names a case that is not in `known`.
    pub fn read(path: &Path, known: &[&str]) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::option("--allow", path.display(), why);
        let text = std::fs::read_to_string(path).map_err(|err| wrong(err.to_string()))?;
        let mut allowed = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let Some((id, reason)) = line.split_once(char::is_whitespace) else {
                return Err(wrong(format!("line {number}: no reason after {line}")));
            };
            if !known.contains(&id) {
                return Err(wrong(format!("line {number}: there is no case {id}")));
            }
            allowed.insert(id.to_owned(), reason.trim().to_owned());
        }
        Ok(Self(allowed))
    }

    /// The reason why this case is allowed to fail.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}
