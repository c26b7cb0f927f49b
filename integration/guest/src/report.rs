// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a check says: lines for people, one JSON object for programs.

use std::fmt::Display;
use std::io;

use serde_json::{Map, Value};
use thiserror::Error;

/// Why a check does not hold.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A call failed that should not have.
    #[error(transparent)]
    Client(#[from] tee_client::Error),
    /// No memory for it.
    #[error(transparent)]
    Map(#[from] tee_client::MapError),
    /// Something of the guest's own failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Something was seen that should not be.
    #[error("{0}")]
    Wrong(String),
}

impl Failure {
    /// Makes an error of the system's a failure.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::System { what: what.into(), source }
    }
}

/// Fails with a message unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::report::Failure::Wrong(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// The outcome of a check.
pub(crate) type Outcome = Result<(), Failure>;

/// A check's report.
pub(crate) struct Report {
    fields: Map<String, Value>,
}

impl Report {
    /// Begins the report of a check.
    pub(crate) fn new(check: &str) -> Self {
        let mut report = Self { fields: Map::new() };
        report.set("check", check);
        report
    }

    /// Says something to people, at once.
    pub(crate) fn say(&self, line: impl Display) {
        println!("{line}");
    }

    /// Says something to programs, at the end.
    pub(crate) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    /// The last line.
    pub(crate) fn finish(mut self, result: &Outcome) {
        self.set("ok", result.is_ok());
        if let Err(failure) = result {
            self.say(format_args!("FAILED: {failure}"));
            self.set("error", failure.to_string());
        }
        println!("{}", Value::Object(self.fields));
    }
}

/// Cases of one check, all of which run whatever becomes of the ones before.
#[derive(Default)]
pub(crate) struct Cases {
    passed: usize,
    failed: Vec<String>,
}

impl Cases {
    /// Notes one case's outcome.
    pub(crate) fn note(&mut self, report: &Report, name: &str, outcome: Outcome) {
        match outcome {
            Ok(()) => {
                report.say(format_args!("  ok      {name}"));
                self.passed += 1;
            }
            Err(failure) => {
                report.say(format_args!("  FAILED  {name}: {failure}"));
                self.failed.push(format!("{name}: {failure}"));
            }
        }
    }

    /// Reports them all; fails if one did.
    pub(crate) fn finish(self, report: &mut Report) -> Outcome {
        report.set("cases", self.passed + self.failed.len());
        let failed = self.failed.len();
        let first = self.failed.first().cloned();
        report.set("failed", self.failed);
        match first {
            Some(first) => Err(Failure::Wrong(format!("{failed} cases failed; the first: {first}"))),
            None => Ok(()),
        }
    }
}
