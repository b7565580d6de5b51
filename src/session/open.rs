//! From options to an engine: which device, which graph, and why.

use super::sized::Engine;
use super::variants::Variants;
use super::{Device, SessionOptions};
use crate::cpu;
use crate::error::{Error, Result};
use crate::gpu::{Execution, Gpu, LimitsPreset, Runner, RunnerOptions, cache_folder};
use crate::graph::Graph;
use crate::kernel::DeviceFacts;
use crate::passes::{self, Pipeline, Storage};
use crate::plan::{Plan, Retain};
use crate::timeline::Timeline;
use std::sync::Arc;

/// A runner of `graph` that keeps every value, for looking into a model, and the device it runs on.
pub(crate) fn open_inspector(
    limits: LimitsPreset,
    graph: impl FnOnce(&DeviceFacts) -> Result<Arc<Graph>>,
) -> Result<(Runner, String)> {
    let gpu = Gpu::open(limits)?;
    let name = describe(&gpu);
    let plan = Plan::new(graph(gpu.facts())?, gpu.facts(), Retain::All)?;
    let options = RunnerOptions { retain: Retain::All, cache_folder: cache_folder(None), ..RunnerOptions::default() };
    Ok((Runner::new(gpu, plan, options, &mut Timeline::start())?, name))
}

/// An error for options that would have no effect.
pub(super) fn expect_effect(options: &SessionOptions) -> Result<()> {
    match options.cpu_threads {
        Some(0) => {
            return Err(
                Error::input("no thread can compute nothing").hint("give at least one, or leave the number out")
            );
        }
        Some(_) if options.device != Device::Cpu => {
            return Err(
                Error::input("a number of threads has an effect on the CPU alone").hint("choose the device cpu")
            );
        }
        _ => {}
    }
    if options.execution != Execution::default() && options.device != Device::Gpu {
        return Err(Error::input("how kernels are compiled, submitted and read back has an effect on a GPU alone")
            .hint("choose the device gpu"));
    }
    Ok(())
}

pub(super) fn open_cpu(graph: &Arc<Graph>, options: &SessionOptions, timeline: &mut Timeline) -> Result<Engine> {
    let shared = shared_positions(graph, options)?;
    let SessionOptions { pipeline, storage, cpu_threads, .. } = *options;
    let graph = timeline.span("plan", || rewritten(graph, pipeline, storage, &shared, &DeviceFacts::HOST))?;
    let engine = timeline.span("prepare", || cpu::Engine::new(&graph, cpu_threads, Retain::Outputs))?;
    Ok(Engine::Cpu(Variants::of_shared(&shared, engine)))
}

pub(super) fn open_gpu(
    graph: &Arc<Graph>,
    options: &SessionOptions,
    timeline: &mut Timeline,
) -> Result<(Engine, String)> {
    let shared = shared_positions(graph, options)?;
    let gpu = timeline.span("open device", || Gpu::open(options.limits))?;
    let chosen = describe(&gpu);
    let plan = timeline.span("plan", || {
        let graph = rewritten(graph, options.pipeline, options.storage, &shared, gpu.facts())?;
        Plan::new(graph, gpu.facts(), Retain::Outputs)
    })?;
    let (retain, execution) = (Retain::Outputs, options.execution);
    let cache_folder = cache_folder(options.cache_folder.as_deref());
    let runner = Runner::new(
        gpu,
        plan,
        RunnerOptions { retain, execution, cache_folder, ..RunnerOptions::default() },
        timeline,
    )?;
    Ok((Engine::Gpu(Box::new(Variants::of_shared(&shared, runner))), chosen))
}

/// The positions of the inputs that the options call shared, as a pipeline makes use of them.
fn shared_positions(graph: &Graph, options: &SessionOptions) -> Result<Vec<usize>> {
    if !options.pipeline.shares() || options.shared.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = options.shared.iter().map(String::as_str).collect();
    passes::expect_shareable(graph, &names)?;
    let inputs = graph.inputs().enumerate();
    Ok(inputs.filter(|(_, (_, node))| names.contains(&node.name.as_str())).map(|(position, _)| position).collect())
}

/// The graph for predictions in which the inputs at these positions are shared.
pub(super) fn rewritten(
    graph: &Arc<Graph>,
    pipeline: Pipeline,
    storage: Storage,
    shared: &[usize],
    facts: &DeviceFacts,
) -> Result<Arc<Graph>> {
    if shared.is_empty() {
        return storage.run(&pipeline.run(graph, facts)?);
    }
    let inputs = graph.inputs().enumerate().filter(|(position, _)| shared.contains(position));
    let names: Vec<&str> = inputs.map(|(_, (_, node))| node.name.as_str()).collect();
    storage.run(&pipeline.run(&Arc::new(passes::share(graph, &names)?), facts)?)
}

fn describe(gpu: &Gpu) -> String {
    let adapter = gpu.adapter();
    format!("gpu: {} ({}, {} {})", adapter.name, adapter.kind.name(), adapter.driver, adapter.driver_version)
}

pub(super) fn fallback(error: &Error) -> String {
    let mut chosen = format!("cpu, because {error}");
    if let Some(cause) = error.cause_text() {
        chosen.push_str(&format!(" ({cause})"));
    }
    if let Some(hint) = error.hint_text() {
        chosen.push_str(&format!("; {hint}"));
    }
    chosen
}
