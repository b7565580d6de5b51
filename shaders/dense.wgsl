// output[row, unit] = bias[unit] + sum over k of input[row, k] * kernel[k, unit]: one invocation an output element.
// Neighbouring invocations take neighbouring units, so they read neighbouring words of the kernel.

struct Params {
    count: u32,
    depth: u32,
    units: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

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
    let unit = index % params.units;
    let row = (index / params.units) * params.depth;
    var sum = bias[unit];
    for (var k = 0u; k < params.depth; k++) {
        sum += input[row + k] * kernel[k * params.units + unit];
    }
    output[index] = sum;
}
