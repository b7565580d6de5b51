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

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> second: array<f32>;
@group(0) @binding(3) var<storage, read> third: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// The elements of the three inputs for one of the output.
fn elements(index: u32) -> vec3<f32> {
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
    return vec3(first[offsets.x], second[offsets.y], third[offsets.z]);
}

// The two sides of a step that combines the value with an input.
fn sides(step: vec4<u32>, value: f32, inputs: vec3<f32>) -> vec2<f32> {
    let other = select(select(inputs.z, inputs.y, step.y == 1u), inputs.x, step.y == 0u);
    return select(vec2(value, other), vec2(other, value), step.z == 1u);
}

// Chains of the functions of layers, which are less to compile than all.
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
    let inputs = elements(index);
    var value = inputs.x;
    for (var at = 0u; at < params.step_count; at++) {
        let step = params.steps[at];
        if step.y >= 3u {
            value = activate(step.x, value, params.parameters[at].xyz);
        } else {
            let pair = sides(step, value, inputs);
            value = combine(step.x, pair.x, pair.y);
        }
    }
    output[index] = value;
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
    let inputs = elements(index);
    var value = inputs.x;
    for (var at = 0u; at < params.step_count; at++) {
        let step = params.steps[at];
        if step.y >= 3u {
            value = evaluate(step.x, value, params.parameters[at].xyz);
        } else {
            let pair = sides(step, value, inputs);
            value = calculate(step.x, pair.x, pair.y);
        }
    }
    output[index] = value;
}
