//! A parser for challenges (RFC 9110 sections 5.6 and 11), for fields with several schemes.
//!
//! A comma separates challenges, and also parameters: `a b=c, d=e, f g=h` contains two challenges.
//! Text that cannot be parsed is skipped to the next comma, and invalidates the challenge that
//! contains it.

use std::borrow::Cow;

use super::error::ChallengeProblem as Problem;
use super::limits;

/// A parameter.
#[derive(Debug, PartialEq)]
pub(super) struct Parameter<'a> {
    /// Where the parameter begins.
    pub(super) byte: usize,
    pub(super) name: &'a [u8],
    /// The value, without quotes and backslashes.
    pub(super) value: Cow<'a, [u8]>,
}

/// A challenge of one scheme.
#[derive(Debug, PartialEq)]
pub(super) struct Raw<'a> {
    pub(super) scheme: &'a [u8],
    /// Its parameters, in order; empty for schemes other than the requested one.
    pub(super) parameters: Vec<Parameter<'a>>,
    /// The first problem in it, and where it is.
    pub(super) fault: Option<(usize, Problem)>,
}

impl Raw<'_> {
    /// Scheme names are case-insensitive (RFC 9110 section 11.1).
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme.as_bytes())
    }
}

/// Reads the challenges of a field line, with the parameters of those of one scheme.
///
/// Text before the first challenge that is not a challenge is returned as a challenge without a
/// name.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    line: &'a [u8],
    at: usize,
    wanted: &'a str,
    current: Option<Raw<'a>>,
    begun: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(line: &'a [u8], wanted: &'a str) -> Self {
        Self { line, at: 0, wanted, current: None, begun: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn take_while(&mut self, mut belongs: impl FnMut(u8) -> bool) -> &'a [u8] {
        let rest = self.line.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Skips optional white space; returns true if there was any.
    fn skip_space(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b' ' | b'\t')).is_empty()
    }

    fn at_separator(&self) -> bool {
        matches!(self.peek(), None | Some(b','))
    }

    /// Skips a `token68`; returns true if there was one.
    fn skip_token68(&mut self) -> bool {
        let start = self.at;
        let some = !self.take_while(is_token68).is_empty();
        self.take_while(|byte| byte == b'=');
        self.skip_space();
        let found = some && self.at_separator();
        if !found {
            self.at = start;
        }
        found
    }

    /// Reads the value after an equals sign.
    fn value(&mut self) -> Result<Cow<'a, [u8]>, (usize, Problem)> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'"') => self.quoted()?,
            _ => match self.take_while(is_token) {
                [] => return Err((start, Problem::Expected("a value"))),
                token => Cow::Borrowed(token),
            },
        };
        if self.at - start > limits::VALUE_LENGTH {
            Err((start, Problem::ValueTooLong))
        } else {
            Ok(value)
        }
    }

    /// Reads a quoted string. If it is not terminated correctly, the rest of the line is not used.
    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, (usize, Problem)> {
        self.try_quoted().inspect_err(|_| self.at = self.line.len())
    }

    fn try_quoted(&mut self) -> Result<Cow<'a, [u8]>, (usize, Problem)> {
        let start = self.at;
        self.at += 1;
        let mut value = Cow::Borrowed(self.take_while(is_quoted_text));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(escaped) if is_text(escaped) => value.to_mut().push(escaped),
                        Some(_) => return Err((self.at, Problem::Expected("a character"))),
                        None => return Err((start, Problem::UnterminatedQuote)),
                    }
                    self.at += 1;
                }
                Some(_) => return Err((self.at, Problem::Expected("a character"))),
                None => return Err((start, Problem::UnterminatedQuote)),
            }
            let more = self.take_while(is_quoted_text);
            if !more.is_empty() {
                value.to_mut().extend_from_slice(more);
            }
        }
    }

    /// Reads a parameter of the current challenge, after its name and the white space behind it.
    fn parameter(&mut self, byte: usize, name: &'a [u8]) {
        let read = match self.peek() {
            Some(b'=') => {
                self.at += 1;
                self.skip_space();
                self.value()
            }
            _ => Err((self.at, Problem::Expected("an equals sign"))),
        };
        match read {
            Ok(value) => {
                let wanted = self.wanted;
                let Some(current) = &mut self.current else {
                    return self.fault(byte, Problem::Expected("a scheme"));
                };
                if !current.is(wanted) {
                    // The parameters of other schemes are not needed.
                } else if current.parameters.len() < limits::PARAMETERS {
                    current.parameters.push(Parameter { byte, name, value });
                } else {
                    self.fault(byte, Problem::TooManyParameters);
                }
            }
            Err((byte, problem)) => self.fault(byte, problem),
        }
    }

    /// Marks the current challenge as invalid.
    fn fault(&mut self, byte: usize, problem: Problem) {
        let nameless = Raw { scheme: b"", parameters: Vec::new(), fault: None };
        let current = self.current.get_or_insert(nameless);
        current.parameters.clear();
        current.fault.get_or_insert((byte, problem));
    }

    /// Skips to the next comma that is not in quotes.
    fn skip_element(&mut self) {
        loop {
            self.take_while(|byte| !matches!(byte, b',' | b'"'));
            match self.peek() {
                Some(b'"') => drop(self.quoted()),
                _ => return,
            }
        }
    }

    /// Reads one element of the list, and returns the challenge that it ends, if any.
    fn element(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        let name = self.take_while(is_token);
        if name.is_empty() {
            self.fault(start, Problem::Expected("a scheme or a parameter"));
            return None;
        }
        let space = self.skip_space();
        if self.peek() == Some(b'=') {
            self.parameter(start, name);
            return None;
        }
        let challenge = Raw { scheme: name, parameters: Vec::new(), fault: None };
        let ended = self.current.replace(challenge);
        self.begun += 1;
        if self.begun > limits::CHALLENGES {
            self.fault(start, Problem::TooManyChallenges);
            self.at = self.line.len();
        }
        if self.at_separator() {
            return ended;
        }
        let start = self.at;
        if !space {
            self.fault(start, Problem::Expected("a space"));
        } else if self.skip_token68() {
            if self.current.as_ref().is_some_and(|current| current.is(self.wanted)) {
                self.fault(start, Problem::Token68);
            }
        } else {
            match self.take_while(is_token) {
                [] => self.fault(start, Problem::Expected("a parameter")),
                name => {
                    self.skip_space();
                    self.parameter(start, name);
                }
            }
        }
        ended
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        loop {
            // A list may have empty elements (RFC 9110 section 5.6.1.2).
            self.take_while(|byte| matches!(byte, b' ' | b'\t' | b','));
            if self.peek().is_none() {
                return self.current.take();
            }
            let ended = self.element();
            self.skip_space();
            if !self.at_separator() {
                self.fault(self.at, Problem::Expected("a comma"));
                self.skip_element();
            }
            if ended.is_some() {
                return ended;
            }
        }
    }
}

/// `tchar` (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `token68` (RFC 9110 section 11.2), without the equals signs at its end.
fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

/// A byte that may follow a backslash in a quoted string (RFC 9110 section 5.6.4).
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// `qdtext` (RFC 9110 section 5.6.4).
fn is_quoted_text(byte: u8) -> bool {
    is_text(byte) && !matches!(byte, b'"' | b'\\')
}
