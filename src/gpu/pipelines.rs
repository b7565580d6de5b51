//! Compiled pipelines: one per shader, entry point and constants, shared by all models on the device. With
//! [`Programs::PerShape`] there is also one per parameters and grid.

use super::device::OpenedDevice;
use super::faults::FaultSite;
use super::pipeline_cache::DiskCache;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::execution::Programs;
use crate::kernel::Kernel;
use crate::made_once::MadeOnce;
use crate::ops;
use crate::telemetry::{Counter, Stage, Timeline};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Threads that compile pipelines. Phones have four fast cores.
const MAX_THREADS: usize = 4;

/// Whether shaders are compiled with bounds checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Checks {
    /// Every index is clamped, so that a wrong one only changes guard words.
    Checked,
    /// No checks: faster to compile and to run.
    Trusted,
}

/// The key of a pipeline. Constants are compared by their bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    shader: &'static str,
    entry_point: &'static str,
    constants: Vec<(&'static str, u64)>,
    checks: Checks,
    /// Parameters and grid, if pipelines are per shape.
    shape: Option<(Vec<u8>, [u32; 3])>,
}

impl Key {
    fn of(kernel: &Kernel, checks: Checks, programs: Programs) -> Self {
        let constants = kernel.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let shape = match programs {
            Programs::Shared => None,
            Programs::PerShape => Some((kernel.params.clone(), kernel.workgroups)),
        };
        Key { shader: kernel.shader, entry_point: kernel.entry_point, constants, checks, shape }
    }

    /// The key of the shader module.
    fn module(&self) -> Key {
        match self.shape {
            None => Key { entry_point: "", constants: Vec::new(), ..self.clone() },
            Some(_) => self.clone(),
        }
    }
}

/// A pipeline and the layout of its bindings.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

/// How pipelines are compiled.
pub(super) struct Making<'m> {
    pub(super) checks: Checks,
    /// The deadline of a wait for a pipeline that another thread compiles.
    pub(super) deadline: Deadline,
    pub(super) cache: Option<&'m DiskCache>,
}

/// The pipelines that are compiled so far.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    programs: Programs,
    modules: MadeOnce<Key, wgpu::ShaderModule>,
    /// Bind group and pipeline layouts by the number of storage bindings.
    layouts: MadeOnce<usize, (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    pipelines: MadeOnce<Key, Pipeline>,
}

impl Pipelines {
    pub(super) fn new(programs: Programs) -> Self {
        Pipelines { programs, ..Pipelines::default() }
    }

    /// The pipeline of `kernel`, and whether this call compiled it.
    pub(super) fn get(&self, gpu: &OpenedDevice, kernel: &Kernel, making: &Making<'_>) -> Result<(Pipeline, bool)> {
        let key = Key::of(kernel, making.checks, self.programs);
        self.pipelines.get(&key, making.deadline, || gpu.scoped(|| self.make(gpu, kernel, &key, making)))
    }

    fn make(&self, gpu: &OpenedDevice, kernel: &Kernel, key: &Key, making: &Making<'_>) -> Result<Pipeline> {
        let shader = ops::shader(kernel.shader)
            .ok_or_else(|| Error::internal(format!("there is no shader called `{}`", kernel.shader)))?;
        let (module, _) = self.modules.get(&key.module(), making.deadline, || {
            let source = wgpu::ShaderSource::Wgsl(shader.text().into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: Some(shader.name), source };
            gpu.scoped(|| Ok(module(gpu, descriptor, key.checks)))
        })?;
        let storage = kernel.bindings.len();
        let ((layout, pipeline_layout), _) =
            self.layouts.get(&storage, making.deadline, || gpu.scoped(|| Ok(layouts(gpu, storage))))?;
        gpu.pass(FaultSite::Compile)?;
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.shader),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(kernel.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &kernel.constants,
                // Every shader writes its workgroup memory before it reads it. Zeroing is the largest part of compile
                // time on phones.
                zero_initialize_workgroup_memory: false,
            },
            cache: making.cache.map(|disk| &disk.cache),
        });
        Ok(Pipeline { pipeline, layout })
    }

    /// Compiles the missing pipelines of `kernels` on several threads while `beside` runs on this one. New pipelines
    /// are kept in `cache_folder`.
    pub(super) fn make_all<T>(
        &self,
        gpu: &OpenedDevice,
        kernels: &[&Kernel],
        (checks, deadline): (Checks, Deadline),
        cache_folder: Option<&Path>,
        timeline: &mut Timeline,
        beside: impl FnOnce(&mut Timeline) -> T,
    ) -> Result<T> {
        let missing: HashMap<Key, &Kernel> = kernels
            .iter()
            .map(|kernel| (Key::of(kernel, checks, self.programs), *kernel))
            .filter(|(key, _)| !self.pipelines.has(key))
            .collect();
        if missing.is_empty() {
            return Ok(beside(timeline));
        }
        let missing: Vec<&Kernel> = missing.into_values().collect();
        let cache = cache_folder.and_then(|folder| DiskCache::open(gpu, folder, timeline));
        let making = Making { checks, deadline, cache: cache.as_ref() };
        let next = AtomicUsize::new(0);
        // Each worker claims the next kernel. It returns how many pipelines it compiled, and when it ended.
        let work = || -> Result<(u64, Instant)> {
            let mut made = 0;
            while let Some(kernel) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                made += u64::from(self.get(gpu, kernel, &making)?.1);
            }
            Ok((made, Instant::now()))
        };
        let start = Instant::now();
        let (value, results) = on_threads(missing.len(), work, || beside(timeline));
        let (mut made, mut end) = (0, start);
        for result in results {
            let (count, finished) = result?;
            made += count;
            end = end.max(finished);
        }
        timeline.record(Stage::CompilePipelines, start, end);
        timeline.count(Counter::Pipelines, made);
        if let (Some(cache), 1..) = (&cache, made) {
            timeline.span_with(Stage::KeepPipelines, |timeline| cache.save(timeline));
        }
        Ok(value)
    }
}

/// Runs `work` on at most `most` threads, and `beside` on this one. If the system gives no thread, this one does both.
fn on_threads<T, R: Send>(
    most: usize,
    work: impl Fn() -> Result<R> + Sync,
    beside: impl FnOnce() -> T,
) -> (T, Vec<Result<R>>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..cores.min(MAX_THREADS).min(most) {
            match std::thread::Builder::new().spawn_scoped(scope, &work) {
                Ok(thread) => threads.push(thread),
                Err(_) => break,
            }
        }
        let value = beside();
        let mut results = if threads.is_empty() { vec![work()] } else { Vec::new() };
        let panicked = || Error::internal("a thread that compiles pipelines panicked");
        results.extend(threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))));
        (value, results)
    })
}

fn module(gpu: &OpenedDevice, descriptor: wgpu::ShaderModuleDescriptor<'_>, checks: Checks) -> wgpu::ShaderModule {
    if checks == Checks::Checked {
        return gpu.device.create_shader_module(descriptor);
    }
    // SAFETY: no shader may leave its buffers, divide by zero or loop for ever. All of them are files of this crate.
    // They index by parameters that the plan made for the buffers it binds, and an index that is data, an id, is
    // compared with the table before it is used. Sizes that they divide by are zero only where there is no element, and
    // then they return first. Loops count up to a parameter. Tests run every kernel with checks and guard words.
    #[allow(unsafe_code)]
    unsafe {
        gpu.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}

/// Binding 0 is the uniform buffer of parameters. Storage buffers follow: read-only ones, and a last one that is
/// written.
fn layouts(gpu: &OpenedDevice, storage: usize) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
    let entry = |binding: usize| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: match binding {
                0 => wgpu::BufferBindingType::Uniform,
                _ => wgpu::BufferBindingType::Storage { read_only: binding < storage },
            },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..=storage).map(entry).collect();
    let layout =
        gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    (layout, pipeline_layout)
}
