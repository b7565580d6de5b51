// output = x / sqrt(max(sum of squares, floor)) along the middle of [outer, length, inner], by a segment a line: by
// elements or, where a line is of whole quads that follow each other, by quads.

struct Params {
    lines: u32,
    length: u32,
    inner: u32,
    floor_squared: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// The same, for `quads`.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output_quads: array<vec4<f32>>;

fn length_of(seat: Seat, squares: f32) -> f32 {
    return sqrt(maximum(reduce_sum(seat, squares), params.floor_squared));
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, params.inner > 1u);
    let end = select(0u, params.length, seat.line < params.lines);
    let start = seat.line / params.inner * params.length * params.inner + seat.line % params.inner;
    var squares = 0.0;
    for (var block = seat.lane; block < end; block += BLOCK * lanes) {
        let last = min(block + BLOCK * lanes, end);
        var part = 0.0;
        for (var k = block; k < last; k += lanes) {
            let x = input[start + k * params.inner];
            part += x * x;
        }
        squares += part;
    }
    let length = length_of(seat, squares);
    for (var k = seat.lane; k < end; k += lanes) {
        let at = start + k * params.inner;
        output[at] = input[at] / length;
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
    var squares = vec4(0.0);
    for (var k = seat.lane; k < end; k += lanes) {
        let x = input_quads[start + k];
        squares += x * x;
    }
    let length = length_of(seat, squares.x + squares.y + squares.z + squares.w);
    for (var k = seat.lane; k < end; k += lanes) {
        output_quads[start + k] = input_quads[start + k] / length;
    }
}
