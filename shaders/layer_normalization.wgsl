// output = gamma * (x - mean) / sqrt(variance + epsilon) + beta over rows of `width` floats, one workgroup a row.

struct Params {
    rows: u32,
    width: u32,
    epsilon: f32,
    // Where the mean is subtracted: 0 everywhere, 1 for the variance, 2 nowhere.
    mean: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(workgroup, workgroups);
    if row >= params.rows {
        return;
    }
    let start = row * params.width;
    var sum = 0.0;
    for (var k = lane; k < params.width; k += 64u) {
        sum += input[start + k];
    }
    let mean = select(reduce_sum(lane, sum) / f32(params.width), 0.0, params.mean == 2u);
    var squares = 0.0;
    for (var k = lane; k < params.width; k += 64u) {
        let difference = input[start + k] - mean;
        squares += difference * difference;
    }
    let variance = reduce_sum(lane, squares) / f32(params.width);
    let subtracted = select(0.0, mean, params.mean == 0u);
    let deviation = sqrt(variance + params.epsilon);
    for (var k = lane; k < params.width; k += 64u) {
        output[start + k] = gamma[k] * ((input[start + k] - subtracted) / deviation) + beta[k];
    }
}
