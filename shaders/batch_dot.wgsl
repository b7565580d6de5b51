// output[n, i, j] = sum over k of left[n, i, k] * right[n, j, k]: one invocation an output element.
// Each side of a sample is [outer, depth, inner], and i, j count over outer and inner.

struct Params {
    count: u32,
    depth: u32,
    left_outer: u32,
    left_inner: u32,
    right_outer: u32,
    right_inner: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// Where line `line` of sample `row` starts.
fn line_start(row: u32, line: u32, outer: u32, inner: u32) -> u32 {
    return ((row * outer + line / inner) * params.depth) * inner + line % inner;
}

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
    let left_lines = params.left_outer * params.left_inner;
    let right_lines = params.right_outer * params.right_inner;
    let j = index % right_lines;
    let i = index / right_lines % left_lines;
    let row = index / right_lines / left_lines;
    let l = line_start(row, i, params.left_outer, params.left_inner);
    let r = line_start(row, j, params.right_outer, params.right_inner);
    var sum = 0.0;
    for (var k = 0u; k < params.depth; k++) {
        sum += left[l + k * params.left_inner] * right[r + k * params.right_inner];
    }
    output[index] = sum;
}
