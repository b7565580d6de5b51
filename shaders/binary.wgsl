// A function of two elements with broadcasting. `function` selects it; see src/ops/binary.rs for the formulas. `main` has
// the common functions alone, which are less to compile.

struct Params {
    strided: Strided,
}

override function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(1) var<storage, read> left_integers: array<i32>;
@group(0) @binding(2) var<storage, read> right_integers: array<i32>;
@group(0) @binding(3) var<storage, read_write> output_integers: array<i32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        output[run.first + k] = combine(function, left[at.x], right[at.y]);
        at += run.step;
    }
}

@compute @workgroup_size(64)
fn all_functions(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        output[run.first + k] = calculate(function, left[at.x], right[at.y]);
        at += run.step;
    }
}

@compute @workgroup_size(64)
fn integers(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        output_integers[run.first + k] = calculate_integers(function, left_integers[at.x], right_integers[at.y]);
        at += run.step;
    }
}
