//! The grade of a case.

use serde::Serialize;

use super::talk::Verdict;
use crate::alerts::alert;

/// illegal_parameter.
pub const ILLEGAL_PARAMETER: u8 = 47;
/// decode_error, which deployed stacks send for malformed bodies.
pub const DECODE_ERROR: u8 = 50;
/// unsupported_extension.
pub const UNSUPPORTED_EXTENSION: u8 = 110;
/// handshake_failure.
pub const HANDSHAKE_FAILURE: u8 = 40;
/// unexpected_message.
pub const UNEXPECTED_MESSAGE: u8 = 10;

/// The grade of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "grade", content = "reason", rename_all = "lowercase")]
pub enum Grade {
    /// The peer keeps the rule.
    Passed,
    /// The peer deviates in a way that a draft allows or that deployed stacks have: how.
    Tolerated(String),
    /// The peer breaks the rule: how.
    Failed(String),
    /// Not run, or without a result: why.
    Skipped(String),
    /// Run, but without a result, since the peer does not show whether it continued or refused: why.
    /// If the rule is a MUST, the run does not succeed.
    Undecided(String),
}

impl Grade {
    /// The name in the report.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Tolerated(_) => "tolerated",
            Self::Failed(_) => "failed",
            Self::Skipped(_) | Self::Undecided(_) => "skipped",
        }
    }

    /// The reason, if there is one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Tolerated(reason)
            | Self::Failed(reason)
            | Self::Skipped(reason)
            | Self::Undecided(reason) => Some(reason),
        }
    }

    /// Passed if `holds`, failed with this reason if not.
    pub fn from(holds: bool, reason: impl Into<String>) -> Self {
        if holds { Self::Passed } else { Self::Failed(reason.into()) }
    }

    /// The first of `grades` that is the worst.
    pub fn worst(grades: impl IntoIterator<Item = Self>) -> Self {
        let rank = |grade: &Self| match grade {
            Self::Failed(_) => 4,
            Self::Undecided(_) => 3,
            Self::Tolerated(_) => 2,
            Self::Passed => 1,
            Self::Skipped(_) => 0,
        };
        let mut worst = Self::Skipped("nothing to grade".into());
        for grade in grades {
            if rank(&grade) > rank(&worst) {
                worst = grade;
            }
        }
        worst
    }
}

/// Grades a connection that the peer had to refuse, with `wanted` or one of `tolerated`.
pub fn refused(verdict: &Verdict, wanted: u8, tolerated: &[u8]) -> Grade {
    match verdict {
        Verdict::Alert(got) if *got == wanted => Grade::Passed,
        Verdict::Alert(got) if tolerated.contains(got) => {
            Grade::Tolerated(format!("{} instead of {}", alert(*got), alert(wanted)))
        }
        Verdict::Closed => Grade::Tolerated(format!("closed without {}", alert(wanted))),
        Verdict::Ended => Grade::Tolerated(format!(
            "ended the connection with close_notify, neither with an answer nor with {}",
            alert(wanted)
        )),
        other => Grade::Failed(format!("{other}, but it should refuse with {}", alert(wanted))),
    }
}

/// Grades a connection on which the peer had to continue.
pub fn accepted(verdict: &Verdict) -> Grade {
    match verdict {
        Verdict::Accepted => Grade::Passed,
        other => Grade::Failed(format!("{other}, but it should continue")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_neither_a_refusal_nor_proof_of_acceptance() {
        let graded =
            |verdict: Verdict| (refused(&verdict, ILLEGAL_PARAMETER, &[]), accepted(&verdict));
        for (verdict, refusal, acceptance) in [
            (Verdict::Accepted, "failed", "passed"),
            (Verdict::Alert(ILLEGAL_PARAMETER), "passed", "failed"),
            (Verdict::Alert(DECODE_ERROR), "failed", "failed"),
            // A connection that the peer closed, although it answers honest peers.
            (Verdict::Ended, "tolerated", "failed"),
            (Verdict::Closed, "tolerated", "failed"),
            (Verdict::Silent, "failed", "failed"),
            (Verdict::Hung, "failed", "failed"),
            (Verdict::Stuck("".into()), "failed", "failed"),
            (Verdict::NoConnection("".into()), "failed", "failed"),
        ] {
            let (refused, accepted) = graded(verdict.clone());
            assert_eq!((refused.name(), accepted.name()), (refusal, acceptance), "{verdict:?}");
        }
    }
}
