// The mean over the steps that the mask keeps, of [rows, steps, width]: one invocation an output element.
// A row without a kept step is 0 / 0, NaN.

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
    let column = index % params.width;
    let first_step = index / params.width * params.steps;
    var sum = 0.0;
    var kept = 0.0;
    for (var step = 0u; step < params.steps; step++) {
        if mask[first_step + step] != 0.0 {
            sum += input[(first_step + step) * params.width + column];
            kept += 1.0;
        }
    }
    output[index] = sum / kept;
}
