// A function of every element. `function` selects it.

struct Params {
    count: u32,
    a: f32,
    b: f32,
    c: f32,
}

override function: u32;

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
    output[index] = activate(function, input[index], vec3(params.a, params.b, params.c));
}
