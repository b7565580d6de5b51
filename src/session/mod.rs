//! Opening a model on a device and asking it for predictions.
//!
//! A [`Session`] checks what it is given, chooses the device and says why, and answers. It knows nothing of files.

mod ids;
mod inputs;
mod random;

pub use ids::BadIdCount;
pub use random::random_inputs;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, LimitsPreset, Runner};
use crate::model::{Model, OnBadId};
use crate::plan::{Plan, Retain};
use crate::tensor::{NamedTensors, Tensor};
use crate::timeline::Timeline;
use crate::{cpu, reference};
use std::sync::{Arc, Mutex, PoisonError};

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
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionOptions {
    /// Where predictions are computed.
    pub device: Device,
    /// Limits the GPU device is opened with.
    pub limits: LimitsPreset,
    /// Threads of the CPU: all cores if `None`. An error where the CPU is not asked for.
    pub cpu_threads: Option<usize>,
}

/// The answer to a prediction and how it came about.
#[derive(Debug)]
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
/// A session may be shared by threads; predictions on a GPU take turns.
#[derive(Debug)]
pub struct Session {
    model: Model,
    engine: Engine,
    chosen: String,
    timeline: Timeline,
}

#[derive(Debug)]
enum Engine {
    Reference,
    Cpu(Box<cpu::Engine>),
    Gpu(Box<Mutex<Runner>>),
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
            Device::Cpu => Ok((open_cpu(model, options.cpu_threads, timeline)?, "cpu".to_string())),
            Device::Gpu => open_gpu(model, options.limits, timeline),
            Device::Auto => open_gpu(model, options.limits, timeline)
                .or_else(|error| Ok((open_cpu(model, None, timeline)?, fallback(&error)))),
        })?;
        Ok(Session { model: model.clone(), engine, chosen, timeline })
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
        let mut timeline = Timeline::start();
        let (outputs, bad_ids) = timeline.span_with("predict", |timeline| self.answer(inputs, timeline))?;
        Ok(Prediction { outputs, bad_ids, timeline })
    }

    fn answer(&self, inputs: &NamedTensors, timeline: &mut Timeline) -> Result<(NamedTensors, Vec<BadIdCount>)> {
        let (inputs, batch) = timeline.span("check inputs", || inputs::fit(&self.model, inputs))?;
        let bad_ids = timeline.span("check ids", || check_ids(&self.model, &inputs))?;
        let graph = self.model.graph();
        let outputs = match &self.engine {
            _ if batch == 0 => self.empty_outputs()?,
            Engine::Reference => timeline.span("compute", || reference::run(graph, &inputs))?,
            Engine::Cpu(engine) => timeline.span("compute", || engine.predict(&inputs, batch))?,
            Engine::Gpu(runner) => {
                let mut runner = runner.lock().unwrap_or_else(PoisonError::into_inner);
                predict_in_pieces(&mut runner, &inputs, batch, timeline)?
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

/// The inputs as a session takes them: of the model's dtypes, all with the same batch; and that batch.
pub fn fit_inputs(model: &Model, inputs: &NamedTensors) -> Result<(NamedTensors, usize)> {
    inputs::fit(model, inputs)
}

/// Counts ids outside their tables; an error if the model was loaded to refuse them.
pub(crate) fn check_ids(model: &Model, inputs: &NamedTensors) -> Result<Vec<BadIdCount>> {
    let bad_ids = ids::count(model, inputs)?;
    match (model.options().on_bad_id, bad_ids.first()) {
        (OnBadId::Error, Some(bad)) => Err(bad.refuse()),
        _ => Ok(bad_ids),
    }
}

/// A runner that keeps every value, for looking into a model.
pub(crate) fn open_inspector(model: &Model, limits: LimitsPreset) -> Result<(Runner, String)> {
    let gpu = Gpu::open(limits)?;
    let name = describe(&gpu);
    let plan = Plan::new(Arc::clone(model.graph()), gpu.facts(), Retain::All)?;
    Ok((Runner::new(gpu, plan, Retain::All, &mut Timeline::start())?, name))
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

fn open_cpu(model: &Model, threads: Option<usize>, timeline: &mut Timeline) -> Result<Engine> {
    let engine = timeline.span("prepare", || cpu::Engine::new(model.graph(), threads, Retain::Outputs))?;
    Ok(Engine::Cpu(Box::new(engine)))
}

fn open_gpu(model: &Model, limits: LimitsPreset, timeline: &mut Timeline) -> Result<(Engine, String)> {
    let gpu = timeline.span("open device", || Gpu::open(limits))?;
    let chosen = describe(&gpu);
    let plan = timeline.span("plan", || Plan::new(Arc::clone(model.graph()), gpu.facts(), Retain::Outputs))?;
    let runner = Runner::new(gpu, plan, Retain::Outputs, timeline)?;
    Ok((Engine::Gpu(Box::new(Mutex::new(runner))), chosen))
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

/// Predicts at once, or in the largest pieces whose values fit the device's bindings.
fn predict_in_pieces(
    runner: &mut Runner,
    inputs: &NamedTensors,
    batch: usize,
    timeline: &mut Timeline,
) -> Result<NamedTensors> {
    let most = runner.plan().max_batch();
    if batch <= most {
        return runner.predict(inputs, batch, timeline);
    }
    if most == 0 {
        return Err(Error::limit("one sample alone is larger than the device's largest binding")
            .hint("run on the CPU (--device cpu, Device::Cpu)"));
    }
    let mut pieces: Vec<NamedTensors> = Vec::new();
    for start in (0..batch).step_by(most) {
        let end = (start + most).min(batch);
        let rows = |(name, tensor): (&str, &Tensor)| Ok((name.to_string(), tensor.rows(start, end)?));
        let piece = inputs.iter().map(rows).collect::<Result<Vec<_>>>()?.into_iter().collect();
        pieces.push(runner.predict(&piece, end - start, timeline)?);
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
