// The first vectors of each sample, then the products of all pairs: one invocation a vector with four neighbours, so that
// each of its elements is read once for four products.

struct Params {
    samples: u32,
    vectors: u32,
    dim: u32,
    kept: u32,
}

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
    let quads = (params.vectors + 3u) / 4u;
    let items = params.vectors * quads;
    if index >= params.samples * items {
        return;
    }
    let sample = index / items;
    let item = index - sample * items;
    let left = item / quads;
    let right = (item - left * quads) * 4u;
    let count = min(4u, params.vectors - right);
    let start = sample * params.vectors * params.dim;
    let width = params.kept + params.vectors * params.vectors;
    // Neighbours past the last repeat it, and are not written.
    let rights = vec4(start) + (vec4(right) + min(vec4(0u, 1u, 2u, 3u), vec4(count - 1u))) * params.dim;
    var sums = vec4(0.0);
    for (var k = 0u; k < params.dim; k++) {
        let values = vec4(input[rights.x + k], input[rights.y + k], input[rights.z + k], input[rights.w + k]);
        sums += input[start + left * params.dim + k] * values;
    }
    let at = sample * width + params.kept + left * params.vectors + right;
    output[at] = sums.x;
    if count > 1u {
        output[at + 1u] = sums.y;
    }
    if count > 2u {
        output[at + 2u] = sums.z;
    }
    if count > 3u {
        output[at + 3u] = sums.w;
    }
    // The kept vectors are copied by those who have read them: the first neighbours of each.
    if right == 0u && left * params.dim < params.kept {
        for (var k = 0u; k < params.dim; k++) {
            output[sample * width + left * params.dim + k] = input[start + left * params.dim + k];
        }
    }
}
