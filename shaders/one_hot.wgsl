// [outer, inner] ids to [outer, depth, inner] floats that mark the place of each: one invocation an output element.

struct Params {
    count: u32,
    depth: u32,
    inner: u32,
    on: f32,
    off: f32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let line = index / params.inner;
    let id = ids[line / params.depth * params.inner + index % params.inner];
    output[index] = select(params.off, params.on, id == i32(line % params.depth));
}
