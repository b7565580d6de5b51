// output[…, j, …] = data[…, indices[…, j, …], …] of N-d blocks of words that stretch to one another, zero where an index
// points nowhere: one invocation an output element.

struct Params {
    size: array<vec4<u32>, 2>,
    // 0 along the axis.
    data_strides: array<vec4<u32>, 2>,
    index_strides: array<vec4<u32>, 2>,
    count: u32,
    axis: u32,
    axis_stride: u32,
    nearest: u32,
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
    var rest = index;
    var source = 0u;
    var index_at = 0u;
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        source += position * params.data_strides[dim / 4u][dim % 4u];
        index_at += position * params.index_strides[dim / 4u][dim % 4u];
    }
    let position = position_of(indices[index_at], params.axis, true, params.nearest != 0u);
    var word = 0u;
    if position != NOWHERE {
        word = data[source + position * params.axis_stride];
    }
    output[index] = word;
}
