//! Which device answers, and why, as a plain value.

use crate::engine::{Engine, EngineKind};
use crate::error::{DeviceError, Error};
use std::fmt;

/// Which device answers the predictions of a session.
///
/// Its text is one line, such as `cpu` or `gpu: NAME (KIND, DRIVER)`.
///
/// ```
/// use tfjs_wgpu::{Device, LoadOptions, Model, Session};
///
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let status = Session::open(&model, Device::Cpu)?.device();
/// assert_eq!(status.engine.map(|engine| engine.name()), Some("cpu"));
/// assert!(status.failure.is_none());
/// assert_eq!(status.to_string(), "cpu");
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeviceStatus {
    /// The engine in use; `None` while no device is open.
    pub engine: Option<EngineKind>,
    /// The GPU in use, with its kind and driver; `None` for other engines.
    pub adapter: Option<String>,
    /// Why the CPU replaced a GPU. If no engine is open, why none will be opened again.
    pub failure: Option<Error>,
}

impl DeviceStatus {
    /// The status of a session without an engine.
    pub(super) fn closed(failure: Option<Error>) -> DeviceStatus {
        DeviceStatus { engine: None, adapter: None, failure }
    }

    /// The status of a session on `engine`. `failure` is that of the GPU which the engine replaced.
    pub(crate) fn open(engine: &dyn Engine, failure: Option<Error>) -> DeviceStatus {
        DeviceStatus { engine: Some(engine.kind()), adapter: engine.adapter(), failure }
    }
}

impl fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.engine, &self.adapter, &self.failure) {
            (Some(engine), _, Some(failure)) => write!(f, "{engine}, because {}", reason(failure)),
            (Some(engine), Some(adapter), None) => write!(f, "{engine}: {adapter}"),
            (Some(engine), None, None) => write!(f, "{engine}"),
            (None, _, Some(failure)) => write!(f, "none, because {failure}"),
            (None, _, None) => f.write_str("none: the next prediction opens the device"),
        }
    }
}

/// A note about a prediction that the CPU answered in place of a GPU.
pub(super) fn fallback_note(failure: &Error) -> String {
    format!("answered by the {}, because {}", EngineKind::Cpu, reason(failure))
}

/// A failure with its cause. The hint is added only if no adapter was found, because other hints advise to use the CPU.
fn reason(failure: &Error) -> String {
    let mut text = with_cause(failure);
    if let (Some(DeviceError::NoAdapter), Some(hint)) = (failure.device_error(), failure.hint_text()) {
        text.push_str(&format!("; {hint}"));
    }
    text
}

/// An error with its cause in brackets.
pub(super) fn with_cause(error: &Error) -> String {
    match error.cause_text().filter(|cause| !cause.is_empty()) {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_one_line() {
        let failure = |kind| Some(Error::device(kind, "the device failed").cause("as told").hint("try again"));
        let status = |engine, adapter: Option<&str>, failure| {
            DeviceStatus { engine, adapter: adapter.map(String::from), failure }.to_string()
        };
        assert_eq!(status(Some(EngineKind::Gpu), Some("a card"), None), "gpu: a card");
        assert_eq!(status(Some(EngineKind::Reference), None, None), "reference");
        let lost = failure(DeviceError::Lost);
        assert_eq!(status(Some(EngineKind::Cpu), None, lost.clone()), "cpu, because the device failed (as told)");
        assert_eq!(status(None, None, lost), "none, because the device failed");
        let none = failure(DeviceError::NoAdapter);
        assert_eq!(status(Some(EngineKind::Cpu), None, none), "cpu, because the device failed (as told); try again");
        assert_eq!(status(None, None, None), "none: the next prediction opens the device");
    }
}
