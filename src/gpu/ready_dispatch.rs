//! One dispatch with its pipeline and bindings, ready to be recorded.

/// A dispatch as wgpu objects.
#[derive(Debug)]
pub(super) struct ReadyDispatch {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) workgroups: [u32; 3],
}
