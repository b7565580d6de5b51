// The mean over the steps that the mask keeps, of [rows, steps, width]: one invocation an output
// element or, where `width` is of whole quads, four.
// A row without a kept step is 0 / 0, NaN. No branches, which software GPUs take for every
// step.

struct Params {
    count: u32,
    steps: u32,
    width: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// The same, for `quads`.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output_quads: array<vec4<f32>>;

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let column = index % params.width;
    let first_step = index / params.width * params.steps;
    var sum = 0.0;
    var kept = 0.0;
    for (var step = 0u; step < params.steps; step++) {
        let keeps = mask[first_step + step] != 0.0;
        sum += select(0.0, input[(first_step + step) * params.width + column], keeps);
        kept += select(0.0, 1.0, keeps);
    }
    output[index] = sum / kept;
}

@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count / 4u {
        return;
    }
    let width = params.width / 4u;
    let column = index % width;
    let first_step = index / width * params.steps;
    var sum = vec4(0.0);
    var kept = 0.0;
    for (var step = 0u; step < params.steps; step++) {
        let keeps = mask[first_step + step] != 0.0;
        sum += select(vec4(0.0), input_quads[(first_step + step) * width + column], keeps);
        kept += select(0.0, 1.0, keeps);
    }
    output_quads[index] = sum / kept;
}
