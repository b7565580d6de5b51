//! The adapters of this machine as plain values, and the choice among them.

use crate::error::{DeviceError, Error, Result};

/// The kind of hardware behind an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A separate graphics card.
    Discrete,
    /// Part of the processor, as on every phone.
    Integrated,
    /// A share of a card in a virtual machine.
    Virtual,
    /// The driver does not report it.
    Other,
    /// A software renderer on the CPU.
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

/// An adapter: its driver, and the limits and features that this library uses.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSummary {
    /// The device's name.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// The kind of hardware.
    pub kind: AdapterKind,
    /// The driver's name.
    pub driver: String,
    /// The version that the driver reports.
    pub driver_version: String,
    /// Limits by name, in bytes or counts.
    pub limits: Vec<(&'static str, u64)>,
    /// Optional features and whether the adapter has them.
    pub features: Vec<(&'static str, bool)>,
}

impl AdapterSummary {
    /// Whether it is hardware.
    pub(super) fn is_hardware(&self) -> bool {
        self.kind != AdapterKind::Software
    }
}

/// Enumerates the adapters of this machine, best first.
pub(super) fn find() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    adapters.sort_by_key(|adapter| kind(adapter.get_info().device_type));
    adapters
}

/// Which adapter to take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AdapterChoice {
    /// Part of its name, ignoring case; `None` for the best.
    pub(crate) name: Option<String>,
    /// Whether a software adapter is refused unless it is named.
    pub(crate) hardware: bool,
}

impl AdapterChoice {
    /// The position of the chosen adapter in `adapters`, which lists the best first.
    pub(super) fn choose(&self, adapters: &[AdapterSummary]) -> Result<usize> {
        let is_wanted = |adapter: &AdapterSummary| match &self.name {
            Some(name) => adapter.name.to_lowercase().contains(&name.to_lowercase()),
            None => !self.hardware || adapter.is_hardware(),
        };
        if let Some(position) = adapters.iter().position(is_wanted) {
            return Ok(position);
        }
        let names: Vec<&str> = adapters.iter().map(|adapter| adapter.name.as_str()).collect();
        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
        let error = |what: String| Error::device(DeviceError::NoAdapter, what);
        Err(match &self.name {
            Some(name) => error(format!("no GPU adapter is called `{name}`"))
                .cause(format!("this machine has: {names}"))
                .hint("give part of one of these names, or leave the name out (SessionOptions::adapter)"),
            None if adapters.is_empty() => error("no GPU adapter was found".into())
                .cause("no Vulkan, Metal or DirectX 12 driver answered")
                .hint(SOFTWARE_GPU_HINT),
            None => error("this machine has no hardware GPU".into()).cause(format!("its software GPUs: {names}")).hint(
                "a software GPU is slower than the CPU; ask for it (Device::Gpu), or name it (SessionOptions::adapter)",
            ),
        })
    }
}

/// The hint on a machine without a GPU.
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

/// Driver, limits and features of an adapter.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, kind: AdapterKind) -> AdapterSummary {
        let [backend, driver, driver_version] = ["vulkan", "driver", "1"].map(String::from);
        let (limits, features) = (Vec::new(), Vec::new());
        AdapterSummary { name: name.into(), backend, kind, driver, driver_version, limits, features }
    }

    #[test]
    fn the_best_hardware_or_the_named_adapter_is_chosen() {
        let both = [adapter("Adreno 740", AdapterKind::Integrated), adapter("llvmpipe", AdapterKind::Software)];
        let choose = |name: Option<&str>, hardware, adapters: &[AdapterSummary]| {
            AdapterChoice { name: name.map(String::from), hardware }.choose(adapters).map_err(|error| error.to_string())
        };
        for hardware in [true, false] {
            assert_eq!(choose(None, hardware, &both), Ok(0));
            assert_eq!(choose(Some("LLVM"), hardware, &both), Ok(1), "a named software adapter is accepted");
            assert_eq!(choose(Some("mali"), hardware, &both), Err("no GPU adapter is called `mali`".into()));
            assert_eq!(choose(None, hardware, &[]), Err("no GPU adapter was found".into()));
        }
        assert_eq!(choose(None, false, &both[1..]), Ok(0));
        assert_eq!(choose(None, true, &both[1..]), Err("this machine has no hardware GPU".into()));
    }
}
