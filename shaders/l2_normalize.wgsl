// output = x / sqrt(max(sum of squares, floor)) along the middle of [outer, length, inner]: one workgroup a line.

struct Params {
    lines: u32,
    length: u32,
    inner: u32,
    floor_squared: f32,
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
    let line = workgroup_index(workgroup, workgroups);
    if line >= params.lines {
        return;
    }
    let start = line / params.inner * params.length * params.inner + line % params.inner;
    var squares = 0.0;
    for (var k = lane; k < params.length; k += 64u) {
        let x = input[start + k * params.inner];
        squares += x * x;
    }
    let length = sqrt(maximum(reduce_sum(lane, squares), params.floor_squared));
    for (var k = lane; k < params.length; k += 64u) {
        let at = start + k * params.inner;
        output[at] = input[at] / length;
    }
}
