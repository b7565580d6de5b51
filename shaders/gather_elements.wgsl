// output[…, j, …] = data[…, indices[…, j, …], …] of N-d blocks of words that broadcast to one another, zero where an index
// points nowhere.

struct Params {
    // Data, with a stride of 0 along the axis, and indices.
    strided: Strided,
    axis: u32,
    axis_stride: u32,
    nearest: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> data: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        let position = position_of(indices[at.y], params.axis, true, params.nearest != 0u);
        var word = 0u;
        if position != NOWHERE {
            word = data[at.x + position * params.axis_stride];
        }
        output[run.first + k] = word;
        at += run.step;
    }
}
