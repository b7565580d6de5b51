// A function of two elements with broadcasting: both sides are read through strides, 0 where they stretch.
// `function` selects it; see src/ops/binary.rs for the formulas. `main` has the common ones alone, which are less to compile.

struct Params {
    size: array<vec4<u32>, 2>,
    left_strides: array<vec4<u32>, 2>,
    right_strides: array<vec4<u32>, 2>,
    count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

override function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(1) var<storage, read> left_integers: array<i32>;
@group(0) @binding(2) var<storage, read> right_integers: array<i32>;
@group(0) @binding(3) var<storage, read_write> output_integers: array<i32>;

// The elements of the two sides for one of the output.
fn sides(index: u32) -> vec2<u32> {
    var rest = index;
    var found = vec2(0u);
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        found += position * vec2(params.left_strides[dim / 4u][dim % 4u], params.right_strides[dim / 4u][dim % 4u]);
    }
    return found;
}

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
    let found = sides(index);
    output[index] = combine(function, left[found.x], right[found.y]);
}

@compute @workgroup_size(64)
fn all_functions(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let found = sides(index);
    output[index] = calculate(function, left[found.x], right[found.y]);
}

@compute @workgroup_size(64)
fn integers(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let found = sides(index);
    output_integers[index] = calculate_integers(function, left_integers[found.x], right_integers[found.y]);
}
