// output[i] = scale * sum over k of left[l + k * left_step] * right[r + k * right_step]: one invocation an output element.
// The position of the element along each dimension of the output says where l and r stand.

struct Params {
    size: array<vec4<u32>, 2>,
    left_strides: array<vec4<u32>, 2>,
    right_strides: array<vec4<u32>, 2>,
    count: u32,
    rank: u32,
    depth: u32,
    left_step: u32,
    right_step: u32,
    scale: f32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

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
    var l = 0u;
    var r = 0u;
    for (var step = 0u; step < params.rank; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        l += position * params.left_strides[dim / 4u][dim % 4u];
        r += position * params.right_strides[dim / 4u][dim % 4u];
    }
    var sum = 0.0;
    for (var k = 0u; k < params.depth; k++) {
        sum += left[l + k * params.left_step] * right[r + k * params.right_step];
    }
    output[index] = params.scale * sum;
}
