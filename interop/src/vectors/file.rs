//! The format of the files, and the comparison of results.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};

use super::{authenticators, handshake};

/// A file of vectors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: String,
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<Value>,
}

/// The outcome of the cases in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The kind of the file.
    pub kind: String,
    /// How many cases there are.
    pub cases: usize,
    /// A line for each case that failed: its name, the expected and the found result.
    pub failed: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, cases, failed } = self;
        let passed = cases - failed.len();
        write!(f, "{kind}, {cases} cases, {passed} passed, {} failed", failed.len())?;
        failed.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// The expected and the found result of a case, in the words of the format.
pub(super) struct Outcome {
    pub(super) expected: Value,
    pub(super) found: Value,
}

/// Runs the cases of a file.
///
/// # Errors
/// The place in the file, and why it cannot be used.
pub fn check(text: &[u8]) -> Result<Report, String> {
    let File { kind, cases, .. } = serde_json::from_slice(text).map_err(|err| err.to_string())?;
    let run = match kind.as_str() {
        "bodies" => handshake::body,
        "origins" => handshake::origins,
        "messages" => handshake::message,
        "hellos" => handshake::hello,
        "decisions" => handshake::decision,
        "authenticators" => authenticators::case,
        other => return Err(format!("kind: {other:?} is not a kind of test vectors")),
    };
    if cases.is_empty() {
        return Err("cases: the list is empty".into());
    }
    let (mut names, mut failed) = (BTreeSet::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let (name, outcome) = named(case)
            .and_then(|(name, case)| Ok((name, run(case)?)))
            .map_err(|why| format!("cases[{index}]: {why}"))?;
        if !names.insert(name) {
            return Err(format!("cases[{index}]: another case has the name {name:?}, too"));
        }
        let Outcome { expected, found } = outcome;
        if expected != found {
            failed.push(format!("{name}: expected {expected}, found {found}"));
        }
    }
    Ok(Report { kind, cases: cases.len(), failed })
}

/// The name of a case, and the rest of it.
fn named(case: &Value) -> Result<(&str, Map<String, Value>), String> {
    let fields = case.as_object().ok_or("not an object")?;
    let name = fields.get("name").and_then(Value::as_str).ok_or("no name")?;
    let mut rest = fields.clone();
    rest.remove("name");
    Ok((name, rest))
}

/// Reads the inputs of a case, and returns the other fields: the expected result. Only fields of
/// these names can be in it.
pub(super) fn split<T: DeserializeOwned>(
    mut case: Map<String, Value>,
    results: &[&str],
) -> Result<(T, Value), String> {
    let mut expected = Map::new();
    for name in results {
        if let Some(value) = case.remove(*name) {
            expected.insert((*name).to_owned(), value);
        }
    }
    let inputs = serde_json::from_value(Value::Object(case)).map_err(|err| err.to_string())?;
    Ok((inputs, expected.into()))
}

/// Bytes in lower-case hexadecimal.
pub(super) struct Hex(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some((digit(high)? << 4) | digit(low)?),
            _ => None,
        });
        let bytes: Option<Vec<u8>> = pairs.collect();
        let wrong = || D::Error::custom(format_args!("{text:?} is not lower-case hexadecimal"));
        bytes.map(Self).ok_or_else(wrong)
    }
}

/// Bytes as the format has them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
