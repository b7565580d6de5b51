// How pairs of elements compare, as 0 or 1, with broadcasting. `answers` has a bit for each order of a pair: less, equal,
// greater, none. See src/ops/compare.rs.

struct Params {
    strided: Strided,
}

override answers: u32;
override are_floats: bool;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<u32>;
@group(0) @binding(2) var<storage, read> right: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

const INFINITY = 0x7f800000u;

// Floats in their order as integers, by their bits: compilers may assume that no float is NaN, and devices may take subnormal
// ones for zero.
fn place(bits: u32) -> i32 {
    if !are_floats {
        return bitcast<i32>(bits);
    }
    let magnitude = i32(bits & 0x7fffffffu);
    return select(magnitude, -magnitude, bits >= 0x80000000u);
}

fn order(x: u32, y: u32) -> u32 {
    if are_floats && max(x & 0x7fffffffu, y & 0x7fffffffu) > INFINITY {
        return 3u;
    }
    let l = place(x);
    let r = place(y);
    return select(select(1u, 2u, l > r), 0u, l < r);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let run = run_at(invocation_index(workgroup, workgroups, lane));
    var at = run.at;
    for (var k = 0u; k < run.count; k++) {
        output[run.first + k] = f32((answers >> order(left[at.x], right[at.y])) & 1u);
        at += run.step;
    }
}
