//! What comes of a case.

use rustls_ext::rustls::AlertDescription;
use serde::Serialize;

use super::talk::Verdict;
use crate::alerts;

/// illegal_parameter.
pub const ILLEGAL_PARAMETER: u8 = 47;
/// decode_error, which deployed stacks send for malformed bodies.
pub const DECODE_ERROR: u8 = 50;
/// unsupported_extension.
pub const UNSUPPORTED_EXTENSION: u8 = 110;
/// unexpected_message.
pub const UNEXPECTED_MESSAGE: u8 = 10;

/// What comes of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "grade", content = "reason", rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Passed,
    /// Not quite, but in a way that a draft leaves room for or that deployed stacks have: which.
    Tolerated(String),
    /// The rule is broken: how.
    Failed(String),
    /// Not run, or without a result: why.
    Skipped(String),
}

impl Grade {
    /// One word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Tolerated(_) => "tolerated",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// The reason, where there is one to give.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Tolerated(reason) | Self::Failed(reason) | Self::Skipped(reason) => Some(reason),
        }
    }

    /// Passed if `holds`, failed with this reason if not.
    pub fn from(holds: bool, reason: impl Into<String>) -> Self {
        if holds { Self::Passed } else { Self::Failed(reason.into()) }
    }

    /// The first of `grades` that is the worst.
    pub fn worst(grades: impl IntoIterator<Item = Self>) -> Self {
        let rank = |grade: &Self| match grade {
            Self::Failed(_) => 3,
            Self::Tolerated(_) => 2,
            Self::Passed => 1,
            Self::Skipped(_) => 0,
        };
        let mut worst = Self::Skipped("nothing to look at".into());
        for grade in grades {
            if rank(&grade) > rank(&worst) {
                worst = grade;
            }
        }
        worst
    }
}

/// An alert by name and number.
pub fn alert(description: u8) -> String {
    format!("{} ({description})", alerts::name(AlertDescription::from(description)))
}

/// The other end had to refuse: with `wanted`, or with one of `tolerated`.
pub fn refused(verdict: &Verdict, wanted: u8, tolerated: &[u8]) -> Grade {
    match verdict {
        Verdict::Alert(got) if *got == wanted => Grade::Passed,
        Verdict::Alert(got) if tolerated.contains(got) => {
            Grade::Tolerated(format!("{} in place of {}", alert(*got), alert(wanted)))
        }
        Verdict::Closed => Grade::Tolerated(format!("closed without {}", alert(wanted))),
        Verdict::Ended => Grade::Tolerated(format!(
            "ended the connection with close_notify, neither with an answer nor with {}",
            alert(wanted)
        )),
        other => Grade::Failed(format!("{other}, but {} is due", alert(wanted))),
    }
}

/// The other end had to go on.
pub fn accepted(verdict: &Verdict) -> Grade {
    match verdict {
        verdict if verdict.is_acceptance() => Grade::Passed,
        other => Grade::Failed(format!("{other}, but it should go on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_without_an_answer_is_neither_refused_as_due_nor_proof_of_going_on() {
        let graded =
            |verdict: Verdict| (refused(&verdict, ILLEGAL_PARAMETER, &[]), accepted(&verdict));
        let (refusal, acceptance) = graded(Verdict::Ended);
        assert!(matches!(refusal, Grade::Tolerated(_)), "{refusal:?}");
        assert_eq!(acceptance, Grade::Passed);
        let (refusal, acceptance) = graded(Verdict::Accepted);
        assert!(matches!(refusal, Grade::Failed(_)), "{refusal:?}");
        assert_eq!(acceptance, Grade::Passed);
        let (refusal, acceptance) = graded(Verdict::Alert(ILLEGAL_PARAMETER));
        assert_eq!(refusal, Grade::Passed);
        assert!(matches!(acceptance, Grade::Failed(_)), "{acceptance:?}");
    }
}
