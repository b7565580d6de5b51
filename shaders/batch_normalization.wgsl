// output = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per channel; x is [outer, channels, inner].

struct Params {
    count: u32,
    channels: u32,
    inner: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
// Rows gamma, beta, mean, variance, each of `channels` floats.
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
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
    let channel = index / params.inner % params.channels;
    let gamma = statistics[channel];
    let beta = statistics[params.channels + channel];
    let mean = statistics[2u * params.channels + channel];
    let variance = statistics[3u * params.channels + channel];
    output[index] = gamma * ((input[index] - mean) / sqrt(variance + params.epsilon)) + beta;
}
