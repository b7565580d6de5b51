// output[n, o, unit] = activate(bias[unit] + sum over taps and channels of the unit's group of input * kernel), with
// windows over the positions: one unit an invocation, four, or four at four positions. src/ops/convolution.rs chooses.

struct Params {
    window: Window,
    invocations: u32,
    // Channels of a group, and units.
    depth: u32,
    group_units: u32,
    // Positions of the output in the whole batch.
    positions: u32,
    a: f32,
    b: f32,
    c: f32,
    padding1: u32,
}

override function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// The same, four units or channels at a time.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> kernel_quads: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias_quads: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output_quads: array<vec4<f32>>;

fn finish(sum: f32) -> f32 {
    return activate(function, sum, vec3(params.a, params.b, params.c));
}

// By a loop, because drivers copy a function to where it is called, and an activation has many branches.
fn finish_quad(sums: vec4<f32>) -> vec4<f32> {
    var finished = sums;
    for (var i = 0u; i < 4u; i++) {
        finished[i] = finish(finished[i]);
    }
    return finished;
}

@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.invocations {
        return;
    }
    let units = params.window.output.w;
    let unit = index % units;
    let place = window_place(params.window, index / units);
    let first_channel = unit / params.group_units * params.depth;
    var sum = bias[unit];
    var weights = unit;
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            let base = source * params.window.input.w + first_channel;
            for (var k = 0u; k < params.depth; k++) {
                sum += input[base + k] * kernel[weights + k * units];
            }
        }
        weights += params.depth * units;
    }
    output[index] = finish(sum);
}

// What one tap adds to four units.
fn sum_of_tap(source: u32, first_channel: u32, weights: u32, units: u32) -> vec4<f32> {
    var sums = vec4(0.0);
    if source != NOWHERE {
        let base = source * params.window.input.w + first_channel;
        for (var k = 0u; k < params.depth; k++) {
            sums += input[base + k] * kernel_quads[weights + k * units];
        }
    }
    return sums;
}

// Four units of one group, which read the same channels.
@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.invocations {
        return;
    }
    let units = params.window.output.w / 4u;
    let unit = index % units;
    let place = window_place(params.window, index / units);
    let first_channel = unit * 4u / params.group_units * params.depth;
    var sums = bias_quads[unit];
    var weights = unit;
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        sums += sum_of_tap(window_source(params.window, place, tap), first_channel, weights, units);
        weights += params.depth * units;
    }
    output_quads[index] = finish_quad(sums);
}

// Where four positions of the output stand, and what they read. Behind the last position it is computed again.
struct Places {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

fn places_from(first: u32) -> Places {
    let last = params.positions - 1u;
    return Places(
        window_place(params.window, first),
        window_place(params.window, min(first + 1u, last)),
        window_place(params.window, min(first + 2u, last)),
        window_place(params.window, min(first + 3u, last)),
    );
}

fn sources_of(places: Places, tap: vec3<u32>) -> vec4<u32> {
    return vec4(
        window_source(params.window, places.a, tap),
        window_source(params.window, places.b, tap),
        window_source(params.window, places.c, tap),
        window_source(params.window, places.d, tap),
    );
}

// The weights of four channels for four units.
fn weight_block(at: u32, units: u32) -> mat4x4<f32> {
    return mat4x4(
        kernel_quads[at],
        kernel_quads[at + units],
        kernel_quads[at + 2u * units],
        kernel_quads[at + 3u * units],
    );
}

// The same of `blocks`, where not all of four positions read something.
fn whole_sum_of_tap(source: u32, first_channel: u32, weights: u32, units: u32) -> vec4<f32> {
    var sums = vec4(0.0);
    if source != NOWHERE {
        let base = (source * params.window.input.w + first_channel) / 4u;
        for (var k = 0u; k < params.depth / 4u; k++) {
            sums += weight_block(weights + 4u * k * units, units) * input_quads[base + k];
        }
    }
    return sums;
}

fn store_block(first: u32, unit: u32, units: u32, block: mat4x4<f32>) {
    var sums = block;
    for (var i = 0u; i < min(4u, params.positions - first); i++) {
        output_quads[(first + i) * units + unit] = finish_quad(sums[i]);
    }
}

// Four units of one group at each of four positions, for which a weight is read once.
@compute @workgroup_size(64)
fn ragged_blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.invocations {
        return;
    }
    let units = params.window.output.w / 4u;
    let unit = index % units;
    let first = index / units * 4u;
    let first_channel = unit * 4u / params.group_units * params.depth;
    let places = places_from(first);
    let start = bias_quads[unit];
    var sums = mat4x4(start, start, start, start);
    var weights = unit;
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        let sources = sources_of(places, tap);
        if all(sources != vec4(NOWHERE)) {
            let bases = sources * params.window.input.w + first_channel;
            for (var k = 0u; k < params.depth; k++) {
                let weight = kernel_quads[weights + k * units];
                sums[0] += input[bases.x + k] * weight;
                sums[1] += input[bases.y + k] * weight;
                sums[2] += input[bases.z + k] * weight;
                sums[3] += input[bases.w + k] * weight;
            }
        } else {
            for (var i = 0u; i < 4u; i++) {
                sums[i] += sum_of_tap(sources[i], first_channel, weights, units);
            }
        }
        weights += params.depth * units;
    }
    store_block(first, unit, units, sums);
}

// The same for channels of a group that are a multiple of 4: four at once.
@compute @workgroup_size(64)
fn blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.invocations {
        return;
    }
    let units = params.window.output.w / 4u;
    let unit = index % units;
    let first = index / units * 4u;
    let first_channel = unit * 4u / params.group_units * params.depth;
    let places = places_from(first);
    let start = bias_quads[unit];
    var sums = mat4x4(start, start, start, start);
    var weights = unit;
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        let sources = sources_of(places, tap);
        if all(sources != vec4(NOWHERE)) {
            let bases = (sources * params.window.input.w + first_channel) / 4u;
            for (var k = 0u; k < params.depth / 4u; k++) {
                let weight = weight_block(weights + 4u * k * units, units);
                sums[0] += weight * input_quads[bases.x + k];
                sums[1] += weight * input_quads[bases.y + k];
                sums[2] += weight * input_quads[bases.z + k];
                sums[3] += weight * input_quads[bases.w + k];
            }
        } else {
            for (var i = 0u; i < 4u; i++) {
                sums[i] += whole_sum_of_tap(sources[i], first_channel, weights, units);
            }
        }
        weights += params.depth * units;
    }
    store_block(first, unit, units, sums);
}

// Four channels, each with a unit of its own.
@compute @workgroup_size(64)
fn depthwise(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.invocations {
        return;
    }
    let channels = params.window.output.w / 4u;
    let channel = index % channels;
    let place = window_place(params.window, index / channels);
    var sums = bias_quads[channel];
    var weights = channel;
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            sums += input_quads[source * channels + channel] * kernel_quads[weights];
        }
        weights += channels;
    }
    output_quads[index] = finish_quad(sums);
}
