// output[n, o, unit] = activate(bias[unit] + sum over taps and channels of the unit's group of input * kernel), with
// windows over the positions: one unit an invocation, or four. src/ops/convolution.rs chooses.

struct Params {
    window: Window,
    invocations: u32,
    // Channels of a group, and units.
    depth: u32,
    group_units: u32,
    padding: u32,
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
    let taps = window_taps(params.window);
    var sum = bias[unit];
    for (var tap = 0u; tap < taps; tap++) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            let base = source * params.window.input.w + first_channel;
            var at = tap * params.depth * units + unit;
            for (var k = 0u; k < params.depth; k++) {
                sum += input[base + k] * kernel[at];
                at += units;
            }
        }
    }
    output[index] = finish(sum);
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
    let taps = window_taps(params.window);
    var sums = bias_quads[unit];
    for (var tap = 0u; tap < taps; tap++) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            let base = source * params.window.input.w + first_channel;
            var at = tap * params.depth * units + unit;
            for (var k = 0u; k < params.depth; k++) {
                sums += input[base + k] * kernel_quads[at];
                at += units;
            }
        }
    }
    output_quads[index] = finish_quad(sums);
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
    let taps = window_taps(params.window);
    var sums = bias_quads[channel];
    for (var tap = 0u; tap < taps; tap++) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            sums += input_quads[source * channels + channel] * kernel_quads[tap * channels + channel];
        }
    }
    output_quads[index] = finish_quad(sums);
}
