// A choice between two elements, with broadcasting: all inputs are read through strides, 0 where they stretch. Words of any
// dtype are copied as they are; the condition is the float 0 or 1.

struct Params {
    size: array<vec4<u32>, 2>,
    condition_strides: array<vec4<u32>, 2>,
    left_strides: array<vec4<u32>, 2>,
    right_strides: array<vec4<u32>, 2>,
    count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> condition: array<f32>;
@group(0) @binding(2) var<storage, read> left: array<u32>;
@group(0) @binding(3) var<storage, read> right: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

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
    var offsets = vec3(0u);
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        let strides = vec3(
            params.condition_strides[dim / 4u][dim % 4u],
            params.left_strides[dim / 4u][dim % 4u],
            params.right_strides[dim / 4u][dim % 4u],
        );
        offsets += position * strides;
    }
    output[index] = select(right[offsets.z], left[offsets.y], condition[offsets.x] != 0.0);
}
