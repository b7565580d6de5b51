// output = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per channel; x is [outer, channels, inner]. One workgroup
// takes a channel, whose mean and variance are those of all its `lines` = outer * inner elements, counted by weights.

struct Params {
    channels: u32,
    lines: u32,
    inner: u32,
    epsilon: f32,
    // 1 if each element has a weight, 0 if the first weight is that of all.
    weight_step: u32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
// Rows gamma and beta, each of `channels` floats.
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// Where element `line` of a channel stands.
fn element(channel: u32, line: u32) -> u32 {
    return (line / params.inner * params.channels + channel) * params.inner + line % params.inner;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channel = workgroup_index(workgroup, workgroups);
    if channel >= params.channels {
        return;
    }
    var sum = 0.0;
    var weight_sum = 0.0;
    for (var line = lane; line < params.lines; line += 64u) {
        let at = element(channel, line);
        let weight = weights[at * params.weight_step];
        sum += weight * input[at];
        weight_sum += weight;
    }
    let count = reduce_sum(lane, weight_sum);
    let mean = reduce_sum(lane, sum) / count;
    var squares = 0.0;
    for (var line = lane; line < params.lines; line += 64u) {
        let at = element(channel, line);
        let difference = input[at] - mean;
        squares += weights[at * params.weight_step] * (difference * difference);
    }
    let variance = reduce_sum(lane, squares) / count;
    let deviation = sqrt(variance + params.epsilon);
    let gamma = scale[channel];
    let beta = scale[params.channels + channel];
    for (var line = lane; line < params.lines; line += 64u) {
        let at = element(channel, line);
        output[at] = gamma * ((input[at] - mean) / deviation) + beta;
    }
}
