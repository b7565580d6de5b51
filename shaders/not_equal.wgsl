// Whether each element differs from a number, as 0 or 1.

struct Params {
    count: u32,
    value: f32,
    integer: i32,
    whole: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input_floats: array<f32>;
@group(0) @binding(1) var<storage, read> input_integers: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn floats(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let x = input_floats[index];
    // NaN differs from everything; compilers may compare it as they like.
    output[index] = select(0.0, 1.0, is_nan(x) || is_nan(params.value) || x != params.value);
}

@compute @workgroup_size(64)
fn integers(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    output[index] = select(0.0, 1.0, params.whole == 0u || input_integers[index] != params.integer);
}
