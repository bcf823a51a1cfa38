//! Runs cases, one after the other.

use std::rc::Rc;
use std::time::{Duration, Instant};

use command_line::Progress;

use super::allow::Allowed;
use super::case::{About, Case, Level};
use super::grade::Grade;
use super::talk::Talk;

/// The lab in which cases run.
pub trait Bench {
    /// A feature that a case may need of the peer.
    type Need: Copy;

    /// The reason why a case that needs this feature cannot run; `None` if it can.
    fn lacks(&self, need: Self::Need) -> Option<String>;

    /// The connections since the last call.
    fn take_talks(&mut self) -> Vec<Rc<Talk>>;
}

/// The result of a case.
#[derive(Debug)]
pub struct Finding {
    /// The case.
    pub about: About,
    /// Its grade.
    pub grade: Grade,
    /// The reason why it is allowed to fail.
    pub allowed: Option<String>,
    /// Its duration.
    pub took: Duration,
    /// Its connections.
    pub talks: Vec<Rc<Talk>>,
}

impl Finding {
    /// Whether it makes the run fail.
    pub fn counts_as_failure(&self) -> bool {
        matches!(self.grade, Grade::Failed(_)) && self.allowed.is_none()
    }

    /// Whether a MUST could not be decided, so that the run does not succeed.
    pub fn counts_as_undecided(&self) -> bool {
        matches!(self.grade, Grade::Undecided(_))
            && self.about.level == Level::Must
            && self.allowed.is_none()
    }
}

/// The grade of a case that is skipped because the peer lacks a feature; `None` if the case can run.
pub fn skipped<B: Bench>(bench: &B, case: &Case<B, B::Need>) -> Option<Grade> {
    case.needs.iter().find_map(|need| bench.lacks(*need)).map(Grade::Skipped)
}

/// Runs these cases.
pub fn all<B: Bench>(bench: &mut B, cases: &[Case<B, B::Need>], allowed: &Allowed) -> Vec<Finding> {
    let mut findings = Vec::new();
    let progress = Progress::new("cases", cases.len());
    for case in cases {
        progress.doing(case.about.id.to_string());
        let started = Instant::now();
        let grade = match skipped(bench, case) {
            Some(skipped) => skipped,
            None => (case.run)(bench).unwrap_or_else(|early| early),
        };
        let (about, talks) = (case.about.clone(), bench.take_talks());
        let allowed = allowed.reason(&about.id).map(str::to_owned);
        findings.push(Finding { about, grade, allowed, took: started.elapsed(), talks });
        progress.step();
    }
    findings
}
