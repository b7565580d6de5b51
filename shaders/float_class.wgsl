// Whether each float is of a class, as 0 or 1: 0 for finite ones, 1 for infinity, 2 for NaN. By bits, because compilers may
// assume that floats are finite.

struct Params {
    count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

override class_of_floats: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
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
    let magnitude = input[index] & 0x7fffffffu;
    let found = select(select(2u, 1u, magnitude == 0x7f800000u), 0u, magnitude < 0x7f800000u);
    output[index] = select(0.0, 1.0, found == class_of_floats);
}
