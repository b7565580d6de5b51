//! Limits and features to request: those of the adapter, or at most those of a class of phones.

use crate::limits_preset::LimitsPreset;

impl LimitsPreset {
    /// The limits to request of an adapter; at most its own.
    pub(super) fn limits(self, adapter: &wgpu::Limits) -> wgpu::Limits {
        let mut limits = adapter.clone();
        let (invocations, workgroup_bytes, storage_buffers, binding_bytes, buffer_bytes) = match self {
            LimitsPreset::Full => return limits,
            LimitsPreset::Floor => (128, 16_352, 4, 128 << 20, 256 << 20),
            LimitsPreset::Adreno => (1024, 32_768, 8, 128 << 20, 1 << 30),
            LimitsPreset::Mali => (512, 32_768, 8, 256 << 20, 1 << 30),
        };
        let lower = |limit: &mut u32, to: u32| *limit = (*limit).min(to);
        lower(&mut limits.max_compute_invocations_per_workgroup, invocations);
        lower(&mut limits.max_compute_workgroup_size_x, invocations);
        lower(&mut limits.max_compute_workgroup_size_y, invocations);
        lower(&mut limits.max_compute_workgroup_size_z, 64);
        lower(&mut limits.max_compute_workgroup_storage_size, workgroup_bytes);
        lower(&mut limits.max_storage_buffers_per_shader_stage, storage_buffers);
        lower(&mut limits.max_compute_workgroups_per_dimension, 65_535);
        lower(&mut limits.max_bind_groups, 4);
        lower(&mut limits.max_immediate_size, 128);
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(binding_bytes);
        limits.max_uniform_buffer_binding_size = limits.max_uniform_buffer_binding_size.min(16_384);
        limits.max_buffer_size = limits.max_buffer_size.min(buffer_bytes);
        // Alignments are lower limits.
        limits.min_storage_buffer_offset_alignment = limits.min_storage_buffer_offset_alignment.max(256);
        limits.min_uniform_buffer_offset_alignment = limits.min_uniform_buffer_offset_alignment.max(256);
        limits
    }

    /// The optional features to request, as far as the adapter has them.
    pub(super) fn features(self, adapter: wgpu::Features) -> wgpu::Features {
        let wanted = match self {
            LimitsPreset::Floor => wgpu::Features::empty(),
            _ => wgpu::Features::TIMESTAMP_QUERY,
        };
        // wgpu has these on every Vulkan driver, also on phones.
        let always = wgpu::Features::PIPELINE_CACHE | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        (wanted | always) & adapter
    }
}
