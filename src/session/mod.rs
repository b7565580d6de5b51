//! Opening a model on a device and asking it for predictions.
//!
//! A [`Session`] checks what it is given, chooses the device and says why, and answers. It knows nothing of files.

mod held;
mod ids;
mod inputs;
mod open;
mod profile;
mod random;
mod ranking;
mod sized;
mod variants;

pub use held::HeldMemory;
pub use ids::BadIdCount;
pub(crate) use open::open_inspector;
pub use profile::{Profile, ProfileOptions, ProfileStage, ProfileStep, RecordedSpan, Recording, StepClock};
pub use random::random_inputs;
pub use ranking::{Ranked, Ranking};

use crate::error::{Error, Result};
use crate::gpu::{Execution, LimitsPreset, Runner};
use crate::graph::ValueId;
use crate::model::Model;
use crate::passes::{Pipeline, Storage};
use crate::plan::Counts;
use crate::reference;
use crate::tensor::{NamedTensors, Spare, Tensor};
use crate::timeline::Timeline;
use inputs::{Expected, Fitted};
use open::{expect_effect, fallback, open_cpu, open_gpu};
use sized::{Engine, SizedModel, expect_answerable};
use std::path::PathBuf;
use std::sync::Arc;
use variants::{Kept, Variants};

/// Where predictions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// The GPU, through WGSL compute shaders.
    Gpu,
    /// The CPU.
    Cpu,
    /// The plain answers that everything else is measured against.
    Reference,
}

impl Device {
    /// The name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Device::Auto => "auto",
            Device::Gpu => "gpu",
            Device::Cpu => "cpu",
            Device::Reference => "reference",
        }
    }
}

/// How a session is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionOptions {
    /// Where predictions are computed.
    pub device: Device,
    /// Limits the GPU device is opened with.
    pub limits: LimitsPreset,
    /// The rewrites that the model goes through. The reference knows none.
    pub pipeline: Pipeline,
    /// How values stand in memory.
    pub storage: Storage,
    /// How predictions are handed to a GPU. An error where one is not asked for.
    pub execution: Execution,
    /// The names of inputs that will be given with one row for a whole batch: the session is prepared for that when it is
    /// opened. Other sets of shared inputs are prepared when they are first met. The plain pipeline and the reference have
    /// nothing to prepare.
    pub shared: Vec<String>,
    /// Threads of the CPU: all cores if `None`. An error where the CPU is not asked for.
    pub cpu_threads: Option<usize>,
    /// The folder where compiled pipelines are kept for the next process, if the driver can (Vulkan). `None` for what
    /// the environment variable `TFJS_WGPU_CACHE_DIR` says, else the user's folder for caches; an empty path for none.
    /// On Android there is no such folder: an app gives its data directory, because the system empties the other one.
    pub cache_folder: Option<PathBuf>,
}

/// The answer to a prediction and how it came about.
#[derive(Debug, Default)]
pub struct Prediction {
    /// The outputs by name, in the model's order.
    pub outputs: NamedTensors,
    /// Ids that were outside their tables.
    pub bad_ids: Vec<BadIdCount>,
    /// What to say of the inputs: that a single tensor was taken for the only input, though it is called otherwise.
    pub notes: Vec<String>,
    /// Where the time went, and how much was done.
    pub timeline: Timeline,
}

/// A model on a device, ready to answer.
///
/// A session may be shared by threads. A GPU works on a few of their predictions at once; others wait their turn.
///
/// A model with open dimensions ([`Model::open_dimensions`]) is prepared for each set of sizes that its inputs have when it is
/// first met, on the same device and with the pipelines that are there; the eight used last are kept, the one that it was
/// opened with always among them. That takes milliseconds, and as much memory again as the weights that are no tables: where
/// lengths vary much, pad them to a few. A model without sizes is opened at those of its example, so that the device is chosen
/// and most pipelines are made before the first prediction; [`Model::with_sizes`] spares that where one set is known.
#[derive(Debug)]
pub struct Session {
    model: Model,
    /// By the sizes of the dimensions that the model leaves open.
    sized: Variants<SizedModel>,
    /// What ranks the rows of a batch on a GPU, for all sizes.
    rankings: Kept<Runner>,
    pipeline: Pipeline,
    storage: Storage,
    chosen: String,
    timeline: Timeline,
}

impl Session {
    /// Opens `model` on `device`.
    pub fn open(model: &Model, device: Device) -> Result<Session> {
        Self::open_with(model, SessionOptions { device, ..SessionOptions::default() })
    }

    /// Opens `model` with options.
    pub fn open_with(model: &Model, options: SessionOptions) -> Result<Session> {
        expect_answerable(model)?;
        expect_effect(&options)?;
        let stored = options.storage.constants(model.graph())?;
        let mut timeline = Timeline::start();
        let (engine, chosen) = timeline.span_with("open", |timeline| match options.device {
            Device::Reference => Ok((Engine::Reference(options.storage.run(&stored)?), "reference".to_string())),
            Device::Cpu => Ok((open_cpu(&stored, &options, timeline)?, "cpu".to_string())),
            Device::Gpu => open_gpu(&stored, &options, timeline),
            Device::Auto => open_gpu(&stored, &options, timeline)
                .or_else(|error| Ok((open_cpu(&stored, &options, timeline)?, fallback(&error)))),
        })?;
        let SessionOptions { pipeline, storage, .. } = options;
        let open = model.open_dimensions().iter().filter(|dimension| dimension.size.is_none());
        let sizes = open.map(|dimension| dimension.graph_size).collect();
        let sized = Variants::of_sizes(sizes, SizedModel::new(model.clone(), stored, pipeline, storage, engine));
        let rankings = Kept::of_rankings();
        Ok(Session { model: model.clone(), sized, rankings, pipeline, storage, chosen, timeline })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Which device answers, and why, in a line.
    pub fn device(&self) -> &str {
        &self.chosen
    }

    /// Whether a GPU answers.
    pub fn is_gpu(&self) -> bool {
        matches!(self.sized.first().engine, Engine::Gpu(_))
    }

    /// What the session holds on its device between predictions.
    pub fn memory(&self) -> HeldMemory {
        HeldMemory::of(&self.sized.all(), self.rankings.all())
    }

    /// What a prediction of `batch` rows costs, by the plan that the session was opened with: for a model without sizes, at
    /// those of its example ([`Session::counts_of`]). The dispatches are those of a batch that is not predicted in pieces;
    /// without a GPU they are what one would run.
    pub fn counts(&self, batch: usize) -> Result<Counts> {
        self.sized.first().counts(batch)
    }

    /// [`Session::counts`] for the sizes and the batch of `inputs`, all of them given for every row.
    pub fn counts_of(&self, inputs: &NamedTensors) -> Result<Counts> {
        let sized = self.sized(inputs, &mut Timeline::start())?;
        let batch = sized.expected.fit(sized.model.graph(), &self.model, inputs)?.batch;
        sized.counts(batch)
    }

    /// Where the time went while opening.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Computes the outputs for `inputs`: one tensor per model input, by name, batch first. An input of batch 1 is
    /// shared by the whole batch of the others.
    pub fn predict(&self, inputs: &NamedTensors) -> Result<Prediction> {
        self.predict_with(inputs, Spare::default())
    }

    /// [`Session::predict`] in the memory of an earlier prediction, whose outputs are no longer needed: for one prediction
    /// after another with large outputs. After an error `prediction` has no outputs.
    pub fn predict_into(&self, inputs: &NamedTensors, prediction: &mut Prediction) -> Result<()> {
        let outputs = std::mem::take(&mut prediction.outputs);
        *prediction = self.predict_with(inputs, Spare::of(outputs))?;
        Ok(())
    }

    fn predict_with(&self, inputs: &NamedTensors, mut spare: Spare) -> Result<Prediction> {
        let mut timeline = Timeline::start();
        let answer = timeline.span_with("predict", |timeline| self.answer(inputs, &mut spare, timeline));
        let (outputs, bad_ids, note) = answer?;
        Ok(Prediction { outputs, bad_ids, notes: note.into_iter().collect(), timeline })
    }

    fn answer(
        &self,
        inputs: &NamedTensors,
        spare: &mut Spare,
        timeline: &mut Timeline,
    ) -> Result<(NamedTensors, Vec<BadIdCount>, Option<String>)> {
        let sized = self.sized(inputs, timeline)?;
        let (mut inputs, bad_ids) = self.arrange(&sized, inputs, timeline)?;
        let note = inputs.note.take();
        Ok((self.compute(&sized, inputs, spare, timeline)?, bad_ids, note))
    }

    /// The outputs for inputs that are arranged.
    fn compute(
        &self,
        sized: &SizedModel,
        inputs: Fitted<'_>,
        spare: &mut Spare,
        timeline: &mut Timeline,
    ) -> Result<NamedTensors> {
        match &sized.engine {
            _ if inputs.batch == 0 => sized.empty_outputs(),
            Engine::Reference(graph) => {
                let inputs = inputs.into_named(&sized.expected);
                timeline.span("compute", || reference::run(graph, &inputs))
            }
            Engine::Cpu(variants) => {
                let engine = sized.cpu_engine(variants, &inputs)?;
                timeline.span("compute", || engine.predict(&inputs.references(), inputs.batch, spare))
            }
            Engine::Gpu(variants) => {
                let runner = sized.runner(variants, &inputs, timeline)?;
                predict_in_pieces(&runner, &inputs, self.most_rows(&runner), spare, timeline)
            }
        }
    }

    /// The largest batch that is predicted at once.
    fn most_rows(&self, runner: &Runner) -> usize {
        runner.plan().max_batch().min(self.pipeline.most_rows().unwrap_or(usize::MAX))
    }

    /// The model at the sizes of `inputs`, prepared if they are new.
    fn sized(&self, inputs: &NamedTensors, timeline: &mut Timeline) -> Result<Arc<SizedModel>> {
        if !self.model.is_open() {
            return Ok(self.sized.opened());
        }
        let sizes = self.model.open_sizes(&self.sized.first().expected.names, inputs)?;
        self.sized.get(&sizes, |first| {
            timeline.span_with("open sizes", |timeline| first.at(self.model.with_open_sizes(&sizes)?, timeline))
        })
    }

    /// The inputs as the engine takes them, and the ids that are outside their tables.
    fn arrange<'t>(
        &self,
        sized: &SizedModel,
        inputs: &'t NamedTensors,
        timeline: &mut Timeline,
    ) -> Result<(Fitted<'t>, Vec<BadIdCount>)> {
        let fit = || sized.expected.fit(sized.model.graph(), &self.model, inputs);
        let inputs = timeline.span("check inputs", fit)?;
        let bad_ids = timeline.span("check ids", || ids::check(&self.model, &sized.watched, &inputs.tensors))?;
        let inputs = match self.storage {
            Storage::F32 => inputs,
            Storage::F16 => timeline.span("round inputs", || inputs.stored(self.storage))?,
        };
        // Only a pipeline that computes what is shared once makes use of it.
        let once = self.pipeline.shares() && !matches!(sized.engine, Engine::Reference(_));
        Ok((if once { inputs } else { inputs.repeated()? }, bad_ids))
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
    let expected = Expected::of(model);
    let fitted = expected.fit(model.graph(), model, inputs)?;
    let bad_ids = ids::check(model, &ids::watched(model.graph()), &fitted.tensors)?;
    let shared = expected.names(&fitted.shared).into_iter().map(str::to_string).collect();
    let repeated = expected.fit(model.graph(), model, inputs)?.repeated()?;
    let batch = fitted.batch;
    let (repeated, given) = (repeated.into_named(&expected), fitted.into_named(&expected));
    Ok(FitInputs { repeated, given, shared, batch, bad_ids })
}

/// Predicts at once, or in the largest pieces of at most `most` rows. Each piece is submitted and read back by itself.
fn predict_in_pieces(
    runner: &Runner,
    inputs: &Fitted<'_>,
    most: usize,
    spare: &mut Spare,
    timeline: &mut Timeline,
) -> Result<NamedTensors> {
    let batch = inputs.batch;
    if batch <= most {
        return runner.predict(&inputs.references(), batch, spare, timeline);
    }
    if most == 0 {
        return Err(Error::device_limit("one sample alone is larger than the device's largest binding")
            .hint("run on the CPU (Device::Cpu)"));
    }
    if runner.plan().graph().mixes_rows() {
        return Err(Error::device_limit(format!("at most {most} rows go through the device at once, not {batch}"))
            .cause("the model normalises by the moments of the whole batch, which pieces do not have")
            .hint("predict smaller batches, or run on the CPU (Device::Cpu)"));
    }
    let mut pieces: Vec<NamedTensors> = Vec::new();
    for start in (0..batch).step_by(most) {
        let end = (start + most).min(batch);
        let piece = inputs.rows(start, end)?;
        let piece: Vec<&Tensor> = piece.iter().map(AsRef::as_ref).collect();
        pieces.push(runner.predict(&piece, end - start, spare, timeline)?);
    }
    let graph = runner.plan().graph();
    let join = |(name, id): &(String, ValueId)| {
        let mut parts = pieces.iter().filter_map(|piece| piece.get(name));
        let whole = match graph.ty(*id).shape.is_per_sample() {
            true => Tensor::join_rows(&parts.collect::<Vec<_>>())?,
            // The same in every piece.
            false => parts.next().cloned().ok_or_else(|| Error::internal("an output was not read back"))?,
        };
        Ok((name.clone(), whole))
    };
    graph.outputs().iter().map(join).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
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
