// The sum (over a divisor) or the largest along the middle of [outer, length, inner]: one invocation a line.

struct Params {
    count: u32,
    length: u32,
    inner: u32,
    divisor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

fn line_start(line: u32) -> u32 {
    return line / params.inner * params.length * params.inner + line % params.inner;
}

@compute @workgroup_size(64)
fn sum(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = invocation_index(workgroup, workgroups, lane);
    if line >= params.count {
        return;
    }
    let start = line_start(line);
    var total = 0.0;
    for (var k = 0u; k < params.length; k++) {
        total += input[start + k * params.inner];
    }
    output[line] = total / params.divisor;
}

@compute @workgroup_size(64)
fn largest(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = invocation_index(workgroup, workgroups, lane);
    if line >= params.count {
        return;
    }
    let start = line_start(line);
    var found = input[start];
    for (var k = 1u; k < params.length; k++) {
        found = maximum(found, input[start + k * params.inner]);
    }
    output[line] = found;
}
