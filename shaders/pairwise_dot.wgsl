// The first vectors of each sample, then the products of all pairs: one invocation an output element.

struct Params {
    count: u32,
    vectors: u32,
    dim: u32,
    kept: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

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
    let width = params.kept + params.vectors * params.vectors;
    let sample = index / width * params.vectors * params.dim;
    let column = index % width;
    if column < params.kept {
        output[index] = input[sample + column];
        return;
    }
    let left = sample + (column - params.kept) / params.vectors * params.dim;
    let right = sample + (column - params.kept) % params.vectors * params.dim;
    var sum = 0.0;
    for (var k = 0u; k < params.dim; k++) {
        sum += input[left + k] * input[right + k];
    }
    output[index] = sum;
}
