//! The adapters of this machine as plain facts, and which one is taken.

use super::shared_devices;
use crate::error::{DeviceError, Error, Result};

/// What sort of hardware an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A graphics card of its own.
    Discrete,
    /// Part of the processor, as on every phone.
    Integrated,
    /// A share of a card in a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// Software on the CPU.
    Software,
}

impl AdapterKind {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            AdapterKind::Discrete => "discrete GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Other => "GPU of unknown kind",
            AdapterKind::Software => "software GPU",
        }
    }
}

/// An adapter: its driver, and the limits and features that matter here.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSummary {
    /// The device's name.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// What sort of hardware it is.
    pub kind: AdapterKind,
    /// The driver's name.
    pub driver: String,
    /// The driver's version, as it gives it.
    pub driver_version: String,
    /// Limits by name, in bytes or counts.
    pub limits: Vec<(&'static str, u64)>,
    /// Optional features and whether the adapter has them.
    pub features: Vec<(&'static str, bool)>,
}

/// All adapters, the one that would be taken first.
pub fn adapters() -> Vec<AdapterSummary> {
    shared_devices::adapters()
}

/// All adapters of this machine, best first.
pub(super) fn find() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    adapters.sort_by_key(|adapter| kind(adapter.get_info().device_type));
    adapters
}

/// The adapter to use: the best, or the best whose name contains `TFJS_WGPU_ADAPTER`.
pub(super) fn choose(adapters: &[wgpu::Adapter]) -> Result<&wgpu::Adapter> {
    let wanted = std::env::var("TFJS_WGPU_ADAPTER").ok().filter(|name| !name.is_empty());
    let name = |adapter: &wgpu::Adapter| adapter.get_info().name;
    let chosen = match &wanted {
        None => adapters.first(),
        Some(wanted) => adapters.iter().find(|adapter| name(adapter).to_lowercase().contains(&wanted.to_lowercase())),
    };
    match (chosen, wanted) {
        (Some(adapter), _) => Ok(adapter),
        (None, Some(wanted)) => {
            let names: Vec<String> = adapters.iter().map(name).collect();
            Err(Error::device(DeviceError::NoAdapter, format!("no GPU adapter is called `{wanted}`"))
                .cause(format!("this machine has: {}", if names.is_empty() { "none".into() } else { names.join(", ") }))
                .hint("unset TFJS_WGPU_ADAPTER, or set it to part of one of these names"))
        }
        (None, None) => Err(Error::device(DeviceError::NoAdapter, "no GPU adapter was found")
            .cause("no Vulkan, Metal or DirectX 12 driver answered")
            .hint(SOFTWARE_GPU_HINT)),
    }
}

/// How to get a GPU where there is none.
const SOFTWARE_GPU_HINT: &str = "install the GPU's driver; a software GPU will do: on Debian and Ubuntu `apt install \
    mesa-vulkan-drivers`, on Fedora `dnf install mesa-vulkan-drivers`; the CPU needs neither (Device::Cpu)";

fn kind(device_type: wgpu::DeviceType) -> AdapterKind {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Other => AdapterKind::Other,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
    }
}

/// The facts of one adapter.
pub(super) fn summary(adapter: &wgpu::Adapter) -> AdapterSummary {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    AdapterSummary {
        name: info.name,
        backend: info.backend.to_str().into(),
        kind: kind(info.device_type),
        driver: info.driver,
        driver_version: info.driver_info,
        limits: vec![
            ("max_buffer_bytes", limits.max_buffer_size),
            ("max_storage_binding_bytes", limits.max_storage_buffer_binding_size),
            ("max_storage_buffers_per_kernel", limits.max_storage_buffers_per_shader_stage.into()),
            ("storage_offset_alignment_bytes", limits.min_storage_buffer_offset_alignment.into()),
            ("max_workgroup_memory_bytes", limits.max_compute_workgroup_storage_size.into()),
            ("max_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup.into()),
            ("max_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension.into()),
            ("min_subgroup_size", info.subgroup_min_size.into()),
            ("max_subgroup_size", info.subgroup_max_size.into()),
        ],
        features: vec![
            ("shader_f16", features.contains(wgpu::Features::SHADER_F16)),
            ("subgroups", features.contains(wgpu::Features::SUBGROUP)),
            ("timestamp_query", features.contains(wgpu::Features::TIMESTAMP_QUERY)),
            ("pipeline_cache", features.contains(wgpu::Features::PIPELINE_CACHE)),
            ("mappable_primary_buffers", features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)),
        ],
    }
}
