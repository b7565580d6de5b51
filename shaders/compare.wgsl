// How pairs of elements compare, as 0 or 1, with broadcasting: both sides are read through strides, 0 where they stretch.
// `answers` has a bit for each order of a pair: less, equal, greater, none. See src/ops/compare.rs.

struct Params {
    size: array<vec4<u32>, 2>,
    left_strides: array<vec4<u32>, 2>,
    right_strides: array<vec4<u32>, 2>,
    count: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
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
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    var rest = index;
    var l = 0u;
    var r = 0u;
    for (var step = 0u; step < 8u; step++) {
        let dim = 7u - step;
        let size = params.size[dim / 4u][dim % 4u];
        let position = rest % size;
        rest /= size;
        l += position * params.left_strides[dim / 4u][dim % 4u];
        r += position * params.right_strides[dim / 4u][dim % 4u];
    }
    output[index] = f32((answers >> order(left[l], right[r])) & 1u);
}
