// A choice between two elements, with broadcasting. Words of any dtype are copied as they are; the condition is the float 0
// or 1.

struct Params {
    strided: Strided,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> condition: array<f32>;
@group(0) @binding(2) var<storage, read> left: array<u32>;
@group(0) @binding(3) var<storage, read> right: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        output[run.first + k] = select(right[at.z], left[at.y], condition[at.x] != 0.0);
        at += run.step;
    }
}
