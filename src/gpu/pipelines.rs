//! Compiled kernels: one pipeline per shader, entry point and constants, shared by every model on the device.

use super::device::Gpu;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::ops;
use std::collections::HashMap;

/// What distinguishes one pipeline from another. Constants by their bits, so that keys are equal when they look it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    shader: &'static str,
    entry_point: &'static str,
    constants: Vec<(&'static str, u64)>,
}

impl Key {
    fn of(kernel: &Kernel) -> Self {
        let constants = kernel.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        Key { shader: kernel.shader, entry_point: kernel.entry_point, constants }
    }
}

/// A pipeline and the layout of its bindings.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

/// The pipelines made so far.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    modules: HashMap<&'static str, wgpu::ShaderModule>,
    /// Bind group and pipeline layouts by the number of storage bindings.
    layouts: HashMap<usize, (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    pipelines: HashMap<Key, Pipeline>,
}

impl Pipelines {
    /// The number of pipelines made.
    pub(super) fn len(&self) -> usize {
        self.pipelines.len()
    }

    /// The pipeline of `kernel`, compiled now if it is new.
    pub(super) fn get(&mut self, gpu: &Gpu, kernel: &Kernel) -> Result<Pipeline> {
        let key = Key::of(kernel);
        if let Some(pipeline) = self.pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let shader = ops::shader(kernel.shader)
            .ok_or_else(|| Error::device(format!("there is no shader called `{}`", kernel.shader)))?;
        let module = self.modules.entry(shader.name).or_insert_with(|| {
            let source = wgpu::ShaderSource::Wgsl(shader.text().into());
            gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(shader.name), source })
        });
        let (layout, pipeline_layout) =
            self.layouts.entry(kernel.bindings.len()).or_insert_with_key(|&storage| layouts(gpu, storage));
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.shader),
            layout: Some(pipeline_layout),
            module,
            entry_point: Some(kernel.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &kernel.constants,
                // Every shader writes its workgroup memory before it reads it, and zeroing is the largest part of a
                // phone's compile time.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let pipeline = Pipeline { pipeline, layout: layout.clone() };
        self.pipelines.insert(key, pipeline.clone());
        Ok(pipeline)
    }
}

/// Binding 0 is the uniform parameters, then come read-only storage buffers, and one that is written.
fn layouts(gpu: &Gpu, storage: usize) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
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
