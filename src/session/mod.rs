//! Opening a model on a device and asking it for predictions.
//!
//! A [`Session`] checks what it is given, chooses the device and says why, and answers. It knows nothing of files.

mod engines;
mod ids;
mod inputs;
mod open;
mod options;
mod profile;
mod random;
mod ranking;
mod sized;

pub use crate::engine::{MemoryUsage, ProfileStep, StepClock};
pub use ids::BadIdCount;
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
use crate::names::names;
use crate::passes::ActivationPrecision;
use crate::plan::Counts;
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs};
use engines::{Engines, Opened};
use inputs::{BoundInputs, InputSignature};
use open::expect_effect;
use sized::{SizedModel, expect_answerable};
use std::sync::Arc;

/// Where predictions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Device {
    /// A hardware GPU if there is one, or the adapter that the options name; else the CPU.
    ///
    /// If the GPU fails, the CPU takes its place.
    #[default]
    Auto,
    /// The GPU.
    Gpu,
    /// The CPU engine.
    Cpu,
    /// The plain definitions that GPU and CPU are checked against.
    Reference,
}

names!(Device, "device", { Auto = "auto", Gpu = "gpu", Cpu = "cpu", Reference = "reference" });

/// The answer to a prediction and how it came about.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Prediction {
    /// The outputs by name, in the model's order.
    pub outputs: NamedTensors,
    /// Ids that were outside their tables.
    pub bad_ids: Vec<BadIdCount>,
    /// What to say of how it came about: that a single tensor was taken for the only input, though it is called otherwise, or
    /// that the device failed and what answered in its place.
    pub notes: Vec<String>,
    /// Where the time went, and how much was done.
    pub timeline: Timeline,
}

/// A model on a device, ready to answer.
///
/// A session may be shared by threads. A GPU works on a few of their predictions at once; others wait their turn.
///
/// A device that is lost is opened again, once: the prediction that met the loss is answered, and its notes say so. If it is lost
/// again within a minute, the session gives it up. The device is closed with the last session on it.
///
/// A model with open dimensions ([`Model::open_dimensions`]) is prepared for each set of sizes that its inputs have when it is
/// first met, on the same device and with the pipelines that are there; the eight used last are kept. That takes milliseconds, and as much memory again as the weights that are no tables: where
/// lengths vary much, pad them to a few. A model without sizes is opened at those of its example, so that the device is chosen
/// and most pipelines are made before the first prediction; [`Model::with_sizes`] spares that where one set is known.
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
    pub fn open(model: &Model, device: Device) -> Result<Session> {
        Self::open_with(model, SessionOptions { device, ..SessionOptions::default() })
    }

    /// Opens `model` with options.
    pub fn open_with(model: &Model, options: SessionOptions) -> Result<Session> {
        let engines = Engines::new(model.clone(), options.clone());
        Self::with_engines(model, options, engines)
    }

    fn with_engines(model: &Model, options: SessionOptions, engines: Engines) -> Result<Session> {
        expect_answerable(model)?;
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

    /// Which device answers, and why, in a line.
    pub fn device(&self) -> String {
        match (self.engines.peek(), self.engines.gave_up()) {
            (Some(opened), _) => opened.chosen.clone(),
            (None, Some(why)) => format!("none, because {why}"),
            (None, None) => "none: the next prediction opens the device".into(),
        }
    }

    /// The engine that answers: `gpu`, `cpu` or `reference`; `none` while there is none.
    pub fn engine(&self) -> &'static str {
        self.engines.peek().map_or("none", |opened| opened.engine.name())
    }

    /// What the session holds on its device between predictions.
    pub fn memory(&self) -> MemoryUsage {
        let mut holdings = Holdings::default();
        for opened in self.engines.all() {
            opened.engine.add_memory(&mut holdings);
            let prepared = opened.sized.all().into_iter().flat_map(|sized| sized.all_prepared());
            prepared.for_each(|prepared| prepared.add_memory(&mut holdings));
        }
        holdings.usage()
    }

    /// Gives the memory back that the session holds on its device: weights, and what predictions work in. The device stays open,
    /// with its compiled pipelines. The next prediction brings the memory back, and takes as much longer.
    pub fn trim(&self) {
        self.engines.trim();
    }

    /// What a prediction of `batch` rows costs, by the plan that the session was opened with: for a model without sizes, at
    /// those of its example ([`Session::counts_of`]). The dispatches are those of a batch that is not predicted in pieces;
    /// without a GPU they are what one would run.
    pub fn counts(&self, batch: usize) -> Result<Counts> {
        let (deadline, mut timeline) = (self.deadline(), Timeline::start());
        let opened = self.engines.current(deadline, &mut timeline)?;
        self.engines.first(&opened, deadline, &mut timeline)?.counts(batch)
    }

    /// [`Session::counts`] for the sizes and the batch of `inputs`, all of them given for every row.
    pub fn counts_of(&self, inputs: &NamedTensors) -> Result<Counts> {
        let (deadline, mut timeline) = (self.deadline(), Timeline::start());
        let opened = self.engines.current(deadline, &mut timeline)?;
        let sized = self.sized(&opened, inputs, deadline, &mut timeline)?;
        let batch = sized.expected.fit(sized.model.graph(), &self.model, inputs)?.batch;
        sized.prepared(&*opened.engine, &Vec::new(), deadline, &mut timeline)?.counts(batch)
    }

    /// Where the time went while opening.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Computes the outputs for `inputs`: one tensor per model input, by name, batch first. An input of batch 1 is
    /// shared by the whole batch of the others.
    pub fn predict(&self, inputs: &NamedTensors) -> Result<Prediction> {
        self.predict_with(inputs, RecycledOutputs::default())
    }

    /// [`Session::predict`] in the memory of an earlier prediction, whose outputs are no longer needed: for one prediction
    /// after another with large outputs. After an error `prediction` has no outputs.
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

    /// What `answer` makes of the inputs on an engine; on another one, if the first fails.
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

    /// The model at the sizes of `inputs`, prepared if they are new.
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

    /// The inputs as an engine takes them, what answers for them there, and the ids that are outside their tables.
    fn arrange<'t>(
        &self,
        opened: &Opened,
        inputs: &'t NamedTensors,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<(Arranged<'t>, Vec<BadIdCount>)> {
        let sized = self.sized(opened, inputs, deadline, timeline)?;
        let fit = || sized.expected.fit(sized.model.graph(), &self.model, inputs);
        let inputs = timeline.span(Stage::CheckInputs, fit)?;
        let bad_ids = timeline.span(Stage::CheckIds, || ids::check(&self.model, &sized.id_checks, &inputs.tensors))?;
        let SessionOptions { activation_precision: precision, passes, .. } = self.options;
        let inputs = match precision {
            ActivationPrecision::F32 => inputs,
            ActivationPrecision::F16 => timeline.span(Stage::RoundInputs, || inputs.stored(precision))?,
        };
        // Only passes that compute shared rows once make use of it.
        let once = passes.shares() && opened.engine.takes_rewritten();
        let inputs = if once { inputs } else { inputs.repeated()? };
        let prepared = match inputs.batch {
            0 => None,
            _ => Some(sized.prepared_for(&*opened.engine, &inputs, deadline, timeline)?),
        };
        Ok((Arranged { sized, inputs, prepared }, bad_ids))
    }
}

/// Inputs that fit, and what answers for them.
#[derive(Debug)]
struct Arranged<'t> {
    sized: Arc<SizedModel>,
    inputs: BoundInputs<'t>,
    /// `None` for a batch of no rows.
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

/// Inputs as a check takes them.
#[derive(Debug)]
pub(crate) struct FitInputs {
    /// By name, with a row for every sample.
    pub(crate) repeated: NamedTensors,
    /// By name, as they were given: shared ones with one row.
    pub(crate) given: NamedTensors,
    /// The names of those that are shared.
    pub(crate) shared: Vec<String>,
    pub(crate) batch: usize,
    /// Ids outside their tables; an error if the model was loaded to refuse them.
    pub(crate) bad_ids: Vec<BadIdCount>,
}

/// The inputs as a session takes them: of the model's dtypes and shapes, all of one batch but for those that are shared. The
/// model has all its sizes.
pub(crate) fn fit_inputs(model: &Model, inputs: &NamedTensors) -> Result<FitInputs> {
    let expected = InputSignature::of(model);
    let fitted = expected.fit(model.graph(), model, inputs)?;
    let bad_ids = ids::check(model, &ids::id_checks(model.graph()), &fitted.tensors)?;
    let shared = expected.names(&fitted.shared).into_iter().map(str::to_string).collect();
    let repeated = expected.fit(model.graph(), model, inputs)?.repeated()?;
    let batch = fitted.batch;
    let (repeated, given) = (repeated.into_named(&expected), fitted.into_named(&expected));
    Ok(FitInputs { repeated, given, shared, batch, bad_ids })
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
