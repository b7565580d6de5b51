// output = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per channel; x is [outer, channels, inner]. Mean and
// variance are those of all `lines` = outer * inner elements of a channel, counted by weights. A segment takes a
// channel by elements, or an invocation takes four neighbouring channels alone by columns.

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

// The same, for `columns`.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> scale_quads: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output_quads: array<vec4<f32>>;

// The elements of a channel that a lane visits. Dividing for every element would cost more than loading it.
struct Visit {
    outer: u32,
    inner: u32,
}

fn first_visit(lane: u32) -> Visit {
    return Visit(lane / params.inner, lane % params.inner);
}

// The element `lanes` further on, which are `step.outer` times inner and `step.inner`.
fn next_visit(visit: Visit, step: Visit) -> Visit {
    let inner = visit.inner + step.inner;
    let carries = inner >= params.inner;
    return Visit(visit.outer + step.outer + u32(carries), select(inner, inner - params.inner, carries));
}

fn place(channel: u32, visit: Visit) -> u32 {
    return (visit.outer * params.channels + channel) * params.inner + visit.inner;
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let seat = take_seat(workgroup, workgroups, invocation, params.inner == 1u);
    let channel = seat.line;
    let end = select(0u, params.lines, channel < params.channels);
    let first = first_visit(seat.lane);
    let step = first_visit(lanes);
    var visit = first;
    var sum = 0.0;
    var weight_sum = 0.0;
    for (var line = seat.lane; line < end; line += lanes) {
        let at = place(channel, visit);
        visit = next_visit(visit, step);
        let weight = weights[at * params.weight_step];
        sum += weight * input[at];
        weight_sum += weight;
    }
    let count = reduce_sum(seat, weight_sum);
    let mean = reduce_sum(seat, sum) / count;
    visit = first;
    var squares = 0.0;
    for (var line = seat.lane; line < end; line += lanes) {
        let at = place(channel, visit);
        visit = next_visit(visit, step);
        let difference = input[at] - mean;
        squares += weights[at * params.weight_step] * (difference * difference);
    }
    let variance = reduce_sum(seat, squares) / count;
    let deviation = sqrt(variance + params.epsilon);
    // Without bounds checks, no channel beyond the last is read.
    let known = min(channel, params.channels - 1u);
    let gamma = scale[known];
    let beta = scale[params.channels + known];
    visit = first;
    for (var line = seat.lane; line < end; line += lanes) {
        let at = place(channel, visit);
        visit = next_visit(visit, step);
        output[at] = gamma * ((input[at] - mean) / deviation) + beta;
    }
}

// Inner is 1, the channels are a multiple of 4, and the first weight is that of all.
@compute @workgroup_size(64)
fn columns(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let column = invocation_index(workgroup, workgroups, invocation);
    let width = params.channels / 4u;
    if column >= width {
        return;
    }
    let weight = weights[0];
    let count = weight * f32(params.lines);
    var sums = vec4(0.0);
    for (var line = 0u; line < params.lines; line++) {
        sums += weight * input_quads[line * width + column];
    }
    let means = sums / count;
    var squares = vec4(0.0);
    for (var line = 0u; line < params.lines; line++) {
        let differences = input_quads[line * width + column] - means;
        squares += weight * (differences * differences);
    }
    let deviations = sqrt(squares / count + params.epsilon);
    let gamma = scale_quads[column];
    let beta = scale_quads[width + column];
    for (var line = 0u; line < params.lines; line++) {
        let at = line * width + column;
        output_quads[at] = gamma * ((input_quads[at] - means) / deviations) + beta;
    }
}
