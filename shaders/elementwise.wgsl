// A chain of functions of one and two elements, the same for all elements. See src/ops/elementwise.rs.

struct Params {
    strided: Strided,
    steps: array<vec4<u32>, 16>,
    parameters: array<vec4<f32>, 16>,
    step_count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> second: array<f32>;
@group(0) @binding(3) var<storage, read> third: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

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
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        let inputs = vec3(first[at.x], second[at.y], third[at.z]);
        var value = inputs.x;
        for (var index = 0u; index < params.step_count; index++) {
            let step = params.steps[index];
            if step.y >= 3u {
                value = activate(step.x, value, params.parameters[index].xyz);
            } else {
                let pair = sides(step, value, inputs);
                value = combine(step.x, pair.x, pair.y);
            }
        }
        output[run.first + k] = value;
        at += run.step;
    }
}

@compute @workgroup_size(64)
fn all_functions(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        let inputs = vec3(first[at.x], second[at.y], third[at.z]);
        var value = inputs.x;
        for (var index = 0u; index < params.step_count; index++) {
            let step = params.steps[index];
            if step.y >= 3u {
                value = evaluate(step.x, value, params.parameters[index].xyz);
            } else {
                let pair = sides(step, value, inputs);
                value = calculate(step.x, pair.x, pair.y);
            }
        }
        output[run.first + k] = value;
        at += run.step;
    }
}
