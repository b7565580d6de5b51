//! A [`Session`] opens a model on a device and predicts. It checks inputs and ids, chooses the device, and replaces a
//! device that fails. It reads no files.

mod cache_folder;
mod checked_inputs;
mod device;
mod device_status;
mod engines;
mod ids;
mod inputs;
mod open;
mod options;
mod profile;
mod random;
mod ranking;
mod sized;

pub use crate::engine::{EngineKind, MemoryUsage, ProfileStep, StepClock};
pub use cache_folder::user_cache_folder;
#[cfg(feature = "study")]
pub(crate) use checked_inputs::{CheckedInputs, checked_inputs};
pub use device::Device;
pub use device_status::DeviceStatus;
pub use ids::BadIdCount;
pub(crate) use open::expect_effect;
#[cfg(feature = "study")]
pub(crate) use open::open_engine;
pub use options::SessionOptions;
pub use profile::{Profile, ProfileOptions, ProfileStage, RecordedSpan, Recording};
pub use random::random_inputs;
pub use ranking::{Ranked, Ranking};

use crate::deadline::Deadline;
use crate::engine::{Call, Holdings, PreparedGraph};
use crate::error::Result;
use crate::model::{InputNames, Model};
use crate::passes::ActivationPrecision;
use crate::plan::Counts;
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs};
use engines::{Engines, Opened};
use inputs::BoundInputs;
use sized::{SizedModel, expect_predictable};
use std::sync::Arc;

/// The outputs of a prediction, and what happened while it was computed.
///
/// ```
/// use tfjs_wgpu::{Device, LoadOptions, Model, Session, tensor_file};
///
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let session = Session::open(&model, Device::Cpu)?;
/// let prediction = session.predict(&tensor_file::read("examples/shop_rank/input.safetensors")?)?;
/// assert_eq!(prediction.outputs.get("score").map(|score| score.shape()), Some(&[200, 1][..]));
/// assert!(prediction.bad_ids.is_empty() && prediction.notes.is_empty());
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Prediction {
    /// The outputs by name, in the model's order.
    pub outputs: NamedTensors,
    /// Ids that were outside their tables.
    pub bad_ids: Vec<BadIdCount>,
    /// Notes for a person to read: a single tensor was bound to the only input although its name differs, or the device
    /// failed and another one answered.
    pub notes: Vec<String>,
    /// Stages with their times, and counters.
    pub timeline: Timeline,
}

/// A model on a device.
///
/// Threads may share a session. A GPU works on up to three of their predictions at once; others wait.
///
/// A lost device is opened again once. The prediction that met the loss is repeated, and its notes say so. If the
/// device is lost again within a minute, the session gives it up. A device is closed with the last session on it.
///
/// A model with open dimensions ([`Model::open_dimensions`]) is prepared for each new set of input sizes, on the same
/// device and with the same pipelines. The eight sets used last are kept. A new set takes milliseconds, and as much
/// memory as all weights except lookup tables. If lengths vary much, pad them to a few. A model without sizes is opened
/// at the sizes of its example, so that the device and most pipelines are ready before the first prediction.
/// [`Model::with_sizes`] avoids the example if the sizes are known.
#[derive(Debug)]
pub struct Session {
    model: Model,
    names: InputNames,
    options: SessionOptions,
    engines: Engines,
    timeline: Timeline,
}

impl Session {
    /// Opens `model` on `device`.
    ///
    /// ```
    /// use tfjs_wgpu::{Device, LoadOptions, Model, Session, tensor_file};
    ///
    /// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
    /// let session = Session::open(&model, Device::Cpu)?;
    /// let inputs = tensor_file::read("examples/shop_rank/input.safetensors")?;
    /// assert_eq!(session.predict(&inputs)?.outputs.get("score").map(|score| score.shape()), Some(&[200, 1][..]));
    /// # Ok::<(), tfjs_wgpu::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Session::open_with`].
    pub fn open(model: &Model, device: Device) -> Result<Session> {
        Self::open_with(model, SessionOptions { device, ..SessionOptions::default() })
    }

    /// Opens `model` with options.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Input`](crate::ErrorKind::Input): an option has no effect on the device, or names an input that
    ///   the model lacks or that cannot be shared.
    /// - [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): the model was loaded to refuse ids outside their
    ///   tables, and computes ids itself.
    /// - [`ErrorKind::Device`](crate::ErrorKind::Device) with [`Device::Gpu`]: there is no such adapter, or it fails.
    ///   With [`Device::Auto`] the session opens on the CPU, and [`Session::device`] says why.
    /// - [`ErrorKind::Limit`](crate::ErrorKind::Limit): the model is too large for the device.
    pub fn open_with(model: &Model, options: SessionOptions) -> Result<Session> {
        let engines = Engines::new(model.clone(), options.clone());
        Self::with_engines(model, options, engines)
    }

    fn with_engines(model: &Model, options: SessionOptions, engines: Engines) -> Result<Session> {
        expect_predictable(model)?;
        expect_effect(&options)?;
        let mut timeline = Timeline::start();
        engines.current(Deadline::after(options.timeout), &mut timeline)?;
        let names = InputNames::of(model);
        Ok(Session { model: model.clone(), names, options, engines, timeline })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Which device answers, and why.
    pub fn device(&self) -> DeviceStatus {
        match self.engines.peek() {
            Some(opened) => opened.status(),
            None => DeviceStatus::closed(self.engines.gave_up()),
        }
    }

    /// The engine in use; `None` while no device is open.
    pub fn engine(&self) -> Option<EngineKind> {
        self.engines.peek().map(|opened| opened.engine.kind())
    }

    /// The memory that the session holds on its device between predictions.
    pub fn memory(&self) -> MemoryUsage {
        let mut holdings = Holdings::default();
        for opened in self.engines.all() {
            opened.engine.add_memory(&mut holdings);
            let prepared = opened.sized.all().into_iter().flat_map(|sized| sized.all_prepared());
            prepared.for_each(|prepared| prepared.add_memory(&mut holdings));
        }
        holdings.usage()
    }

    /// Frees the memory that the session holds on its device: weights and activations. The device stays open, with its
    /// compiled pipelines. The next prediction uploads the weights again.
    pub fn trim(&self) {
        self.engines.trim();
    }

    /// The cost of a prediction of `batch` rows by the plan that the session was opened with. A model without sizes
    /// counts at the sizes of its example; [`Session::counts_of`] takes other ones. The dispatches are those of a batch
    /// that is predicted at once. Without a GPU they are the dispatches that a GPU would run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if a value is too large for the device at this batch. A device
    /// error if the device was lost and does not open again.
    pub fn counts(&self, batch: usize) -> Result<Counts> {
        let (deadline, mut timeline) = (self.deadline(), Timeline::start());
        let opened = self.engines.current(deadline, &mut timeline)?;
        self.engines.first(&opened, deadline, &mut timeline)?.counts(batch)
    }

    /// [`Session::counts`] for the sizes and the batch of `inputs`. All inputs count as given with one row per sample.
    ///
    /// # Errors
    ///
    /// Those of [`Session::counts`], and [`ErrorKind::Input`](crate::ErrorKind::Input) if the inputs do not fit the
    /// model.
    pub fn counts_of(&self, inputs: &NamedTensors) -> Result<Counts> {
        let (deadline, mut timeline) = (self.deadline(), Timeline::start());
        let opened = self.engines.current(deadline, &mut timeline)?;
        let sized = self.sized(&opened, inputs, deadline, &mut timeline)?;
        let batch = sized.signature.bind(sized.model.graph(), &self.model, inputs)?.batch;
        sized.prepared(&*opened.engine, &Vec::new(), deadline, &mut timeline)?.counts(batch)
    }

    /// The stages of opening with their times, and counters.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Computes the outputs for `inputs`: one tensor per model input, by name, batch first. An input with one row is
    /// shared by all rows of the others.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Input`](crate::ErrorKind::Input): a tensor is missing, unknown, or of another dtype or shape;
    ///   batches differ; or an id is outside its table and the model was loaded to refuse it.
    /// - [`ErrorKind::Limit`](crate::ErrorKind::Limit): a value is too large at this batch.
    /// - [`ErrorKind::Device`](crate::ErrorKind::Device): the device failed, or the timeout passed
    ///   ([`SessionOptions::timeout`]).
    pub fn predict(&self, inputs: &NamedTensors) -> Result<Prediction> {
        self.predict_with(inputs, RecycledOutputs::default())
    }

    /// [`Session::predict`] in the memory of an earlier prediction, whose outputs are overwritten. It saves allocations
    /// if outputs are large.
    ///
    /// # Errors
    ///
    /// Those of [`Session::predict`]. After an error `prediction` has no outputs.
    pub fn predict_into(&self, inputs: &NamedTensors, prediction: &mut Prediction) -> Result<()> {
        let outputs = std::mem::take(&mut prediction.outputs);
        *prediction = self.predict_with(inputs, RecycledOutputs::of(outputs))?;
        Ok(())
    }

    fn predict_with(&self, inputs: &NamedTensors, mut spare: RecycledOutputs) -> Result<Prediction> {
        let (mut bad_ids, mut notes, mut timeline) = (Vec::new(), Vec::new(), Timeline::start());
        let deadline = self.deadline();
        let outputs = timeline.span_with(Stage::Predict, |timeline| {
            let predict =
                |arranged: Arranged<'_>, timeline: &mut Timeline| arranged.predict(&mut spare, deadline, timeline);
            self.answer(inputs, deadline, (&mut bad_ids, &mut notes), timeline, predict)
        })?;
        Ok(Prediction { outputs, bad_ids, notes, timeline })
    }

    /// Runs `answer` on the engine in use, and again on the engine that replaces it if it fails.
    fn answer<T>(
        &self,
        inputs: &NamedTensors,
        deadline: Deadline,
        (bad_ids, notes): (&mut Vec<BadIdCount>, &mut Vec<String>),
        timeline: &mut Timeline,
        mut answer: impl FnMut(Arranged<'_>, &mut Timeline) -> Result<T>,
    ) -> Result<T> {
        let mut of_inputs = None;
        let answer = self.engines.with(deadline, notes, timeline, |opened, timeline| {
            let (mut arranged, found) = self.arrange(opened, inputs, deadline, timeline)?;
            *bad_ids = found;
            of_inputs = arranged.inputs.note.take();
            answer(arranged, timeline)
        })?;
        notes.splice(..0, of_inputs);
        Ok(answer)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.options.timeout)
    }

    /// The model at the sizes of `inputs`.
    fn sized(
        &self,
        opened: &Opened,
        inputs: &NamedTensors,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<SizedModel>> {
        let is_open = self.model.is_open();
        let sizes = if is_open { self.model.open_sizes(&self.names, inputs)? } else { Vec::new() };
        self.engines.sized(opened, &sizes, deadline, timeline)
    }

    /// Checks and binds the inputs, and prepares the graph for them on an engine. Returns also the ids outside their
    /// tables.
    fn arrange<'t>(
        &self,
        opened: &Opened,
        inputs: &'t NamedTensors,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<(Arranged<'t>, Vec<BadIdCount>)> {
        let sized = self.sized(opened, inputs, deadline, timeline)?;
        let bind = || sized.signature.bind(sized.model.graph(), &self.model, inputs);
        let inputs = timeline.span(Stage::CheckInputs, bind)?;
        let bad_ids = timeline.span(Stage::CheckIds, || ids::check(&self.model, &sized.id_checks, &inputs.tensors))?;
        let SessionOptions { activation_precision: precision, passes, .. } = self.options;
        let inputs = match precision {
            ActivationPrecision::F32 => inputs,
            ActivationPrecision::F16 => timeline.span(Stage::RoundInputs, || inputs.rounded(precision))?,
        };
        // Passes that do not compute shared values once need one row per sample.
        let once = passes.shares() && opened.engine.takes_rewritten();
        let inputs = if once { inputs } else { inputs.repeated()? };
        let prepared = match inputs.batch {
            0 => None,
            _ => Some(sized.prepared_for(&*opened.engine, &inputs, deadline, timeline)?),
        };
        Ok((Arranged { sized, inputs, prepared }, bad_ids))
    }
}

/// Bound inputs, and the graph that is prepared for them.
#[derive(Debug)]
struct Arranged<'t> {
    sized: Arc<SizedModel>,
    inputs: BoundInputs<'t>,
    /// `None` for a batch of 0.
    prepared: Option<Arc<dyn PreparedGraph>>,
}

impl Arranged<'_> {
    fn call(&self, deadline: Deadline) -> Call<'_> {
        let BoundInputs { tensors, per_sample, batch, .. } = &self.inputs;
        Call { inputs: tensors, per_sample, batch: *batch, deadline }
    }

    fn predict(
        &self,
        spare: &mut RecycledOutputs,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<NamedTensors> {
        match &self.prepared {
            None => self.sized.empty_outputs(),
            Some(prepared) => prepared.predict(&self.call(deadline), spare, timeline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_models_are_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Session>();
        shared::<Model>();
    }
}
