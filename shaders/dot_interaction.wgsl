// The first vectors of each sample, then the products of pairs: one invocation a tile of 4 x 4 products, for which 8
// elements are read for 16 multiplications. Only tiles on or above the diagonal are computed; what lies below it is
// their mirror image.

struct Params {
    samples: u32,
    vectors: u32,
    dim: u32,
    kept: u32,
    width: u32,
    triangle: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// Neighbouring vectors, those past the last repeating it.
fn neighbours(sample: u32, first: u32) -> vec4<u32> {
    let vectors = min(vec4(first) + vec4(0u, 1u, 2u, 3u), vec4(params.vectors - 1u));
    return (vec4(sample * params.vectors) + vectors) * params.dim;
}

fn elements(at: vec4<u32>, k: u32) -> vec4<f32> {
    return vec4(input[at.x + k], input[at.y + k], input[at.z + k], input[at.w + k]);
}

fn write_row(sample: u32, left: u32, first: u32, products: vec4<f32>) {
    if left >= params.vectors {
        return;
    }
    let start = sample * params.width + params.kept;
    for (var column = 0u; column < 4u; column++) {
        let right = first + column;
        if right >= params.vectors || right < left {
            continue;
        }
        if params.triangle != 0u {
            // Row `left` begins behind those of left - 1 rows that are each one shorter than the last.
            output[start + left * params.vectors - left * (left + 1u) / 2u + right] = products[column];
        } else {
            output[start + left * params.vectors + right] = products[column];
            output[start + right * params.vectors + left] = products[column];
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    // An even number of tiles in a row, so that the rows above the diagonal fold into half as many, each a tile longer.
    let tiles = (params.vectors + 7u) / 8u * 2u;
    let items = tiles / 2u * (tiles + 1u);
    if index >= params.samples * items {
        return;
    }
    let sample = index / items;
    let item = index - sample * items;
    let fold = item / (tiles + 1u);
    let place = item - fold * (tiles + 1u);
    let above = place > fold;
    let left = select(tiles - 1u - fold, fold, above) * 4u;
    let right = select(tiles - 1u - place, place - 1u, above) * 4u;
    let lefts = neighbours(sample, left);
    let rights = neighbours(sample, right);
    var row0 = vec4(0.0);
    var row1 = vec4(0.0);
    var row2 = vec4(0.0);
    var row3 = vec4(0.0);
    for (var k = 0u; k < params.dim; k++) {
        let l = elements(lefts, k);
        let r = elements(rights, k);
        row0 += l.x * r;
        row1 += l.y * r;
        row2 += l.z * r;
        row3 += l.w * r;
    }
    write_row(sample, left, right, row0);
    write_row(sample, left + 1u, right, row1);
    write_row(sample, left + 2u, right, row2);
    write_row(sample, left + 3u, right, row3);
    // The kept elements are copied by the invocations of the sample in turn.
    for (var at = item; at < params.kept; at += items) {
        output[sample * params.width + at] = input[sample * params.vectors * params.dim + at];
    }
}
