// A chain of functions of one and two elements: one invocation an output element. The inputs are read through strides,
// 0 where they stretch; the chain is the same for all invocations. See src/ops/elementwise.rs.

struct Params {
    size: array<vec4<u32>, 2>,
    strides: array<vec4<u32>, 6>,
    steps: array<vec4<u32>, 16>,
    parameters: array<vec4<f32>, 16>,
    count: u32,
    step_count: u32,
    padding0: u32,
    padding1: u32,
}

// Whether the chain has functions beyond those of layers.
override all_functions: bool;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> second: array<f32>;
@group(0) @binding(3) var<storage, read> third: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

fn apply(function: u32, x: f32, p: vec3<f32>) -> f32 {
    if all_functions {
        return evaluate(function, x, p);
    }
    return activate(function, x, p);
}

fn merge(function: u32, x: f32, y: f32) -> f32 {
    if all_functions {
        return calculate(function, x, y);
    }
    return combine(function, x, y);
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
    var rest = index;
    var offsets = vec3(0u);
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        let strides = vec3(
            params.strides[dim / 4u][dim % 4u],
            params.strides[2u + dim / 4u][dim % 4u],
            params.strides[4u + dim / 4u][dim % 4u],
        );
        offsets += position * strides;
    }
    let start = first[offsets.x];
    let second_value = second[offsets.y];
    let third_value = third[offsets.z];
    var value = start;
    for (var index = 0u; index < params.step_count; index++) {
        let step = params.steps[index];
        if step.y >= 3u {
            value = apply(step.x, value, params.parameters[index].xyz);
        } else {
            let other = select(select(third_value, second_value, step.y == 1u), start, step.y == 0u);
            value = merge(step.x, select(value, other, step.z == 1u), select(other, value, step.z == 1u));
        }
    }
    output[index] = value;
}
