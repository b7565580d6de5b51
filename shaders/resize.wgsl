// Another number of positions along the middle of [outer, input, inner]: position i stands at (slope * i + offset) / divisor
// of the input. One invocation an output element.

struct Params {
    count: u32,
    input: u32,
    output: u32,
    inner: u32,
    slope: u32,
    offset: i32,
    divisor: i32,
    linear: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

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
    let inner = index % params.inner;
    let position = index / params.inner % params.output;
    let outer = index / params.inner / params.output;
    // Division of integers rounds towards zero, and a position before the first is rounded down.
    let at = i32(position * params.slope) + params.offset;
    let below = select(0, 1, at < 0 && at % params.divisor != 0);
    let low = at / params.divisor - below;
    let part = at - low * params.divisor;
    let last = i32(params.input) - 1;
    let start = outer * params.input;
    var value = input[(start + u32(clamp(low, 0, last))) * params.inner + inner];
    if params.linear != 0u && part != 0 {
        let next = input[(start + u32(clamp(low + 1, 0, last))) * params.inner + inner];
        let parts = f32(params.divisor);
        value = value * (f32(params.divisor - part) / parts) + next * (f32(part) / parts);
    }
    output[index] = value;
}
