// The words of matrices on one side of a diagonal, zeros on the other: one invocation an element.

struct Params {
    count: u32,
    rows: u32,
    columns: u32,
    upper: u32,
    diagonal: i32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

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
    let distance = i32(index % params.columns) - i32(index / params.columns % params.rows);
    let is_kept = select(distance <= params.diagonal, distance >= params.diagonal, params.upper != 0u);
    output[index] = select(0u, input[index], is_kept);
}
