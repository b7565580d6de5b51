// softmax or log_softmax along the middle of [outer, length, inner]: one workgroup a line, by elements or, where a line is
// of whole quads that follow each other, by quads. Every exponential is computed once and kept in the output, where the
// invocation that wrote it finds it again.

struct Params {
    lines: u32,
    length: u32,
    inner: u32,
    log: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// The same, for `quads`.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output_quads: array<vec4<f32>>;

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = workgroup_index(workgroup, workgroups);
    if line >= params.lines {
        return;
    }
    let start = line / params.inner * params.length * params.inner + line % params.inner;
    // Lanes without an element repeat element 0, which leaves the maximum as it is. A NaN that max() drops is back in
    // the sum, and a NaN there is in every result.
    var largest = input[start];
    for (var k = lane; k < params.length; k += 64u) {
        largest = max(largest, input[start + k * params.inner]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var k = lane; k < params.length; k += 64u) {
        let at = start + k * params.inner;
        let shifted = input[at] - largest;
        let power = exponential(shifted);
        sum += power;
        output[at] = select(power, shifted, params.log != 0u);
    }
    sum = reduce_sum(lane, sum);
    let log_sum = logarithm(sum);
    for (var k = lane; k < params.length; k += 64u) {
        let at = start + k * params.inner;
        let value = output[at];
        output[at] = select(value / sum, value - log_sum, params.log != 0u);
    }
}

// A multiple of 4 long, and inner is 1.
@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = workgroup_index(workgroup, workgroups);
    if line >= params.lines {
        return;
    }
    let length = params.length / 4u;
    let start = line * length;
    var most = input_quads[start];
    for (var k = lane; k < length; k += 64u) {
        most = max(most, input_quads[start + k]);
    }
    let largest = reduce_max(lane, max(max(most.x, most.y), max(most.z, most.w)));
    var sums = vec4(0.0);
    for (var k = lane; k < length; k += 64u) {
        let shifted = input_quads[start + k] - largest;
        let powers = exponentials(shifted);
        sums += powers;
        output_quads[start + k] = select(powers, shifted, params.log != 0u);
    }
    let sum = reduce_sum(lane, sums.x + sums.y + sums.z + sums.w);
    let log_sum = logarithm(sum);
    for (var k = lane; k < length; k += 64u) {
        let value = output_quads[start + k];
        output_quads[start + k] = select(value / sum, value - log_sum, params.log != 0u);
    }
}
