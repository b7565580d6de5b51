//! Messages of the command on stderr: errors, warnings and notes.
//!
//! Failures to write to stderr are ignored.

use crate::environment;
use crate::flags::with_flags;
use std::borrow::Cow;
use std::io::{self, Write};
use tfjs_wgpu::{DeviceStatus, Error};

/// Why a verb failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the library or of the arguments.
    Error(Error),
    /// stdout could not be written to.
    Stdout(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Stdout(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::Stdout(error.into())
    }
}

/// Prints what went wrong, why, and what to do about it.
pub(crate) fn failure(failure: &Failure) {
    match failure {
        Failure::Error(error) => {
            say("error: ", &error.to_string());
            explain(error);
        }
        Failure::Stdout(cause) => {
            say("error: ", "the answer cannot be written to stdout");
            say("  cause: ", &cause.to_string());
        }
    }
}

/// Prints the cause and the hint of an error, if any.
pub(crate) fn explain(error: &Error) {
    if let Some(cause) = error.cause_text() {
        say("  cause: ", cause);
    }
    if let Some(hint) = environment::with_hint(error.clone()).hint_text() {
        say("  hint: ", &with_flags(hint));
    }
}

/// Prints a note. It may contain a hint of the library.
pub(crate) fn note(text: &str) {
    say("note: ", &with_flags(text));
}

/// Prints which device answers.
pub(crate) fn device(mut status: DeviceStatus) {
    status.failure = status.failure.map(environment::with_hint);
    note(&format!("device: {status}"));
}

/// Prints a warning. It may contain a hint of the library.
pub(crate) fn warning(text: &str) {
    say("warning: ", &with_flags(text));
}

/// Prints a hint.
pub(crate) fn hint(text: &str) {
    say("hint: ", text);
}

fn say(label: &str, text: &str) {
    let lines: Vec<Cow<'_, str>> = text.trim_end().lines().map(printable).collect();
    let _ = writeln!(io::stderr().lock(), "{label}{}", lines.join("\n    "));
}

/// `text` without control characters: names come from untrusted files.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("Rösthof\u{1b}[2J\n"), "Rösthof\\u{1b}[2J\\n");
        assert!(matches!(printable("plain"), Cow::Borrowed(_)));
    }
}
