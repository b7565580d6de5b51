//! The one error type of the library.
//!
//! An [`Error`] says what went wrong, where (a list of places, outermost first), why, and what to do about it. A person
//! reads its text. A program branches on [`Error::kind`] and, for devices, on [`Error::device_error`].
//! [`source`](std::error::Error::source) returns the error of another library that caused it. Hints name options of
//! this library, not flags of the command.

use std::fmt;
use std::sync::Arc;

/// Shorthand for results of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of failure of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file could not be read or written.
    Io,
    /// Bytes or JSON do not have the required form.
    Format,
    /// The model or file is well formed but needs something that is not implemented.
    Unsupported,
    /// Weights are missing, unknown, of the wrong size or of the wrong shape.
    Weights,
    /// The tensors given to a prediction do not fit the model's inputs, or an option is out of its range.
    Input,
    /// Shapes or dtypes do not fit each other.
    Shape,
    /// No usable device was found, or the device failed.
    Device,
    /// Something exceeds a limit of the device or of this library.
    Limit,
}

/// How a device failed; the [`source`](std::error::Error::source) of an [`Error`] that a device caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No adapter was found, or none with the requested name.
    #[error("no such adapter")]
    NoAdapter,
    /// The device is lost: it was reset or unplugged, or its driver crashed.
    #[error("the device was lost")]
    Lost,
    /// The device has not enough free memory for the request.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// The device did not answer within the timeout.
    #[error("the device did not answer in time")]
    Timeout,
    /// The device or its driver rejected the request: it exceeds a limit, or a shader does not compile.
    #[error("the device refused")]
    Rejected,
    /// The driver, wgpu or this library violated one of its guarantees.
    #[error("an internal fault")]
    Internal,
}

/// What went wrong, where, why, and what to do.
///
/// `{}` shows the places and what went wrong. `{:?}`, which `main` and `expect` print, adds cause and hint on lines of
/// their own.
///
/// ```
/// use tfjs_wgpu::{ErrorKind, LoadOptions, Model};
///
/// let error = Model::load("no/such/folder", LoadOptions::default()).expect_err("there is no such model");
/// assert_eq!(error.kind(), ErrorKind::Io);
/// assert!(error.to_string().starts_with("no/such/folder: "));
/// assert!(error.hint_text().is_some() && !error.suggests_fallback());
/// ```
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: ErrorKind,
    what: String,
    /// Innermost place first; shown outermost first.
    places: Vec<String>,
    cause: Option<String>,
    hint: Option<String>,
    /// Shared, so that a remembered error can be returned again.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    device: Option<DeviceError>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let device = self.0.device.as_ref().map(|device| device as &(dyn std::error::Error + 'static));
        device.or(self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static)))
    }
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
    /// A new error of `kind`. `what` says what went wrong, as a clause that follows the place.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let what = what.into();
        Error(Box::new(Parts { kind, what, places: Vec::new(), cause: None, hint: None, source: None, device: None }))
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

    /// An [`ErrorKind::Device`] error.
    pub(crate) fn device(device: DeviceError, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Device, what).by_device(device)
    }

    /// An error for a violated guarantee of the driver, wgpu or this library.
    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::device(DeviceError::Internal, what)
    }

    pub(crate) fn limit(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, what)
    }

    /// An [`ErrorKind::Io`] error about the file at `path`.
    pub(crate) fn io(path: &std::path::Path, cause: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, "cannot be read").at(path.display().to_string()).because(cause)
    }

    /// An [`ErrorKind::Limit`] error about a limit of the device, which another device may not have.
    pub(crate) fn device_limit(what: impl Into<String>) -> Self {
        Self::limit(what).by_device(DeviceError::Rejected)
    }

    /// Adds an enclosing place: a file, a layer, a weight.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.places.push(place.into());
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Sets the error of another library as source, and its text as cause.
    #[must_use]
    pub(crate) fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(source.to_string());
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Sets the failure of the device that caused it. The kind stays.
    #[must_use]
    pub(crate) fn by_device(mut self, device: DeviceError) -> Self {
        self.0.device = Some(device);
        self
    }

    /// Sets the hint: what the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the hint unless there is one.
    #[must_use]
    pub(crate) fn or_hint(mut self, hint: &str) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The failure of the device, if a device caused the error.
    pub fn device_error(&self) -> Option<DeviceError> {
        self.0.device
    }

    /// Whether another device may succeed: the device failed, not the model or the inputs.
    pub fn suggests_fallback(&self) -> bool {
        self.0.device.is_some()
    }

    /// The cause, if known.
    pub fn cause_text(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The hint: what to do about it, if known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// Adds places to the errors of a result.
pub(crate) trait Context<T> {
    /// Adds an enclosing place, computed only on failure.
    fn at(self, place: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
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

    #[test]
    fn the_source_is_the_failure_of_the_device_or_the_error_that_caused_it() {
        use std::error::Error as _;
        let lost = Error::device(DeviceError::Lost, "the GPU device was lost").at("a GPU");
        let source = lost.source().and_then(|source| source.downcast_ref::<DeviceError>());
        assert_eq!((source, lost.device_error()), (Some(&DeviceError::Lost), Some(DeviceError::Lost)));
        assert!(lost.suggests_fallback());
        let too_large = Error::limit("a value is too large for the device").by_device(DeviceError::Rejected);
        assert!(too_large.suggests_fallback() && too_large.kind() == ErrorKind::Limit);
        let missing = Error::io("model.json".as_ref(), std::io::ErrorKind::NotFound.into());
        let source = missing.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(source.map(std::io::Error::kind), Some(std::io::ErrorKind::NotFound));
        assert!(!missing.suggests_fallback());
        assert!(Error::input("a tensor is missing").source().is_none());
    }
}
