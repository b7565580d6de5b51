// output[b, o, j, :] = data[b, o, indices[b, j], :], zeros where an index points nowhere: one invocation an output element.

struct Params {
    count: u32,
    outer: u32,
    axis: u32,
    indices: u32,
    inner: u32,
    from_end: u32,
    nearest: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> data: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

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
    let rest = index / params.inner;
    let block = rest / params.indices;
    let id = indices[block / params.outer * params.indices + rest % params.indices];
    let position = position_of(id, params.axis, params.from_end != 0u, params.nearest != 0u);
    var word = 0u;
    if position != NOWHERE {
        word = data[(block * params.axis + position) * params.inner + index % params.inner];
    }
    output[index] = word;
}
