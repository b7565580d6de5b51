//! Runs the tests of a binary, some of which need a GPU: where there is none they are ignored, and shown as ignored.
//!
//! What a binary declares besides `harness = false` in Cargo.toml:
//!
//! ```ignore
//! #[path = "../harness/mod.rs"]
//! mod harness;
//! #[macro_use(test)]
//! extern crate collected_test;
//!
//! fn main() -> std::process::ExitCode {
//!     harness::run()
//! }
//! ```

#[allow(dead_code, reason = "no binary asks all of its questions")]
pub(crate) mod gpu;

use gpu::Ignored;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::panic::{catch_unwind, resume_unwind};
use std::process::ExitCode;

/// A function with `#[test]`.
pub(crate) struct Test {
    /// Crate, modules and name.
    pub(crate) path: &'static str,
    pub(crate) run: fn(),
}

inventory::collect!(Test);

impl Test {
    /// As the harness of Rust names it: without the crate.
    fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }

    fn outcome(&self) -> Result<Completion, Failed> {
        match catch_unwind(self.run) {
            Ok(()) => Ok(Completion::Completed),
            Err(payload) => match payload.downcast::<Ignored>() {
                Ok(ignored) => Ok(Completion::ignored_with(ignored.0)),
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}

/// Runs the tests that the arguments name, as the harness of Rust does.
pub(crate) fn run() -> ExitCode {
    let mut tests: Vec<&'static Test> = inventory::iter::<Test>().collect();
    tests.sort_by_key(|test| test.name());
    let trials = tests.into_iter().map(|test| Trial::ignorable_test(test.name(), || test.outcome()));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
