// output = gamma * (x - mean) / sqrt(variance + epsilon) + beta over rows of `width` floats, by a segment a row: by
// elements or, where a row is of whole quads, by quads.

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

// The same, for `quads`.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gamma_quads: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> beta_quads: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output_quads: array<vec4<f32>>;

// The mean of a row, from the sum of each lane.
fn mean_of(seat: Seat, sum: f32) -> f32 {
    return select(reduce_sum(seat, sum) / f32(params.width), 0.0, params.mean == 2u);
}

fn deviation_of(seat: Seat, squares: f32) -> f32 {
    return sqrt(reduce_sum(seat, squares) / f32(params.width) + params.epsilon);
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, false);
    let width = select(0u, params.width, seat.line < params.rows);
    let start = seat.line * params.width;
    var sum = 0.0;
    for (var block = seat.lane; block < width; block += BLOCK * lanes) {
        let last = min(block + BLOCK * lanes, width);
        var part = 0.0;
        for (var k = block; k < last; k += lanes) {
            part += input[start + k];
        }
        sum += part;
    }
    let mean = mean_of(seat, sum);
    var squares = 0.0;
    for (var block = seat.lane; block < width; block += BLOCK * lanes) {
        let last = min(block + BLOCK * lanes, width);
        var part = 0.0;
        for (var k = block; k < last; k += lanes) {
            let difference = input[start + k] - mean;
            part += difference * difference;
        }
        squares += part;
    }
    let deviation = deviation_of(seat, squares);
    let subtracted = select(0.0, mean, params.mean == 0u);
    for (var k = seat.lane; k < width; k += lanes) {
        output[start + k] = gamma[k] * ((input[start + k] - subtracted) / deviation) + beta[k];
    }
}

@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, false);
    let width = select(0u, params.width / 4u, seat.line < params.rows);
    let start = seat.line * (params.width / 4u);
    var sums = vec4(0.0);
    for (var k = seat.lane; k < width; k += lanes) {
        sums += input_quads[start + k];
    }
    let mean = mean_of(seat, sums.x + sums.y + sums.z + sums.w);
    var squares = vec4(0.0);
    for (var k = seat.lane; k < width; k += lanes) {
        let difference = input_quads[start + k] - mean;
        squares += difference * difference;
    }
    let deviation = deviation_of(seat, squares.x + squares.y + squares.z + squares.w);
    let subtracted = select(0.0, mean, params.mean == 0u);
    for (var k = seat.lane; k < width; k += lanes) {
        let normalized = (input_quads[start + k] - subtracted) / deviation;
        output_quads[start + k] = gamma_quads[k] * normalized + beta_quads[k];
    }
}
