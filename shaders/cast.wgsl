// Converts between float32, int32 and booleans, which are the floats 0 and 1.

struct Params {
    count: u32,
    // The bits of a word that are 0 where the value is.
    value_bits: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> floats: array<f32>;
@group(0) @binding(2) var<storage, read_write> truncated: array<i32>;
@group(0) @binding(1) var<storage, read> integers: array<i32>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> rounded: array<f32>;

@compute @workgroup_size(64)
fn to_int32(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    truncated[index] = truncate(floats[index]);
}

@compute @workgroup_size(64)
fn to_float32(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    rounded[index] = f32(integers[index]);
}

@compute @workgroup_size(64)
fn to_bool(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    rounded[index] = select(0.0, 1.0, (words[index] & params.value_bits) != 0u);
}
