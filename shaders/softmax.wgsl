// softmax or log_softmax along the middle of [outer, length, inner], by a segment a line: by elements or, where a line
// is of whole quads that follow each other, by quads. Every exponential is computed once and kept in the output, where
// the invocation that wrote it finds it again.

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

// The largest of no numbers. A NaN that max() drops is back in the sum, and a NaN there is in every result.
const LOWEST = 0xff800000u;

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, params.inner > 1u);
    let end = select(0u, params.length, seat.line < params.lines);
    let start = seat.line / params.inner * params.length * params.inner + seat.line % params.inner;
    var largest = bitcast<f32>(LOWEST);
    for (var k = seat.lane; k < end; k += lanes) {
        largest = max(largest, input[start + k * params.inner]);
    }
    largest = reduce_max(seat, largest);
    var sum = 0.0;
    for (var block = seat.lane; block < end; block += BLOCK * lanes) {
        let last = min(block + BLOCK * lanes, end);
        var part = 0.0;
        for (var k = block; k < last; k += lanes) {
            let at = start + k * params.inner;
            let shifted = input[at] - largest;
            let power = exponential(shifted);
            part += power;
            output[at] = select(power, shifted, params.log != 0u);
        }
        sum += part;
    }
    sum = reduce_sum(seat, sum);
    let log_sum = logarithm(sum);
    for (var k = seat.lane; k < end; k += lanes) {
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
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, false);
    let end = select(0u, params.length / 4u, seat.line < params.lines);
    let start = seat.line * (params.length / 4u);
    var most = vec4(bitcast<f32>(LOWEST));
    for (var k = seat.lane; k < end; k += lanes) {
        most = max(most, input_quads[start + k]);
    }
    let largest = reduce_max(seat, max(max(most.x, most.y), max(most.z, most.w)));
    var sums = vec4(0.0);
    for (var k = seat.lane; k < end; k += lanes) {
        let shifted = input_quads[start + k] - largest;
        let powers = exponentials(shifted);
        sums += powers;
        output_quads[start + k] = select(powers, shifted, params.log != 0u);
    }
    let sum = reduce_sum(seat, sums.x + sums.y + sums.z + sums.w);
    let log_sum = logarithm(sum);
    for (var k = seat.lane; k < end; k += lanes) {
        let value = output_quads[start + k];
        output_quads[start + k] = select(value / sum, value - log_sum, params.log != 0u);
    }
}
