// output[row, unit] = activate(bias[unit] + sum over k of input[row, k] * kernel[k, unit]), by four kernels: an output
// element or four an invocation, a block of 4 by 4 or 8 by 4 an invocation, a tile of 64 by 64 a workgroup with 8 by 8
// an invocation, or 16 units of a row a workgroup, whose invocations split the depth. src/ops/dense.rs chooses.
// Products of 4 x 4 matrices and vectors do 4 steps of k for 4 units at once. The kernel may be packed: see
// lib/packed.wgsl.

struct Params {
    rows: u32,
    depth: u32,
    units: u32,
    a: f32,
    b: f32,
    c: f32,
    padding0: u32,
    padding1: u32,
}

override function: u32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// The same, for `blocks`: the loads are what it spends its time on.
@group(0) @binding(1) var<storage, read> input_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> kernel_quads: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias_quads: array<vec4<f32>>;

fn finish(sum: f32) -> f32 {
    return activate(function, sum, vec3(params.a, params.b, params.c));
}

// Stores what of a block of 4 rows by 4 units lies within the output. By loops, because drivers copy a function to
// where it is called before they drop the branches that the constant excludes, and an activation has many.
fn store_block(row: u32, unit: u32, sums: mat4x4<f32>) {
    var block = sums;
    let rows = min(params.rows - row, 4u);
    let units = min(params.units - unit, 4u);
    for (var i = 0u; i < rows; i++) {
        for (var j = 0u; j < units; j++) {
            output[(row + i) * params.units + unit + j] = finish(block[i][j]);
        }
    }
}

// Neighbouring invocations take neighbouring units, so they read neighbouring words of the kernel.
@compute @workgroup_size(64)
fn elements(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.rows * params.units {
        return;
    }
    let units = params.units;
    let unit = index % units;
    let row = index / units * params.depth;
    let whole = params.depth - params.depth % 4u;
    var sum = bias[unit];
    var at = unit;
    var k = 0u;
    for (; k < whole; k += 4u) {
        sum += input[row + k] * weight(at);
        sum += input[row + k + 1u] * weight(at + units);
        sum += input[row + k + 2u] * weight(at + 2u * units);
        sum += input[row + k + 3u] * weight(at + 3u * units);
        at += 4u * units;
    }
    for (; k < params.depth; k++) {
        sum += input[row + k] * weight(at);
        at += units;
    }
    output[index] = finish(sum);
}

// `elements` for units that are a multiple of 4: four of one row, which stand in one word of codes.
@compute @workgroup_size(64)
fn quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let quad = invocation_index(workgroup, workgroups, lane);
    let units = params.units / 4u;
    if quad >= params.rows * units {
        return;
    }
    let unit = quad % units;
    let row = quad / units * params.depth;
    let whole = params.depth - params.depth % 4u;
    var sum = bias_words(unit * 4u);
    var at = unit;
    var k = 0u;
    for (; k < whole; k += 4u) {
        let weights =
            mat4x4(weight_quad(at), weight_quad(at + units), weight_quad(at + 2u * units), weight_quad(at + 3u * units));
        sum += weights * input_words(row + k);
        at += 4u * units;
    }
    for (; k < params.depth; k++) {
        sum += weight_quad(at) * input[row + k];
        at += units;
    }
    for (var j = 0u; j < 4u; j++) {
        output[quad * 4u + j] = finish(sum[j]);
    }
}

// Where 4 rows of the input from `row` on begin, in quads. Rows past the last are the last again.
fn input_rows(row: u32) -> vec4<u32> {
    return min(row + vec4(0u, 1u, 2u, 3u), vec4(params.rows - 1u)) * (params.depth / 4u);
}

fn input_block(rows: vec4<u32>, k: u32) -> mat4x4<f32> {
    return mat4x4(
        input_quads[rows.x + k],
        input_quads[rows.y + k],
        input_quads[rows.z + k],
        input_quads[rows.w + k],
    );
}

// Depth and units are multiples of 4.
@compute @workgroup_size(64)
fn blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = invocation_index(workgroup, workgroups, lane);
    let units = params.units / 4u;
    let row = block / units * 4u;
    if row >= params.rows {
        return;
    }
    let unit = block % units;
    let rows = input_rows(row);
    let start = bias_quads[unit];
    var sums = mat4x4(start, start, start, start);
    var at = unit;
    for (var k = 0u; k < params.depth / 4u; k++) {
        let weights = mat4x4(
            kernel_quads[at],
            kernel_quads[at + units],
            kernel_quads[at + 2u * units],
            kernel_quads[at + 3u * units],
        );
        sums += weights * input_block(rows, k);
        at += 4u * units;
    }
    store_block(row, unit * 4u, sums);
}

// The same for a packed kernel: 8 rows share what is decoded. It is bound by words, because software GPUs are slow at one
// component of a quad.
@compute @workgroup_size(64)
fn packed_blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = invocation_index(workgroup, workgroups, lane);
    let units = params.units / 4u;
    let row = block / units * 8u;
    if row >= params.rows {
        return;
    }
    let unit = block % units;
    let upper_rows = input_rows(row);
    let lower_rows = input_rows(row + 4u);
    let start = bias_quads[unit];
    var upper = mat4x4(start, start, start, start);
    var lower = upper;
    var at = unit;
    for (var k = 0u; k < params.depth / 4u; k++) {
        let weights =
            mat4x4(weight_quad(at), weight_quad(at + units), weight_quad(at + 2u * units), weight_quad(at + 3u * units));
        upper += weights * input_block(upper_rows, k);
        lower += weights * input_block(lower_rows, k);
        at += 4u * units;
    }
    store_block(row, unit * 4u, upper);
    if row + 4u < params.rows {
        store_block(row + 4u, unit * 4u, lower);
    }
}

// Four elements of the kernel from `at` on, where the row of the kernel has them; its last again where it has not.
fn kernel_words(at: u32, units: vec4<u32>) -> vec4<f32> {
    return vec4(weight(at + units.x), weight(at + units.y), weight(at + units.z), weight(at + units.w));
}

fn input_words(at: u32) -> vec4<f32> {
    return vec4(input[at], input[at + 1u], input[at + 2u], input[at + 3u]);
}

// `blocks` for any depth and units: rows and units past the last are the last again.
@compute @workgroup_size(64)
fn ragged_blocks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = invocation_index(workgroup, workgroups, lane);
    let units = params.units;
    let across = (units - 1u) / 4u + 1u;
    let row = block / across * 4u;
    if row >= params.rows {
        return;
    }
    let unit = block % across * 4u;
    let columns = min(unit + vec4(0u, 1u, 2u, 3u), vec4(units - 1u));
    let last = params.rows - 1u;
    let row0 = row * params.depth;
    let row1 = min(row + 1u, last) * params.depth;
    let row2 = min(row + 2u, last) * params.depth;
    let row3 = min(row + 3u, last) * params.depth;
    var sum0 = vec4(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    var sum1 = sum0;
    var sum2 = sum0;
    var sum3 = sum0;
    let whole = params.depth - params.depth % 4u;
    var at = 0u;
    var k = 0u;
    for (; k < whole; k += 4u) {
        let weights = mat4x4(
            kernel_words(at, columns),
            kernel_words(at + units, columns),
            kernel_words(at + 2u * units, columns),
            kernel_words(at + 3u * units, columns),
        );
        sum0 += weights * input_words(row0 + k);
        sum1 += weights * input_words(row1 + k);
        sum2 += weights * input_words(row2 + k);
        sum3 += weights * input_words(row3 + k);
        at += 4u * units;
    }
    for (; k < params.depth; k++) {
        let weights = kernel_words(at, columns);
        sum0 += weights * input[row0 + k];
        sum1 += weights * input[row1 + k];
        sum2 += weights * input[row2 + k];
        sum3 += weights * input[row3 + k];
        at += units;
    }
    store_block(row, unit, mat4x4(sum0, sum1, sum2, sum3));
}

// A tile's share of the input and the kernel: 16 steps of k, each of 16 quads of rows and of units.
var<workgroup> input_tile: array<vec4<f32>, 256>;
var<workgroup> kernel_tile: array<vec4<f32>, 256>;

fn input_word(row: u32, k: u32) -> f32 {
    if row < params.rows && k < params.depth {
        return input[row * params.depth + k];
    }
    return 0.0;
}

fn kernel_word(k: u32, unit: u32) -> f32 {
    if k < params.depth && unit < params.units {
        return weight(k * params.units + unit);
    }
    return 0.0;
}

// What row i and unit j of a 4 by 4 block gain in one step of k, in row i of the result.
fn outer(rows: vec4<f32>, units: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(rows.x * units, rows.y * units, rows.z * units, rows.w * units);
}

fn bias_words(unit: u32) -> vec4<f32> {
    let units = min(unit + vec4(0u, 1u, 2u, 3u), vec4(params.units - 1u));
    return vec4(bias[units.x], bias[units.y], bias[units.z], bias[units.w]);
}

// Stores a block of a tile, if it begins within the output.
fn store_sums(row: u32, unit: u32, sums: mat4x4<f32>) {
    if row < params.rows && unit < params.units {
        let start = bias_words(unit);
        store_block(row, unit, sums + mat4x4(start, start, start, start));
    }
}

// An invocation has 8 rows and 8 units of the tile: two quads of each, 32 apart, so that the invocations of a row read
// neighbouring quads. Beyond the matrices the tiles hold zeros.
@compute @workgroup_size(64)
fn tiles(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup_index(workgroup, workgroups);
    let across = (params.units - 1u) / 64u + 1u;
    let row = tile / across * 64u;
    // The same for the whole workgroup, as the barriers below need it.
    if row >= params.rows {
        return;
    }
    let unit = tile % across * 64u;
    let y = lane / 8u;
    let x = lane % 8u;
    var sums00 = mat4x4<f32>();
    var sums01 = mat4x4<f32>();
    var sums10 = mat4x4<f32>();
    var sums11 = mat4x4<f32>();
    for (var start = 0u; start < params.depth; start += 16u) {
        for (var quad = lane; quad < 256u; quad += 64u) {
            // Of the input neighbours take neighbouring k, of the kernel neighbouring units.
            let k = start + quad % 16u;
            let r = row + quad / 16u * 4u;
            input_tile[quad % 16u * 16u + quad / 16u] =
                vec4(input_word(r, k), input_word(r + 1u, k), input_word(r + 2u, k), input_word(r + 3u, k));
            let l = start + quad / 16u;
            let u = unit + quad % 16u * 4u;
            kernel_tile[quad] =
                vec4(kernel_word(l, u), kernel_word(l, u + 1u), kernel_word(l, u + 2u), kernel_word(l, u + 3u));
        }
        workgroupBarrier();
        for (var k = 0u; k < 256u; k += 16u) {
            let rows0 = input_tile[k + y];
            let rows1 = input_tile[k + y + 8u];
            let units0 = kernel_tile[k + x];
            let units1 = kernel_tile[k + x + 8u];
            sums00 += outer(rows0, units0);
            sums01 += outer(rows0, units1);
            sums10 += outer(rows1, units0);
            sums11 += outer(rows1, units1);
        }
        workgroupBarrier();
    }
    store_sums(row + y * 4u, unit + x * 4u, sums00);
    store_sums(row + y * 4u, unit + x * 4u + 32u, sums01);
    store_sums(row + y * 4u + 32u, unit + x * 4u, sums10);
    store_sums(row + y * 4u + 32u, unit + x * 4u + 32u, sums11);
}

// Four elements of a row of the kernel, by a load of whole words where every row begins with one.
fn split_weights(k: u32, units: vec4<u32>) -> vec4<f32> {
    if params.units % 4u == 0u {
        return weight_quad((k * params.units + units.x) / 4u);
    }
    return kernel_words(k * params.units, units);
}

var<workgroup> parts: array<vec4<f32>, 64>;

// Four neighbouring invocations read 16 neighbouring units. Each of the 16 groups of four takes every 16th quad of the
// depth, and the first groups one each of the up to three steps behind the last quad.
@compute @workgroup_size(64)
fn split(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = workgroup_index(workgroup, workgroups);
    let across = (params.units - 1u) / 16u + 1u;
    let row = group / across;
    // The same for the whole workgroup, as the barriers below need it.
    if row >= params.rows {
        return;
    }
    let first = group % across * 16u;
    let units = min(first + lane % 4u * 4u + vec4(0u, 1u, 2u, 3u), vec4(params.units - 1u));
    let start = row * params.depth;
    let whole = params.depth - params.depth % 4u;
    var sum = vec4(0.0);
    for (var k = lane / 4u * 4u; k < whole; k += 64u) {
        let weights = mat4x4(
            split_weights(k, units),
            split_weights(k + 1u, units),
            split_weights(k + 2u, units),
            split_weights(k + 3u, units),
        );
        sum += weights * input_words(start + k);
    }
    let last = whole + lane / 4u;
    if last < params.depth {
        sum += split_weights(last, units) * input[start + last];
    }
    parts[lane] = sum;
    workgroupBarrier();
    for (var half = 32u; half >= 4u; half /= 2u) {
        if lane < half {
            parts[lane] += parts[lane + half];
        }
        workgroupBarrier();
    }
    let unit = first + lane;
    if lane < 16u && unit < params.units {
        output[row * params.units + unit] = finish(bias[unit] + parts[lane / 4u][lane % 4u]);
    }
}
