use http::header::{PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::challenge::{Challenge, SCHEME};
use super::error::{ChallengeError, ChallengeProblem, Place};
use super::limits;
use super::parse::Reader;

/// The `ClientCertificate` challenges of a message, and the errors in those that could not be read.
///
/// Challenges of other schemes may be before, between and after them, in the same lines or in lines
/// of their own (RFC 9110 section 11.6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenges {
    /// The challenges that could be read, in order.
    pub challenges: Vec<Challenge>,
    /// The errors. They include mistakes in challenges of other schemes, because a
    /// `ClientCertificate` challenge after the mistake may have been lost with it.
    pub errors: Vec<ChallengeError>,
}

impl Challenges {
    /// Reads the challenges of a 401 response from `WWW-Authenticate`, or of a 407 response from
    /// `Proxy-Authenticate`. Other responses contain no challenges.
    pub fn from_response<B>(response: &Response<B>) -> Self {
        Self::of_parts(response.status(), response.headers())
    }

    pub(crate) fn of_parts(status: StatusCode, headers: &HeaderMap) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::in_field(headers, &WWW_AUTHENTICATE),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Self::in_field(headers, &PROXY_AUTHENTICATE)
            }
            _ => Self::default(),
        }
    }

    /// Reads the challenges from all lines of this field.
    pub fn in_field(headers: &HeaderMap, field: &HeaderName) -> Self {
        Self::in_lines(headers.get_all(field).into_iter().map(HeaderValue::as_bytes))
    }

    /// Reads the challenges from these lines.
    pub fn in_lines<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut read = Self::default();
        for (number, line) in lines.into_iter().enumerate() {
            let place = Place { line: number, byte: 0 };
            if number >= limits::FIELD_LINES {
                read.errors.push(ChallengeError { place, problem: ChallengeProblem::TooManyLines });
                break;
            }
            if line.len() > limits::FIELD_LENGTH {
                read.errors.push(ChallengeError { place, problem: ChallengeProblem::LineTooLong });
                continue;
            }
            read.add_line(number, line);
        }
        read
    }

    fn add_line(&mut self, number: usize, line: &[u8]) {
        for raw in Reader::new(line, SCHEME) {
            let ours = raw.is(SCHEME);
            if !ours && raw.fault.is_none() {
                continue;
            }
            match Challenge::read(raw) {
                Ok(challenge) => self.challenges.push(challenge),
                Err((byte, problem)) => {
                    let place = Place { line: number, byte };
                    self.errors.push(ChallengeError { place, problem });
                }
            }
        }
    }
}
