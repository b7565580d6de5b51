//! From options to engine and graph: opens the device, and rewrites the graph for it.

use super::{Device, SessionOptions};
use crate::cpu::Cpu;
use crate::deadline::Deadline;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execution::Execution;
#[cfg(feature = "gpu")]
use crate::gpu::{AdapterChoice, DeviceRequest, GpuEngine, GpuOptions};
use crate::graph::Graph;
use crate::kernel::DeviceFacts;
use crate::passes::{self, ActivationPrecision, Passes};
use crate::reference::Reference;
use crate::telemetry::Timeline;
use std::sync::Arc;

/// Opens the engine of a device other than [`Device::Auto`].
pub(crate) fn open_engine(
    device: Device,
    options: &SessionOptions,
    deadline: Deadline,
    timeline: &mut Timeline,
) -> Result<Arc<dyn Engine>> {
    match device {
        Device::Reference => Ok(Arc::new(Reference)),
        Device::Cpu => Ok(Arc::new(Cpu::new(options.cpu_threads))),
        Device::Gpu => open_gpu(options, false, deadline, timeline),
        Device::Auto => open_gpu(options, true, deadline, timeline),
    }
}

/// Opens a GPU. If `hardware` is true, a software GPU is refused unless the options name it.
#[cfg(feature = "gpu")]
fn open_gpu(
    options: &SessionOptions,
    hardware: bool,
    deadline: Deadline,
    timeline: &mut Timeline,
) -> Result<Arc<dyn Engine>> {
    Ok(Arc::new(GpuEngine::open(gpu_options(options, hardware), deadline, timeline)?))
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(_: &SessionOptions, _: bool, _: Deadline, _: &mut Timeline) -> Result<Arc<dyn Engine>> {
    Err(Error::device(crate::error::DeviceError::NoAdapter, "this build has no GPU engine")
        .hint("build with the feature `gpu`, or choose the CPU (Device::Cpu)"))
}

/// The options of a GPU engine. If `hardware` is true, a software GPU is refused unless the options name it.
#[cfg(feature = "gpu")]
fn gpu_options(options: &SessionOptions, hardware: bool) -> GpuOptions {
    let adapter = AdapterChoice { name: options.adapter.clone().filter(|name| !name.is_empty()), hardware };
    GpuOptions {
        device: DeviceRequest { adapter, preset: options.limits, faults: options.faults.clone() },
        execution: options.execution,
        cache_folder: options.cache_folder.clone().filter(|folder| !folder.as_os_str().is_empty()),
        max_rows: options.passes.max_rows(),
    }
}

/// Refuses options that have no effect on the device.
pub(crate) fn expect_effect(options: &SessionOptions) -> Result<()> {
    match options.cpu_threads {
        Some(0) => {
            return Err(Error::input("the number of CPU threads must be at least 1")
                .hint("give a number from 1, or leave it out (SessionOptions::cpu_threads)"));
        }
        Some(_) if options.device != Device::Cpu => {
            return Err(
                Error::input("the number of CPU threads applies to the CPU only").hint("choose the CPU (Device::Cpu)")
            );
        }
        _ => {}
    }
    let takes_gpu = matches!(options.device, Device::Gpu | Device::Auto);
    if options.adapter.is_some() && !takes_gpu {
        return Err(Error::input("the name of an adapter applies to a GPU only")
            .hint("choose the GPU (Device::Gpu), or leave the name out (SessionOptions::adapter)"));
    }
    if options.execution != Execution::default() && options.device != Device::Gpu {
        return Err(Error::input("how kernels are compiled, submitted and read back applies to a GPU only")
            .hint("choose the GPU (Device::Gpu)"));
    }
    Ok(())
}

/// The positions of the inputs that the options name as shared; empty if the passes do not compute shared values once.
pub(super) fn shared_positions(graph: &Graph, options: &SessionOptions) -> Result<Vec<usize>> {
    if !options.passes.shares() || options.shared.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = options.shared.iter().map(String::as_str).collect();
    passes::expect_shareable(graph, &names)?;
    let inputs = graph.inputs().enumerate();
    Ok(inputs.filter(|(_, (_, node))| names.contains(&node.name.as_str())).map(|(position, _)| position).collect())
}

/// Rewrites the graph for predictions in which the inputs at the positions `shared` have one row.
pub(super) fn rewritten(
    graph: &Arc<Graph>,
    passes: Passes,
    precision: ActivationPrecision,
    shared: &[usize],
    facts: &DeviceFacts,
) -> Result<Arc<Graph>> {
    if shared.is_empty() {
        return precision.run(&passes.run(graph, facts)?);
    }
    let inputs = graph.inputs().enumerate().filter(|(position, _)| shared.contains(position));
    let names: Vec<&str> = inputs.map(|(_, (_, node))| node.name.as_str()).collect();
    precision.run(&passes.run(&Arc::new(passes::share(graph, &names)?), facts)?)
}
