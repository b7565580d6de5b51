//! Opening a model on a device and asking it for predictions.
//!
//! A [`Session`] checks what it is given, chooses the device and says why, and answers. It knows nothing of files.

mod ids;
mod inputs;
mod random;
mod variants;

pub use ids::BadIdCount;
pub use random::random_inputs;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, LimitsPreset, Runner, cache_folder};
use crate::graph::Graph;
use crate::kernel::DeviceFacts;
use crate::model::{Model, OnBadId};
use crate::passes::{self, Pipeline};
use crate::plan::{Plan, Retain};
use crate::tensor::{NamedTensors, Spare, Tensor};
use crate::timeline::Timeline;
use crate::{cpu, reference};
use ids::Watched;
use inputs::{Expected, Fitted};
use std::path::PathBuf;
use std::sync::Arc;
use variants::Variants;

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

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Where predictions are computed.
    pub device: Device,
    /// Limits the GPU device is opened with.
    pub limits: LimitsPreset,
    /// The rewrites that the model goes through. The reference knows none.
    pub pipeline: Pipeline,
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
    /// Where the time went, and how much was done.
    pub timeline: Timeline,
}

/// A model on a device, ready to answer.
///
/// A session may be shared by threads. A GPU works on a few of their predictions at once; others wait their turn.
#[derive(Debug)]
pub struct Session {
    model: Model,
    expected: Expected,
    watched: Vec<Watched>,
    pipeline: Pipeline,
    engine: Engine,
    chosen: String,
    timeline: Timeline,
}

#[derive(Debug)]
enum Engine {
    Reference,
    Cpu(Variants<cpu::Engine>),
    Gpu(Box<Variants<Runner>>),
}

impl Session {
    /// Opens `model` on `device`.
    pub fn open(model: &Model, device: Device) -> Result<Session> {
        Self::open_with(model, SessionOptions { device, ..SessionOptions::default() })
    }

    /// Opens `model` with options.
    pub fn open_with(model: &Model, options: SessionOptions) -> Result<Session> {
        let graph = model.graph();
        if let Some((name, _)) = graph.outputs().iter().find(|(_, id)| !graph.node(*id).ty.shape.is_batched()) {
            return Err(Error::shape(format!("output `{name}` does not depend on the inputs, so it has no batch")));
        }
        if model.options().on_bad_id == OnBadId::Error {
            ids::expect_all_watched(model)?;
        }
        expect_threads(&options)?;
        let mut timeline = Timeline::start();
        let (engine, chosen) = timeline.span_with("open", |timeline| match options.device {
            Device::Reference => Ok((Engine::Reference, "reference".to_string())),
            Device::Cpu => Ok((open_cpu(model, &options, timeline)?, "cpu".to_string())),
            Device::Gpu => open_gpu(model, &options, timeline),
            Device::Auto => open_gpu(model, &options, timeline)
                .or_else(|error| Ok((open_cpu(model, &options, timeline)?, fallback(&error)))),
        })?;
        let (expected, watched) = (Expected::of(graph), ids::watched(graph));
        let pipeline = options.pipeline;
        Ok(Session { model: model.clone(), expected, watched, pipeline, engine, chosen, timeline })
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
        matches!(self.engine, Engine::Gpu(_))
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
        let (outputs, bad_ids) = answer?;
        Ok(Prediction { outputs, bad_ids, timeline })
    }

    fn answer(
        &self,
        inputs: &NamedTensors,
        spare: &mut Spare,
        timeline: &mut Timeline,
    ) -> Result<(NamedTensors, Vec<BadIdCount>)> {
        let inputs = timeline.span("check inputs", || self.expected.fit(&self.model, inputs))?;
        let bad_ids = timeline.span("check ids", || ids::check(&self.model, &self.watched, &inputs.tensors))?;
        // Only a pipeline that computes what is shared once makes use of it.
        let once = self.pipeline.shares() && !matches!(self.engine, Engine::Reference);
        let inputs = if once { inputs } else { inputs.repeated()? };
        let outputs = match &self.engine {
            _ if inputs.batch == 0 => self.empty_outputs()?,
            Engine::Reference => {
                let inputs = inputs.into_named(&self.expected);
                timeline.span("compute", || reference::run(self.model.graph(), &inputs))?
            }
            Engine::Cpu(variants) => {
                let engine = variants.get(&inputs.shared, |first| {
                    first.share(&rewritten(&self.model, self.pipeline, &inputs.shared, &DeviceFacts::HOST)?)
                })?;
                timeline.span("compute", || engine.predict(&inputs.references(), inputs.batch, spare))?
            }
            Engine::Gpu(variants) => {
                let runner = variants.get(&inputs.shared, |first| {
                    timeline.span_with("open variant", |timeline| {
                        let graph = rewritten(&self.model, self.pipeline, &inputs.shared, first.facts())?;
                        first.share(graph, timeline)
                    })
                })?;
                let most = self.pipeline.most_rows().unwrap_or(usize::MAX);
                predict_in_pieces(&runner, &inputs, most, spare, timeline)?
            }
        };
        Ok((outputs, bad_ids))
    }

    fn empty_outputs(&self) -> Result<NamedTensors> {
        let graph = self.model.graph();
        let output = |(name, id): &(String, crate::graph::NodeId)| {
            let ty = &graph.node(*id).ty;
            Ok((name.clone(), Tensor::from_words(&ty.shape.resolve(0), ty.dtype, &[])?))
        };
        graph.outputs().iter().map(output).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
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

/// The inputs as a session takes them: of the model's dtypes and shapes, all of one batch but for those that are shared.
pub(crate) fn fit_inputs(model: &Model, inputs: &NamedTensors) -> Result<FitInputs> {
    let expected = Expected::of(model.graph());
    let fitted = expected.fit(model, inputs)?;
    let bad_ids = ids::check(model, &ids::watched(model.graph()), &fitted.tensors)?;
    let shared = expected.names(&fitted.shared).into_iter().map(str::to_string).collect();
    let repeated = expected.fit(model, inputs)?.repeated()?;
    let batch = fitted.batch;
    let (repeated, given) = (repeated.into_named(&expected), fitted.into_named(&expected));
    Ok(FitInputs { repeated, given, shared, batch, bad_ids })
}

/// A runner of `graph` that keeps every value, for looking into a model, and the device it runs on.
pub(crate) fn open_inspector(
    limits: LimitsPreset,
    graph: impl FnOnce(&DeviceFacts) -> Result<Arc<Graph>>,
) -> Result<(Runner, String)> {
    let gpu = Gpu::open(limits)?;
    let name = describe(&gpu);
    let plan = Plan::new(graph(gpu.facts())?, gpu.facts(), Retain::All)?;
    Ok((Runner::new(gpu, plan, Retain::All, cache_folder(None), &mut Timeline::start())?, name))
}

/// An error for a number of threads that would have no effect.
fn expect_threads(options: &SessionOptions) -> Result<()> {
    match options.cpu_threads {
        Some(0) => {
            Err(Error::input("no thread can compute nothing").hint("give at least one, or leave the number out"))
        }
        Some(_) if options.device != Device::Cpu => {
            Err(Error::input("a number of threads has an effect on the CPU alone").hint("choose the device cpu"))
        }
        _ => Ok(()),
    }
}

fn open_cpu(model: &Model, options: &SessionOptions, timeline: &mut Timeline) -> Result<Engine> {
    let shared = shared_positions(model, options)?;
    let graph = timeline.span("plan", || rewritten(model, options.pipeline, &shared, &DeviceFacts::HOST))?;
    let engine = timeline.span("prepare", || cpu::Engine::new(&graph, options.cpu_threads, Retain::Outputs))?;
    Ok(Engine::Cpu(Variants::new(shared, engine)))
}

fn open_gpu(model: &Model, options: &SessionOptions, timeline: &mut Timeline) -> Result<(Engine, String)> {
    let shared = shared_positions(model, options)?;
    let gpu = timeline.span("open device", || Gpu::open(options.limits))?;
    let chosen = describe(&gpu);
    let plan = timeline.span("plan", || {
        Plan::new(rewritten(model, options.pipeline, &shared, gpu.facts())?, gpu.facts(), Retain::Outputs)
    })?;
    let cache_folder = cache_folder(options.cache_folder.as_deref());
    let runner = Runner::new(gpu, plan, Retain::Outputs, cache_folder, timeline)?;
    Ok((Engine::Gpu(Box::new(Variants::new(shared, runner))), chosen))
}

/// The positions of the inputs that the options call shared, as a pipeline makes use of them.
fn shared_positions(model: &Model, options: &SessionOptions) -> Result<Vec<usize>> {
    if !options.pipeline.shares() || options.shared.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = options.shared.iter().map(String::as_str).collect();
    passes::expect_shareable(model.graph(), &names)?;
    let inputs = model.graph().inputs().enumerate();
    Ok(inputs.filter(|(_, (_, node))| names.contains(&node.name.as_str())).map(|(position, _)| position).collect())
}

/// The graph for predictions in which the inputs at these positions are shared.
fn rewritten(model: &Model, pipeline: Pipeline, shared: &[usize], facts: &DeviceFacts) -> Result<Arc<Graph>> {
    if shared.is_empty() {
        return pipeline.run(model.graph(), facts);
    }
    let inputs = model.graph().inputs().enumerate().filter(|(position, _)| shared.contains(position));
    let names: Vec<&str> = inputs.map(|(_, (_, node))| node.name.as_str()).collect();
    pipeline.run(&Arc::new(passes::share(model.graph(), &names)?), facts)
}

fn describe(gpu: &Gpu) -> String {
    let adapter = gpu.adapter();
    format!("gpu: {} ({}, {} {})", adapter.name, adapter.kind.name(), adapter.driver, adapter.driver_version)
}

fn fallback(error: &Error) -> String {
    let mut chosen = format!("cpu, because {error}");
    if let Some(cause) = error.cause_text() {
        chosen.push_str(&format!(" ({cause})"));
    }
    if let Some(hint) = error.hint_text() {
        chosen.push_str(&format!("; {hint}"));
    }
    chosen
}

/// Predicts at once, or in the largest pieces of at most `most` rows whose values fit the device's bindings. Each piece is
/// submitted and read back by itself.
fn predict_in_pieces(
    runner: &Runner,
    inputs: &Fitted<'_>,
    most: usize,
    spare: &mut Spare,
    timeline: &mut Timeline,
) -> Result<NamedTensors> {
    let (batch, most) = (inputs.batch, runner.plan().max_batch().min(most));
    if batch <= most {
        return runner.predict(&inputs.references(), batch, spare, timeline);
    }
    if most == 0 {
        return Err(Error::limit("one sample alone is larger than the device's largest binding")
            .hint("run on the CPU (--device cpu, Device::Cpu)"));
    }
    let mut pieces: Vec<NamedTensors> = Vec::new();
    for start in (0..batch).step_by(most) {
        let end = (start + most).min(batch);
        let piece = inputs.rows(start, end)?;
        let piece: Vec<&Tensor> = piece.iter().map(AsRef::as_ref).collect();
        pieces.push(runner.predict(&piece, end - start, spare, timeline)?);
    }
    let names: Vec<String> = pieces[0].names().map(str::to_string).collect();
    let join = |name: String| {
        let parts: Vec<&Tensor> = pieces.iter().filter_map(|piece| piece.get(&name)).collect();
        Ok((name, Tensor::join_rows(&parts)?))
    };
    names.into_iter().map(join).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
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
