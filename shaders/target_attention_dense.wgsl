// A dense layer over pairs of a query with each key: one invocation 4 steps of one unit, or of four. The query turns the
// two kernels that multiply keys into one, so each weight is read once for 4 steps. See
// src/ops/target_attention_dense.rs.

struct Params {
    count: u32,
    steps: u32,
    dim: u32,
    units: u32,
    key_stride: u32,
    query_stride: u32,
    blocks: u32,
    padding: u32,
    parameters: vec4<f32>,
}

override function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read> query: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// The same, for `quads`.
@group(0) @binding(3) var<storage, read> weight_quads: array<vec4<f32>>;

// Where the keys of the 4 steps from `first` on begin. Steps past the last repeat it, and are not written.
fn keys_at(row: u32, first: u32) -> vec4<u32> {
    let steps = min(vec4(first) + vec4(0u, 1u, 2u, 3u), vec4(params.steps - 1u));
    return vec4(row * params.key_stride) + steps * params.dim;
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
    let unit = index % params.units;
    let row = index / (params.units * params.blocks);
    let first = index / params.units % params.blocks * 4u;
    let key = keys_at(row, first);
    let from_query = params.dim * params.units;
    let from_product = 2u * from_query;
    let from_difference = 3u * from_query;
    var shared_sum = weights[4u * from_query + unit];
    var sums = vec4(0.0);
    for (var d = 0u; d < params.dim; d++) {
        let q = query[row * params.query_stride + d];
        let at = d * params.units + unit;
        shared_sum += q * weights[from_query + at];
        let weight = weights[at] + q * weights[from_product + at];
        let values = vec4(keys[key.x + d], keys[key.y + d], keys[key.z + d], keys[key.w + d]);
        sums += weight * values + weights[from_difference + at] * (values - q);
    }
    for (var step = 0u; step < min(4u, params.steps - first); step++) {
        let value = activate(function, shared_sum + sums[step], params.parameters.xyz);
        output[(row * params.steps + first + step) * params.units + unit] = value;
    }
}

// `main` for units that are a multiple of 4: four of them, whose weights stand in one vector.
@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let across = params.units / 4u;
    let unit = index % across;
    let row = index / (across * params.blocks);
    let first = index / across % params.blocks * 4u;
    let key = keys_at(row, first);
    let from_query = params.dim * across;
    let from_product = 2u * from_query;
    let from_difference = 3u * from_query;
    var shared_sums = weight_quads[4u * from_query + unit];
    var sums = mat4x4<f32>();
    for (var d = 0u; d < params.dim; d++) {
        let q = query[row * params.query_stride + d];
        let at = d * across + unit;
        shared_sums += q * weight_quads[from_query + at];
        let weight = weight_quads[at] + q * weight_quads[from_product + at];
        let difference = weight_quads[from_difference + at];
        let values = vec4(keys[key.x + d], keys[key.y + d], keys[key.z + d], keys[key.w + d]);
        let beyond = values - q;
        sums[0] += weight * values.x + difference * beyond.x;
        sums[1] += weight * values.y + difference * beyond.y;
        sums[2] += weight * values.z + difference * beyond.z;
        sums[3] += weight * values.w + difference * beyond.w;
    }
    for (var step = 0u; step < min(4u, params.steps - first); step++) {
        for (var i = 0u; i < 4u; i++) {
            let value = activate(function, shared_sums[i] + sums[step][i], params.parameters.xyz);
            output[(row * params.steps + first + step) * params.units + unit * 4u + i] = value;
        }
    }
}
