// output[i, :] = table[ids[i], :], through a window of the table: rows first_row .. first_row + window_rows.
// Every window writes the rows it holds; the first also writes zeros for ids outside the table.

struct Params {
    count: u32,
    dim: u32,
    first_row: u32,
    window_rows: u32,
    table_rows: u32,
    clamp_ids: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

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
    var id = ids[index / params.dim];
    let last = i32(params.table_rows) - 1;
    if params.clamp_ids != 0u {
        id = clamp(id, 0, last);
    }
    if id < 0 || id > last {
        if params.first_row == 0u {
            output[index] = 0.0;
        }
        return;
    }
    let row = u32(id);
    if row >= params.first_row && row - params.first_row < params.window_rows {
        output[index] = table[(row - params.first_row) * params.dim + index % params.dim];
    }
}
