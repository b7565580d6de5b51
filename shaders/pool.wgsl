// The mean or the largest of what a window reads of a channel: one invocation an output element.

struct Params {
    window: Window,
    count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn mean(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let channels = params.window.output.w;
    let place = window_place(params.window, index / channels);
    var sum = 0.0;
    var read = 0u;
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            sum += input[source * channels + index % channels];
            read++;
        }
    }
    output[index] = sum / f32(read);
}

@compute @workgroup_size(64)
fn largest(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let channels = params.window.output.w;
    let place = window_place(params.window, index / channels);
    // The bits of minus infinity, which has no literal.
    var found = bitcast<f32>(0xff800000u | (channels & 0u));
    for (var tap = vec3(0u); tap.x < params.window.size.x; tap = next_tap(params.window, tap)) {
        let source = window_source(params.window, place, tap);
        if source != NOWHERE {
            found = maximum(found, input[source * channels + index % channels]);
        }
    }
    output[index] = found;
}
