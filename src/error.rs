//! The one error type of the library.
//!
//! An [`Error`] says what went wrong, where (a trail of places, outermost first), why, and what to do about it.
//! It is meant to be read by a person; programs branch on [`Error::kind`]. It is not a wrapper that collects
//! foreign error types: their text becomes the cause.

use std::fmt;

/// Shorthand for results of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file could not be read or written.
    Io,
    /// Bytes or JSON do not have the form they should have.
    Format,
    /// The model is well formed but asks for something that is not implemented.
    Unsupported,
    /// Weights are missing, unknown, of the wrong size or of the wrong shape.
    Weights,
    /// The tensors given to a prediction do not fit the model's inputs.
    Input,
    /// Shapes or dtypes inside the model do not fit each other.
    Shape,
    /// No usable device, or the device failed.
    Device,
    /// Something is larger than the device or this library can take.
    Limit,
}

/// What went wrong, where, why, and what to do.
///
/// `{}` shows place and what; `{:?}`, which is what `main` and `expect` show, adds cause and hint on lines of their own.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    what: String,
    /// Innermost place first; shown outermost first.
    places: Vec<String>,
    cause: Option<String>,
    hint: Option<String>,
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.places.iter().rev() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for (label, text) in [("cause", self.cause_text()), ("hint", self.hint_text())] {
            if let Some(text) = text {
                write!(f, "\n  {label}: {text}")?;
            }
        }
        Ok(())
    }
}

impl Error {
    /// A new error of `kind` with the sentence that says what went wrong.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error(Box::new(Parts { kind, what: what.into(), places: Vec::new(), cause: None, hint: None }))
    }

    pub(crate) fn format(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format, what)
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, what)
    }

    pub(crate) fn weights(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Weights, what)
    }

    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, what)
    }

    pub(crate) fn shape(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Shape, what)
    }

    pub(crate) fn device(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Device, what)
    }

    pub(crate) fn limit(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, what)
    }

    /// An [`ErrorKind::Io`] error about the file at `path`.
    pub(crate) fn io(path: &std::path::Path, cause: &std::io::Error) -> Self {
        Self::new(ErrorKind::Io, "cannot be read").at(path.display().to_string()).cause(cause.to_string())
    }

    /// Adds an enclosing place: a file, a layer, a weight.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.places.push(place.into());
        self
    }

    /// Sets why it went wrong.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Sets what the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets what the reader can do about it, unless something better is known already.
    #[must_use]
    pub(crate) fn or_hint(mut self, hint: &str) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Why it went wrong, if known.
    pub fn cause_text(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// What to do about it, if known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// Adds places to the errors of a result.
pub(crate) trait Place<T> {
    /// Adds an enclosing place, computed only on failure.
    fn at(self, place: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Place<T> for Result<T> {
    fn at(self, place: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.at(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_from_the_outside_in() {
        let error = Error::format("is not a number").at("units").at("layer `score`").hint("write a number");
        assert_eq!(error.to_string(), "layer `score`: units: is not a number");
        assert_eq!(format!("{error:?}"), "layer `score`: units: is not a number\n  hint: write a number");
        assert_eq!(error.kind(), ErrorKind::Format);
    }
}
