// A function of every element. `function` selects it; `main` has the functions of layers alone, which are less to compile.

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
@group(0) @binding(1) var<storage, read> input_integers: array<i32>;
@group(0) @binding(2) var<storage, read_write> output_integers: array<i32>;

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

@compute @workgroup_size(64)
fn all_functions(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    output[index] = evaluate(function, input[index], vec3(params.a, params.b, params.c));
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
    let x = input_integers[index];
    // A difference wraps; that of the smallest integer is itself.
    let opposite = 0 - x;
    switch function {
        case 22u: { output_integers[index] = clamp(x, -1, 1); }
        case 23u: { output_integers[index] = select(x, opposite, x < 0); }
        default: { output_integers[index] = opposite; }
    }
}
