// SPDX-License-Identifier: EUPL-1.2
//! A barrier round each step of reading a mail: a bug that one hostile mail finds costs that mail its passage, not the
//! session its reply (decision D17). Without it the client would hear nothing and bring the same mail again for days.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::detect::{Finding, FindingKind};

/// What was done with the mail when it crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Parse,
    Passwords,
    Texts,
    Detect,
    Privacy,
    Liken,
    Judge,
    JudgeAgain,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Parse => "parse",
            Step::Passwords => "passwords",
            Step::Texts => "texts",
            Step::Detect => "detect",
            Step::Privacy => "privacy",
            Step::Liken => "liken",
            Step::Judge => "judge",
            Step::JudgeAgain => "judge-again",
        }
    }
}

/// The steps of one mail.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Those that crashed.
    pub crashed: Vec<Step>,
}

impl Reading {
    /// Does one step; `None` where it panicked. Nothing of the work may be used then but what it returns: that is what
    /// makes the assertion about unwinding true.
    pub fn step<T>(&mut self, step: Step, work: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            trip(step);
            work()
        }));
        if done.is_err() {
            self.crashed.push(step);
        }
        done.ok()
    }
}

/// What a mail is found to be in which a step crashed.
pub(super) fn crashed() -> Finding {
    Finding::new(FindingKind::Uninspectable, "body").value("crashed")
}

/// Where tests make a step crash; nothing in production builds.
#[inline]
fn trip(_step: Step) {
    #[cfg(debug_assertions)]
    if let Some(steps) = std::env::var_os("OCTROI_PANIC_AT")
        && steps.to_str().is_some_and(|steps| steps.split(',').any(|step| step == _step.as_str()))
    {
        panic!("a test asked for it");
    }
}
